"""What `tt.reduce` and `tt.scan` combine with: identities and combine regions."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch_mlir import ir
from torch_mlir.dialects import arith, func

from ...ir.attributes import COMBINER
from .element_functions import apply
from .program import Program
from .scratch import from_memory, to_memory
from .ttir import combine_block, is_bool, memory_type

Combine = Callable[[Sequence[ir.Value], Sequence[ir.Value]], list[ir.Value]]


def inline_combine(program: Program, op: ir.Operation, operands: Sequence[ir.Value]) -> list[ir.Value]:
    """The combine function of `op` on scalars: accumulators first, then elements."""
    return apply(program, op.regions[0], operands, fuse=False)


def identity(op: ir.Operation) -> ir.Attribute | None:
    """The exact identity of a combine region that is one known operation on its two arguments, else None."""
    block = combine_block(op)
    operations = [o.operation for o in block.operations]
    if len(operations) != 2 or len(block.arguments) != 2:
        return None
    only, final = operations
    # Compared as a set: every operation in the table is commutative.
    if set(only.operands) != set(block.arguments) or final.operands[0] != only.results[0]:
        return None
    kind = only.results[0].type
    known = _IDENTITIES.get(only.name)
    if is_bool(kind) and only.name not in ("arith.andi", "arith.ori", "arith.xori"):
        return None  # as bytes, true is 1 and not -1
    return known(kind) if known is not None else None


def _float(value: float) -> Callable[[ir.Type], ir.Attribute]:
    return lambda kind: ir.FloatAttr.get(kind, value)


def _integer(value: Callable[[int], int]) -> Callable[[ir.Type], ir.Attribute]:
    return lambda kind: ir.IntegerAttr.get(kind, value(ir.IntegerType(kind).width))


_INFINITY, _NAN = float("inf"), float("nan")
_IDENTITIES: dict[str, Callable[[ir.Type], ir.Attribute]] = {
    "arith.addf": _float(-0.0),
    "arith.mulf": _float(1.0),
    # IEEE maxNum and minNum return the other operand of a NaN: NaN itself is their identity, and all-NaN stays NaN.
    "arith.maxnumf": _float(_NAN),
    "arith.minnumf": _float(_NAN),
    "arith.maximumf": _float(-_INFINITY),
    "arith.minimumf": _float(_INFINITY),
    "arith.addi": _integer(lambda _: 0),
    "arith.muli": _integer(lambda _: 1),
    "arith.andi": _integer(lambda _: -1),
    "arith.ori": _integer(lambda _: 0),
    "arith.xori": _integer(lambda _: 0),
    "arith.maxsi": _integer(lambda w: -(1 << (w - 1))),
    "arith.minsi": _integer(lambda w: (1 << (w - 1)) - 1),
    "arith.maxui": _integer(lambda _: 0),
    "arith.minui": _integer(lambda _: -1),
}


def single_combine(program: Program, op: ir.Operation) -> Combine:
    """The combination by one operation, inline."""
    kind = combine_block(op).arguments[0].type

    def combine(accumulators: Sequence[ir.Value], elements: Sequence[ir.Value]) -> list[ir.Value]:
        return inline_combine(program, op, [from_memory(accumulators[0], kind), elements[0]])

    return combine


def wide_combine(op: ir.Operation) -> Combine | None:
    """The combination in f32 of sums and products of narrow floats; None for others.

    One accumulator rounded to bf16 at every step stands still after a few hundred additions.
    """
    kind = combine_block(op).arguments[0].type
    only = next(iter(combine_block(op).operations)).operation
    if not isinstance(kind, ir.F16Type | ir.BF16Type) or only.name not in _IN_F32:
        return None
    operation = _IN_F32[only.name]

    def combine(accumulators: Sequence[ir.Value], elements: Sequence[ir.Value]) -> list[ir.Value]:
        return [operation(accumulators[0], arith.ExtFOp(ir.F32Type.get(), elements[0]).result).result]

    return combine


_IN_F32 = {"arith.addf": arith.AddFOp, "arith.mulf": arith.MulFOp}


def combined_types(op: ir.Operation) -> list[ir.Type]:
    """Types of the values that a combine region combines."""
    return [v.type for v in list(combine_block(op).arguments)[: len(op.operands)]]


def _values(kinds: Sequence[ir.Type], *rows: Sequence[ir.Value]) -> list[ir.Value]:
    return [from_memory(v, k) for row in rows for v, k in zip(row, kinds, strict=True)]


def define_combiner(
    program: Program, module: ir.Block, symbol: str, stored: Sequence[ir.Type], update: Combine
) -> None:
    """`func @symbol(accumulators..., elements...) -> (accumulators...)` with what `update` builds."""
    with ir.InsertionPoint.at_block_begin(module):
        function = func.FuncOp(symbol, ir.FunctionType.get([*stored, *stored], [*stored]), visibility="private")
        function.operation.attributes[COMBINER] = ir.UnitAttr.get()
        entry = function.add_entry_block()
    with ir.InsertionPoint(entry), program.ix.scope():
        arguments = list(entry.arguments)
        func.ReturnOp(update(arguments[: len(stored)], arguments[len(stored) :]))


def called_combine(program: Program, op: ir.Operation, module: ir.Block, symbol: str) -> Combine:
    """The combination of an arbitrary region, as a call of `symbol` on values as they lie in memory."""
    kinds = combined_types(op)
    stored = [memory_type(k) for k in kinds]

    def update(left: Sequence[ir.Value], right: Sequence[ir.Value]) -> list[ir.Value]:
        both = inline_combine(program, op, _values(kinds, left, right))
        return [to_memory(v, k) for v, k in zip(both, stored, strict=True)]

    define_combiner(program, module, symbol, stored, update)

    def combine(accumulators: Sequence[ir.Value], elements: Sequence[ir.Value]) -> list[ir.Value]:
        given = [to_memory(v, k) for v, k in zip(elements, stored, strict=True)]
        return list(func.CallOp(stored, symbol, [*accumulators, *given]).results)

    return combine


def flagged_combine(program: Program, op: ir.Operation, module: ir.Block, symbol: str) -> Combine:
    """The combination of an arbitrary region, as a call of `symbol`.

    The region has no known identity, so the accumulators carry a flag (last): 0 until they hold a value.
    """
    kinds = combined_types(op)
    flag = ir.IntegerType.get_signless(8)
    stored = [*(memory_type(k) for k in kinds), flag]

    def update(left: Sequence[ir.Value], right: Sequence[ir.Value]) -> list[ir.Value]:
        both = inline_combine(program, op, _values(kinds, left[:-1], right[:-1]))
        zero = arith.ConstantOp(flag, ir.IntegerAttr.get(flag, 0)).result
        has_left = arith.CmpIOp(arith.CmpIPredicate.ne, left[-1], zero).result
        has_right = arith.CmpIOp(arith.CmpIPredicate.ne, right[-1], zero).result
        results: list[ir.Value] = []
        for a, b, c, k in zip(left, right, both, stored, strict=False):
            some = arith.SelectOp(has_left, a, b).result
            taken = arith.SelectOp(has_right, to_memory(c, k), some).result
            results.append(arith.SelectOp(has_left, taken, b).result)
        return [*results, arith.OrIOp(left[-1], right[-1]).result]

    define_combiner(program, module, symbol, stored, update)

    def combine(accumulators: Sequence[ir.Value], elements: Sequence[ir.Value]) -> list[ir.Value]:
        present = program.ix.literal(ir.IntegerAttr.get(flag, 1), flag)
        given = [to_memory(v, k) for v, k in zip(elements, stored, strict=False)]
        return list(func.CallOp(stored, symbol, [*accumulators, *given, present]).results)

    return combine
