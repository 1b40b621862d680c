"""What is known about the program while it is converted: scalars, buffers, pointers, and the tools to build with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from torch_mlir import ir
from torch_mlir.dialects import arith

from ...errors import UnsupportedError
from ...ir.pointers import i64
from .affine import Affine
from .bases import ORIGIN, Base, at_address, recast, same_base
from .indices import Indices
from .locations import source_line
from .masks import MaskAnalysis
from .meanings import Addresses, InScratch, Meanings, Scalar
from .operation import pointer_operands
from .pointers import PointerAnalysis
from .ranges import Known
from .scratch import Buffer, Scratch
from .ttir import owner, pointee

if TYPE_CHECKING:
    from .traversal import Contents


@dataclass
class Program:
    """State of one conversion."""

    name: str
    """Of the kernel, for messages."""
    ix: Indices
    scratch: Scratch
    grid: tuple[ir.Value, ir.Value, ir.Value]
    """Extents of the launch grid, as `index`."""
    ids: tuple[ir.Value, ir.Value, ir.Value]
    """Program id per axis, as `index`."""
    fuse: bool
    """Multiplies and adds may be contracted."""
    ranges: Known
    """Of the integers that are computed."""
    meanings: Meanings = field(default_factory=Meanings)
    """Of the values of the TTIR."""
    contents: dict[ir.Operation, Contents] = field(default_factory=dict[ir.Operation, "Contents"])
    """Of operations with regions, as far as `traversal.contents` was asked."""
    distinct: bool = True
    """Different pointer arguments are assumed not to overlap except element for element; see `assumed`."""
    cooperative: bool = False
    """Programs expect one another to run at the same time (`launch_cooperative_grid`)."""
    assumed: set[tuple[int, int]] = field(default_factory=set[tuple[int, int]])
    """Pairs of bases for which that assumption was used: the launcher checks them."""
    starts: dict[ir.Value, ir.Value] = field(default_factory=dict[ir.Value, ir.Value])
    """Addresses of bases, by their memrefs; see `absolute`."""

    def __post_init__(self) -> None:
        self.pointers = PointerAnalysis(self.ix, self.meanings, self.ranges)
        self.masks = MaskAnalysis(self.ix, self.pointers)
        self._anywhere: dict[ir.Type, Base] = {}

    def is_stored(self, value: ir.Value) -> bool:
        """Whether the elements of a block are in scratch."""
        found = self.meanings.get(value)
        return found is not None and isinstance(found, InScratch)

    def buffer(self, value: ir.Value) -> Buffer:
        """Of a block that is in scratch."""
        found = self.meanings.buffer(value)
        assert found is not None
        return found

    def set_scalar(self, value: ir.Value, known: ir.Value) -> None:
        self.meanings[value] = Scalar(known)

    def scalar(self, value: ir.Value) -> ir.Value:
        known = self.meanings.scalar(value)
        if known is None:
            what, where = _definition(value)
            raise UnsupportedError(f"the scalar value of {what}", where, "scalars computed by arith and math ops")
        return known

    def pointer(self, value: ir.Value) -> Affine:
        """The structured form of a scalar pointer."""
        affine = self.pointers.affine(value)
        if affine is None or affine.base is None:
            _, where = _definition(value)
            raise UnsupportedError("a pointer that is not derived from one kernel argument", where, "argument + offset")
        return affine

    def anywhere(self, kind: ir.Type) -> Base:
        """What a pointer is counted from that does not belong to one argument; see `absolute`."""
        found = self._anywhere.get(kind)
        if found is None:
            with self.scratch.top():
                number = ir.IntegerAttr.get(i64(), ORIGIN)
                found = self._anywhere[kind] = at_address(arith.ConstantOp(i64(), number).result, kind)
        return found

    def base(self, pointer: ir.Value) -> Base | None:
        """What a pointer, or a block of pointers, is derived from; None if that is not known, or may be one of several
        kernel arguments."""

        def find() -> Base | None:
            found = self._derived_from(pointer)
            return found and recast(found, pointee(pointer))

        return self.ix.once(("base", pointer), find)

    def _derived_from(self, pointer: ir.Value) -> Base | None:
        known = self.meanings.get(pointer)
        if isinstance(known, Addresses):
            return known.base
        affine = self.pointers.form(pointer)
        if affine is not None and affine.base is not None:
            return affine.base
        return self.ix.once(("derived from", pointer), lambda: self._of_operands(owner(pointer)))

    def _of_operands(self, op: ir.Operation | None) -> Base | None:
        found = [self._derived_from(v) for v in pointer_operands(op)] if op is not None else []
        first = found[0] if found else None
        return first if first is not None and all(b is not None and same_base(first, b) for b in found) else None


def _definition(value: ir.Value) -> tuple[str, str]:
    """What defines a value, and its line."""
    op = owner(value)
    return ("a block argument", "") if op is None else (f"`{op.name}`", source_line(op))
