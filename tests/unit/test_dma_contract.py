"""The contract of transfers sees bugs that are planted into pipelined loops."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from torch_mlir import ir

from rung.errors import ContractError
from rung.ir.context import make_context
from rung.ir.dma_contract import check_transfers
from rung.ir.slicing import collect
from rung.passes import Pipeline, Upstream
from rung.transforms.double_buffer import DoubleBuffer
from rung.transforms.promote import Promote

KERNEL = """
#a = affine_map<(d0) -> (d0)>
func.func @kernel(%x: memref<?xf32>, %y: memref<?xf32>, %n: index, %lo: index, %hi: index, %st: index) {
  %c64 = arith.constant 64 : index
  scf.for %p = %lo to %hi step %st {
    %o = arith.muli %p, %c64 : index
    %v = memref.reinterpret_cast %x to offset: [%o], sizes: [%n], strides: [1]
      {rung.bounds = array<i64: 64>} : memref<?xf32> to memref<?xf32, strided<[1], offset: ?>>
    %w = memref.reinterpret_cast %y to offset: [%o], sizes: [%n], strides: [1]
      {rung.bounds = array<i64: 64>} : memref<?xf32> to memref<?xf32, strided<[1], offset: ?>>
    linalg.generic {indexing_maps = [#a, #a], iterator_types = ["parallel"]}
      ins(%v : memref<?xf32, strided<[1], offset: ?>>) outs(%w : memref<?xf32, strided<[1], offset: ?>>) {
      ^bb0(%in: f32, %out: f32):
        %r = arith.addf %in, %in : f32
        linalg.yield %r : f32
    }
  } {rung.grid_loop}
  return
}"""


def pipelined(depth: int) -> ir.Module:
    module = ir.Module.parse(KERNEL, make_context())
    Pipeline((Promote(depth=depth), DoubleBuffer(depth), Upstream("canonicalize,cse"))).run(module)
    return module


def ops(module: ir.Module, name: str, inside: bool) -> list[ir.Operation]:
    """Operations of a name, directly in the loop's body or outside of it."""
    return [op for op in collect(module.operation) if op.name == name and (op.parent.name == "scf.for") == inside]


def drop_load_wait(module: ir.Module) -> None:
    ops(module, "memref.dma_wait", True)[0].erase()


def drop_store_wait(module: ir.Module) -> None:
    ops(module, "memref.dma_wait", True)[1].erase()


def drop_epilogue(module: ir.Module) -> None:
    ops(module, "memref.dma_wait", False)[0].erase()


def wait_after_use(module: ir.Module) -> None:
    nest = ops(module, "linalg.generic", True)[0]
    ops(module, "memref.dma_wait", True)[0].move_after(nest)


def wait_for_another_slot(module: ir.Module) -> None:
    wait = ops(module, "memref.dma_wait", True)[0]
    start = next(op for op in collect(module.operation) if op.name == "memref.dma_start" and _is_prefetch(op))
    wait.operands[1] = start.operands[7]
    guard = start.parent.operation
    wait.move_after(guard)


def prefetch_into_the_running_slot(module: ir.Module) -> None:
    """The tag is right, the buffer is that of the running iteration."""
    start = next(op for op in collect(module.operation) if op.name == "memref.dma_start" and _is_prefetch(op))
    start.operands[3] = ops(module, "memref.dma_wait", True)[0].operands[1]


def store_too_early(module: ir.Module) -> None:
    """The store starts before the nest that computes what it stores."""
    store = ops(module, "memref.dma_start", True)[0]
    store.move_before(ops(module, "linalg.generic", True)[0])


def _is_prefetch(op: ir.Operation) -> bool:
    return op.parent.name == "scf.if" and op.parent.operation.parent.name == "scf.for"


@pytest.mark.parametrize("depth", [2, 3])
def test_a_pipelined_loop_keeps_the_contract(depth: int) -> None:
    module = pipelined(depth)
    with module.context, ir.Location.unknown():
        check_transfers(module)


@pytest.mark.parametrize(
    ("plant", "message"),
    [
        (drop_load_wait, "before its load is awaited|in flight"),
        (drop_store_wait, "before its store is awaited"),
        (drop_epilogue, "never awaited"),
        (wait_after_use, "before its load is awaited"),
        (wait_for_another_slot, "before its load is awaited"),
        (prefetch_into_the_running_slot, "before its load is awaited"),
        (store_too_early, "before its store is awaited"),
    ],
)
@pytest.mark.parametrize("depth", [2, 3])
def test_planted_bugs(plant: Callable[[ir.Module], None], message: str, depth: int) -> None:
    module = pipelined(depth)
    with module.context, ir.Location.unknown():
        plant(module)
        assert module.operation.verify()
        with pytest.raises(ContractError, match=message):
            check_transfers(module)
