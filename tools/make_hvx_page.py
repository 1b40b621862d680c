"""Writes docs/hvx.md: what Vec is on HVX, from the machine code that the compiler makes.

    python tools/make_hvx_page.py

All figures are counted in code for the machine file `hexagon-v73`, so that the page is the same wherever it is made.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from textwrap import wrap

from torch_mlir import ir

from rung import machine
from rung.bench import group, suite
from rung.compile import compile_kernel
from rung.ir.context import compiler_context
from rung.lowering.expand_scalarized import ExpandScalarized
from rung.lowering.lower_abi import LowerAbi
from rung.passes import Pass, Pipeline
from rung.pipelines import to_llvm
from rung.schedule import Schedule
from rung.targets.host import llvm_ir
from rung.targets.isa.packets import Block
from rung.targets.npu.device_code import compile_for_device
from rung.targets.npu.evidence import hot_loop
from rung.targets.npu.executable import NpuExecutable

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "hvx.md"
MACHINE = machine.load("hexagon-v73")
SCHEDULE = Schedule(threads=1, double_buffer=True)
ELEMENTS, TILE = 1 << 16, 1 << 13

Packets = Sequence[Sequence[str]]

_VECTOR = re.compile(r"\b[vq]\d+\b|\bv\d+:\d+\b|\bvmem")
CLASSES: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("load", re.compile(r"= vmemu?\(")),
    ("store", re.compile(r"^(if \(.*\) )?vmemu?\(")),
    ("dot product", re.compile(r"vrmpy\(")),
    ("multiply", re.compile(r"vmpy\w*\(")),
    ("minimum, maximum", re.compile(r"v(min|max)\(")),
    ("compare, select", re.compile(r"vcmp\.|vmux\(|^q\d = (and|or|xor|not)\(|vand\(q|^q\d = vand\(")),
    ("conversion", re.compile(r"^v\d+\.(sf|hf|w|h) = v\d+(:\d+)?\.(qf32|qf16|w|h|sf|hf)$|vcvt\(")),
    ("add, subtract", re.compile(r"v(add|sub)\([^)]*\.(sf|hf|qf32|qf16)\b")),
    ("integer, bits", re.compile(r"v(add|sub|asl|asr|lsr|and|or|xor|not|abs|avg)\w*\(")),
    ("move, permute", re.compile(r"")),
)
"""Kinds of vector instructions; the first that fits."""

KERNELS = ("vec-add-1d", "gelu")
REDUCED = {"rms-norm": (64, 1024), "softmax": (64, 1024), "layer-norm": (64, 1024)}


def kind(instruction: str) -> str:
    """Of a vector instruction its class; `scalar` otherwise."""
    if not _VECTOR.search(instruction):
        return "scalar"
    return next(name for name, pattern in CLASSES if pattern.search(instruction))


def instructions(packets: Packets) -> list[str]:
    return [part for packet in packets for part in packet if part != "nop"]


def inner_loop(name: str, dtype: str, shape: tuple[int, ...] | None = None) -> tuple[Block, float]:
    """(the loop that takes most packets, elements per iteration)"""
    case = group.case_of(suite.find(name), shape or (ELEMENTS,), dtype, seed=0, block=TILE)
    kernel = compile_kernel(
        case.kernel, case.signature, dict(case.problem.constexprs), machine=MACHINE, schedule=SCHEDULE
    )
    assert isinstance(kernel, NpuExecutable)
    kernel.run(case.problem.args, case.problem.grid)
    weights, counters = kernel.program.weights, kernel.program.copy.values
    block = hot_loop(weights, counters)
    assert block is not None
    ran = next(float(executions @ counters) for found, executions in weights.executions.values() if found is block)
    elements = ELEMENTS if shape is None else shape[0] * shape[1]
    return block, elements / ran


def listing(packets: Packets) -> str:
    """One packet a line."""
    lines = [
        f"{number:3}  {'; '.join(part for part in packet if part != 'nop')}" for number, packet in numbered(packets)
    ]
    return "\n".join(["```", *lines, "```"])


def numbered(packets: Packets) -> Iterable[tuple[int, Sequence[str]]]:
    return enumerate(packets, 1)


def operations(loops: Sequence[tuple[str, Packets, float]]) -> str:
    """A table of instructions by class, one column per loop."""
    counted = [Counter(map(kind, instructions(packets))) for _, packets, _ in loops]
    rows: list[list[str]] = []
    for name in (*(name for name, _ in CLASSES), "scalar"):
        if any(count[name] for count in counted):
            rows.append([name, *(str(count[name] or "") for count in counted)])
    totals = [sum(count.values()) for count in counted]
    rows.append(["all instructions", *map(str, totals)])
    rows.append(["packets", *(str(len(packets)) for _, packets, _ in loops)])
    rows.append(["instructions per packet", *(f"{n / len(p):.2f}" for n, (_, p, _) in zip(totals, loops, strict=True))])
    rows.append(["elements per iteration", *(f"{elements:.0f}" for _, _, elements in loops)])
    rows.append(["packets per element", *(f"{len(packets) / elements:.3f}" for _, packets, elements in loops)])
    rows.append(
        ["vector instructions per element"]
        + [f"{(n - c['scalar']) / e:.3f}" for n, c, (_, _, e) in zip(totals, counted, loops, strict=True)]
    )
    return table(["", *(name for name, _, _ in loops)], rows)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(row) + " |" for row in (head, ["---", *["---:"] * (len(head) - 1)], *rows)]
    return "\n".join(lines)


FUNCTION = """
func.func @kernel({arguments}, %gx: index, %gy: index, %gz: index) attributes {{rung.kernel}} {{
  %c0 = arith.constant 0 : index
{loads}
  {op}
  vector.store %r, %o[%c0] {{alignment = 128}} : memref<?x{out}>, vector<{lanes}x{out}>
  return
}}"""
_FLOATS = ("addf", "mulf", "divf", "maxnumf", "minnumf", "maximumf", "minimumf")
_ROOTS = ("sqrt", "floor", "ceil", "trunc", "roundeven")
_MASK = "%m = arith.constant dense<true> : vector<32xi1>\n  "
OPERATIONS: tuple[tuple[str, str, str, int, str], ...] = (
    *((f"arith.{op}", f"%r = arith.{op} %a, %b : vector<32xf32>", "f32", 32, "") for op in _FLOATS),
    (
        "a compare and a select",
        "%c = arith.cmpf ogt, %a, %b : vector<32xf32>\n  %r = arith.select %c, %b, %a : vector<32xi1>, vector<32xf32>",
        "f32", 32, "",
    ),
    *((f"math.{op}", f"%r = math.{op} %a : vector<32xf32>", "f32", 32, "") for op in _ROOTS),
    ("math.fma", "%r = math.fma %a, %b, %a : vector<32xf32>", "f32", 32, ""),
    ("arith.addf", "%r = arith.addf %a, %b : vector<64xf16>", "f16", 64, ""),
    ("arith.divf", "%r = arith.divf %a, %b : vector<64xf16>", "f16", 64, ""),
    ("arith.extf", "%r = arith.extf %a : vector<64xf16> to vector<64xf32>", "f16", 64, "f32"),
    ("arith.truncf", "%r = arith.truncf %a : vector<64xf32> to vector<64xf16>", "f32", 64, "f16"),
    ("arith.sitofp", "%r = arith.sitofp %a : vector<32xi32> to vector<32xf32>", "i32", 32, "f32"),
    ("arith.fptosi", "%r = arith.fptosi %a : vector<32xf32> to vector<32xi32>", "f32", 32, "i32"),
    ("arith.extsi", "%r = arith.extsi %a : vector<128xi8> to vector<128xi32>", "i8", 128, "i32"),
    ("arith.divsi", "%r = arith.divsi %a, %b : vector<32xi32>", "i32", 32, ""),
    ("arith.remui", "%r = arith.remui %a, %b : vector<32xi32>", "i32", 32, ""),
    (
        "vector.gather",
        _MASK + "%r = vector.gather %am[%c0] [%a], %m, %a : memref<?xi32>, vector<32xi32>, vector<32xi1>, "
        "vector<32xi32> into vector<32xi32>",
        "i32", 32, "",
    ),
)  # fmt: skip
"""(name, the op as MLIR has it, type of %a and %b, lanes, type of %r where it differs)"""


_AROUND = re.compile(r"jumpr|dealloc_return|nop$")


def packets_of(op: str, element: str, lanes: int, out: str, expand: bool) -> tuple[int, int]:
    """(packets, library calls) of a function that loads `%a` and `%b`, does `op` and stores: as LLVM makes it, or with
    rung's expansion. Packets that only load, store or return are not counted."""
    names = [name for name in "ab" if f"%{name}" in op]
    arguments = ", ".join(f"%{name}m: memref<?x{element}>" for name in names) + f", %o: memref<?x{out or element}>"
    loads = "\n".join(
        f"  %{name} = vector.load %{name}m[%c0] {{alignment = 128}} : memref<?x{element}>, vector<{lanes}x{element}>"
        for name in names
    )
    text = FUNCTION.format(arguments=arguments, loads=loads, op=op, out=out or element, lanes=lanes)
    listed = "+".join(MACHINE.scalarized_vector_ops)
    passes: tuple[Pass, ...] = (ExpandScalarized(listed),) if expand else ()
    context, lock = compiler_context()
    with lock:
        module = ir.Module.parse(text, context)
        Pipeline((*passes, LowerAbi(), *to_llvm(MACHINE.isa))).run(module)
        code = compile_for_device(llvm_ir(module), MACHINE)
    blocks = MACHINE.isa.modelled.read_assembly(code.assembly)["kernel"]
    packets = [packet for block in blocks for packet in block.packets]
    calls = sum(len(block.calls) for block in blocks)
    return sum(not all(_AROUND.search(part) or kind(part) in ("load", "store") for part in p) for p in packets), calls


