"""Iteration boxes: a block's index space, cut where masks end and pointers wrap: inside a box neither is asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product

from .affine import Wrap
from .indices import Index, Indices, same
from .runs import Window
from .ttir import Shape


@dataclass(frozen=True)
class Box:
    """`low[d] <= i[d] < high[d]`, and what is known there.

    below[d]: bounds b for which `i[d] < b` holds everywhere in the box; beyond[d]: those for which it holds nowhere.
    laps: for each wrap that has been resolved, how often it has wrapped around here (0 or 1).
    """

    low: tuple[Index, ...]
    high: tuple[Index, ...]
    below: tuple[tuple[Index, ...], ...]
    beyond: tuple[tuple[Index, ...], ...]
    laps: dict[Wrap, int] = field(default_factory=dict[Wrap, int])

    def holds(self, dim: int, bound: Index) -> bool | None:
        """Whether `i[dim] < bound` is known to hold (True), known not to (False), or unknown (None) in this box."""
        if any(same(bound, b) for b in (*self.below[dim], self.high[dim])):
            return True
        if any(same(bound, b) for b in self.beyond[dim]):
            return False
        return None

    @property
    def empty(self) -> bool:
        pairs = zip(self.low, self.high, strict=True)
        return any(isinstance(a, int) and isinstance(b, int) and a >= b for a, b in pairs)


def cut(
    ix: Indices,
    extents: Shape,
    window: Window,
    limits: Sequence[Index | None],
    bounds: Sequence[Sequence[Index]],
    wraps: Sequence[Wrap],
) -> Iterator[Box]:
    """Boxes that cover `i[d] < limits[d]` (all for None) of `window`.

    bounds: per dimension the upper bounds of masks. The first box of every lap is where all of them hold.
    wraps: at most one per dimension, each wrapping at most once over its extent, none where the window is a run.
    """
    full = tuple(
        n if limit is None else ix.min(n, limit) if d in window.runs else limit
        for d, (n, limit) in enumerate(zip(window.high, limits, strict=True))
    )
    sure = tuple(() if limit is None else (limit,) for limit in limits)
    start = tuple(0 if low == 0 else ix.min(low, high) for low, high in zip(window.low, full, strict=True))
    for laps in product((0, 1), repeat=len(wraps)):
        low: list[Index] = list(start)
        high: list[Index] = list(full)
        for wrap, lap in zip(wraps, laps, strict=True):
            seam = ix.min(ix.sub(wrap.modulus, wrap.start), full[wrap.dim])
            if lap:
                low[wrap.dim] = seam
            else:
                high[wrap.dim] = seam
        yield from _by_masks(ix, extents, low, high, bounds, sure, dict(zip(wraps, laps, strict=True)))


def _by_masks(
    ix: Indices,
    extents: Shape,
    low: list[Index],
    high: list[Index],
    bounds: Sequence[Sequence[Index]],
    sure: Sequence[tuple[Index, ...]],
    laps: dict[Wrap, int],
) -> Iterator[Box]:
    rank = len(low)
    open_bounds = [[b for b in bounds[d] if not same(b, high[d])] for d in range(rank)]
    ends: list[Index] = []
    for d in range(rank):
        end = high[d]
        for bound in open_bounds[d]:
            # Bounds are clamped to the extent: a whole dimension ends at its bound.
            end = bound if isinstance(end, int) and low[d] == 0 and end == extents[d] else ix.min(end, bound)
        if open_bounds[d] and low[d] != 0:
            end = ix.max(end, low[d])
        ends.append(end)
    nothing: tuple[tuple[Index, ...], ...] = tuple(() for _ in range(rank))
    inside = tuple((*b, *s) for b, s in zip(open_bounds, sure, strict=True))
    yield Box(tuple(low), tuple(ends), inside, nothing, laps)
    for d in range(rank):
        if same(ends[d], high[d]):
            continue
        # Dimensions before d stay inside their masks, d is beyond, those after d are whole.
        box_low, box_high = list(low), [*ends[:d], *high[d:]]
        box_low[d] = ends[d]
        below = tuple(inside[k] if k < d else sure[k] for k in range(rank))
        only = open_bounds[d][0] if len(open_bounds[d]) == 1 else None
        # Beyond the only bound. With several, each has to be asked again.
        beyond = tuple((only,) if k == d and only is not None else () for k in range(rank))
        yield Box(tuple(box_low), tuple(box_high), below, beyond, laps)
