"""Loops in a double-buffered pipeline, and bugs of transfers to plant into them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch_mlir import ir
from torch_mlir.dialects import arith, memref, scf

from rung.ir.context import make_context
from rung.ir.pointers import index
from rung.ir.slicing import collect
from rung.ir.violations import Violation
from rung.passes import Pipeline, Upstream
from rung.transforms.double_buffer import DoubleBuffer
from rung.transforms.fit_scratchpad import FitScratchpad
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
    Pipeline((FitScratchpad(depth=depth), Promote(), DoubleBuffer(depth), Upstream("canonicalize,cse"))).run(module)
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
    start = _prefetch(module)
    wait.operands[1] = start.operands[7]
    guard = start.parent.operation
    wait.move_after(guard)


def prefetch_into_the_running_slot(module: ir.Module) -> None:
    """The tag is right, the buffer is that of the running iteration."""
    start = _prefetch(module)
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


def _prefetch(module: ir.Module) -> ir.Operation:
    return next(op for op in collect(module.operation) if op.name == "memref.dma_start" and _is_prefetch(op))


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


def _another(module: ir.Module, start: ir.Operation, backwards: bool) -> None:
    """One more transfer behind `start`, under a tag of its own, between the same places."""
    source_at, target_at = (slice(0, 2), slice(2, 5)) if _is_prefetch(start) else (slice(0, 3), slice(3, 5))
    operands = list(start.operands)
    source, target, size = operands[source_at], operands[target_at], operands[5]
    with ir.InsertionPoint.after(start):
        tags = memref.AllocaOp(ir.MemRefType.get([1], ir.IntegerType.get_signless(32)), [], []).result
        places = [*target, *source] if backwards else [*source, *target]
        memref.DmaStartOp([*places, size, tags, index(0)], loc=start.location)
        memref.DmaWaitOp(tags, [index(0)], size, loc=start.location)


def load_twice(module: ir.Module) -> None:
    _another(module, _prefetch(module), backwards=False)


def store_what_is_being_loaded(module: ir.Module) -> None:
    _another(module, _prefetch(module), backwards=True)


def load_over_what_is_being_stored(module: ir.Module) -> None:
    _another(module, ops(module, "memref.dma_start", True)[0], backwards=True)


def write_what_is_being_loaded(module: ir.Module) -> None:
    wait = ops(module, "memref.dma_wait", True)[0]
    with ir.InsertionPoint(wait):
        buffer = _prefetch(module).operands[2]
        memref.StoreOp(arith.ConstantOp(ir.F32Type.get(), 0.0), buffer, [wait.operands[1], index(0)])


def clear_a_tag_in_flight(module: ir.Module) -> None:
    wait = ops(module, "memref.dma_wait", True)[0]
    with ir.InsertionPoint(wait):
        zero = arith.ConstantOp(ir.IntegerType.get_signless(32), 0)
        memref.StoreOp(zero, wait.operands[0], [wait.operands[1]])


def wait_for_nothing(module: ir.Module) -> None:
    wait = ops(module, "memref.dma_wait", True)[0]
    with ir.InsertionPoint(wait):
        tags = memref.AllocaOp(ir.MemRefType.get([1], ir.IntegerType.get_signless(32)), [], []).result
        memref.StoreOp(arith.ConstantOp(ir.IntegerType.get_signless(32), 1), tags, [index(0)])
        memref.DmaWaitOp(tags, [index(0)], wait.operands[2], loc=wait.location)


@dataclass(frozen=True)
class Bug:
    """A bug, and what is said of it: the first of all that the static check finds, and one of what a run finds."""

    plant: Plant
    transfer: str
    found: tuple[Violation, ...]
    """By the static check; which of them may depend on the depth."""
    happened: tuple[Violation, ...]

    def __str__(self) -> str:
        return self.plant.__name__


LOAD, STORE = "load of argument 0", "store of argument 1"
READ, REUSED = Violation.DESTINATION_READ, Violation.TAG_IN_USE
BUGS = (
    Bug(drop_load_wait, LOAD, (READ, REUSED), (READ,)),
    Bug(drop_store_wait, STORE, (Violation.SOURCE_WRITTEN,), (Violation.SOURCE_WRITTEN, REUSED)),
    Bug(drop_epilogue, STORE, (Violation.NEVER_AWAITED,), (Violation.NEVER_AWAITED,)),
    Bug(wait_after_use, LOAD, (READ,), (READ,)),
    Bug(wait_for_another_slot, LOAD, (READ,), (READ,)),
    Bug(prefetch_into_the_running_slot, LOAD, (Violation.INTO_DESTINATION,), (READ,)),
    Bug(await_load_sometimes, LOAD, (READ, REUSED), (READ,)),
    Bug(await_store_sometimes, STORE, (Violation.SOURCE_WRITTEN,), (Violation.SOURCE_WRITTEN, REUSED)),
    Bug(store_too_early, STORE, (Violation.SOURCE_WRITTEN,), (Violation.SOURCE_WRITTEN,)),
    Bug(one_buffer_too_few, LOAD, (Violation.INTO_DESTINATION, READ), (Violation.INTO_DESTINATION, READ)),
    Bug(load_twice, LOAD, (Violation.INTO_DESTINATION,), (Violation.INTO_DESTINATION,)),
    Bug(store_what_is_being_loaded, LOAD, (Violation.FROM_DESTINATION,), (Violation.FROM_DESTINATION,)),
    Bug(load_over_what_is_being_stored, STORE, (Violation.INTO_SOURCE,), (Violation.INTO_SOURCE,)),
    Bug(write_what_is_being_loaded, LOAD, (Violation.DESTINATION_WRITTEN,), (Violation.DESTINATION_WRITTEN,)),
    Bug(clear_a_tag_in_flight, LOAD, (Violation.TAG_WRITTEN,), (Violation.TAG_WRITTEN,)),
    Bug(wait_for_nothing, LOAD, (Violation.NEVER_STARTED,), (Violation.NEVER_STARTED,)),
)


def words(*violations: Violation) -> str:
    """A pattern for the words of any of them."""
    return "|".join(violation.value for violation in violations)
