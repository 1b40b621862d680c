"""What the sanitizer found, in words: a page for one fault, a list for many."""

from __future__ import annotations

import json
import linecache
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from ..sanitizer import Site
from . import _native

_FAULTS = ("outside", "race", "undefined", "unwritten", "order", "misaligned", "same")
"""By number, as in sanitize.c."""
_BEGAN = {
    "left out by a mask": "that the mask of a load without `other=` left out",
    "division by zero": "that a division by zero gave",
    "shift beyond the width": "that was shifted by its width or more",
    "index overflow": "that 32 bits do not hold",
    "not finite": "that is NaN or infinite, and was made from finite numbers,",
}
_COUNTS = {
    "address": "says what memory is accessed",
    "stored": "is stored",
    "decides": "decides what is done",
    "reduced": "is reduced",
    "sorted": "is sorted with others",
    "counted": "is counted",
    "multiplied": "goes into a product of matrices",
}
_ADVICE = {
    "left out by a mask": "`other=` of the load, or a mask where the number counts",
    "division by zero": "the divisor: a `tl.where` around it, or a mask",
    "shift beyond the width": "by how much it is shifted",
    "index overflow": "`.to(tl.int64)` before the multiplication",
    "not finite": "the operands there: a division by zero, an exponential of a large number, a sum that cancels",
}
_DOES = {"load": "reads", "store": "writes", "atomic": "updates", "volatile load": "reads"}
_DONE = {"load": "read", "store": "written", "atomic": "updated", "volatile load": "read"}


@dataclass(frozen=True)
class Memory:
    """An argument's: addresses in bytes. `data` is where the argument points to, in its storage."""

    name: str
    data: int
    begin: int
    end: int
    element_bytes: int
    dtype: str
    shape: tuple[int, ...]
    unwritten: bytearray | None = None
    """A 1 for each byte of the storage that nobody has written, where that is known."""

    @property
    def elements(self) -> int:
        return prod(self.shape)

    def __str__(self) -> str:
        sizes = " x ".join(map(str, self.shape)) if len(self.shape) != 1 else f"{self.shape[0]} elements"
        words = f"{self.dtype}, {sizes}" if self.shape else f"{self.dtype}, one element"
        before, behind = self.data - self.begin, self.end - self.data - self.elements * self.element_bytes
        if before or behind > 0:
            words += f"; a view: {before} bytes of its storage come before it, {max(behind, 0)} behind"
        return words


