"""Which integers that a kernel loads become addresses, and how far each moves the address.

One walk over the TTIR in the order of the program. Of every value it knows its *reach*: from which arguments numbers
went into it, and by how much it changes when such a number grows by one. Of a pointer, that is in bytes.

    %i = tt.load %idx            reach {idx: 1}
    %j = arith.muli %i, 64       reach {idx: 64}
    %p = tt.addptr %x, %j        reach {idx: 256} for f32, pointing into x
    tt.load %p                   Index(argument=idx, array=x, step_bytes=256)

What bounds a number (a remainder, a comparison, a minimum with a number that was not loaded) ends its reach. Where the
step is not known, such as a product of two loaded numbers, it is None.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from torch_mlir import ir

from .locations import source_line
from .operation import find
from .ttir import constant_int, is_pointer

Reach = Mapping[int, Fraction | None]
NOTHING: Reach = {}


@dataclass(frozen=True)
class Index:
    """Numbers of argument `argument` address argument `array`: `step_bytes` further for each 1 that they grow by, None
    where that is not known. `where`: the access in the kernel's source."""

    argument: int
    array: int
    step_bytes: Fraction | None
    where: str


def indices(ttir: ir.Module, numbers: Mapping[int, int]) -> list[Index]:
    """Of the public function of an imported TTIR module. `numbers`: values of its integer arguments, by number."""
    return list(dict.fromkeys(_walk(ttir, numbers).found))


def written(ttir: ir.Module) -> list[int]:
    """The arguments that the public function of an imported TTIR module may store to."""
    return sorted(_walk(ttir, {}).written)


def loaded(ttir: ir.Module) -> list[int]:
    """The arguments that it may load from."""
    return sorted(_walk(ttir, {}).read)


def _walk(ttir: ir.Module, numbers: Mapping[int, int]) -> Walk:
    walk = Walk()
    for op in ttir.body.operations:
        function = op.operation
        if function.name == "tt.func" and not _is_private(function):
            with ttir.context:
                walk.function(function.regions[0].blocks[0], numbers)
            break
    return walk


def _is_private(function: ir.Operation) -> bool:
    """A function that kernels call."""
    visibility = "sym_visibility"
    return visibility in function.attributes and ir.StringAttr(function.attributes[visibility]).value == "private"


def union(*reaches: Reach) -> Reach:
    """Of a value that is one of several."""
    return _combined(max, reaches)


def summed(*reaches: Reach) -> Reach:
    """Of a sum or a difference."""
    return _combined(lambda steps: sum(steps, Fraction(0)), reaches)


def _combined(steps_of: Callable[[list[Fraction]], Fraction], reaches: Iterable[Reach]) -> Reach:
    found: dict[int, list[Fraction | None]] = {}
    for reach in reaches:
        for argument, step in reach.items():
            found.setdefault(argument, []).append(step)
    known = {argument: [step for step in steps if step is not None] for argument, steps in found.items()}
    return {a: steps_of(known[a]) if len(known[a]) == len(steps) else None for a, steps in found.items()}


def unknown(*reaches: Reach) -> Reach:
    """Of what moves nobody knows how far."""
    return {argument: None for reach in reaches for argument in reach}


def scaled(reach: Reach, factor: Fraction) -> Reach:
    """Of a multiple."""
    return {argument: None if step is None else step * abs(factor) for argument, step in reach.items()}


_ACCESSES = frozenset(("tt.load", "tt.store", "tt.atomic_rmw", "tt.atomic_cas"))


