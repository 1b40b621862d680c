"""`form-context-tasks`: outline loops over contexts and fork them on the runtime (MT, second half)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import Any, ClassVar

from torch_mlir import ir
from torch_mlir.dialects import func, llvm, scf

from ..errors import ContractError
from ..ir.attributes import CONTEXTS, FORK, PROGRAMS, TASK
from ..ir.capture import captures
from ..ir.constants import constant_value
from ..ir.pointers import (
    constant,
    declare,
    functions,
    i64,
    index,
    load_slot,
    pointer_type,
    store_slot,
    to_i64,
    to_index,
)
from ..ir.symbols import free_symbol
from ..passes import Pass

Value = ir.Value[Any]
_LOOPS = (CONTEXTS, PROGRAMS)
_DECISIONS = (
    *(
        f"rung.{name}"
        for name in ("body_cost_ns", "break_even_programs", "distribution", "fork", "iterations_per_line")
    ),
    PROGRAMS,
)


@dataclass(frozen=True)
class FormContextTasks(Pass):
    """Turn each `scf.forall` marked `rung.contexts` or `rung.programs` into a function and a call of the runtime.

    before:
        func.func @kernel(%x: memref<?xf32>, %n: index) {
          scf.forall (%c) in (%used) { uses %c, %x, %n } {rung.contexts}
        }
    after:
        func.func private @kernel_task0(%frame: !llvm.ptr, %context: i64) attributes {rung.task} {
          %x = ... load of slot 0 as a pointer, as a memref;  %n = ... load of slot 1
          uses index_cast(%context), %x, %n
        }
        func.func @kernel(%x: memref<?xf32>, %n: index) {
          %frame = llvm.alloca 2 x i64
          ... store of the aligned pointer of %x in slot 0, of %n in slot 1
          call @rung_fork(@kernel_task0, %frame, %used)
        }
    A loop marked `rung.programs`, whose iterations wait for one another, likewise, with one call of the task for each:
          call @rung_run_programs(@kernel_task0, %frame, %T, contexts, least)   // of rung.fork
    Constants and views are repeated in the task. Outer loops go first, so that the frame of an inner loop
    lives in the task that forks it, and no two contexts share one. A loop over exactly one context becomes
    its body.

    Refuses: values that neither fit a slot nor can be repeated, such as a memref chosen at run time.
    """

    name: ClassVar[str] = "form-context-tasks"

    def run(self, module: ir.Module) -> None:
        # Functions, and the names of those that their tasks are of, themselves or by another task.
        worklist = [(function, function.name.value) for function in functions(module)]
        for function, owner in worklist:
            while (loop := _first_loop(function)) is not None:
                if len(loop.operation.results) or loop.rank != 1:
                    raise ContractError("form-context-tasks: a loop over contexts has one dimension and no results")
                if _is_one(loop):
                    _inline(loop)
                    continue
                name = free_symbol(module.body, (f"{owner}_task{number}" for number in count()))
                worklist.append((_outline(module, function, loop, name), owner))


def _first_loop(function: func.FuncOp) -> scf.ForallOp | None:
    """The first loop over contexts, or over programs that take turns, that is not inside another one."""
    found: list[scf.ForallOp] = []

    def visit(op: ir.Operation) -> ir.WalkResult:
        if op.name == "scf.forall" and any(mark in op.attributes for mark in _LOOPS):
            loop = op.opview
            assert isinstance(loop, scf.ForallOp)
            found.append(loop)
            return ir.WalkResult.INTERRUPT
        return ir.WalkResult.ADVANCE

    function.operation.walk(visit, ir.WalkOrder.PRE_ORDER)
    return found[0] if found else None


def _is_one(loop: scf.ForallOp) -> bool:
    if PROGRAMS in loop.operation.attributes:
        return False  # it may wait for another launch, and be interrupted
    dynamic = list(loop.dynamicUpperBound)
    return (constant_value(dynamic[0]) if dynamic else loop.staticUpperBound[0]) == 1


def _inline(loop: scf.ForallOp) -> None:
    with ir.InsertionPoint(loop), loop.operation.location:
        loop.body.arguments[0].replace_all_uses_with(index(0))
    for op in list(loop.body.operations)[:-1]:
        op.operation.move_before(loop.operation)
    loop.operation.erase()


def _outline(module: ir.Module, caller: func.FuncOp, loop: scf.ForallOp, name: str) -> func.FuncOp:
    captured = captures(loop.operation)
    with loop.operation.location:
        task = _declare_task(caller, loop, name)
        with ir.InsertionPoint(task.entry_block):
            frame, context = task.entry_block.arguments
            inside: dict[Value, Value] = {}
            for position, value in enumerate(captured.slots):
                inside[value] = load_slot(frame, position, value.type)
            for op in captured.clones:
                copy = op.clone()
                for position, operand in enumerate(op.operands):
                    copy.operands[position] = inside[operand]
                inside.update(zip(op.results, copy.operation.results, strict=True))
            loop.body.arguments[0].replace_all_uses_with(to_index(context))
            end = func.ReturnOp([])
        for op, position, value in captured.uses:
            op.operands[position] = inside[value]
        for op in list(loop.body.operations)[:-1]:
            op.operation.move_before(end.operation)
        _fork(module, caller, loop, captured.slots, task)
    loop.operation.erase()
    return task


def _declare_task(caller: func.FuncOp, loop: scf.ForallOp, name: str) -> func.FuncOp:
    with ir.InsertionPoint(caller):
        task = func.FuncOp(name, ir.FunctionType.get([pointer_type(), i64()], []), visibility="private")
    task.operation.attributes[TASK] = ir.UnitAttr.get()
    task.operation.attributes["llvm.linkage"] = ir.Attribute.parse("#llvm.linkage<internal>")
    for decision in _DECISIONS:
        if decision in loop.operation.attributes:
            task.operation.attributes[decision] = loop.operation.attributes[decision]
    task.add_entry_block()
    return task


def _fork(module: ir.Module, caller: func.FuncOp, loop: scf.ForallOp, slots: list[Value], task: func.FuncOp) -> None:
    with ir.InsertionPoint.at_block_begin(caller.entry_block):
        size = llvm.ConstantOp(i64(), ir.IntegerAttr.get(i64(), max(1, len(slots)))).result
        frame = llvm.AllocaOp(pointer_type(), size, i64(), alignment=8).result
    with ir.InsertionPoint(loop):
        for position, value in enumerate(slots):
            store_slot(frame, position, value)
        kind = task.type
        address = func.ConstantOp(kind, ir.FlatSymbolRefAttr.get(task.name.value)).result
        used = list(loop.dynamicUpperBound)
        count = used[0] if used else index(loop.staticUpperBound[0])
        decided = loop.operation.attributes
        arguments = [address, frame, to_i64(count)]
        if PROGRAMS in decided:
            fork = ir.DictAttr(decided[FORK])
            arguments += [constant(i64(), ir.IntegerAttr(fork[limit]).value) for limit in ("contexts", "least")]
        callee = "rung_run_programs" if PROGRAMS in decided else "rung_fork"
        call = func.CallOp(declare(module, callee, [argument.type for argument in arguments]), arguments)
        for decision in _DECISIONS:
            if decision in loop.operation.attributes:
                call.operation.attributes[decision] = loop.operation.attributes[decision]
