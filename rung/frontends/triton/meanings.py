"""What a value of Triton's IR is in the kernel that is being built: one of four things."""

from __future__ import annotations

from dataclasses import dataclass

from torch_mlir import ir

from .affine import Affine
from .bases import Base
from .indices import Index
from .scratch import Buffer


@dataclass(frozen=True)
class Scalar:
    """An SSA value of the new kernel."""

    value: ir.Value


@dataclass(frozen=True)
class Origin:
    """A block is `value`, all of whose elements have moved from offset `start` to `now`."""

    value: ir.Value
    start: Index
    now: Index


@dataclass(frozen=True)
class Formed:
    """A pointer, or a block of pointers or integers, whose affine form is known from outside: a kernel's argument, what
    a loop moves in equal steps, the result of a choice."""

    form: Affine
    origin: Origin | None = None
    """What it was before a loop or a call, by what its elements are computed where the form does not tell them."""


@dataclass(frozen=True)
class Stored:
    """A block in scratch."""

    buffer: Buffer
    form: Affine | None = None
    """Where the numbers in it are known, too."""


@dataclass(frozen=True)
class Addresses:
    """A block of pointers: a base, and a block of i64 offsets from it (in elements) in scratch."""

    base: Base
    buffer: Buffer


Meaning = Scalar | Formed | Stored | Addresses
InScratch = (Stored, Addresses)
"""What has a buffer, for `isinstance`."""


class Meanings(dict[ir.Value, Meaning]):
    """Values that are not here are virtual: their elements are computed where they are used."""

    def scalar(self, value: ir.Value) -> ir.Value | None:
        found = self.get(value)
        return found.value if isinstance(found, Scalar) else None

    def buffer(self, value: ir.Value) -> Buffer | None:
        """Where the elements of a block (of a block of pointers: its offsets) lie in scratch."""
        found = self.get(value)
        return found.buffer if isinstance(found, InScratch) else None

    def form(self, value: ir.Value) -> Affine | None:
        found = self.get(value)
        return None if found is None or isinstance(found, Scalar | Addresses) else found.form

    def origin(self, value: ir.Value) -> Origin | None:
        found = self.get(value)
        return found.origin if isinstance(found, Formed) else None

    def store(self, value: ir.Value, buffer: Buffer) -> None:
        """From now on, the elements of a block are in scratch."""
        self[value] = Stored(buffer, self.form(value))

    def restore(self, value: ir.Value, before: Meaning | None) -> None:
        """What a value was before, if it was anything."""
        if before is None:
            self.pop(value, None)
        else:
            self[value] = before
