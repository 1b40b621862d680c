"""Loads that happen once each, where they stand: others may change what they read.

`memref.load` has no such form. MLIR makes one of two, drops one that nobody uses, and a loop with it that only waits:

    scf.while : () -> () { %v = memref.load %flag[%i]; scf.condition(%v == 0) } do { scf.yield }    // dead: no effect

    %p = llvm.getelementptr %pointer[%i]; %v = llvm.load volatile %p atomic acquire                 // an effect

Acquire: what is loaded behind it is not older than what it saw, so that a wait for a flag guards data.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch_mlir import ir
from torch_mlir.dialects import arith, llvm

from .pointers import element_address

Value = ir.Value[Any]


def load_volatile(memory: Value, position: Sequence[Value]) -> Value:
    """One element of a memref of integers or floats, as bits: not every target loads floats atomically."""
    kind = ir.MemRefType(memory.type).element_type
    assert isinstance(kind, ir.IntegerType | ir.FloatType)
    bits = ir.IntegerType.get_signless(kind.width)
    address = element_address(memory, position)
    acquire = llvm.AtomicOrdering.acquire
    loaded = llvm.LoadOp(bits, address, alignment=kind.width // 8, volatile_=True, ordering=acquire).result
    return loaded if kind == bits else arith.BitcastOp(kind, loaded).result


def is_volatile(op: ir.Operation) -> bool:
    return op.name == "llvm.load" and "volatile_" in op.attributes