def scalarized() -> str:
    """A table: packets of an op as LLVM makes it, and as rung does where that differs."""
    rows: list[list[str]] = []
    for name, op, element, lanes, out in OPERATIONS:
        types = f"{lanes} x {element}" + (f" to {out}" if out else "")
        (plain, calls), ours = (packets_of(op, element, lanes, out, expand) for expand in (False, True))
        changed = ours != (plain, calls)
        what = "expanded" if changed else "left, and named" if name in MACHINE.scalarized_vector_ops else ""
        cost = f"{plain} and {calls} calls" if calls else str(plain)
        rows.append([f"`{name}`" if "." in name else name, types, cost, str(ours[0]) if changed else "", what])
    return table(["operation", "on", "packets by LLVM", "by rung", ""], rows)


def section(title: str, prose: str, *parts: str) -> str:
    """A heading, a paragraph, and what follows it."""
    words = "\n".join(wrap(" ".join(prose.split()), 120, break_long_words=False, break_on_hyphens=False))
    return "\n\n".join([f"## {title}", words, *parts])


def suite_table(loops: Sequence[tuple[str, Block, float]]) -> str:
    rows: list[list[str]] = []
    for name, block, elements in loops:
        parts = instructions(block.packets)
        vector = [part for part in parts if kind(part) != "scalar"]
        rows.append(
            [
                name,
                str(len(block.packets)),
                str(block.vector_packets),
                f"{len(parts) / len(block.packets):.2f}",
                f"{elements:.0f}",
                f"{len(block.packets) / elements:.3f}",
                str(len(vector)),
            ]
        )
    head = ["kernel", "packets", "with vectors", "instructions per packet", "elements", "packets per element"]
    return table([*head, "vector instructions"], rows)


