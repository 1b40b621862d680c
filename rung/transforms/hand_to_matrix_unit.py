"""`hand-to-matrix-unit`: say where the contractions begin and end that the machine's matrix unit takes."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Annotated, Any, ClassVar

from torch_mlir import ir
from torch_mlir.dialects import func

from ..ir.allocations import allocation_of
from ..ir.attributes import MATRIX_END, MATRIX_PREFIX
from ..ir.packing import CONTRACTIONS
from ..passes import Pass
from ..passes.options import Joined

Value = ir.Value[Any]


@dataclass(frozen=True)
class HandToMatrixUnit(Pass):
    """Put calls around every contraction of some element types, and around the nests that do nothing but fill its
    operands.

    before:
        linalg.generic ins(%x) outs(%a)                  // a tile, in the order and the type of A
        linalg.matmul ins(%a, %b) outs(%c)               // 128 x 64, 64 x 32
    after:
        func.call @rung_matrix_f32_128x32x64()
        linalg.generic ins(%x) outs(%a)
        linalg.matmul ins(%a, %b) outs(%c)
        func.call @rung_matrix_end()

    What is in between computes the values, where the code runs on the host; the modelled device's cycles for it are
    those of the unit. Nests before another contraction stay outside.

    Leaves alone: contractions whose A and B are of another type, or of two; those of dynamic shape, which
    `tile-contractions` refuses.
    """

    name: ClassVar[str] = "hand-to-matrix-unit"
    elements: Annotated[str, Joined(r"[a-z]+\d+", "bf16+f32")] = "f32"
    """Types of A and B that the unit multiplies."""

    def run(self, module: ir.Module) -> None:
        called: dict[str, None] = {}
        for op in _contractions(module.operation):
            kinds = {str(ir.MemRefType(value.type).element_type) for value in list(op.operands)[:2]}
            static = all(ir.ShapedType(value.type).has_static_shape for value in op.operands)
            if not static or len(kinds) > 1 or not kinds <= set(self.elements.split("+")):
                continue
            first, name = _first_filling(op), _size(op)
            _call(name, ir.InsertionPoint(first), op.location)
            _call(MATRIX_END, ir.InsertionPoint.after(op), op.location)
            called |= {name: None, MATRIX_END: None}
        with module.context, ir.Location.unknown():
            for name in called:
                func.FuncOp(name, ([], []), visibility="private", ip=ir.InsertionPoint.at_block_begin(module.body))


def _contractions(op: ir.Operation) -> list[ir.Operation]:
    found: list[ir.Operation] = []

    def visit(inner: ir.Operation) -> ir.WalkResult:
        if inner.name in CONTRACTIONS:
            found.append(inner)
        return ir.WalkResult.ADVANCE

    op.walk(visit)
    return found


def _size(op: ir.Operation) -> str:
    """The call that begins it. A batch is so many rows more."""
    *batch, m, n = ir.MemRefType(op.operands[2].type).shape
    a = ir.MemRefType(op.operands[0].type)
    return f"{MATRIX_PREFIX}{a.element_type}_{prod(batch) * m}x{n}x{a.shape[-1]}"


def _first_filling(op: ir.Operation) -> ir.Operation:
    """The first of the nests before `op` that write to A or B, with nothing between them that computes in loops."""
    operands = {allocation_of(op.operands[0]), allocation_of(op.operands[1])}
    first = op
    block = op.block
    assert block is not None
    before = [view.operation for view in block.operations]
    for inner in reversed(before[: before.index(op)]):
        if inner.name == "linalg.generic" and {allocation_of(value) for value in _written(inner)} <= operands:
            first = inner
        elif inner.name in CONTRACTIONS or inner.name == "func.call" or len(inner.regions):
            break
    return first


def _written(nest: ir.Operation) -> list[Value]:
    outputs = ir.DenseI32ArrayAttr(nest.attributes["operandSegmentSizes"])[1]
    return list(nest.operands)[len(nest.operands) - outputs :]


def _call(name: str, ip: ir.InsertionPoint, loc: ir.Location) -> None:
    callee = {"callee": ir.FlatSymbolRefAttr.get(name, context=loc.context)}
    ir.Operation.create("func.call", attributes=callee, loc=loc, ip=ip)
