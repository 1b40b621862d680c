"""Runs of a block between the multiples of a divisor: along one, `i // n` is one number and `i % n` has slope 1.

Inductor walks most tensors by one number for the element, and takes its coordinates from quotients and remainders:

    x0 = xindex % 784; x1 = xindex // 784 % 64; tl.load(p + x1)

A divisor may be known at launch only: then the block is computed run by run where it is no less than `SHORTEST`.

Run by run, such accesses are views; element by element, they would be gathers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from torch_mlir import ir
from torch_mlir.dialects import scf

from ...ir.attributes import BOUNDS
from .affine import Affine
from .conditions import union
from .indices import Index, same
from .meanings import Formed
from .program import Program
from .traversal import Cone, Dims
from .ttir import Shape, element

QUOTIENTS, REMAINDERS = frozenset({"arith.divsi", "arith.divui"}), frozenset({"arith.remsi", "arith.remui"})
SHORTEST = 16
"""Elements of a run below which gathering is no slower: about a vector."""
WORTH_CUTTING = 256
"""Elements of a run from which on it is cut where the masks of its loads begin and end."""
_LONGEST = 1 << 61
"""Ends of runs must not overflow."""


@dataclass(frozen=True)
class Division:
    """An operation that divides `dividend` by `divisor`."""

    op: ir.Operation
    dividend: Affine
    divisor: Index


@dataclass
class Runs:
    """The runs of `first + i[dim]` between multiples of `length`, and the operations that divide it by multiples.

    A length that is known at launch divides itself only.
    """

    dim: int
    first: Index
    length: Index
    divisions: list[Division] = field(default_factory=list[Division])
    conditions: tuple[ir.Value, ...] = ()
    """Under which `first + i[dim]` is what they divide."""
    positive: bool = False
    """Whether `first` is known not to be negative."""

    @property
    def shortest(self) -> int:
        return self.length if isinstance(self.length, int) else SHORTEST

    def most(self, extents: Shape) -> int:
        """How many runs there are at most."""
        return (extents[self.dim] + self.shortest - 2) // self.shortest + 1

    @property
    def wide(self) -> bool:
        """Whether the length may be about as great as an index."""
        return any(ir.IntegerType(element(d.op.operands[1])).width > 32 for d in self.divisions)

    def times(self, divisor: Index) -> int | None:
        """How often the length goes into a divisor; None where that is not known, or it does not."""
        if isinstance(divisor, int) and isinstance(self.length, int):
            return divisor // self.length if divisor % self.length == 0 else None
        return 1 if same(divisor, self.length) else None


@dataclass(frozen=True)
class Window:
    """The part of a block's index space that is being computed: `low <= i[d] < high`."""

    low: tuple[Index, ...]
    high: tuple[Index, ...]
    longest: Shape
    """Upper bounds of `high - low`."""
    runs: frozenset[int] = frozenset()
    """Dimensions that it is a run of."""
    short: frozenset[int] = frozenset()
    """Those whose runs may not be worth cutting."""

    @staticmethod
    def whole(extents: Shape) -> Window:
        return Window((0,) * len(extents), extents, extents)

    def narrowed(self, runs: Runs, low: Index, high: Index) -> Window:
        def put(values: tuple[Index, ...], value: Index) -> tuple[Index, ...]:
            return (*values[: runs.dim], value, *values[runs.dim + 1 :])

        most = runs.length if isinstance(runs.length, int) else self.longest[runs.dim]
        longest = tuple(min(n, most) if d == runs.dim else n for d, n in enumerate(self.longest))
        long = isinstance(runs.length, int) and runs.length >= WORTH_CUTTING
        short = self.short if long else self.short | {runs.dim}
        return Window(put(self.low, low), put(self.high, high), longest, self.runs | {runs.dim}, short)


def find_runs(program: Program, extents: Shape, cones: Cone) -> list[Runs]:
    """At most one per dimension: of what is divided first, by the smallest divisor and its multiples, or by one that is
    known at launch.

    Remainders alone are left to wrap-arounds where a block is no longer than the divisor, or where that is not known.
    """
    found: dict[int, Runs] = {}
    for op, dims in _seen_once(cones):
        affine = program.pointers.reading(op.operands[0], op.name.endswith("si"))
        if affine is None or affine.base is not None or affine.wraps:
            continue
        moving = [d for d, s in enumerate(affine.strides) if s != 0]
        dim = dims[moving[0]] if len(moving) == 1 and affine.strides[moving[0]] == 1 else None
        divisor = _divisor(program, op)
        if dim is None or extents[dim] == 1 or divisor is None:
            continue
        runs = found.setdefault(dim, Runs(dim, affine.offset, divisor))
        if same(runs.first, affine.offset):
            runs.divisions.append(Division(op, affine, divisor))
            if isinstance(divisor, int):
                runs.length = min(runs.length, divisor) if isinstance(runs.length, int) else divisor
    return [runs for runs in found.values() if _pays(program, runs, extents)]


