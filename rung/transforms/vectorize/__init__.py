"""Vec: every nest becomes loops over vectors, or, for the scalar rung, over scalars through the same code."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated, ClassVar

from torch_mlir import ir

from ...errors import PassError
from ...ir.build_nest import build_map_nest
from ...ir.nest import Nest, read_nest
from ...passes.base import Pass
from ...passes.options import Limits
from ...schedule import MOST_UNROLLED
from .loops import NestLowering
from .plan import NestPlan, plan_nest


@dataclass(frozen=True)
class Vectorize(Pass):
    """Turn every `linalg.generic` into `scf.for` loops over vectors.

    linalg.generic ins(%x : memref<?xf32>) outs(%y : memref<?xf32>) { ... arith.addf %a, %a ... }
      ->
    scf.for %i = %c0 to %main step %c64 {
      4 x vector.load, arith.addf, vector.store on vector<16xf32>
    } {rung.vectorized = {lanes = 16, unroll = 4}}
    scf.for %i = %main to %n step %c16 {
      vector.create_mask, vector.maskedload, arith.addf, vector.maskedstore
    } {rung.vectorized = {lanes = 16, unroll = 1}}

    A nest that cannot be vectorized gets scalar loops, with the reason in `rung.scalar`.

    Refuses: nests that stage `linalg` excludes, such as one with an indexing map that is no projection.
    """

    name: ClassVar[str] = "vectorize"
    vector_bytes: Annotated[int, Limits(4, 1024, powers_of_two=True)] = 64
    """Of one register."""
    vector_registers: Annotated[int, Limits(4, 256)] = 32
    masked_memory: bool = True
    """Masked loads and stores are one instruction."""
    unroll: Annotated[int, Limits(0, MOST_UNROLLED)] = 0
    """Vectors in flight; 0 chooses from the registers and the body."""
    whole_registers: bool = False
    """Part of a register is dear to load and store: lanes fill one with the narrowest type in memory."""
    streaming_bytes: Annotated[int, Limits(1, 1024, powers_of_two=True, or_zero=True)] = 0
    """Of the vectors of nests that do little but move data; 0: as all others."""

    tiles: bool = True
    """Operands that lie along another dimension than the lanes are transposed in registers (`tiles.py`)."""

    def run(self, module: ir.Module) -> None:
        plan = partial(
            plan_nest,
            vector_bytes=self.vector_bytes,
            registers=self.vector_registers,
            unroll=self.unroll,
            whole_registers=self.whole_registers,
            streaming_bytes=self.streaming_bytes,
            tiles=self.tiles,
        )
        _lower_nests(self.name, module, plan, self.masked_memory)


@dataclass(frozen=True)
class NestsToLoops(Pass):
    """Turn every `linalg.generic` into `scf.for` loops over scalars: the scalar rung.

    linalg.generic ins(%x : memref<?xf32>) outs(%s : memref<f32>) { ... arith.addf %acc, %a ... }
      ->
    %sum = scf.for %i = %c0 to %n step %c1 iter_args(%acc = %zero) { %a = memref.load %x[%i]; ... }

    Refuses what `vectorize` refuses.
    """

    name: ClassVar[str] = "nests-to-loops"
    unroll: Annotated[int, Limits(1, MOST_UNROLLED)] = 1
    """Elements in flight."""

    def run(self, module: ir.Module) -> None:
        plan = partial(plan_nest, vector_bytes=0, registers=0, unroll=self.unroll)
        _lower_nests(self.name, module, plan, masked=False)


def _lower_nests(name: str, module: ir.Module, plan: Callable[[Nest], NestPlan], masked: bool) -> None:
    """name: of the pass."""
    for op in _nests(module.operation):
        generic = copy_to_nest(op) if op.name == "memref.copy" else op
        nest = read_nest(generic)
        if isinstance(nest, str):
            raise PassError(name, f"{nest}, at {op.location}")
        NestLowering(nest, plan(nest), masked).run()
        generic.erase()


def _nests(op: ir.Operation) -> list[ir.Operation]:
    """Nests, and copies between buffers that the core itself makes: outside the scratchpad's memory space."""
    found: list[ir.Operation] = []
    for region in op.regions:
        for block in region.blocks:
            for view in block.operations:
                inner = view.operation
                if inner.name == "linalg.generic" or (inner.name == "memref.copy" and _is_local(inner)):
                    found.append(inner)
                elif len(inner.regions):
                    found += _nests(inner)
    return found


def _is_local(copy: ir.Operation) -> bool:
    return all(ir.MemRefType(v.type).memory_space is None for v in copy.operands)


def copy_to_nest(copy: ir.Operation) -> ir.Operation:
    """memref.copy %a, %b   ->   linalg.generic ins(%a) outs(%b) { ^bb0(%x, %y): linalg.yield %x }"""
    generic = build_map_nest(ir.InsertionPoint(copy), copy.location, copy.operands[0], copy.operands[1])
    copy.erase()
    return generic