@dataclass(frozen=True)
class Finding:
    """One fault. first, low, high: addresses of the first element found, the least, and the greatest."""

    kernel: str
    kind: str
    """outside, race, undefined (a number that nobody may rely on), unwritten (memory that nobody has written), order
    (atomics that may not change places), misaligned, or same (several programs write the same number: no fault)."""
    site: Site
    program: tuple[int, int, int]
    grid: tuple[int, int, int]
    place: tuple[int, ...] | None
    """In the block."""
    memory: Memory | None
    others: tuple[Memory, ...]
    first: int
    low: int
    high: int
    elements: int
    other_site: Site | None
    other_program: tuple[int, int, int] | None

    @staticmethod
    def of(
        kernel: str, fault: _native.Fault, sites: Sequence[Site], memories: Sequence[Memory], grid: Sequence[int]
    ) -> Finding:
        kind, site, program, place, other_site, other_program, tensor, first, low, high, elements = fault
        gx, gy, gz = grid
        at = sites[site]
        memory = memories[tensor] if tensor >= 0 else None
        alike = [m for m in memories if memory is not None and m.data == memory.data and m.name == at.argument]
        return Finding(
            kernel,
            _FAULTS[kind],
            at,
            _split(program, gx, gy),
            (gx, gy, gz),
            None if place < 0 else _position(place, at.extents),
            alike[0] if alike else memory,
            tuple(memories),
            first,
            low,
            high,
            elements,
            None if other_site < 0 else sites[other_site],
            None if other_program < 0 else _split(other_program, gx, gy),
        )

    @property
    def is_benign(self) -> bool:
        """It is told, and is no fault."""
        return self.kind == "same"

    @property
    def where(self) -> str:
        """`file.py:LINE`."""
        return f"{Path(self.site.file).name}:{self.site.line}"

    @property
    def argument(self) -> str:
        """How the kernel calls it."""
        if self.memory is not None:
            return f"`{self.memory.name}`"
        return f"`{self.site.argument}`" if self.site.argument else "an address that belongs to no argument"

    @property
    def index(self) -> int:
        """Of the first element, counted from where the argument points to."""
        return 0 if self.memory is None else (self.first - self.memory.data) // self.site.element_bytes

    @property
    def distances(self) -> tuple[int, int]:
        """Elements from the storage's beginning to the farthest before it, and from its end to the farthest past it."""
        if self.memory is None:
            return 0, 0
        size = self.site.element_bytes
        outside = self.memory.begin - self.low, self.high + size - self.memory.end
        before, past = (max(0, (distance + size - 1) // size) for distance in outside)
        return before, past

    @property
    def headline(self) -> str:
        """One sentence."""
        if self.kind == "undefined":
            assert self.other_site is not None
            lines = f"line {self.other_site.line}", f"line {self.site.line}"
            return f"a number {_BEGAN[self.other_site.kind]} ({lines[0]}) {_COUNTS[self.site.kind]} ({lines[1]})"
        if self.kind == "unwritten":
            what = "an element" if self.elements == 1 else f"{self.elements} elements"
            return f"{what} of {self.argument} that nobody has written {_be(self.elements)} {_DONE[self.site.kind]}"
        if self.kind == "misaligned":
            size, done = self.site.element_bytes, _DONE[self.site.kind]
            return f"{self.argument} is {done} at no multiple of its elements' {size} bytes"
        if self.kind == "order":
            assert self.other_site is not None
            where = f"line {self.other_site.line} and line {self.site.line}"
            return f"what {self.argument} holds depends on the order of atomics of several programs ({where})"
        if self.kind == "same":
            assert self.other_site is not None
            which = f"programs {_at(self.other_program)} and {_at(self.program)}"
            lines = dict.fromkeys((self.other_site.line, self.site.line))
            return f"benign: {which} write {self.argument} in {_lines(lines)}, and every program writes the same value"
        if self.kind == "race":
            assert self.other_site is not None
            return (
                f"programs {_at(self.other_program)} and {_at(self.program)} race for {self.argument}: "
                f"one {_DOES[self.other_site.kind]} it in line {self.other_site.line}, "
                f"the other {_DOES[self.site.kind]} it in line {self.site.line}"
            )
        if self.memory is None:
            return f"a null pointer is {_DONE[self.site.kind]} ({self.argument})"
        done, (before, past) = _DONE[self.site.kind], self.distances
        if before and past:
            sides = f"{_count(before)} before its beginning and {_count(past)} past its end"
            return f"{self.argument} is {done} up to {sides}{self._hint}"
        far, where = (past, ("past", "end")) if past else (before, ("before", "beginning"))
        if self.elements == far:
            return f"{_count(far)} {where[0]} the {where[1]} of {self.argument} {_be(far)} {done}{self._hint}"
        least = "up to " if self.elements > 1 else ""
        return f"{self.argument} is {done} {least}{_count(far)} {where[0]} its {where[1]}{self._hint}"

    @property
    def _hint(self) -> str:
        if self.site.gathers or not self.site.extents:
            return ""
        return "; is its mask the right one?" if self.site.masked else "; is a mask missing?"

    @property
    def pair(self) -> tuple[str, frozenset[Site | None]]:
        """Of a race: what for, and where."""
        return self.argument, frozenset((self.site, self.other_site))

    @property
    def line_key(self) -> str:
        """The same for a fault in all launches."""
        sites = [s.where for s in (self.site, self.other_site) if s is not None]
        return f"{self.kind} {self.argument} {' '.join(sites)} {self.site.column}"

    @property
    def line(self) -> str:
        """For a list."""
        return f"{self.site.where}: {self.headline}"


def _lines(numbers: Iterable[int]) -> str:
    found = [str(number) for number in numbers]
    return f"line{'s' * (len(found) > 1)} {' and '.join(found)}"


def _be(number: int) -> str:
    return "is" if number == 1 else "are"


def _count(number: int) -> str:
    return "1 element" if number == 1 else f"{number} elements"


def _split(program: int, gx: int, gy: int) -> tuple[int, int, int]:
    return program % gx, program // gx % gy, program // gx // gy


def _position(place: int, extents: tuple[int, ...]) -> tuple[int, ...]:
    found: list[int] = []
    for extent in reversed(extents):
        place, rest = divmod(place, extent)
        found.append(rest)
    return tuple(reversed(found))


def _at(program: tuple[int, int, int] | None) -> str:
    return "(?)" if program is None else f"({', '.join(map(str, program))})"


def _excerpt(site: Site, kernel: str) -> list[str]:
    """The line of the source, with a mark below where it begins."""
    lines = [f'  File "{site.file}", line {site.line}, in {kernel}']
    text = linecache.getline(site.file, site.line).rstrip()
    if text:
        indent = len(text) - len(text.lstrip())
        lines += [f"    {text.strip()}", f"    {' ' * (site.column - indent)}^"]
    return lines


def page(finding: Finding) -> str:
    """One fault, readable from top to bottom."""
    lines = [finding.headline, "", *_excerpt(finding.site, finding.kernel)]
    if finding.other_site is not None:
        lines += ["  of" if finding.kind == "undefined" else "  and", *_excerpt(finding.other_site, finding.kernel)]
    lines.append("")
    facts = _facts(finding)
    width = max(len(name) for name, _ in facts)
    return "\n".join(lines + [f"  {name:<{width}}  {text}" for name, text in facts])


def _facts(f: Finding) -> list[tuple[str, str]]:
    facts: list[tuple[str, str]] = []
    if f.memory is not None:
        facts.append(("argument", f"{f.argument}: {f.memory}"))
    program = f"{_at(f.program)} of a grid of {_at(f.grid)}"
    if f.place is not None and f.site.extents:
        program += f", at {list(f.place)} of its block of {list(f.site.extents)}"
    facts.append(("program", program))
    if f.kind == "undefined":
        assert f.other_site is not None
        facts.append(("elements", f"{f.elements}, of which this is the first"))
        facts.append(("look at", _ADVICE[f.other_site.kind]))
        return facts
    if f.memory is None:
        facts.append(("address", f"{f.first:#x}"))
        return facts
    size, name = f.site.element_bytes, f.memory.name
    low, high = ((x - f.memory.data) // size for x in (f.low, f.high))
    span = f"{name}[{low}]" if low == high else f"{_count(f.elements)} between {name}[{low}] and {name}[{high}]"
    facts.append((_DOES[f.site.kind], span + f" ({size} bytes each)" * (size != f.memory.element_bytes)))
    if f.kind == "outside":
        facts.append(("there", _there(f)))
        facts.append(("look at", _advice(f)))
    elif f.kind == "misaligned":
        facts.append(("address", f"{f.first:#x}, {f.first - f.memory.data} bytes behind the argument's"))
        facts.append(
            ("look at", "where the tensor's memory, or the cast pointer, begins: a GPU refuses such an access")
        )
    elif f.kind == "order":
        facts.append(("look at", "whether any order will do: sums of floats differ in their last bits only"))
    elif f.kind == "unwritten":
        facts.append(("look at", "what should have written it: an earlier launch, its grid or mask, or `torch.zeros`"))
    elif f.kind == "same":
        facts.append(("look at", "whether it is meant: one program would do"))
    else:
        facts.append(("look at", "an atomic, or a grid and offsets by which no two programs share an element"))
    return facts


def _there(f: Finding) -> str:
    for m in f.others:
        if m.begin <= f.first < m.end:
            return f"`{m.name}`[{(f.first - m.data) // m.element_bytes}]"
    return "memory of no argument of this launch"


def _advice(f: Finding) -> str:
    assert f.memory is not None
    if f.site.gathers:
        return "the numbers that were loaded, by which it is indexed"
    if not f.site.extents:
        return "the offset that is added to the pointer, and what the grid is made of"
    if f.site.masked:
        return "the mask: the bound that it compares with, and the strides of the offsets"
    return f"`mask=`: without one, all {prod(f.site.extents)} elements of the block are accessed"


@dataclass(frozen=True)
class Log:
    """What the launches of a program, and of those that it started, have told."""

    kernels: tuple[str, ...]
    faults: tuple[tuple[str, int], ...]
    """Pages, and in how many launches each was found."""
    benign: tuple[tuple[str, int], ...] = ()
    """What is told beside them."""


def write_log(path: Path, kernel: str, findings: Sequence[Finding]) -> None:
    """Add a launch to the file. Lines are written at once: several processes may do so."""
    with path.open("a") as file:
        entries = [
            {"kernel": kernel},
            *({"line": f.line_key, "page": page(f), "benign": f.is_benign} for f in findings),
        ]
        file.write("".join(json.dumps(entry) + "\n" for entry in entries))


def read_log(path: Path) -> Log:
    """The same fault of several launches once."""
    kernels: dict[str, None] = {}
    pages: dict[str, str] = {}
    counts: Counter[str] = Counter()
    benign: set[str] = set()
    for text in path.read_text().splitlines() if path.exists() else ():
        entry: dict[str, Any] = json.loads(text)
        if "kernel" in entry:
            kernels[entry["kernel"]] = None
            continue
        pages.setdefault(entry["line"], entry["page"])
        counts[entry["line"]] += 1
        if entry["benign"]:
            benign.add(entry["line"])
    each = [(line in benign, (pages[line], count)) for line, count in counts.items()]
    faults, others = (tuple(found for is_benign, found in each if is_benign == wanted) for wanted in (False, True))
    return Log(tuple(kernels), faults, others)


def summary(findings: Sequence[Finding]) -> str:
    """All that was found in one launch."""
    faults = sum(not f.is_benign for f in findings)
    head = f"rung: {faults or 'no'} fault{'s' * (faults != 1)} in a launch of `{findings[0].kernel}`"
    return "\n".join([head, *(f"  {f.line}" for f in findings)])
