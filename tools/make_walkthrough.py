"""Writes docs/walkthrough.md: one GELU through all stages, from the IR that the compiler makes.

    python tools/make_walkthrough.py

The machine is described here, not detected, so that the page is the same wherever it is made.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from textwrap import wrap
from typing import Any

from rung.compile import Compiled, compile_ttir
from rung.frontends.triton.capture import make_ttir
from rung.frontends.triton.loader import load_kernel
from rung.frontends.triton.signature import signature_from_text
from rung.machine import Machine
from rung.passes import Pass, Stage
from rung.schedule import Schedule

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "walkthrough.md"
MACHINE = Machine(
    name="walkthrough", kind="host", arch="x86_64", features=("fma", "avx512"), vector_bytes=64, vector_registers=32,
    masked_memory=True, contexts=2, l1_bytes=32 << 10, l2_bytes=1 << 20, scratchpad_bytes=1 << 20, fork_join_ns=2000.0,
    clock_ghz=3.0,
)  # fmt: skip
SCHEDULE = Schedule(double_buffer=True)
SIGNATURE = "*fp32, *fp32, i32, 1024"

_SCALAR = re.compile(r"\s*%\S+ = (arith\.constant |(arith|llvm)\.\w+ .*[: ](index|i\d+)( to (index|i\d+))?$)")
_OPERATION = re.compile(r"\s*(?:%[\w:, %]+ = )?\"?([a-z_]+\.[\w.]+)")
_SHORTER: tuple[tuple[re.Pattern[str], Any], ...] = (
    (re.compile(r"strided<\[[^\]]*\](, offset: \?)?>"), "strided"),
    (re.compile(r" fastmath<contract>"), ""),
    (re.compile(r" loc\((?:[^()]|\([^()]*\))*\)"), ""),
    (re.compile(r"(\d+\.\d+) : f64"), lambda found: f"{float(found[1]):.6g} : f64"),
)


def shorten(text: str) -> list[str]:
    """Lines without locations, with short types."""
    for pattern, short in _SHORTER:
        text = pattern.sub(short, text)
    return [line.rstrip() for line in text.splitlines() if line.strip() and not line.startswith("#loc")]


def span(lines: list[str], first: str, last: str) -> list[str]:
    """From the first line that holds `first` to the next one that holds `last`, moved to the left."""
    start = next(n for n, line in enumerate(lines) if first in line)
    end = next(n for n, line in enumerate(lines) if n >= start and last in line)
    return _dedent(lines[start : end + 1])


def block(lines: list[str], closing: str) -> list[str]:
    """The loop or function that the first line with `closing` ends, or begins."""
    at = next(n for n, line in enumerate(lines) if closing in line)
    depth = _indent(lines[at])
    if lines[at].lstrip().startswith("}"):
        start = max(n for n in range(at) if _indent(lines[n]) == depth and lines[n].endswith("{"))
        return _dedent(lines[start : at + 1])
    end = next(n for n in range(at + 1, len(lines)) if _indent(lines[n]) == depth)
    return _dedent(lines[at : end + 1])


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _dedent(lines: list[str]) -> list[str]:
    left = min(_indent(line) for line in lines)
    return [line[left:] for line in lines]


def fold(lines: Iterable[str], keep: str = "", repetitions: bool = True) -> list[str]:
    """Runs of constants and index arithmetic become one line each, and so do repetitions of one operation on vectors.

    keep: operations (a regular expression) that are shown though they are index arithmetic. repetitions: fold those of
    vectors.
    """
    found: list[str] = []
    for folded, run in groupby(lines, lambda line: bool(_SCALAR.match(line)) and not (keep and re.search(keep, line))):
        group = list(run)
        if folded:
            words = f"{len(group)} lines" if len(group) > 1 else "1 line"
            found.append(f"{' ' * _indent(group[0])}// {words} of constants and index arithmetic")
            continue
        for (_, repeated), same in groupby(group, _repeats):
            each = list(same)
            found.append(each[0])
            if repetitions and repeated and len(each) > 1:
                found.append(f"{' ' * _indent(each[0])}// and {len(each) - 1} more {repeated}")
            else:
                found += each[1:]
    return found


def _repeats(line: str) -> tuple[int, str]:
    """(indentation, operation on vectors) of a line; no operation for what is not to be folded."""
    operation = _OPERATION.match(line)
    vector = "vector<" in line and not line.endswith("{")
    return _indent(line), operation[1] if operation and vector else ""


def code(lines: Iterable[str], language: str = "mlir") -> str:
    return "\n".join([f"```{language}", *lines, "```"])


class _Steps:
    """Observer that keeps the text after every pass, by the pass's name, and at every stage."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self.sizes: list[tuple[str, int]] = []

    def __call__(self, event: str, step: Pass | Stage, module: Any) -> None:
        if event == "before":
            return
        text = str(module)
        self.texts[step.name if isinstance(step, Stage) else str(step).partition("{")[0]] = text
        if not isinstance(step, Stage):
            self.sizes.append((str(step), len(text.splitlines())))

    def lines(self, name: str) -> list[str]:
        return shorten(self.texts[name])


