"""Nest: pure questions about one `linalg.generic` on memrefs. Nothing here changes the IR."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property

from torch_mlir import ir

from .accumulators import Group, find_groups
from .attributes import BOUNDS
from .body import Body, constant_or_value, read_body, used_values
from .emit import Index

_DYNAMIC = ir.ShapedType.get_dynamic_size()
_STRIDE_DYNAMIC = ir.ShapedType.get_dynamic_stride_or_offset()


@dataclass(eq=False)
class Operand:
    """One operand of a nest: `dims[i]` is the dimension that moves along axis i of `view`."""

    view: ir.Value
    arg: ir.Value
    dims: tuple[int, ...]
    is_output: bool
    reads: bool
    yielded: ir.Value | None
    """What an output's element becomes; None when it is not written."""

    @cached_property
    def element(self) -> ir.Type:
        return ir.MemRefType(self.view.type).element_type

    @cached_property
    def strides(self) -> tuple[int | None, ...]:
        """Static strides of the view, in elements; None where dynamic."""
        strides, _ = ir.MemRefType(self.view.type).get_strides_and_offset()
        return tuple(None if s == _STRIDE_DYNAMIC else s for s in strides)

    def stride_along(self, dim: int) -> int | None:
        """Stride along a dimension of the nest: 0 if the operand does not move, None if it is dynamic."""
        return self.strides[self.dims.index(dim)] if dim in self.dims else 0


@dataclass(eq=False)
class Nest:
    """A `linalg.generic` in the form that stage `linalg` allows."""

    op: ir.Operation
    rank: int
    reduction: list[bool]
    operands: list[Operand]
    body: Body

    @cached_property
    def sizes(self) -> list[Index]:
        """The extent of every dimension: an int where any operand knows it, else the SSA value that made
        the view."""
        return [self._size(d) for d in range(self.rank)]

    @cached_property
    def bounds(self) -> list[int | None]:
        """Static upper bound of every dimension (`rung.bounds` of the views); None where there is none."""
        return [s if isinstance(s, int) else self._bound(d) for d, s in enumerate(self.sizes)]

    def _axes(self, dim: int) -> list[tuple[ir.Value, int]]:
        return [(o.view, o.dims.index(dim)) for o in self.operands if dim in o.dims]

    def _size(self, dim: int) -> Index:
        axes = self._axes(dim)
        for view, axis in axes:
            extent = ir.MemRefType(view.type).shape[axis]
            if extent != _DYNAMIC:
                return extent
        found: Index | None = None
        for view, axis in axes:
            extent = dynamic_size(view, axis)
            if isinstance(extent, int):
                return extent
            found = found if found is not None else extent
        if found is not None:
            return found
        view, axis = axes[0]
        with ir.InsertionPoint(self.op), self.op.location:
            number = ir.IntegerAttr.get(ir.IndexType.get(), axis)
            at = ir.Operation.create("arith.constant", [ir.IndexType.get()], [], {"value": number}).result
            return ir.Operation.create("memref.dim", [ir.IndexType.get()], [view, at]).result

    def _bound(self, dim: int) -> int | None:
        known: list[int] = []
        for view, axis in self._axes(dim):
            owner = view.owner
            if isinstance(owner, ir.Block) or BOUNDS not in owner.attributes:
                continue
            bounds = ir.DenseI64ArrayAttr(owner.attributes[BOUNDS])
            if axis < len(bounds) and bounds[axis] >= 0:
                known.append(bounds[axis])
        return min(known) if known else None

    @cached_property
    def groups(self) -> list[Group]:
        """Accumulators (outputs that leave out a dimension), grouped by what combines them."""
        return find_groups(self)

    @cached_property
    def elementwise_outputs(self) -> list[Operand]:
        return [o for o in self.operands if o.is_output and o.yielded is not None and len(o.dims) == self.rank]


def dynamic_size(view: ir.Value, axis: int) -> Index | None:
    """The extent of a dynamic axis as the operation that made the view states it; None if it does not say."""
    owner = view.owner
    if isinstance(owner, ir.Block):
        return None
    if owner.name in ("memref.reinterpret_cast", "memref.subview"):
        segments = ir.DenseI32ArrayAttr(owner.attributes["operandSegmentSizes"])
        sizes = ir.DenseI64ArrayAttr(owner.attributes["static_sizes"])
        if len(sizes) != ir.MemRefType(view.type).rank:
            return None
        before = sum(1 for i in range(axis) if sizes[i] == _DYNAMIC)
        return constant_or_value(owner.operands[segments[0] + segments[1] + before])
    if owner.name in ("memref.alloca", "memref.alloc"):
        shape = ir.MemRefType(view.type).shape
        return constant_or_value(owner.operands[sum(1 for i in range(axis) if shape[i] == _DYNAMIC)])
    if owner.name == "memref.cast":
        return dynamic_size(owner.operands[0], axis)
    return None


def read_nest(op: ir.Operation) -> Nest | str:
    """The nest behind a `linalg.generic`, or why it is not in the form that stage `linalg` allows."""
    maps = [ir.AffineMapAttr(a).value for a in ir.ArrayAttr(op.attributes["indexing_maps"])]
    kinds = [str(a) for a in ir.ArrayAttr(op.attributes["iterator_types"])]
    if len(op.results):
        return "results: the nest is on tensors"
    body = read_body(op.regions[0].blocks[0])
    inputs = ir.DenseI32ArrayAttr(op.attributes["operandSegmentSizes"])[0]
    used, yields = used_values(body), Counter(body.yields)
    operands: list[Operand] = []
    for i, view in enumerate(op.operands):
        results = maps[i].results
        if not all(isinstance(e, ir.AffineDimExpr) for e in results):
            return f"indexing map {maps[i]} is not a projection"
        if not isinstance(view.type, ir.MemRefType):
            return "an operand is not a memref"
        dims = tuple(ir.AffineDimExpr(e).position for e in results)
        arg = body.args[i]
        own = i >= inputs and body.yields[i - inputs] == arg
        yielded = None if i < inputs or own else body.yields[i - inputs]
        elsewhere = yields[arg] > own
        operands.append(Operand(view, arg, dims, i >= inputs, arg in used or elsewhere, yielded))
    rank = maps[0].n_dims if maps else 0
    covered = {d for o in operands for d in o.dims}
    if len(covered) != rank:
        return "a dimension is covered by no operand"
    return Nest(op, rank, ["reduction" in k for k in kinds], operands, body)
