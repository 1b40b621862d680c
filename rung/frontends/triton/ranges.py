"""Bounds of the integers that a program computes: from the kernel alone, and from a launch's arguments and grid.

A number of N bits wraps where it overflows; index arithmetic, of 64 bits, does not. They agree on a block whose bounds
say that nothing below it overflows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from torch_mlir import ir

from .conditions import union
from .launch import EXACT, Launch, Number, Numbers
from .ttir import constant_int, element, int_attr, is_block, is_integer, name_of, owner

_PROGRAMS = (1 << 31) - 1
"""The most along one axis of a grid."""
_MOST = 1 << 62


@dataclass(frozen=True)
class Range:
    """`low <= number <= high`, read as a signed number, in a launch that is as `needs` says."""

    low: Number
    high: Number
    multiple: int = 1
    """A power of two that divides the number."""
    needs: tuple[ir.Value, ...] = ()


@dataclass(frozen=True)
class Recurrence:
    """What a loop carries: `initial`, and the `steps` that every iteration adds."""

    loop: ir.Operation
    initial: ir.Value
    steps: tuple[ir.Value, ...]


def power_of_two(number: int) -> int:
    """The greatest that divides it, and that is one for 0 as well."""
    return number & -number or _MOST


def window(kind: ir.Type) -> tuple[int, int]:
    """The least and the greatest signed number of a type."""
    half = 1 << (ir.IntegerType(kind).width - 1)
    return -half, half - 1


class Ranges:
    """Bounds from the kernel alone."""

    def __init__(self, recurrences: dict[ir.Value, Recurrence]) -> None:
        """recurrences: of arguments and results of loops, as they become known."""
        self._recurrences = recurrences
        self._numbers = Numbers()
        self._known: dict[ir.Value, Range | None] = {}

    def of(self, value: ir.Value) -> Range | None:
        """None where a block may not be what index arithmetic makes of it, or where nothing is known."""
        if value not in self._known:
            self._known[value] = self._find(value)
        return self._known[value]

    def _find(self, value: ir.Value) -> Range | None:
        constant = constant_int(value)
        if constant is not None:
            return Range(constant, constant, power_of_two(constant))
        op = owner(value)
        found: Range | None = None
        if value in self._recurrences:
            self._known[value] = self._unknown(value)  # for steps that depend on it
            found = self._carried(self._recurrences[value])
        elif op is None or op.name in self._LEAVES:
            leaf = self._argument(ir.BlockArgument(value)) if op is None else self._LEAVES[op.name](self, op)
            return leaf or self._unknown(value)
        elif op.name in self._RULES and is_integer(element(value)):
            operands = [self._operand(op, v) for v in op.operands]
            known = [r for r in operands if r is not None]
            found = self._RULES[op.name](self, op, known) if len(known) == len(operands) else None
            if found is not None and op.name not in _OVERFLOW:
                return found
        return self._unknown(value) if found is None else self._within(found, value)

    def _operand(self, op: ir.Operation, value: ir.Value) -> Range | None:
        return self.of(value) or (None if op.name in _FOLLOWED else self._any(value))

    def _any(self, value: ir.Value) -> Range | None:
        """Of a number that may be any of its type."""
        return Range(*window(element(value))) if is_integer(element(value)) else None

    def _unknown(self, value: ir.Value) -> Range | None:
        """Of a value that no rule tells anything of."""
        followed = value in self._recurrences or name_of(value) in _FOLLOWED
        return None if is_block(value) and followed else self._any(value)

    def _within(self, found: Range, value: ir.Value) -> Range | None:
        """Of a value whose bounds are `found` unless it overflows; a multiple of a power of two stays one."""
        low, high = window(element(value))
        if _known_at_most(low, found.low) and _known_at_most(found.high, high):
            return found
        return None if is_block(value) else Range(low, high + 1 - min(found.multiple, -low), found.multiple)

    # ---- where numbers come from

    def _argument(self, value: ir.BlockArgument) -> Range | None:
        """Of a kernel's argument, or of a loop's number."""
        loop = value.owner.owner.operation
        if loop.name != "scf.for" or value.arg_number:
            return None
        first, end, step = (self.of(v) for v in list(loop.operands)[:3])
        if first is None or end is None or step is None:
            return None
        last = self._numbers.greatest(first.low, self._numbers.sub(end.high, 1))
        return self._range(first.low, last, min(first.multiple, step.multiple), first, end)

    def _carried(self, carried: Recurrence) -> Range | None:
        """`initial` + 0 to all iterations' steps."""
        ix, found = self._numbers, self.of(carried.initial)
        first, end, by = (self.of(v) for v in list(carried.loop.operands)[:3])
        if found is None or first is None or end is None or by is None or by.low != by.high:
            return None
        if not isinstance(by.low, int) or by.low < 1:
            return None
        trips = ix.greatest(0, ix.quotient(ix.add(ix.sub(end.high, first.low), by.low - 1), by.low))
        needs = union(found.needs, first.needs, end.needs, by.needs)
        for value in carried.steps:
            step = self.of(value)
            if step is None:
                return None
            low, high = ix.least(0, ix.mul(trips, step.low)), ix.greatest(0, ix.mul(trips, step.high))
            multiple, needs = min(found.multiple, step.multiple), union(needs, step.needs)
            found = Range(ix.add(found.low, low), ix.add(found.high, high), multiple, needs)
        return found

    def _make_range(self, op: ir.Operation) -> Range | None:
        return Range(int_attr(op, "start"), int_attr(op, "end") - 1)

    def _program_id(self, op: ir.Operation) -> Range | None:
        return Range(0, _PROGRAMS - 1)

    def _programs(self, op: ir.Operation) -> Range | None:
        return Range(0, _PROGRAMS)

    # ---- one rule per operation: bounds of the result, which may overflow

    def _range(self, low: Number, high: Number, multiple: int, *operands: Range) -> Range:
        return Range(low, high, min(multiple, _MOST), union(*(r.needs for r in operands)))

    def _same(self, op: ir.Operation, of: Sequence[Range]) -> Range | None:
        return of[0]

    def _sum(self, op: ir.Operation, of: Sequence[Range]) -> Range | None:
        ix, (a, b) = self._numbers, of
        return self._range(ix.add(a.low, b.low), ix.add(a.high, b.high), min(a.multiple, b.multiple), a, b)

    def _difference(self, op: ir.Operation, of: Sequence[Range]) -> Range | None:
        ix, (a, b) = self._numbers, of
        return self._range(ix.sub(a.low, b.high), ix.sub(a.high, b.low), min(a.multiple, b.multiple), a, b)

    def _product(self, op: ir.Operation, of: Sequence[Range]) -> Range | None:
        ix, (a, b) = self._numbers, of
        multiple = a.multiple * b.multiple
        if _known_at_most(0, a.low) and _known_at_most(0, b.low):
            return self._range(ix.mul(a.low, b.low), ix.mul(a.high, b.high), multiple, a, b)
        corners = [ix.mul(x, y) for x in dict.fromkeys((a.low, a.high)) for y in dict.fromkeys((b.low, b.high))]
        return self._range(ix.least(*corners), ix.greatest(*corners), multiple, a, b)

    def _quotient(self, op: ir.Operation, of: Sequence[Range]) -> Range | None:
        ix, (a, b) = self._numbers, of
        positive = ix.at_most(1, b.low)
        if positive is False or (op.name == "arith.divui" and not _known_at_most(0, a.low)):
            return None
        if not isinstance(positive, bool):
            b = replace(b, needs=union(b.needs, (positive,)))
        if _known_at_most(0, a.low):
            return self._range(ix.quotient(a.low, b.high), ix.quotient(a.high, b.low), 1, a, b)
        corners = [ix.quotient(x, y) for x in dict.fromkeys((a.low, a.high)) for y in dict.fromkeys((b.low, b.high))]
        return self._range(ix.least(*corners), ix.greatest(*corners), 1, a, b)

    def _remainder(self, op: ir.Operation, of: Sequence[Range]) -> Range | None:
        """It has the sign of the dividend, and is less than either in size."""
        ix, (a, b) = self._numbers, of
        if op.name == "arith.remui" and not (_known_at_most(0, a.low) and _known_at_most(0, b.low)):
            return None
        size = ix.greatest(0, ix.sub(b.high, 1), ix.sub(-1, b.low))
        low = 0 if _known_at_most(0, a.low) else ix.greatest(ix.least(a.low, 0), ix.sub(0, size))
        return self._range(low, ix.least(ix.greatest(a.high, 0), size), 1, a, b)

    def _least(self, op: ir.Operation, of: Sequence[Range]) -> Range | None:
        return self._either(self._numbers.least, op, of)

    def _greatest(self, op: ir.Operation, of: Sequence[Range]) -> Range | None:
        return self._either(self._numbers.greatest, op, of)

    def _either(self, which: Callable[..., Number], op: ir.Operation, of: Sequence[Range]) -> Range | None:
        a, b = of
        if op.name.endswith("ui") and not (_known_at_most(0, a.low) and _known_at_most(0, b.low)):
            return None
        return self._range(which(a.low, b.low), which(a.high, b.high), min(a.multiple, b.multiple), a, b)

    def _select(self, op: ir.Operation, of: Sequence[Range]) -> Range | None:
        ix, (_, a, b) = self._numbers, of
        return self._range(ix.least(a.low, b.low), ix.greatest(a.high, b.high), min(a.multiple, b.multiple), a, b)

    def _zero_extended(self, op: ir.Operation, of: Sequence[Range]) -> Range | None:
        if _known_at_most(0, of[0].low):
            return of[0]
        return Range(0, 2 * window(element(op.operands[0]))[1] + 1, of[0].multiple)

    def _and(self, op: ir.Operation, of: Sequence[Range]) -> Range | None:
        """A number that is not negative bounds what it is combined with."""
        masks = [r.high for r in of if _known_at_most(0, r.low)]
        return self._range(0, self._numbers.least(*masks), max(r.multiple for r in of), *of) if masks else None

    _LEAVES: ClassVar[dict[str, Callable[[Ranges, ir.Operation], Range | None]]] = {
        "tt.make_range": _make_range,
        "tt.get_program_id": lambda self, op: self._program_id(op),
        "tt.get_num_programs": lambda self, op: self._programs(op),
    }
    _RULES: ClassVar[dict[str, Callable[[Ranges, ir.Operation, Sequence[Range]], Range | None]]] = {
        "tt.splat": _same,
        "tt.expand_dims": _same,
        "tt.broadcast": _same,
        "tt.trans": _same,
        "tt.reshape": _same,
        "arith.addi": _sum,
        "arith.subi": _difference,
        "arith.muli": _product,
        "arith.trunci": _same,
        "arith.extsi": _same,
        "arith.extui": _zero_extended,
        "arith.divsi": _quotient,
        "arith.divui": _quotient,
        "arith.remsi": _remainder,
        "arith.remui": _remainder,
        "arith.minsi": _least,
        "arith.minui": _least,
        "arith.maxsi": _greatest,
        "arith.maxui": _greatest,
        "arith.select": _select,
        "arith.andi": _and,
    }