def _divisor(program: Program, op: ir.Operation) -> Index | None:
    """A number that is the same for the whole block; no constant that is less than the shortest run."""
    form = program.pointers.read(op.operands[1], op.name.endswith("si"))
    if form is None or form.base is not None or not form.uniform:
        return None
    return None if isinstance(form.offset, int) and form.offset < SHORTEST else form.offset


def collapses(runs: Runs, pointer: Cone, extents: Shape) -> bool:
    """Whether stores through `pointer` may meet in an order that runs change: a run is one place, in every row.

    Several elements of a run have one place where the quotient is asked for and the remainder is not; runs of the
    outermost dimension are in order anyway.
    """
    if runs.dim == next(d for d, n in enumerate(extents) if n != 1):
        return False
    names = {op.name for op, dims in pointer.divisions if runs.dim in dims}
    return bool(names & QUOTIENTS) and not names & REMAINDERS


def _seen_once(cones: Cone) -> list[tuple[ir.Operation, Dims]]:
    """Divisions that are seen along one dimension only: in `q[:, None] + q[None, :]`, `q` is in two runs at once."""
    ways = Counter(op for op, _ in cones.divisions)
    return [(op, dims) for op, dims in cones.divisions if ways[op] == 1]


def _pays(program: Program, runs: Runs, extents: Shape) -> bool:
    runs.divisions = [d for d in runs.divisions if runs.times(d.divisor) is not None]
    for each in runs.divisions:
        runs.conditions = union(runs.conditions, each.dividend.conditions)
        unsigned = each.op.name.endswith("ui")
        runs.positive = runs.positive or unsigned or program.ranges.at_least(each.op.operands[0], 0)
    short = isinstance(runs.length, int) and runs.length < extents[runs.dim]
    return short or any(d.op.name in QUOTIENTS for d in runs.divisions)


@contextmanager
def each_run(program: Program, extents: Shape, runs: Runs, window: Window) -> Generator[Window]:
    """Build what is done for one run, inside a loop over all of them. `runs.first` must not be negative there."""
    ix, dim, length = program.ix, runs.dim, runs.length
    begin = ix.div(runs.first, length)
    end = ix.add(ix.div(ix.add(runs.first, extents[dim] - 1), length), 1)
    loop = scf.ForOp(ix.value(begin), ix.value(end), ix.value(1))
    loop.operation.attributes[BOUNDS] = ir.DenseI64ArrayAttr.get([runs.most(extents)])
    with ir.InsertionPoint(loop.body), ix.scope(hiding=("affine", "mask")):
        number: Index = loop.induction_variable
        start = ix.sub(ix.mul(number, length), runs.first)
        low, high = ix.max(start, 0), ix.min(ix.add(start, length), extents[dim])
        with _known(program, runs, number):
            yield window.narrowed(runs, low, high)
        scf.YieldOp([])


@contextmanager
def _known(program: Program, runs: Runs, number: Index) -> Generator[None]:
    """What the divisions give in run `number`."""
    ix, meanings = program.ix, program.meanings
    before = {d.op.results[0]: meanings.get(d.op.results[0]) for d in runs.divisions}
    for division in runs.divisions:
        quotient = ix.div(number, runs.times(division.divisor) or 1)
        if division.op.name in QUOTIENTS:
            form = Affine(None, quotient, (0,) * len(division.dividend.strides))
        else:
            start = ix.sub(runs.first, ix.mul(quotient, division.divisor))
            form = Affine(None, start, division.dividend.strides)
        meanings[division.op.results[0]] = Formed(form)
    try:
        yield
    finally:
        for value, meaning in before.items():
            meanings.restore(value, meaning)


def conditions_of(program: Program, runs: Sequence[Runs]) -> tuple[ir.Value, ...]:
    """What must hold for a block to be computed run by run: what is divided is what index arithmetic gives, and starts
    at 0 or above (below, `//` and `%` round towards 0); runs are not too short to pay."""
    ix = program.ix
    signs = tuple(ix.less(-1, r.first) for r in runs if not r.positive)
    dynamic = [r for r in runs if not isinstance(r.length, int)]
    pays = tuple(ix.at_most(SHORTEST, r.length) for r in dynamic)
    ends = tuple(ix.at_most(r.length, _LONGEST) for r in dynamic if r.wide)
    return union(*(r.conditions for r in runs), signs, pays, ends)
