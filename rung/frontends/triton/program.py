"""What is known about the program while it is converted: scalars, buffers, pointers, and the tools to build with."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch_mlir import ir

from ...errors import UnsupportedError
from .indices import Index, Indices
from .locations import source_line
from .masks import MaskAnalysis
from .pointers import Affine, Base, PointerAnalysis
from .ranges import Known
from .scratch import Buffer, Scratch

SUPPORTED = "see docs/triton.md for the operations that rung compiles"


@dataclass(frozen=True)
class Origin:
    """A block is `value`, all of whose elements have moved from offset `start` to `now`."""

    value: ir.Value
    start: Index
    now: Index


@dataclass
class Program:
    """State of one conversion. TTIR values are the keys: scalars map to SSA values, blocks in memory to buffers."""

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
    scalars: dict[ir.Value, ir.Value] = field(default_factory=dict[ir.Value, ir.Value])
    stored: dict[ir.Value, Buffer] = field(default_factory=dict[ir.Value, Buffer])
    offsets: dict[ir.Value, tuple[Base, ir.Value]] = field(default_factory=dict[ir.Value, tuple[Base, ir.Value]])
    """Blocks of pointers that are a base plus a block of i64 offsets in scratch."""
    origins: dict[ir.Value, Origin] = field(default_factory=dict[ir.Value, "Origin"])
    """What a block was before a loop or a call, by what it is called inside."""
    distinct: bool = True
    """Different pointer arguments are assumed not to overlap except element for element; see `assumed`."""
    assumed: set[tuple[int, int]] = field(default_factory=set[tuple[int, int]])
    """Pairs of bases for which that assumption was used: the launcher checks them."""

    def __post_init__(self) -> None:
        self.pointers = PointerAnalysis(self.ix, self.scalars, self.ranges)
        self.masks = MaskAnalysis(self.ix, self.pointers, self.scalars)

    def scalar(self, value: ir.Value) -> ir.Value:
        try:
            return self.scalars[value]
        except KeyError:
            definer = value.owner
            where = "" if isinstance(definer, ir.Block) else source_line(definer.operation)
            what = "a block argument" if isinstance(definer, ir.Block) else f"`{definer.operation.name}`"
            raise UnsupportedError(
                f"the scalar value of {what}", where, "scalars computed by arith and math ops"
            ) from None

    def pointer(self, value: ir.Value) -> Affine:
        """The structured form of a scalar pointer."""
        affine = self.pointers.affine(value)
        if affine is None or affine.base is None:
            definer = value.owner
            where = "" if isinstance(definer, ir.Block) else source_line(definer.operation)
            raise UnsupportedError("a pointer that is not derived from one kernel argument", where, "argument + offset")
        return affine