def compiled() -> tuple[Any, Compiled, _Steps]:
    """(kernel, compiled kernel, what the passes did)"""
    kernel: Any = load_kernel(f"{ROOT / 'examples' / 'kernels' / 'gelu.py'}::gelu_tanh_kernel")
    parsed = signature_from_text(SIGNATURE, kernel)
    steps = _Steps()
    ttir = make_ttir(kernel, parsed.signature, parsed.constexprs, parsed.attrs, None)
    return kernel, compile_ttir(ttir, machine=MACHINE, schedule=SCHEDULE, observers=(steps,)), steps


def section(title: str, prose: str, *excerpts: str) -> str:
    """A heading, a paragraph and excerpts."""
    words = " ".join(prose.split())
    return "\n".join([f"## {title}", *wrap(words, 120, break_long_words=False, break_on_hyphens=False), *excerpts])


def page() -> str:
    """The whole page."""
    kernel, result, steps = compiled()
    decided: list[dict[str, Any]] = result.metadata["decisions"]["decided"]
    fork = next(d for d in decided if "break_even_programs" in d)
    pipeline = next(d for d in decided if "scratchpad_bytes" in d)
    main, rest = (d["vectorized"] for d in decided if "vectorized" in d)
    budget = MACHINE.scratchpad_bytes_per_context
    cost, even = fork["body_cost_ns"], fork["break_even_programs"]
    saved = cost * (1 - 1 / MACHINE.contexts)
    vector = steps.lines("vectorize")
    llvm = shorten(result.stages["llvm"])
    calls = sorted({found for line in llvm for found in re.findall(r"llvm\.call @(rung_\w+)", line)})
    runtime = ", ".join(f"`{name}`" for name in calls)
    operations = Counter(found[1] for line in llvm if (found := _OPERATION.match(line)))
    sections = (
        "# A GELU through all stages",
        "*Written by `python tools/make_walkthrough.py` from what the compiler makes; do not edit.*",
        section(
            "What is compiled, and what is shown",
            f"""The kernel is compiled for a machine of {MACHINE.contexts} contexts with {MACHINE.vector_bytes}-byte
            vectors, {MACHINE.vector_registers} vector registers and {budget:,} bytes of scratchpad per context,
            with the schedule `{SCHEDULE}` (Vec and MT are on by default). The signature is `{SIGNATURE}`: two
            pointers, the number of elements, which is known at launch only, and blocks of 1024. Left out of the
            excerpts, and nothing else, are locations, the layout of strided views, runs of constants and index
            arithmetic, and repetitions of one operation on vectors; the last two are counted. To see all of a
            stage:""",
            code(
                [
                    "rung compile examples/kernels/gelu.py::gelu_tanh_kernel \\",
                    f"    --signature '{SIGNATURE}' --schedule '{SCHEDULE}' --emit STAGE",
                ],
                "",
            ),
        ),
        section("The kernel", "", code(str(kernel.src).rstrip().splitlines(), "python")),
        section(
            "Stage `ttir`: what Triton's own compiler makes",
            """A program works on whole blocks of 1024 elements. Pointers are blocks of addresses, and a block of
            booleans masks what lies beyond the end.""",
            code(shorten(result.stages["ttir"])),
        ),
        section(
            "Stage `linalg`: loops and views",
            """The front end found that the addresses are `x + 1024 * program + i`, and that the mask is a prefix. So
            the block of pointers became a *view*, the mask became the view's *size*, and the arithmetic became the
            body of one `linalg.generic` over the elements. The launch grid is now a loop: `scf.forall` with
            `rung.grid`. `rung.bounds` says that a view has at most 1024 elements. No tensor and no mask is left,
            and nothing is decided yet.""",
            code(fold(steps.lines("linalg"), keep="minsi")),
        ),
        section(
            "`form-virtual-threads`: MT",
            f"""A program is estimated at {cost:.0f} ns. {MACHINE.contexts} contexts save {saved:.0f} ns of it, and a
            fork costs {MACHINE.fork_join_ns:.0f} ns: sharing pays from {even} programs on. The grid is not known
            yet, so the comparison is made at launch, by the `select`: one context, or as many as there are. Every
            context runs a contiguous range of the programs.""",
            code(fold(steps.lines("form-virtual-threads")[2:], keep="cmpi|select|minsi|divui|remui")),
        ),
        section(
            "`promote`: the scratchpad",
            """What a program reads and what it writes is one view each, and both fit. Each gets a buffer in memory
            space 1, the view is copied in before the computation and out after it, and the computation touches the
            scratchpad only. Nothing overlaps yet: this is single buffering.""",
            code(fold(span(steps.lines("promote"), "memref.alloca()", "rung.grid_loop"))),
        ),
        section(
            "`double-buffer`: DB",
            f"""Of every buffer there are now {pipeline["depth"]}: {pipeline["scratchpad_bytes"]:,} bytes, of the
            {budget:,} of a context. The prologue starts the load of the first program. In the steady state an
            iteration starts the load of the *next* program, waits for its own load and for the store that used its
            output buffer before, computes, and starts its store. The last waits are the epilogue. Transfers are
            `memref.dma_start` and `memref.dma_wait` with a tag per buffer: loads run ahead of the computation,
            stores behind it. A trip count below the depth needs no other code: the guards see to it.""",
            code(fold(span(steps.lines("double-buffer"), "scf.forall", "rung.contexts"))),
        ),
        section(
            "`form-context-tasks`",
            """The loop over contexts becomes a function of (arguments, context), and a call that hands it to the
            runtime.""",
            code(fold(block(steps.lines("form-context-tasks"), "func.func @gelu_tanh_kernel("))),
        ),
        section(
            "`vectorize`: Vec",
            f"""The nest becomes two loops. The first works on {main["unroll"]} vectors of {main["lanes"]} lanes at a
            time, so that independent operations are in flight. The second takes what is left, vector by vector,
            under a mask.""",
            code(fold(block(vector, f"unroll = {main['unroll']}"))),
            code(fold(block(vector, f"unroll = {rest['unroll']}"))),
        ),
        section(
            "Stage `vector`: math is arithmetic",
            """`expand-math` writes `math.exp` as a range reduction and a polynomial on vectors, with a stated error
            ([math.md](math.md)). This is the second loop of above, with nothing on vectors left out.""",
            code(fold(block(steps.lines("vector"), f"unroll = {rest['unroll']}"), repetitions=False)),
        ),
        section(
            "Stage `llvm`",
            f"""`@gelu_tanh_kernel` takes C arguments and the grid; `@gelu_tanh_kernel_packed` takes them from an array
            of slots, which is how the launcher calls it. The functions of the runtime that are called: {runtime}.""",
            code(line.strip() for line in llvm if "llvm.func" in line),
            "The most frequent operations:\n",
            table("operation", operations.most_common(8)),
        ),
        section(
            "All steps",
            """The decisions are attributes in the IR. A result of `rung ladder` reads them back as its evidence, and
            `rung ladder --explain` says them in words.""",
            "",
            table("after", steps.sizes, "lines of IR"),
        ),
    )
    return "\n\n".join(sections) + "\n"


def table(what: str, rows: Iterable[tuple[str, int]], count: str = "") -> str:
    return "\n".join([f"| {what} | {count} |", "|---|---|", *(f"| `{name}` | {n} |" for name, n in rows)])


if __name__ == "__main__":
    PAGE.write_text(page())
    print(f"wrote {PAGE.relative_to(ROOT)}")
