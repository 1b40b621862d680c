"""What the sanitizer is asked for, and the accesses of a kernel that it watches (docs/debugging.md)."""

from __future__ import annotations

from dataclasses import astuple, dataclass, replace
from typing import Any, Literal

from .errors import UsageError
from .schedule import Schedule

Kind = Literal["load", "store", "atomic", "volatile load"]
KINDS: tuple[Kind, ...] = ("load", "store", "atomic", "volatile load")
"""Of accesses; by number, as the runtime knows them (shadow.h)."""
UPDATES = ("", "and", "or", "xor", "add", "max", "min")
"""Atomic updates that may change places with themselves: not the addition of floats, which rounds, nor an exchange."""
Source = Literal["left out by a mask", "division by zero", "shift beyond the width", "index overflow", "not finite"]
"""Where a number comes from that nobody may rely on."""
Follow = Literal["values", "overflow", "nan"]
"""By which option it is followed."""
Sink = Literal["address", "stored", "decides", "reduced", "sorted", "counted", "multiplied"]
"""Where it counts."""
SiteKind = Kind | Source | Sink
Through = Literal["pointer", "block pointer", "descriptor"]
"""What an access goes through."""
MORE = ("values", "overflow", "nan", "order")
_STOP, _REPORT, _OFF = ("1", "true", "on", "yes", "y", "stop"), ("report",), ("", "0", "false", "off", "no", "n")


@dataclass(frozen=True)
class Sanitizer:
    """stop: at the first fault, which is raised; else faults are left out, and summed up behind the launch.

    On request, numbers that nobody may rely on are followed to where they count (`values`: lanes that a mask left out
    of a load without `other`, divisions by zero, shifts beyond the width; `overflow`: of 32-bit indices; `nan`: NaN and
    infinity made from finite numbers, and NaN from infinities where the kernel has some of its own).
    """

    stop: bool = True
    values: bool = False
    overflow: bool = False
    nan: bool = False
    order: bool = False
    """Atomics of two programs that give another result in another order are told, too."""

    @staticmethod
    def parse(text: str, name: str = "RUNG_SANITIZE") -> Sanitizer | None:
        """None where nothing is asked for. Raises UsageError, which calls the text `name`."""
        words = [word for word in text.lower().replace(",", " ").split() if word not in _OFF]
        modes = [word for word in words if word in (*_STOP, *_REPORT)]
        unknown = [word for word in words if word not in (*_STOP, *_REPORT, *MORE)]
        if unknown or len(modes) > 1:
            raise UsageError(
                f"{name} is `{text}`; give 1 (stop at the first fault), report (go on and sum up), or 0; "
                f"and what else to look for, joined by commas: {', '.join(MORE)}"
            )
        if not words:
            return None
        return Sanitizer(modes[:1] != list(_REPORT), *(word in words for word in MORE))

    def __str__(self) -> str:
        asked = (self.values, self.overflow, self.nan, self.order)
        return ",".join(["1" if self.stop else "report", *(m for m, on in zip(MORE, asked, strict=True) if on)])

    @property
    def follows(self) -> bool:
        """Whether it follows any numbers."""
        return self.values or self.overflow or self.nan


def sanitized(schedule: Schedule) -> Schedule:
    """Programs one after another, in the order of the grid: what is found is the same in every run. Nothing is moved
    ahead of its check: no transfers, and nothing fetched into the cache."""
    return replace(schedule, threads=1, double_buffer=False, scratchpad="off", prefetch=False)


@dataclass(frozen=True)
class Site:
    """One access in the kernel's source."""

    kind: SiteKind
    file: str
    line: int
    column: int
    """From 0."""
    argument: str
    """That the pointer is derived from; empty where it is not known, or may be one of several."""
    extents: tuple[int, ...]
    """Of the block; () for a scalar."""
    element_bytes: int
    masked: bool
    """Something bounds it: a mask, or the shape of what it goes through."""
    gathers: bool = False
    """Numbers that were loaded say where."""
    update: str = ""
    """Of an atomic: one of `UPDATES`, or another that may not change its place."""
    acquires: bool = False
    """What an atomic has seen may order what its program does behind what others did: its result is used."""
    releases: bool = False
    """An atomic orders what its program has done before others that acquire there."""
    closed: bool = False
    """It goes to memory of arguments, whichever; else perhaps through an address that was computed or loaded."""

    vital: bool = False
    """It cannot be left out: a fault there ends the launch, also where others are gone on behind."""
    through: Through = "pointer"
    callers: tuple[tuple[str, int], ...] = ()
    """Where the function was called that it is in and that was inlined: (file, line), from the inside out."""

    @property
    def where(self) -> str:
        """`file.py:LINE:COLUMN`, from 1, without folders, as editors and compilers write it."""
        return f"{_name(self.file)}:{self.place}"

    @property
    def place(self) -> str:
        """`LINE:COLUMN`."""
        return f"{self.line}:{self.column + 1}"

    @property
    def called(self) -> str:
        """`called from line 9, from b.py:12`; empty in the kernel itself."""
        each = [f"line {line}" if file == self.file else f"{_name(file)}:{line}" for file, line in self.callers]
        return f"called from {', from '.join(each)}" if each else ""

    def to_json(self) -> list[Any]:
        return list(astuple(self))

    @staticmethod
    def of_json(entry: list[Any]) -> Site:
        """Inverse of `to_json`."""
        made = Site(*entry)
        return replace(made, extents=tuple(made.extents), callers=tuple((file, line) for file, line in made.callers))


def _name(path: str) -> str:
    return path.rpartition("/")[2]


_MARKS = "_rung_unwritten"


def mark_uninitialised(tensor: Any) -> Any:
    """A tensor of `torch.empty`, to be watched: a watched launch that reads what neither a launch that was watched nor
    torch has written since is at fault. Returns the tensor.

    The marks are with this tensor object, a byte for each byte of its storage. What torch writes in place
    (`tensor.zero_()`) ends them.
    """
    setattr(tensor, _MARKS, (bytearray(b"\1" * tensor.untyped_storage().nbytes()), tensor._version))
    return tensor


def unwritten_of(tensor: Any) -> bytearray | None:
    """The marks of `mark_uninitialised`, if they are valid."""
    marks, version = getattr(tensor, _MARKS, (None, 0))
    return marks if marks is not None and version == tensor._version else None
