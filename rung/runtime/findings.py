"""What the sanitizer found, each in a sentence (`pages.py`: on a page)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path

from ..sanitizer import Site, Through
from . import _native

_FAULTS = ("outside", "race", "undefined", "unwritten", "order", "misaligned", "same", "unmapped", "protected")
"""By number, as in watch.h."""
_BEGAN = {
    "left out by a mask": "that the mask of a load without `other=` left out",
    "division by zero": "that a division by zero gave",
    "shift beyond the width": "that was shifted by its width or more",
    "index overflow": "that 32 bits do not hold",
    "not finite": "that became NaN or infinite",
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
_BOUND: dict[Through, str] = {
    "pointer": "its mask the right one",
    "block pointer": "the shape that the block pointer was given the right one",
    "descriptor": "the shape that the descriptor was given the right one",
}
_MISSING: dict[Through, str] = {
    "pointer": "a mask missing",
    "block pointer": "`boundary_check` missing",
}
NO_ACCESS = {"unmapped": "not mapped", "protected": "protected"}
DOES = {"load": "reads", "store": "writes", "atomic": "updates", "volatile load": "reads"}
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
    (atomics that may not change places), misaligned, same (several programs write the same number: no fault), or, where
    memory of no argument is accessed: unmapped (there is none), or protected (it may not be accessed in this way)."""
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
        return self._headline(lambda site: str(site.line))

    def _headline(self, number: Callable[[Site], str]) -> str:
        """number: of a line, with the column where nothing else tells it."""
        if self.kind == "undefined":
            assert self.other_site is not None
            lines = f"line {number(self.other_site)}", f"line {number(self.site)}"
            return f"a number {_BEGAN[self.other_site.kind]} ({lines[0]}) {_COUNTS[self.site.kind]} ({lines[1]})"
        if self.kind == "unwritten":
            what = "an element" if self.elements == 1 else f"{self.elements} elements"
            return f"{what} of {self.argument} that nobody has written {_be(self.elements)} {_DONE[self.site.kind]}"
        if self.kind == "misaligned":
            size, done = self.site.element_bytes, _DONE[self.site.kind]
            return f"{self.argument} is {done} at no multiple of its elements' {size} bytes"
        if self.kind == "order":
            assert self.other_site is not None
            where = f"line {number(self.other_site)} and line {number(self.site)}"
            return f"what {self.argument} holds depends on the order of atomics of several programs ({where})"
        if self.kind == "same":
            assert self.other_site is not None
            which = f"programs {at(self.other_program)} and {at(self.program)}"
            lines = dict.fromkeys((number(self.other_site), number(self.site)))
            return f"benign: {which} write {self.argument} in {_lines(lines)}, and every program writes the same value"
        if self.kind == "race":
            assert self.other_site is not None
            return (
                f"programs {at(self.other_program)} and {at(self.program)} race for {self.argument}: "
                f"one {DOES[self.other_site.kind]} it in line {number(self.other_site)}, "
                f"the other {DOES[self.site.kind]} it in line {number(self.site)}"
            )
        if self.kind in NO_ACCESS:
            of = f"of `{self.site.argument}`, as far as it is known" if self.site.argument else "of no argument"
            return f"memory {of}, and {NO_ACCESS[self.kind]}, is {_DONE[self.site.kind]}"
        if self.memory is None:
            return f"a null pointer is {_DONE[self.site.kind]} ({self.argument})"
        done, (before, past) = _DONE[self.site.kind], self.distances
        if before and past:
            sides = f"{counted(before)} before its beginning and {counted(past)} past its end"
            return f"{self.argument} is {done} up to {sides}{self._hint}"
        far, where = (past, ("past", "end")) if past else (before, ("before", "beginning"))
        if self.elements == far:
            return f"{counted(far)} {where[0]} the {where[1]} of {self.argument} {_be(far)} {done}{self._hint}"
        least = "up to " if self.elements > 1 else ""
        return f"{self.argument} is {done} {least}{counted(far)} {where[0]} its {where[1]}{self._hint}"

    @property
    def _hint(self) -> str:
        if self.site.gathers or not self.site.extents:
            return ""
        return f"; is {_BOUND[self.site.through] if self.site.masked else _MISSING[self.site.through]}?"

    @property
    def pair(self) -> tuple[str, frozenset[Site | None]]:
        """Of a race: what for, and where."""
        return self.argument, frozenset((self.site, self.other_site))

    @property
    def line_key(self) -> str:
        """The same for a fault in all launches."""
        sites = [s.where for s in (self.site, self.other_site) if s is not None]
        return f"{self.kind} {self.argument} {' '.join(sites)} {self.site.called}"

    @property
    def line(self) -> str:
        """For a list."""
        where = ", ".join(filter(None, (self.site.where, self.site.called)))
        return f"{where}: {self._headline(lambda site: site.place)}"


def _lines(numbers: Iterable[str]) -> str:
    found = list(numbers)
    return f"line{'s' * (len(found) > 1)} {' and '.join(found)}"


def _be(number: int) -> str:
    return "is" if number == 1 else "are"


def counted(number: int) -> str:
    return "1 element" if number == 1 else f"{number} elements"


def _split(program: int, gx: int, gy: int) -> tuple[int, int, int]:
    return program % gx, program // gx % gy, program // gx // gy


def _position(place: int, extents: tuple[int, ...]) -> tuple[int, ...]:
    found: list[int] = []
    for extent in reversed(extents):
        place, rest = divmod(place, extent)
        found.append(rest)
    return tuple(reversed(found))


def at(program: tuple[int, int, int] | None) -> str:
    return "(?)" if program is None else f"({', '.join(map(str, program))})"
