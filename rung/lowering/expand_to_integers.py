"""`expand-to-integers`: vectors of floats become narrow integers by way of words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from torch_mlir import ir
from torch_mlir.dialects import arith, vector

from ..ir.slicing import named
from ..passes.base import Pass

Value = ir.Value[Any]


@dataclass(frozen=True)
class ExpandToIntegers(Pass):
    """Convert vectors of floats to narrow integers by way of words.

    For back ends that cannot select such a conversion, and end the process, or never end.

    before: %n = arith.fptosi %x : vector<32xf64> to vector<32xi16>
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

    name: ClassVar[str] = "expand-to-integers"

    def run(self, module: ir.Module) -> None:
        for op in named(module, "arith.fptosi", "arith.fptoui"):
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
