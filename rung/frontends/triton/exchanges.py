"""What Triton makes of `tl.flip` and `tl.sort`: neighbours in a hypercube change places, by exclusive or.

`x ^ (x[0] ^ x[1])`, in the two elements of an axis of extent 2, is `x[1], x[0]`:

%s = tt.reduce %x {axis = 1} (xori); %y = arith.xori %x, (tt.broadcast (tt.expand_dims %s)) : tensor<32x2xi32>
"""

from __future__ import annotations

from dataclasses import dataclass

from torch_mlir import ir

from .ttir import combine_block, int_attr, owner, shape

_SPREADS = ("tt.expand_dims", "tt.broadcast", "tt.splat", "tt.reshape")


@dataclass(frozen=True)
class Exchange:
    """`axis` is where the elements of `source` change places."""

    source: ir.Value
    axis: int


def exchange(op: ir.Operation | None) -> Exchange | None:
    """Of the exclusive or, `%y` above."""
    if op is None or op.name != "arith.xori":
        return None
    for source, other in (tuple(op.operands), tuple(op.operands)[::-1]):
        fold = owner(other)
        while fold is not None and fold.name in _SPREADS:
            fold = owner(fold.operands[0])
        if fold is not None and _is_sum_of_two(fold) and fold.operands[0] == source:
            return Exchange(source, int_attr(fold, "axis"))
    return None


def is_part(fold: ir.Operation) -> bool:
    """Whether a reduction is there for an exchange, and for nothing else."""
    return _is_sum_of_two(fold) and all(_goes_into(use.owner.operation) for use in fold.results[0].uses)


def _goes_into(user: ir.Operation) -> bool:
    if user.name in _SPREADS:
        return all(_goes_into(use.owner.operation) for use in user.results[0].uses)
    return exchange(user) is not None


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
        found = exchange(owner(_as_bits(other)))
        if found is not None and _as_bits(found.source) == _as_bits(kept):
            return Exchange(kept, found.axis)
    return None


def _as_bits(value: ir.Value) -> ir.Value:
    op = owner(value)
    return _as_bits(op.operands[0]) if op is not None and op.name in ("tt.bitcast", "arith.bitcast") else value
