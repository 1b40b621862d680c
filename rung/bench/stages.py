"""A kernel's text at every stage and after every pass that changed it, with the line of its source beside each line.

    texts = Texts()
    compiled = compile_kernel(..., observers=(texts,))
    texts.listing(title, kernel, compiled)

MLIR prints where an operation is from at the end of its line, under a name that the end of the text explains
(`loc(#loc3)`, `#loc3 = loc("gelu.py":7:22)`, `#loc9 = loc("x"(#loc3))`). Lines are taken from there, and shown without.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..machine import Machine
from ..schedule import Schedule
from ..targets.evidence import disassemble
from .group import Case
from .listing import Listing, Loop, Stage

if TYPE_CHECKING:
    from ..compile import AnyExecutable

_DEFINED = re.compile(r"^(#loc\d*) = loc\((.*)\)$")
_PLACE = re.compile(r'"((?:[^"\\]|\\.)*)":(\d+):\d+')
_NAME = re.compile(r"#loc\d*\b")
_AT_END = re.compile(r"\s*loc\((#loc\d*|(?:[^()]|\((?:[^()]|\([^()]*\))*\))*)\)$")
_ANYWHERE = re.compile(r" loc\((?:[^()]|\([^()]*\))*\)")
_OF_OBJDUMP = re.compile(r"^(\S.*):(\d+)(?: \(discriminator \d+\))?$")
_JUMP = re.compile(r"^\s*([0-9a-f]+):\t(j|b|cb|tb)\S*\s.*?\b([0-9a-f]+) <")
_HARDWARE_LOOP = re.compile(r"\bloop[01]\((\.\w+)")
_LABEL = re.compile(r"^(\.\w+):")
_LABEL_JUMP = re.compile(r"\bjump\S*\s+(\.\w+)")
_CODE = re.compile(r"^\s*[0-9a-f]+:\t")


def listing(case: Case, machine: Machine, schedule: Schedule) -> Listing:
    """Of a case, which is compiled once more for it."""
    from ..compile import compile_kernel

    texts = Texts()
    made = case.compile(partial(compile_kernel, observers=(texts,)), machine, schedule)
    return texts.listing(f"{case.name}, {schedule.rung}, for {machine.name}", case.kernel, made)


@dataclass(frozen=True)
class _Text:
    name: str
    of_pass: bool
    lines: tuple[str, ...]
    source: tuple[int, ...]
    loops: tuple[Loop, ...] = ()


@dataclass
class Texts:
    """An observer of a pipeline that keeps what it sees."""

    _found: list[tuple[str, bool, str]] = field(default_factory=list[tuple[str, bool, str]])

    def __call__(self, event: str, step: Any, module: Any) -> None:
        if event == "before":
            return
        text = module.operation.get_asm(enable_debug_info=True)
        if event == "stage":
            self._found.append((step.name, False, text))
        elif not self._found or text != self._found[-1][2]:
            self._found.append((str(step), True, text))

    def listing(self, title: str, kernel: Any, made: AnyExecutable) -> Listing:
        """With TTIR before and machine code behind."""
        from ..compile import Executable

        by_name = made.stages
        file, first, source = _source(kernel)
        texts = [_of_mlir("ttir", False, by_name["ttir"], file)]
        texts += [_of_mlir(name, of_pass, text, file) for name, of_pass, text in self._found]
        texts.append(_plain("llvm-ir", by_name["llvm-ir"]))
        listed = disassemble(made.object_code(), lines=True) if isinstance(made, Executable) else None
        texts.append(_of_objdump(listed, file) if listed is not None else _with_loops(_plain("asm", by_name["asm"])))
        numbers: dict[str, int] = {}
        stages = [
            Stage(
                name=text.name,
                of_pass=text.of_pass,
                lines=[numbers.setdefault(line, len(numbers)) for line in text.lines],
                source=list(text.source),
                loops=list(text.loops),
            )
            for text in texts
        ]
        return Listing(
            title=title,
            source_name=Path(file).name,
            source_first=first,
            source=source,
            lines=list(numbers),
            stages=stages,
        )


def _source(kernel: Any) -> tuple[str, int, list[str]]:
    """(file, number of the first line, lines) of a kernel that Triton's `jit` made."""
    function = getattr(kernel, "fn", kernel)
    try:
        lines, first = inspect.getsourcelines(function)
        return inspect.getsourcefile(function) or "", first, [line.rstrip("\n") for line in lines]
    except (OSError, TypeError):
        return "", 1, []


