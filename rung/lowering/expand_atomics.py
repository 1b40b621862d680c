"""`expand-atomics`: atomic updates without an instruction of their own become compare-and-exchange loops."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from torch_mlir import ir
from torch_mlir.dialects import arith, llvm, scf

from ..ir.pointers import constant, element_address
from ..ir.slicing import named
from ..passes.base import Pass

Value = ir.Value[Any]
_KINDS = {"mulf": arith.MulFOp, "muli": arith.MulIOp, "addf": arith.AddFOp}


@dataclass(frozen=True)
class ExpandAtomics(Pass):
    """Turn atomic updates that LLVM cannot do everywhere in one instruction into loops that retry.

    Upstream's own expansion compares floats, which the `llvm` dialect rejects.

    before: %old = memref.generic_atomic_rmw %x[%i] : memref<?xf32> { ^bb0(%cur: f32): ... atomic_yield %new }
    after:  %old = scf.while (%bits = load) {
              ... %r = llvm.cmpxchg %address, %bits, %new_bits
              condition(not %r[1]) %r[0]
            }

    and `memref.atomic_rmw` of the kinds mulf and muli, and of addf on bf16.

    Leaves the other kinds of `memref.atomic_rmw` alone: LLVM has them.
    """

    name: ClassVar[str] = "expand-atomics"

    def run(self, module: ir.Module) -> None:
        for op in named(module, "memref.atomic_rmw", "memref.generic_atomic_rmw"):
            if op.name == "memref.atomic_rmw" and _kind(op) is None:
                continue
            with ir.InsertionPoint(op), op.location:
                _expand(op)
            op.erase()


def _kind(op: ir.Operation) -> type[Any] | None:
    """The op that computes the new value of an `atomic_rmw` to be expanded, or None."""
    name = str(arith.AtomicRMWKind(ir.IntegerAttr(op.attributes["kind"]).value))
    if name == "addf" and not isinstance(op.results[0].type, ir.BF16Type):
        return None
    return _KINDS.get(name)


def _expand(op: ir.Operation) -> None:
    kind = op.results[0].type
    width = kind.width if isinstance(kind, ir.IntegerType | ir.FloatType) else 64
    bits = ir.IntegerType.get_signless(width)
    simple = op.name == "memref.atomic_rmw"
    buffer, position = (op.operands[1], op.operands[2:]) if simple else (op.operands[0], op.operands[1:])
    address = element_address(buffer, list(position))
    ordering = llvm.AtomicOrdering
    first = llvm.LoadOp(bits, address, alignment=width // 8, ordering=ordering.monotonic).result
    loop = scf.WhileOp([bits], [first])
    before = loop.before.blocks.append(bits)
    after = loop.after.blocks.append(bits)
    with ir.InsertionPoint(before):
        current = _cast(before.arguments[0], kind)
        if simple:
            compute = _kind(op)
            assert compute is not None
            new = compute(current, op.operands[0]).result
        else:
            body = op.regions[0].blocks[0]
            body.arguments[0].replace_all_uses_with(current)
            *inner, end = list(body.operations)
            for child in inner:
                child.operation.detach_from_parent()
                ir.InsertionPoint(before).insert(child)
            new = end.operands[0]
        exchange = llvm.AtomicCmpXchgOp(
            address, before.arguments[0], _cast(new, bits), ordering.acq_rel, ordering.monotonic
        ).operation.results[0]
        seen = llvm.ExtractValueOp(bits, exchange, [0]).result
        bit = ir.IntegerType.get_signless(1)
        done = llvm.ExtractValueOp(bit, exchange, [1]).result
        scf.ConditionOp(arith.XOrIOp(done, constant(bit, 1)).result, [seen])
    with ir.InsertionPoint(after):
        scf.YieldOp([after.arguments[0]])
    op.results[0].replace_all_uses_with(_cast(loop.operation.results[0], kind))


def _cast(value: Value, kind: ir.Type) -> Value:
    return value if value.type == kind else arith.BitcastOp(kind, value).result
