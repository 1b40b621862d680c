"""`leave-on-failure`: where a kernel cannot go on, its functions return early, and the launcher is told why."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar

from torch_mlir import ir
from torch_mlir.dialects import arith, func, llvm, scf

from ..errors import ContractError
from ..ir.assertions import is_assertion
from ..ir.attributes import GRID_LOOP, WHERE
from ..ir.llvm_stage import LEAVE
from ..ir.pointers import constant, declare, functions, i64, pointer_type, to_i64
from ..ir.slicing import collect, enclosing
from ..ir.texts import Texts
from ..ir.waits import is_program
from ..passes import Pass

Value = ir.Value[Any]
_ASSERT_FAILED, _FORK_FOR, _HAS_FAILED = "rung_assert_failed", "rung_fork_for", "rung_has_failed"
_FORKS, _ENTER, _EXIT = ("rung_fork", "rung_run_programs"), "rung_arena_enter", "rung_arena_exit"


@dataclass(frozen=True)
class LeaveOnFailure(Pass):
    """Let functions say that they fail, and give up what they hold. Behind `rung_leave`, `to-llvm` makes them return.

    before:
        %base = call @rung_arena_enter(%bytes)
        scf.for %program = ... {
          cf.assert %holds, "i < n" {rung.where = "kernel.py:12: kernel"}
          call @rung_fork(@kernel_task0, %frame, %used)
          ...
        } {rung.grid_loop}
    after:
        %base = call @rung_arena_enter(%bytes)
        scf.if %base == null { call @rung_leave(null) }
        scf.for %program = ... {
          scf.if not %holds { call @rung_assert_failed(&"kernel.py:12: kernel", &"i < n", %program)
                              call @rung_leave(%base) }
          call @rung_fork_for(%program)
          call @rung_fork(@kernel_task0, %frame, %used)
          scf.if @rung_has_failed() { call @rung_leave(%base) }
          ...
        } {rung.grid_loop}
    `rung_leave` waits for the transfers that are under way, and gives up the arena. Behind a fork is asked only where
    the task may fail and something follows. With scratch=off there is always memory for an arena, as on a device whose
    memory has been counted.

    Refuses: a function that may fail and has results.
    """

    name: ClassVar[str] = "leave-on-failure"
    scratch: bool = True
    """There may be no memory for an arena."""

    def run(self, module: ir.Module) -> None:
        found = [_Function(function, self.scratch) for function in functions(module)]
        failing = {f.name for f in found if f.assertions or f.arenas}
        while more := {f.name for f in found if f.name not in failing and not failing.isdisjoint(f.forks.values())}:
            failing |= more
        texts = Texts(module)
        for function in found:
            if function.name in failing:
                function.expand(module, failing, texts)


@dataclass
class _Function:
    """One function, and what of it may fail."""

    function: func.FuncOp
    scratch: bool
    assertions: list[ir.Operation] = field(default_factory=list[ir.Operation], init=False)
    arenas: list[ir.Operation] = field(default_factory=list[ir.Operation], init=False)
    """Calls that make an arena, if that may fail."""
    forks: dict[ir.Operation, str] = field(default_factory=dict[ir.Operation, str], init=False)
    """With the task that is forked."""
    arena: Value | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.name = self.function.name.value
        for op in collect(self.function.operation):
            if is_assertion(op):
                self.assertions.append(op)
            elif op.name == "func.call" and _callee(op) == _ENTER:
                self.arena = op.results[0]
                self.arenas += [op] if self.scratch else []
            elif op.name == "func.call" and _callee(op) in _FORKS:
                task = op.operands[0].owner
                assert not isinstance(task, ir.Block)
                self.forks[op] = ir.FlatSymbolRefAttr(task.attributes["value"]).value

    def expand(self, module: ir.Module, failing: set[str], texts: Texts) -> None:
        if list(self.function.type.results):
            raise ContractError(f"leave-on-failure: `{self.name}` may fail, but has results")
        declare(module, LEAVE, [pointer_type()])
        for op in self.arenas:
            with ir.InsertionPoint.after(op), op.location:
                null = llvm.ZeroOp(pointer_type()).result
                with self._if(llvm.ICmpOp(llvm.ICmpPredicate.eq, op.results[0], null).result):
                    func.CallOp([], LEAVE, [null])
        for op, task in self.forks.items():
            if task not in failing:
                continue
            program = _loop_over_programs(op)
            if program is not None:
                declare(module, _FORK_FOR, [i64()])
                with ir.InsertionPoint(op), op.location:
                    func.CallOp([], _FORK_FOR, [to_i64(program.induction_variable)])
            if _is_last(op):
                continue
            declare(module, _HAS_FAILED, [], [_i32()])
            with ir.InsertionPoint.after(op), op.location:
                state = func.CallOp([_i32()], _HAS_FAILED, []).result
                with self._if(arith.CmpIOp(arith.CmpIPredicate.ne, state, constant(_i32(), 0)).result):
                    self._leave()
        for op in self.assertions:
            self._expand_assertion(module, op, texts)

    def _expand_assertion(self, module: ir.Module, op: ir.Operation, texts: Texts) -> None:
        declare(module, _ASSERT_FAILED, [pointer_type(), pointer_type(), i64()])
        with ir.InsertionPoint(op), op.location:
            holds = op.operands[0]
            number = self._program(op)
            with self._if(arith.XOrIOp(holds, constant(holds.type, 1)).result):
                where = ir.StringAttr(op.attributes[WHERE]).value if WHERE in op.attributes else self.name
                message = ir.StringAttr(op.attributes["msg"]).value
                func.CallOp([], _ASSERT_FAILED, [texts.address(where), texts.address(message), number])
                self._leave()
        op.erase()

    def _program(self, op: ir.Operation) -> Value:
        """The number of the program around `op`; negative in a task that a program forks."""
        loop = _loop_over_programs(op)
        if loop is not None:
            return to_i64(loop.induction_variable)
        return self.function.arguments[1] if is_program(self.function.operation) else constant(i64(), -1)

    @contextmanager
    def _if(self, condition: Value) -> Generator[None]:
        branch = scf.IfOp(condition)
        with ir.InsertionPoint(branch.then_block):
            yield
            scf.YieldOp([])

    def _leave(self) -> None:
        arena = self.arena if self.arena is not None else llvm.ZeroOp(pointer_type()).result
        func.CallOp([], LEAVE, [arena])


def _loop_over_programs(op: ir.Operation) -> scf.ForOp | None:
    """The loop over programs around `op`; None in a task that a program forks."""
    for parent in enclosing(op.block):
        if GRID_LOOP in parent.attributes and isinstance(loop := parent.opview, scf.ForOp):
            return loop
    return None


def _is_last(fork: ir.Operation) -> bool:
    """Whether the function ends behind `fork`."""
    following = list(fork.block.operations)
    position = next(k for k, op in enumerate(following) if op.operation == fork)
    rest = [op.operation for op in following[position + 1 :]]
    return rest[-1].name == "func.return" and all(op.name == "func.call" and _callee(op) == _EXIT for op in rest[:-1])


def _callee(call: ir.Operation) -> str:
    return ir.FlatSymbolRefAttr(call.attributes["callee"]).value


def _i32() -> ir.Type:
    return ir.IntegerType.get_signless(32)
