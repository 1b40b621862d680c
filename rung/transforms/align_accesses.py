"""`align-accesses`: vector accesses that are known to be aligned say so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from torch_mlir import ir

from ..ir.divisibility import Divisibility
from ..ir.footprints import element_bytes
from ..ir.pointers import i64
from ..ir.slicing import collect
from ..passes import Pass
from ..passes.options import Limits

Value = ir.Value[Any]
_ACCESSES = {"vector.load": 0, "vector.maskedload": 0, "vector.store": 1, "vector.maskedstore": 0}
"""The position of the memref among the operands; its indices follow."""


@dataclass(frozen=True)
class AlignAccesses(Pass):
    """Mark the accesses to scratch and scratchpad that start at a multiple of a vector's bytes.

    before:
        %b = memref.alloca() {alignment = 64} : memref<2x4096xf32, 1>
        %v = vector.load %b[%slot, %i] : memref<2x4096xf32, 1>, vector<32xf32>     // %i a multiple of 32
    after, with vector_bytes = 128:
        %b = memref.alloca() {alignment = 128} : memref<2x4096xf32, 1>
        %v = vector.load %b[%slot, %i] {alignment = 128} : memref<2x4096xf32, 1>, vector<32xf32>

    A machine that has aligned accesses only otherwise reads two vectors and shifts them. Buffers that are accessed
    so are aligned; the kernel's own arguments are wherever the user put them, and left alone. Vectors of another
    size than `vector_bytes` are aligned to their own size, if that is a power of two.
    """

    name: ClassVar[str] = "align-accesses"
    vector_bytes: Annotated[int, Limits(4, 1024, powers_of_two=True)] = 64
    """Of one register."""

    def run(self, module: ir.Module) -> None:
        known = Divisibility()
        for op in collect(module.operation):
            position = _ACCESSES.get(op.name)
            if position is not None:
                self._align(op, position, known)

    def _align(self, op: ir.Operation, position: int, known: Divisibility) -> None:
        memory = op.operands[position]
        kind = ir.MemRefType(memory.type)
        indices = list(op.operands)[position + 1 : position + 1 + kind.rank]
        wanted = min(self.vector_bytes, _bytes(op))
        if wanted & (wanted - 1):
            return
        buffer, distance = known.element_alignment(memory, indices)
        if buffer is None or isinstance(buffer.owner, ir.Block) or buffer.owner.name != "memref.alloca":
            return
        if distance % wanted:
            return
        alignment = ir.IntegerAttr.get(i64(), wanted)
        op.attributes["alignment"] = alignment
        attributes = buffer.owner.attributes
        if "alignment" not in attributes or ir.IntegerAttr(attributes["alignment"]).value < wanted:
            attributes["alignment"] = alignment


def _bytes(op: ir.Operation) -> int:
    """Bytes of the vector that an access moves."""
    for value in (*op.results, *op.operands):
        if isinstance(value.type, ir.VectorType) and str(value.type.element_type) != "i1":
            return value.type.shape[0] * element_bytes(value.type.element_type)
    return 0
