"""Loops in a double-buffered pipeline, and bugs of transfers to plant into them."""

from __future__ import annotations

from collections.abc import Callable

from torch_mlir import ir
from torch_mlir.dialects import arith, memref, scf

from rung.ir.context import make_context
from rung.ir.pointers import index
from rung.ir.slicing import collect
from rung.passes import Pipeline, Upstream
from rung.transforms.double_buffer import DoubleBuffer
from rung.transforms.promote import Promote

Plant = Callable[[ir.Module], None]
KERNEL = """
#a = affine_map<(d0) -> (d0)>
func.func @kernel(%x: memref<?xf32>, %y: memref<?xf32>, %n: index, %lo: index, %hi: index, %st: index)
    attributes {rung.kernel} {
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


def _sometimes(module: ir.Module, op: ir.Operation) -> None:
    """Put an operation under a condition that nothing is known of: whether x[n] is negative."""
    kernel = module.body.operations[0].operation.regions[0].blocks[0]
    with ir.InsertionPoint(op):
        x, n = kernel.arguments[0], kernel.arguments[2]
        zero = arith.ConstantOp(ir.F32Type.get(), 0.0)
        branch = scf.IfOp(arith.CmpFOp(arith.CmpFPredicate.OLT, memref.LoadOp(x, [n]), zero))
        with ir.InsertionPoint(branch.then_block):
            end = scf.YieldOp([])
    op.move_before(end.operation)


def await_load_sometimes(module: ir.Module) -> None:
    _sometimes(module, ops(module, "memref.dma_wait", True)[0])


def await_store_sometimes(module: ir.Module) -> None:
    _sometimes(module, ops(module, "memref.dma_wait", True)[1])


def store_too_early(module: ir.Module) -> None:
    """The store starts before the nest that computes what it stores."""
    store = ops(module, "memref.dma_start", True)[0]
    store.move_before(ops(module, "linalg.generic", True)[0])


def _is_prefetch(op: ir.Operation) -> bool:
    return op.parent.name == "scf.if" and op.parent.operation.parent.name == "scf.for"


def one_buffer_too_few(module: ir.Module) -> None:
    """The slots of the buffers, not those of the tags, are counted modulo one less than the depth."""
    with module.context, ir.Location.unknown():
        buffers = [op.results[0] for op in collect(module.operation) if op.name == "memref.alloca"]
        for buffer in buffers:
            kind = ir.MemRefType(buffer.type)
            if kind.memory_space is None:
                continue
            for use in list(buffer.uses):
                op = use.owner.operation
                with ir.InsertionPoint(op):
                    if op.name == "memref.dma_start":
                        at = use.operand_number + 1
                        op.operands[at] = _fewer(op.operands[at], kind.shape[0] - 1)
                    elif op.name == "memref.reinterpret_cast":
                        row = index(kind.shape[1])
                        slot = _fewer(arith.DivUIOp(op.operands[1], row).result, kind.shape[0] - 1)
                        op.operands[1] = arith.MulIOp(slot, row).result


def _fewer(slot: ir.Value, slots: int) -> ir.Value:
    return arith.RemUIOp(slot, index(slots)).result


BUGS: tuple[tuple[Plant, str, str], ...] = (
    (drop_load_wait, "before its load is awaited|in flight", "load of argument 0.*read before"),
    (drop_store_wait, "before its store is awaited", "store of argument 1.*overwritten before|tag of a transfer"),
    (drop_epilogue, "never awaited", "store of argument 1, grid loop at -:6, iteration [0-9]+: is never awaited"),
    (wait_after_use, "before its load is awaited", "load of argument 0.*read before"),
    (wait_for_another_slot, "before its load is awaited", "load of argument 0.*read before"),
    (prefetch_into_the_running_slot, "before its load is awaited", "load of argument 0.*read before"),
    (await_load_sometimes, "before its load is awaited|in flight", "load of argument 0.*read before"),
    (await_store_sometimes, "before its store is awaited", "store of argument 1.*overwritten before|tag of a transfer"),
    (store_too_early, "before its store is awaited", "store of argument 1.*overwritten before"),
    (one_buffer_too_few, "another transfer|before its load is awaited", "load of argument 0.*(read before|in flight)"),
)
"""Bugs, what the static check says of them, and what the checking engine does."""