@dataclass
class Walk:
    """What loops carry is known from the walk before: the walk is repeated until it finds nothing new."""

    reach: dict[ir.Value, Reach] = field(default_factory=dict[ir.Value, Reach])
    bases: dict[ir.Value, frozenset[int]] = field(default_factory=dict[ir.Value, frozenset[int]])
    """Of a pointer: the arguments that it may point into."""
    numbers: dict[ir.Value, int] = field(default_factory=dict[ir.Value, int])
    """Values that are known."""
    found: list[Index] = field(default_factory=list[Index])
    written: set[int] = field(default_factory=set[int])
    """Arguments that are stored to."""
    read: set[int] = field(default_factory=set[int])
    """Arguments that are loaded."""
    changed: bool = False
    walks: int = 0

    def function(self, body: ir.Block, numbers: Mapping[int, int]) -> None:
        for number, argument in enumerate(body.arguments):
            if is_pointer(argument):
                self.bases[argument] = frozenset((number,))
            elif number in numbers:
                self.numbers[argument] = numbers[number]
        while self.changed or not self.walks:
            self.changed, self.found = False, []
            self._block(body)
            self.walks += 1

    def _block(self, block: ir.Block) -> None:
        for each in block.operations:
            op = each.operation
            if op.name in _ACCESSES:
                self._access(op)
            if op.name in _CONTROL:
                _CONTROL[op.name](self, op)
            else:
                self._plain(op)

    def _plain(self, op: ir.Operation) -> None:
        bases = self._bases_of(list(op.operands)[: 1 if op.name == "tt.addptr" else None])
        for position, result in enumerate(op.results):
            self._set(result, self._of(op, position), bases if is_pointer(result) else frozenset())
        number = self._number(op)
        if number is not None:
            self.numbers[op.results[0]] = number

    # ---- what is known of a value

    def _reach(self, value: ir.Value) -> Reach:
        return self.reach.get(value, NOTHING)

    def _set(self, value: ir.Value, reach: Reach, bases: frozenset[int]) -> None:
        if reach == self.reach.get(value, NOTHING) and bases <= self.bases.get(value, bases):
            if bases:
                self.bases.setdefault(value, bases)
            return
        self.changed = True
        self.reach[value] = reach
        self.bases[value] = bases

    def _bases_of(self, values: Iterable[ir.Value]) -> frozenset[int]:
        return frozenset[int]().union(*(self.bases.get(value, frozenset()) for value in values))

    def _join(self, value: ir.Value, sources: Sequence[ir.Value]) -> None:
        """`value` is one of `sources`."""
        self._set(value, union(*map(self._reach, sources)), self._bases_of(sources))

    def number(self, value: ir.Value) -> int | None:
        """The value, if it is known."""
        known = constant_int(value)
        return self.numbers.get(value) if known is None else known

    def _number(self, op: ir.Operation) -> int | None:
        """The value of an operation whose operands are known, as far as strides are computed."""
        if len(op.results) != 1 or not 1 <= len(op.operands) <= 2:
            return None
        values = [self.number(operand) for operand in op.operands]
        known = [value for value in values if value is not None]
        if len(known) < len(values):
            return None
        if len(known) == 1:
            meaning = find(op)
            return known[0] if meaning is not None and meaning.passes else None
        a, b = known
        if op.name in ("arith.divsi", "arith.divui"):
            return abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1) if b else None
        sums = {"arith.addi": a + b, "arith.subi": a - b, "arith.muli": a * b}
        return sums.get(op.name)

    # ---- one operation

    def _access(self, op: ir.Operation) -> None:
        pointer = op.operands[0]
        if op.name != "tt.load":
            self.written.update(self.bases.get(pointer, frozenset()))
        if op.name != "tt.store":
            self.read.update(self.bases.get(pointer, frozenset()))
        for argument, step in self._reach(pointer).items():
            for array in sorted(self.bases.get(pointer, frozenset())):
                self.found.append(Index(argument, array, step, source_line(op)))

    def _of(self, op: ir.Operation, position: int) -> Reach:
        """Of a result of an operation that is no control flow."""
        operands = [self._reach(operand) for operand in op.operands]
        if op.name in _ACCESSES and len(op.results):
            loaded = {base: Fraction(1) for base in self._bases_of(list(op.operands)[:1])}
            return union(loaded, *operands[2:] if op.name == "tt.load" else ())
        if not any(operands):
            return NOTHING
        meaning = find(op)
        return unknown(*operands) if meaning is None else meaning.reach(self, op, position, operands)

    # ---- control flow: a value is one of those that may come there

    def _if(self, op: ir.Operation) -> None:
        ends: list[list[ir.Value]] = []
        for region in op.regions:
            for block in region.blocks:
                self._block(block)
                ends.append(_last_operands(block))
        for position, result in enumerate(op.results):
            self._join(result, [end[position] for end in ends])

    def _for(self, op: ir.Operation) -> None:
        block = op.regions[0].blocks[0]
        counter, *carried = block.arguments
        self._join(counter, list(op.operands)[:2])
        self._carry(carried, list(op.operands)[3:], _last_operands(block))
        self._block(block)
        for result, argument in zip(op.results, carried, strict=True):
            self._join(result, [argument])

    def _while(self, op: ir.Operation) -> None:
        before, after = (region.blocks[0] for region in op.regions)
        self._carry(list(before.arguments), list(op.operands), _last_operands(after))
        self._block(before)
        passed = _last_operands(before)[1:]
        for targets in (list(after.arguments), list(op.results)):
            for target, value in zip(targets, passed, strict=True):
                self._join(target, [value])
        self._block(after)

    def _carry(self, carried: Sequence[ir.Value], inits: Sequence[ir.Value], back: Sequence[ir.Value]) -> None:
        for argument, *sources in zip(carried, inits, back, strict=True):
            reach = union(*map(self._reach, sources))
            # What still grows in the third walk grows with every iteration.
            grows = self.walks > 1 and reach != self._reach(argument)
            self._set(argument, unknown(reach) if grows else reach, self._bases_of(sources))


def _last_operands(block: ir.Block) -> list[ir.Value]:
    return list(block.operations[len(block.operations) - 1].operation.operands)


_CONTROL: dict[str, Callable[[Walk, ir.Operation], None]] = {
    "scf.if": Walk._if,  # pyright: ignore[reportPrivateUsage]
    "scf.for": Walk._for,  # pyright: ignore[reportPrivateUsage]
    "scf.while": Walk._while,  # pyright: ignore[reportPrivateUsage]
}
