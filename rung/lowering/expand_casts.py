"""Conversions that LLVM must not be given: those of constants out of range, which it makes poison, and those of vectors
that its back end for Hexagon cannot select, which end the process, or never end.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch_mlir import ir
from torch_mlir.dialects import arith, vector

from .math.emit import element_of

Value = ir.Value[Any]


def guard_constants(ops: Iterable[ir.Operation]) -> None:
    """before: %n = arith.fptosi %c : f32 to i32, where %c = 3.0e9 or is computed from constants alone
    after:  %in = -2^31 <= %c and %c < 2^31
            %n = arith.select %in, (arith.fptosi %c), -2^31

    On x86 that is what the instruction gives for a number that it is not told. Leaves those alone: they cost nothing.
    """
    known: dict[Value, bool] = {}
    for op in ops:
        x, result = op.operands[0], op.results[0]
        if not _is_known(x, known):
            continue
        least = -(1 << (ir.IntegerType(element_of(result.type)).width - 1))
        with ir.InsertionPoint.after(op), op.location:
            above = arith.CmpFOp(arith.CmpFPredicate.OGE, x, _splat(x.type, float(least))).result
            below = arith.CmpFOp(arith.CmpFPredicate.OLT, x, _splat(x.type, -float(least))).result
            inside = arith.AndIOp(above, below).result
            chosen = arith.SelectOp(inside, result, _splat(result.type, least))
        result.replace_all_uses_except(chosen.result, [chosen.operation])


def _is_known(value: Value, known: dict[Value, bool]) -> bool:
    """Whether `value` is computed from constants alone: LLVM computes with them while it is given them."""
    if value not in known:
        owner = value.owner
        operands = () if isinstance(owner, ir.Block) else owner.operands
        constant = not isinstance(owner, ir.Block) and owner.name == "arith.constant"
        known[value] = constant or (len(operands) > 0 and all(_is_known(v, known) for v in operands))
    return known[value]


def expand_flags(ops: Iterable[ir.Operation]) -> None:
    """before: %f = arith.uitofp %m : vector<64xi1> to vector<64xf16>
    after:  %f = arith.select %m, 1.0, 0.0 : vector<64xi1>, vector<64xf16>
    and `arith.sitofp` with -1.0, which is what a set bit is.

    Leaves conversions of wider integers, and of scalars, alone.
    """
    for op in ops:
        kind = op.results[0].type
        if not isinstance(kind, ir.VectorType) or not _is_flag(op.operands[0].type):
            continue
        with ir.InsertionPoint(op), op.location:
            one = 1.0 if op.name == "arith.uitofp" else -1.0
            chosen = arith.SelectOp(op.operands[0], _splat(kind, one), _splat(kind, 0.0)).result
            op.results[0].replace_all_uses_with(chosen)
        op.erase()


def expand_to_integers(ops: Iterable[ir.Operation]) -> None:
    """before: %n = arith.fptosi %x : vector<32xf64> to vector<32xi16>
    after, for each lane:
        %x0 = vector.extract %x[0] : f64
        %n0 = arith.fptosi %x0 : f64 to i32
        %w0 = vector.insert %n0, %zeros [0] : i32 into vector<32xi32>
    and  %n = arith.trunci %w31 : vector<32xi32> to vector<32xi16>

    before: %n = arith.fptosi %x : vector<64xf32> to vector<64xi8>
    after:  %w = arith.fptosi %x : vector<64xf32> to vector<64xi32>
            %n = arith.trunci %w : vector<64xi32> to vector<64xi8>

    and `arith.fptoui` alike. Leaves other conversions alone: to 64 bits, of which LLVM makes a call per lane, and
    those of scalars.
    """
    for op in ops:
        source, kind = op.operands[0].type, op.results[0].type
        if not isinstance(source, ir.VectorType) or not isinstance(kind, ir.VectorType):
            continue
        width = ir.IntegerType(kind.element_type).width
        if isinstance(source.element_type, ir.F64Type) and source.rank == 1 and width <= 32:
            convert = _by_lane
        elif isinstance(source.element_type, ir.F32Type) and width < 32:
            convert = _by_words
        else:
            continue
        with ir.InsertionPoint(op), op.location:
            found = convert(op)
            if found.type != kind:
                found = arith.TruncIOp(kind, found).result
            op.results[0].replace_all_uses_with(found)
        op.erase()


def _by_lane(op: ir.Operation) -> Value:
    word = ir.IntegerType.get_signless(32)
    words = ir.VectorType.get(ir.VectorType(op.operands[0].type).shape, word)
    zeros = ir.DenseElementsAttr.get_splat(words, ir.IntegerAttr.get(word, 0))
    found: Value = arith.ConstantOp(words, zeros).result
    for lane in range(words.shape[0]):
        number = vector.ExtractOp(op.operands[0], [], [lane]).result
        converted = ir.Operation.create(op.name, [word], [number]).result
        found = vector.InsertOp(converted, found, [], [lane]).result
    return found


def _by_words(op: ir.Operation) -> Value:
    words = ir.VectorType.get(ir.VectorType(op.operands[0].type).shape, ir.IntegerType.get_signless(32))
    return ir.Operation.create(op.name, [words], [op.operands[0]]).result


def _is_flag(kind: ir.Type) -> bool:
    return isinstance(kind, ir.VectorType) and kind.element_type == ir.IntegerType.get_signless(1)


def _splat(kind: ir.Type, value: float) -> Value:
    element = element_of(kind)
    attribute = (ir.IntegerAttr if isinstance(value, int) else ir.FloatAttr).get(element, value)
    return arith.ConstantOp(
        kind, attribute if element == kind else ir.DenseElementsAttr.get_splat(kind, attribute)
    ).result
