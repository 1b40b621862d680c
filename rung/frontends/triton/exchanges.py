"""What Triton makes of `tl.flip` and `tl.sort`: neighbours in a hypercube change places, by exclusive or.

`x ^ (x[0] ^ x[1])`, in the two elements of an axis of extent 2, is `x[1], x[0]`:

%s = tt.reduce %x {axis = 1} (xori); %y = arith.xori %x, (tt.broadcast (tt.expand_dims %s)) : tensor<32x2xi32>
"""

from __future__ import annotations

from dataclasses import dataclass

from torch_mlir import ir

from .operation import find
from .ttir import combine_block, int_attr, owner, shape

_SPREADS = ("tt.expand_dims", "tt.broadcast", "tt.splat", "tt.reshape")


@dataclass(frozen=True)
class Exchange:
    """`axis` is where the elements of `source` change places; `fold` is the reduction that takes part."""

    source: ir.Value
    axis: int
    fold: ir.Operation


@dataclass(frozen=True)
class Moved:
    """Elements of `source` that have changed places along `axes`."""

    source: ir.Value
    axes: tuple[int, ...]


def exchange(op: ir.Operation | None) -> Exchange | None:
    """Of the exclusive or, `%y` above."""
    if op is None or op.name != "arith.xori":
        return None
    for source, other in (tuple(op.operands), tuple(op.operands)[::-1]):
        fold = _spread_fold(other)
        if fold is not None and fold.operands[0] == source:
            return Exchange(source, int_attr(fold, "axis"), fold)
    return None


def moved(op: ir.Operation | None) -> Moved | None:
    """Of the last of several exchanges, one after another: what they begin with, of whatever type its bits are seen."""
    found, axes = exchange(op), list[int]()
    source: ir.Value | None = None
    while found is not None:
        axes.append(found.axis)
        source = as_bits(found.source)
        found = exchange(owner(source))
    # Those who change places twice along an axis are where they were.
    once = tuple(sorted(axis for axis in set(axes) if axes.count(axis) % 2))
    return None if source is None else Moved(source, once)


def is_part(fold: ir.Operation) -> bool:
    """Whether a reduction is there for exchanges, and for nothing else."""
    return _is_sum_of_two(fold) and all(_goes_into(use.owner.operation, fold) for use in fold.results[0].uses)


def _goes_into(user: ir.Operation, fold: ir.Operation) -> bool:
    if user.name in _SPREADS:
        return all(_goes_into(use.owner.operation, fold) for use in user.results[0].uses)
    found = exchange(user)
    return found is not None and found.fold == fold and list(user.operands).count(found.source) == 1


def _spread_fold(value: ir.Value) -> ir.Operation | None:
    """The reduction of whose results each is at all places along the axis that it sums, and at no others."""
    dims: tuple[int | None, ...] = tuple(range(len(shape(value) or ())))
    wanted, extents = list(dims), shape(value) or ()
    op = owner(value)
    while op is not None and op.name in _SPREADS:
        meaning = find(op)
        found = None if meaning is None else meaning.sources(value, op, dims, _nowhere)
        if not found or found[0][1] is None:
            return None
        [(value, dims)] = found  # pyright: ignore[reportAssignmentType]
        op = owner(value)
    if op is None or not _is_sum_of_two(op):
        return None
    del wanted[int_attr(op, "axis")]
    held = len(dims) == len(wanted) and all(d == w or extents[w or 0] == 1 for d, w in zip(dims, wanted, strict=True))
    return op if held else None


def _nowhere(position: int) -> int | None:
    return None


def _is_sum_of_two(op: ir.Operation) -> bool:
    if op.name != "tt.reduce" or len(op.operands) != 1 or (shape(op.operands[0]) or ())[int_attr(op, "axis")] != 2:
        return False
    combined = [each.operation.name for each in combine_block(op).operations]
    return combined == ["arith.xori", "tt.reduce.return"]


def comparison(op: ir.Operation) -> Exchange | None:
    """Of a choice between elements and those that change places with them, as sorting makes it; `source` is the one."""
    if op.name != "arith.select":
        return None
    for kept, other in (tuple(op.operands)[1:], tuple(op.operands)[:0:-1]):
        found = exchange(owner(as_bits(other)))
        if found is not None and as_bits(found.source) == as_bits(kept):
            return Exchange(kept, found.axis, found.fold)
    return None


def as_bits(value: ir.Value) -> ir.Value:
    """What is seen as another type."""
    op = owner(value)
    return as_bits(op.operands[0]) if op is not None and op.name in ("tt.bitcast", "arith.bitcast") else value
