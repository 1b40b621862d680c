"""Bounds of the integers that a program computes: from the kernel alone, and from a launch's arguments and grid.

A number of N bits wraps where it overflows; index arithmetic, of 64 bits, does not. They agree on a block whose bounds
say that nothing below it overflows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch_mlir import ir

from .conditions import union
from .launch import EXACT, Launch, Number, Numbers
from .operation import find
from .ttir import constant_int, element, is_block, is_integer, owner

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
        self.numbers = Numbers()
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
        if value in self._recurrences:
            self._known[value] = self._unknown(value)  # for steps that depend on it
            found = self._carried(self._recurrences[value])
            return self._unknown(value) if found is None else self._within(found, value)
        if op is None:
            return self._argument(ir.BlockArgument(value)) or self._unknown(value)
        meaning = find(op)
        found = meaning.bounds(self, op) if meaning is not None and is_integer(element(value)) else None
        if meaning is None or found is None:
            return self._unknown(value)
        return self._within(found, value) if meaning.overflows else found

    def operand(self, op: ir.Operation, number: int) -> Range | None:
        """Of an operand, as far as the result's bounds may depend on it."""
        value = op.operands[number]
        return self.of(value) or (None if _follows(op) else self._any(value))

    def operands(self, op: ir.Operation) -> list[Range] | None:
        """Of all of them; None where one is not known."""
        found = [self.operand(op, number) for number in range(len(op.operands))]
        known = [r for r in found if r is not None]
        return known if len(known) == len(found) else None

    def _any(self, value: ir.Value) -> Range | None:
        """Of a number that may be any of its type."""
        return Range(*window(element(value))) if is_integer(element(value)) else None

    def _unknown(self, value: ir.Value) -> Range | None:
        """Of a value that no rule tells anything of."""
        op = owner(value)
        followed = value in self._recurrences or (op is not None and _follows(op))
        return None if is_block(value) and followed else self._any(value)

    def _within(self, found: Range, value: ir.Value) -> Range | None:
        """Of a value whose bounds are `found` unless it overflows; a multiple of a power of two stays one."""
        low, high = window(element(value))
        if at_most(low, found.low) and at_most(found.high, high):
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
        last = self.numbers.greatest(first.low, self.numbers.sub(end.high, 1))
        return combine(first.low, last, min(first.multiple, step.multiple), first, end)

    def _carried(self, carried: Recurrence) -> Range | None:
        """`initial` + 0 to all iterations' steps, where they are counted."""
        if carried.loop.name != "scf.for":
            return None
        ix, found = self.numbers, self.of(carried.initial)
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

    def program_id(self, axis: int) -> Range:
        return Range(0, _PROGRAMS - 1)

    def programs(self, axis: int) -> Range:
        return Range(0, _PROGRAMS)


def combine(low: Number, high: Number, multiple: int, *operands: Range) -> Range:
    """Bounds that follow from those of `operands`."""
    return Range(low, high, min(multiple, _MOST), union(*(r.needs for r in operands)))


def at_most(a: Number, b: Number) -> bool:
    """Whether `a <= b` is known."""
    return isinstance(a, int) and isinstance(b, int) and a <= b


def _follows(op: ir.Operation) -> bool:
    meaning = find(op)
    return meaning is not None and meaning.follows


class LaunchRanges(Ranges):
    """Bounds from a launch's arguments and grid. None where they do not decide."""

    def __init__(
        self, kernel: Ranges, recurrences: dict[ir.Value, Recurrence], launch: Launch, entry: ir.Block
    ) -> None:
        """kernel: bounds from the kernel alone; entry: the kernel's block, whose arguments are the launch's."""
        super().__init__(recurrences)
        self._kernel, self._launch, self._entry, self.numbers = kernel, launch, entry, launch.numbers

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
        conditions = [self.numbers.at_most(low, found.low), self.numbers.at_most(found.high, high)]
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

    def program_id(self, axis: int) -> Range:
        return Range(0, self.numbers.sub(self._launch.programs(axis), 1))

    def programs(self, axis: int) -> Range:
        size = self._launch.programs(axis)
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
        return found is not None and (signed or at_most(0, found.low))

    def are_exact_at_launch(self, value: ir.Value, signed: bool) -> bool:
        """The same, of launches that are then required to be so."""
        found = self._at_launch.of(value) if self._at_launch is not None else None
        if found is None or not (signed or at_most(0, found.low)):
            return False
        self._require(found)
        return True

    def differ_little(self, value: ir.Value) -> bool:
        """Whether differences of numbers of `value`, signed or unsigned ones, do not overflow 64 bits."""
        found = self._kernel.of(value)
        far = found is None or not (at_most(-_MOST, found.low) and at_most(found.high, _MOST))
        return not far or ir.IntegerType(element(value)).width <= 32

    def at_least(self, value: ir.Value, least: int) -> bool:
        """Whether all numbers of `value` are `least` or more, in launches that may be required to be so."""
        for ranges in (self._kernel, self._at_launch):
            found = ranges.of(value) if ranges is not None else None
            if found is not None and at_most(least, found.low):
                self._require(found)
                return True
        return False

    def _require(self, found: Range) -> None:
        if self._launch is not None:
            self._launch.require(*found.needs)