def _of_mlir(name: str, of_pass: bool, text: str, file: str) -> _Text:
    known = {found[1]: found[2] for line in text.splitlines() if (found := _DEFINED.match(line))}
    lines: list[str] = []
    source: list[int] = []
    for line in text.splitlines():
        if _DEFINED.match(line):
            continue
        at_end = _AT_END.search(line)
        source.append(_line(at_end[1], known, file) if at_end else 0)
        lines.append(_ANYWHERE.sub("", line[: at_end.start()] if at_end else line))
    return _Text(name, of_pass, tuple(lines), tuple(source))


def _line(location: str, known: Mapping[str, str], file: str, depth: int = 0) -> int:
    """In the kernel's own file: of a call that was inlined, where it is called; 0 where nothing says."""
    places = [int(line) for name, line in _PLACE.findall(location) if name == file]
    if places:
        return places[-1]
    inner = (
        [_line(known.get(name, ""), known, file, depth + 1) for name in _NAME.findall(location)] if depth < 20 else []
    )
    return next((line for line in reversed(inner) if line), 0)


def _plain(name: str, text: str) -> _Text:
    lines = tuple(text.rstrip().splitlines())
    return _Text(name, False, lines, (0,) * len(lines))


def _of_objdump(text: str, file: str) -> _Text:
    """With the lines that `objdump -l` puts before what they became."""
    lines: list[str] = []
    source: list[int] = []
    now = 0
    for line in text.rstrip().splitlines():
        place = _OF_OBJDUMP.match(line)
        if place and not _CODE.match(line):
            now = int(place[2]) if Path(place[1]).name == Path(file).name else now
            continue
        if line.endswith("():"):
            continue
        lines.append(line)
        source.append(now if _CODE.match(line) else 0)
    return _with_loops(_Text("asm", False, tuple(lines), tuple(source)))


def _with_loops(text: _Text) -> _Text:
    """Innermost loops are marked: nothing runs more often."""
    return _Text(text.name, text.of_pass, text.lines, text.source, tuple(innermost(text.lines)))


def innermost(lines: Sequence[str]) -> list[Loop]:
    """Of assembly: stretches between a jump back and where it goes to, within a function, that hold no other; of
    Hexagon's, from the label that `loop0` names to `:endloop0`."""
    spans: list[tuple[int, int]] = []
    at_address: dict[str, int] = {}
    labels: dict[str, int] = {}
    begun: list[str] = []
    for number, line in enumerate(lines):
        if line.endswith(">:"):
            at_address.clear()
        elif label := _LABEL.match(line):
            labels[label[1]] = number
        if _CODE.match(line):
            at_address[line.split(":", 1)[0].strip()] = number
        jump = _JUMP.match(line)
        if jump and jump[3] in at_address:
            spans.append((at_address[jump[3]], number))
        spans += [(labels[name], number) for name in _LABEL_JUMP.findall(line) if name in labels]
        begun += _HARDWARE_LOOP.findall(line)
        if ":endloop" in line and begun and (name := begun.pop()) in labels:
            spans.append((labels[name], number))
    inner = [a for a in spans if not any(b != a and a[0] <= b[0] and b[1] <= a[1] for b in spans)]
    return [Loop(first=first, last=last, words=_words(lines[first : last + 1])) for first, last in sorted(set(inner))]


def _words(lines: Sequence[str]) -> str:
    packets = sum(line.strip() == "{" for line in lines)
    what = f"{packets} packets" if packets else f"{sum(bool(_CODE.match(line)) for line in lines)} instructions"
    return f"innermost loop, {what}"
