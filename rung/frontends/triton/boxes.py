"""Iteration boxes: a block's index space, cut where masks begin and end and pointers wrap: inside a box neither is
asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import product

from .affine import Wrap
from .indices import Index, Indices, is_zero, same
from .masks import Span
from .runs import Window
from .ttir import Shape


@dataclass(frozen=True)
class Side:
    """One dimension of a box: `low <= i < high` of a block's `extent`, and what is known of every i there."""

    low: Index
    high: Index
    extent: int
    below: tuple[Index, ...] = ()
    """Bounds b for which `i < b`."""
    beyond: tuple[Index, ...] = ()
    """Bounds b for which `b <= i`."""

    def holds(self, bound: Index) -> bool | None:
        """Whether `i < bound` is known to hold (True), known not to (False), or unknown (None)."""
        if any(_at_most(b, bound) for b in (*self.below, self.high, self.extent)):
            return True
        return False if any(_at_most(bound, b) for b in (*self.beyond, self.low, 0)) else None

    @property
    def empty(self) -> bool:
        return _at_most(self.high, self.low)

    def part(self, low: Index, high: Index, below: Iterable[Index] = (), beyond: Iterable[Index] = ()) -> Side:
        """`low <= i < high` of it, where more is known."""
        return Side(low, high, self.extent, (*self.below, *below), (*self.beyond, *beyond))


@dataclass(frozen=True)
class Box:
    """A side for each dimension. laps: for each wrap that is resolved, how often it has wrapped here (0 or 1)."""

    sides: tuple[Side, ...]
    laps: dict[Wrap, int] = field(default_factory=dict[Wrap, int])


def cut(
    ix: Indices,
    extents: Shape,
    window: Window,
    limits: Sequence[Span],
    spans: Sequence[Sequence[Span]],
    wraps: Sequence[Wrap],
) -> Iterator[Box]:
    """Boxes that cover `limits` of `window`, in order: what lies on a line along a dimension is met from its start.

    spans: per dimension those of masks: of the boxes of a lap, one is where all of them hold.
    wraps: at most one per dimension, each wrapping at most once over its extent, none where the window is a run.
    """
    whole = [_limited(ix, n, window, d, limits[d]) for d, n in enumerate(extents)]
    for laps in product((0, 1), repeat=len(wraps)):
        sides = list(whole)
        for wrap, lap in zip(wraps, laps, strict=True):
            sides[wrap.dim] = _lap(ix, whole[wrap.dim], wrap, lap)
        if not any(side.empty for side in sides):
            yield from _boxes(ix, tuple(sides), spans, Box((), dict(zip(wraps, laps, strict=True))))


def _limited(ix: Indices, extent: int, window: Window, dim: int, limit: Span) -> Side:
    """A dimension of `window`, as far as `limit` goes."""
    low, high = window.low[dim], window.high[dim]
    if limit.high is not None:
        high = ix.min(high, limit.high) if dim in window.runs else limit.high
    if not is_zero(limit.low):
        low = limit.low if is_zero(low) else ix.max(low, limit.low)
    if not is_zero(low) and limit.bounded:
        low = ix.min(low, high)
    return Side(low, high, extent, () if limit.high is None else (limit.high,), (limit.low,))


def _lap(ix: Indices, side: Side, wrap: Wrap, lap: int) -> Side:
    """What lies before a seam, or behind it."""
    seam = ix.min(ix.sub(wrap.modulus, wrap.start), side.high)
    if not is_zero(side.low):
        seam = ix.max(seam, side.low)
    return side.part(seam, side.high) if lap else side.part(side.low, seam)


def _boxes(ix: Indices, sides: tuple[Side, ...], spans: Sequence[Sequence[Span]], done: Box) -> Iterator[Box]:
    """Dimensions of `done` are inside their masks; behind one that is not, they are whole."""
    d = len(done.sides)
    if d == len(sides):
        yield done
        return
    before, inside, after = _cut_side(ix, sides[d], spans[d])
    rest = sides[d + 1 :]
    for side in before:
        yield replace(done, sides=(*done.sides, side, *rest))
    if not inside.empty:
        yield from _boxes(ix, sides, spans, replace(done, sides=(*done.sides, inside)))
    for side in after:
        yield replace(done, sides=(*done.sides, side, *rest))


def _cut_side(ix: Indices, side: Side, spans: Sequence[Span]) -> tuple[list[Side], Side, list[Side]]:
    """What lies before some of `spans` begin, inside all of them, and behind the end of some.

    Where several begin or end at places of their own, each is asked again for, except inside. They may be empty: then
    those that end before they begin are behind their end.
    """
    lows = _different(s.low for s in spans if side.holds(s.low) is not False)
    highs = _different(s.high for s in spans if s.high is not None and side.holds(s.high) is not True)
    start, end = _first(ix, side, lows), _last(ix, side, highs)
    only_low, only_high = lows if len(lows) == 1 else [], highs if len(highs) == 1 else []
    first = ix.min(start, end) if lows and highs else start
    before = side.part(side.low, first, below=(*highs, *only_low))
    inside = side.part(first, end, below=highs, beyond=lows)
    after = [side.part(end, side.high, beyond=only_high)]
    if only_low and only_high and any(side.holds(s.low) is None and not same(s.high, highs[0]) for s in spans):
        # Behind an end, what has begun and has no end there.
        behind = ix.max(start, end)
        after = [side.part(end, behind, only_low, only_high), side.part(behind, side.high, beyond=(*lows, *highs))]
    return [s for s in [before] if not s.empty], inside, [s for s in after if not s.empty]


def _first(ix: Indices, side: Side, lows: Sequence[Index]) -> Index:
    """From where on all of `lows` are reached: inside the side, as bounds are inside the block."""
    start = side.low
    for low in lows:
        start = low if is_zero(start) else ix.max(start, low)
    return ix.min(start, side.high) if lows and not same(side.high, side.extent) else start


def _last(ix: Indices, side: Side, highs: Sequence[Index]) -> Index:
    """Where the first of `highs` is reached."""
    end = side.high
    for high in highs:
        end = high if same(end, side.extent) else ix.min(end, high)
    return ix.max(end, side.low) if highs and not is_zero(side.low) else end


def _different(bounds: Iterable[Index]) -> list[Index]:
    found: list[Index] = []
    for bound in bounds:
        if not any(same(bound, b) for b in found):
            found.append(bound)
    return found


def _at_most(a: Index, b: Index) -> bool:
    """Whether `a <= b` is known."""
    return a <= b if isinstance(a, int) and isinstance(b, int) else same(a, b)