_OVERFLOW = frozenset({"arith.addi", "arith.subi", "arith.muli", "arith.trunci"})
_FOLLOWED = _OVERFLOW | {"tt.splat", "tt.expand_dims", "tt.broadcast", "tt.trans", "tt.reshape"}
"""Operations whose index arithmetic is right up to multiples of 2^N: it gives the number if it gave the operands'."""


def _known_at_most(a: Number, b: Number) -> bool:
    return isinstance(a, int) and isinstance(b, int) and a <= b


class LaunchRanges(Ranges):
    """Bounds from a launch's arguments and grid. None where they do not decide."""

    def __init__(
        self, kernel: Ranges, recurrences: dict[ir.Value, Recurrence], launch: Launch, entry: ir.Block
    ) -> None:
        """kernel: bounds from the kernel alone; entry: the kernel's block, whose arguments are the launch's."""
        super().__init__(recurrences)
        self._kernel, self._launch, self._entry, self._numbers = kernel, launch, entry, launch.numbers

    def _any(self, value: ir.Value) -> Range | None:
        return None

    def _unknown(self, value: ir.Value) -> Range | None:
        """What is small is known: what may be any number makes every sum overflow."""
        found = self._kernel.of(value)
        if found is None or not (isinstance(found.low, int) and isinstance(found.high, int)):
            return None
        low, high = window(element(value))
        return found if low // 4 <= found.low and found.high <= high // 4 else None

    def _within(self, found: Range, value: ir.Value) -> Range | None:
        """Nothing overflows: the launch is asked."""
        low, high = window(element(value))
        if high > EXACT:
            low, high = -EXACT, EXACT
        conditions = [self._numbers.at_most(low, found.low), self._numbers.at_most(found.high, high)]
        if False in conditions:
            return self._unknown(value)
        return replace(found, needs=union(found.needs, tuple(c for c in conditions if not isinstance(c, bool))))

    def _argument(self, value: ir.BlockArgument) -> Range | None:
        if value.owner != self._entry or not is_integer(value.type):
            return super()._argument(value)
        given = self._launch.argument(value.arg_number)
        if ir.IntegerType(value.type).width <= 32:
            return Range(given, given)
        return self._within(Range(given, given), value)

    def _program_id(self, op: ir.Operation) -> Range | None:
        return Range(0, self._numbers.sub(self._launch.programs(int_attr(op, "axis")), 1))

    def _programs(self, op: ir.Operation) -> Range | None:
        size = self._launch.programs(int_attr(op, "axis"))
        return Range(size, size)


