"""Masked gathers and scatters as loops over their lanes.

LLVM would make a branch per lane of them while it generates code, where no counter can follow.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch_mlir import ir
from torch_mlir.dialects import arith, llvm, memref, scf

from ..ir.footprints import element_bytes
from ..ir.pointers import constant, i64, memref_at, pointer_type

Value = ir.Value[Any]


def is_masked(op: ir.Operation) -> bool:
    """Whether a gather or scatter leaves lanes out."""
    mask = op.operands[-2]
    if isinstance(mask.owner, ir.Block) or mask.owner.name != "arith.constant":
        return True
    value = ir.DenseElementsAttr(mask.owner.attributes["value"])
    return not (value.is_splat and ir.IntegerAttr(value.get_splat_value()).value)


class Spills:
    """Vectors of one function on its stack, as those that LLVM spills: none stays longer than one operation needs it,
    and all operations share them."""

    def __init__(self, entry: ir.Block) -> None:
        self._entry = entry
        self._known: dict[tuple[str, ir.Type], Value] = {}

    def hold(self, role: str, vector: Value) -> Value:
        """A memref that holds `vector`, until the next one of that role."""
        kind = ir.VectorType(vector.type)
        if (role, kind) not in self._known:
            with ir.InsertionPoint.at_block_begin(self._entry):
                size, byte = constant(i64(), element_bytes(kind)), ir.IntegerType.get_signless(8)
                place = llvm.AllocaOp(pointer_type(), size, byte, alignment=_alignment(kind)).result
                self._known[role, kind] = memref_at(place, ir.MemRefType.get(kind.shape, kind.element_type))
        memory = self._known[role, kind]
        zero = arith.ConstantOp(ir.IndexType.get(), 0).result
        ir.Operation.create("vector.store", [], [vector, memory, zero], _aligned(kind))
        return memory


def by_lane(op: ir.Operation, spills: Spills) -> None:
    """
    before: %v = vector.gather %x[%at] [%indices], %mask, %otherwise : memref<?xf32>, vector<32xi32>, ...
    after:  (%i, %m, %v of 32 elements on the stack)
        vector.store %indices, %i;  vector.store %mask (as 0 or 1), %m;  vector.store %otherwise, %v
        scf.for %lane = 0 to 32 { scf.if %m[%lane] != 0 { %v[%lane] = %x[%at + %i[%lane]] } }
        vector.load %v
    A scatter writes `%x[...] = %v[%lane]` instead, in the order of the lanes.
    """
    memory, *at = list(op.operands)[:-3]
    indices, mask, data = list(op.operands)[-3:]
    lanes = ir.VectorType(data.type).shape[0]
    with ir.InsertionPoint(op), op.location:
        places = spills.hold("places", indices)
        active = spills.hold("active", _as_numbers(mask, lanes))
        values = spills.hold("values", data)
        first, last, one = (arith.ConstantOp(ir.IndexType.get(), n).result for n in (0, lanes, 1))
        loop = scf.ForOp(first, last, one)
        with ir.InsertionPoint(loop.body):
            lane = loop.induction_variable
            flag = memref.LoadOp(active, [lane]).result
            wanted = arith.CmpIOp(arith.CmpIPredicate.ne, flag, arith.ConstantOp(flag.type, 0).result).result
            _when(wanted, lambda: _move(op.name, memory, at, places, values, lane))
            scf.YieldOp([])
        if op.name == "vector.gather":
            op.results[0].replace_all_uses_with(_reload(values, data.type, first))
    op.erase()


def _move(name: str, memory: Value, at: list[Value], places: Value, values: Value, lane: Value) -> None:
    place = memref.LoadOp(places, [lane]).result
    if not isinstance(place.type, ir.IndexType):
        place = arith.IndexCastOp(ir.IndexType.get(), place).result
    there = [*at[:-1], arith.AddIOp(at[-1], place).result]
    if name == "vector.gather":
        memref.StoreOp(memref.LoadOp(memory, there).result, values, [lane])
    else:
        memref.StoreOp(memref.LoadOp(values, [lane]).result, memory, there)


def _when(condition: Value, build: Callable[[], None]) -> None:
    branch = scf.IfOp(condition)
    with ir.InsertionPoint(branch.then_block):
        build()
        scf.YieldOp([])


def _as_numbers(mask: Value, lanes: int) -> Value:
    """0 or 1 for every lane, in words: bits have no addresses."""
    i32 = ir.IntegerType.get_signless(32)
    words = ir.VectorType.get([lanes], i32)
    zero, one = (
        arith.ConstantOp(words, ir.DenseElementsAttr.get_splat(words, ir.IntegerAttr.get(i32, n))).result
        for n in (0, 1)
    )
    return arith.SelectOp(mask, one, zero).result


def _reload(memory: Value, kind: ir.Type, zero: Value) -> Value:
    return ir.Operation.create("vector.load", [kind], [memory, zero], _aligned(ir.VectorType(kind))).result


def _aligned(kind: ir.VectorType) -> dict[str, ir.Attribute]:
    return {"alignment": ir.IntegerAttr.get(i64(), _alignment(kind))}


def _alignment(kind: ir.VectorType) -> int:
    """Bytes: of the whole vector, if they are a power of two, or of an element."""
    size = element_bytes(kind)
    return element_bytes(kind.element_type) if size & (size - 1) else size