def page() -> str:
    """The whole page."""
    shown = {(name, dtype): inner_loop(name, dtype) for name in KERNELS for dtype in ("f32", "f16")}

    def columns(name: str) -> list[tuple[str, Packets, float]]:
        return [(f"{name} {dtype}", shown[name, dtype][0].packets, shown[name, dtype][1]) for dtype in ("f32", "f16")]

    others = [
        *((f"{name} {dtype}", *shown[name, dtype]) for name, dtype in shown),
        *((f"{name} f32", *inner_loop(name, "f32")) for name in ("gelu-erf", "silu", "exp-series")),
        *((f"{name} f32", *inner_loop(name, "f32", shape)) for name, shape in REDUCED.items()),
    ]
    vec_add, gelu = columns("vec-add-1d"), columns("gelu")
    sections = (
        "# Vec on HVX",
        "*Written by `python tools/make_hvx_page.py` from what the compiler makes; do not edit.*",
        section(
            "How to read it",
            f"""A packet is what the core starts in one cycle: up to four instructions that do not wait for one another.
            LLVM's back end for `{MACHINE.cpu}` chose the packets below; rung counts them, and how often each ran
            ([npu.md](npu.md)). A vector register has {MACHINE.vector_bytes} bytes: 32 floats, 64 halves, 128 bytes.
            The kernels are compiled with `{SCHEDULE}`, so that the loops work on tiles in the scratchpad, aligned.
            A line is a packet; `v0.cur` and `v0.new` use what the same packet loads or computes.""",
        ),
        section(
            "vec-add",
            "One loop over four vectors at a time. f16 is added as it is, 64 lanes at once.",
            "f32:\n\n" + listing(vec_add[0][1]),
            "f16:\n\n" + listing(vec_add[1][1]),
            operations(vec_add),
        ),
        section(
            "GELU",
            """x / (1 + exp(-2 u)), u a cubic of x. The exponential is a polynomial; the division is a guess from the
            bits of the divisor and three steps of Newton's iteration, for LLVM would divide lane by lane. f16 is
            computed in f32 and stored in f16: one register of halves is two of floats.""",
            "f32:\n\n" + listing(gelu[0][1]),
            operations(gelu),
        ),
        section(
            "The loops of other kernels",
            """Of each kernel the loop that takes most packets. None holds an operation on a single float or calls a
            library: `tests/numeric/test_vec_on_hvx.py` has this for all kernels, f32 and f16. Elements are of the
            whole problem, per iteration of this loop; a kernel with several loops over its rows spends packets in the
            others, too.""",
            suite_table(others),
        ),
        section(
            "What LLVM takes apart, and what rung does instead",
            f"""Packets of a function that does nothing else, without those that only load, store or return. Where
            rung's figure is given, `expand-scalarized` writes the operation so: division and square root by Newton's
            iteration, rounding by adding 2^23, `maxnumf` by comparisons; the machine file lists
            {len(MACHINE.scalarized_vector_ops)} names under `scalarized_vector_ops`. What has no expansion is left to
            LLVM and named: `rung compile` warns, `rung ladder --explain` tells. Whole numbers are divided through
            floats before this, where they are narrow enough ([math.md](math.md)). No fused multiply-add is used, for
            LLVM takes it apart.""",
            scalarized(),
        ),
        section(
            "Other patterns that are avoided",
            """A gather or scatter under a mask would become branches; rung makes a loop over the lanes of it. So would
            a masked access to a quarter of a register. So, where registers move whole
            (`whole_registers`), lanes fill a register of the narrowest type in memory, and short dimensions are masked.
            A reduction across lanes rotates the register by half of the lanes that count and combines it whole: five
            steps for 32 lanes, where halves of registers would end in the scalar core. Contractions of bytes take four
            terms at a time by `vrmpy` (`byte_dot` of the machine file).""",
        ),
    )
    return "\n\n".join(sections) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
    print(f"wrote {PAGE.relative_to(ROOT)}")