class Known:
    """What index arithmetic may rely on."""

    def __init__(self, launch: Launch | None, entry: ir.Block) -> None:
        """launch: None where nothing may be required of it."""
        self.recurrences: dict[ir.Value, Recurrence] = {}
        """Of arguments and results of loops."""
        self._kernel = Ranges(self.recurrences)
        self._launch = launch
        self._at_launch = launch and LaunchRanges(self._kernel, self.recurrences, launch, entry)

    def multiple(self, value: ir.Value) -> int:
        """A power of two that divides a scalar, or every element of a block."""
        found = self._kernel.of(value)
        return found.multiple if found is not None else 1

    def are_exact(self, value: ir.Value, signed: bool) -> bool:
        """Whether index arithmetic gives the numbers of `value`, read as signed or as unsigned ones."""
        found = self._kernel.of(value)
        return found is not None and (signed or _known_at_most(0, found.low))

    def are_exact_at_launch(self, value: ir.Value, signed: bool) -> bool:
        """The same, of launches that are then required to be so."""
        found = self._at_launch.of(value) if self._at_launch is not None else None
        if found is None or not (signed or _known_at_most(0, found.low)):
            return False
        self._require(found)
        return True

    def differ_little(self, value: ir.Value) -> bool:
        """Whether differences of numbers of `value`, signed or unsigned ones, do not overflow 64 bits."""
        found = self._kernel.of(value)
        far = found is None or not (_known_at_most(-_MOST, found.low) and _known_at_most(found.high, _MOST))
        return not far or ir.IntegerType(element(value)).width <= 32

    def not_negative(self, value: ir.Value) -> bool:
        """Whether all numbers of `value` are 0 or more, in launches that may be required to be so."""
        for ranges in (self._kernel, self._at_launch):
            found = ranges.of(value) if ranges is not None else None
            if found is not None and _known_at_most(0, found.low):
                self._require(found)
                return True
        return False

    def _require(self, found: Range) -> None:
        if self._launch is not None:
            self._launch.require(*found.needs)
