"""`mark-kept`: operands of contractions that are the same for several programs in turn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from torch_mlir import ir
from torch_mlir.dialects import func, scf

from ..ir.accesses import Access, accesses
from ..ir.allocations import allocation_of
from ..ir.attributes import KEPT, MAY_ALIAS
from ..ir.dependences import events
from ..ir.filling import changes_slowly, filling_of
from ..ir.packing import CONTRACTIONS
from ..ir.pointers import functions, i64
from ..ir.promotion import assumed_of, loops_around, note_assumed
from ..ir.slicing import collect
from ..passes import Pass

Value = ir.Value[Any]
_B, _A = 1, 0


@dataclass(frozen=True)
class MarkKept(Pass):
    """Say of a contraction which operand need not be filled anew by each program, or iteration of a loop around it.

    before:
        scf.for %pid = ... {
          %x = %pid remui %gx; %y = %pid divui %gx
          scf.for %k = ... {
            linalg.generic ins(%part of argument 0, at %x and %k) outs(%a)
            linalg.generic ins(%part of argument 1, at %k and %y) outs(%b)
            linalg.matmul ins(%a, %b) outs(%c)
          }
        } {rung.grid_loop}
    after:
            linalg.matmul ins(%a, %b) outs(%c) {rung.kept = 1}

    That is B here: where it comes from depends on the loop around the steps through quotients only. `tile-contractions`
    keeps it, and compares. Here it is made sure that memory is what it was: the kernel writes to none of the arguments
    that B is made of. Arguments that it does write to are taken to be others, in pairs that are listed in
    `rung.assumed`.

    Left alone: kernels that see what others write while they run (waits, volatile loads, calls), those marked
    `rung.may_alias` that write anything, operands that more than nests of the loop touch, and those whose place changes
    with each iteration.
    """

    name: ClassVar[str] = "mark-kept"

    def run(self, module: ir.Module) -> None:
        for function in functions(module):
            found = [op for op in collect(function.operation) if op.name in CONTRACTIONS]
            if found:
                _Kernel(function).mark(found)


class _Kernel:
    def __init__(self, function: func.FuncOp) -> None:
        self.function = function
        self._accesses: list[Access] | None = None
        self.assumed: set[tuple[int, int]] = set()

    def mark(self, contractions: list[ir.Operation]) -> None:
        for op in contractions:
            kept = next((number for number in (_B, _A) if self._is_kept(op, number)), None)
            if kept is not None:
                op.attributes[KEPT] = ir.IntegerAttr.get(i64(), kept)
        if self.assumed:
            note_assumed(self.function, assumed_of(self.function) | self.assumed)

    def _is_kept(self, op: ir.Operation, number: int) -> bool:
        loops = loops_around(op)
        buffer = allocation_of(op.operands[number])
        if len(loops) < 2 or op.block != loops[0].body or buffer == allocation_of(op.operands[1 - number]):
            return False
        filling = filling_of(loops[0], buffer, op, number)
        if filling is None or not changes_slowly(loops[1].operation, filling.keys):
            return False
        return self._stay(filling.sources, loops[-1])

    def _stay(self, sources: list[Value], outermost: scf.ForOp) -> bool:
        """Whether nothing writes to the arguments while programs run; notes what is assumed for that."""
        if self._accesses is None:
            self._accesses = accesses(self.function)
        written = [access for access in self._accesses if access.writes]
        if events(outermost).waiting or not all(isinstance(source.owner, ir.Block) for source in sources):
            return False
        if written and MAY_ALIAS in self.function.operation.attributes:
            return False
        if any(access.anywhere or access.base in sources for access in written):
            return False
        numbers = {_number(access.base) for access in written}
        self.assumed |= {(min(a, b), max(a, b)) for a in map(_number, sources) for b in numbers}
        return True


def _number(argument: Value) -> int:
    return ir.BlockArgument(argument).arg_number
