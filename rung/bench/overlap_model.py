"""What follows from the times of the overlap study: bounds, gains, how much of the possible was hidden."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .overlap_result import OverlapPoint, OverlapRecord, OverlapResult
from .result import Result


@dataclass(frozen=True)
class Row:
    """One degree with one tile. Times are medians of one launch, in the unit of the record."""

    degree: int
    tile: int
    trips: int
    direct: Result
    single: Result
    transfer: float
    """T_dma"""
    compute: float
    """T_compute"""
    doubles: tuple[tuple[OverlapPoint, Result], ...]

    @property
    def fastest(self) -> float:
        """max(T_dma, T_compute): everything that can be hidden is hidden."""
        return max(self.transfer, self.compute)

    @property
    def slowest(self) -> float:
        """T_dma + T_compute: nothing is hidden."""
        return self.transfer + self.compute

    def hidden(self, median: float) -> float:
        """How far a time is from the sum towards the maximum: 0 at the sum, 1 at the maximum; 0 where both are one, as
        there is nothing to hide."""
        possible = self.slowest - self.fastest
        return (self.slowest - median) / possible if possible else 0.0


def rows(results: Sequence[OverlapResult]) -> list[Row]:
    """By tile, then by degree; those with a wrong or a missing result are left out, so that all of a tile have the same
    `doubles`."""
    groups: dict[tuple[int, int], list[tuple[OverlapPoint, Result]]] = {}
    wanted: dict[int, dict[_Double, None]] = {}
    for result in results:
        point = result.point
        if point.buffering == "double":
            wanted.setdefault(point.tile, {})[_double(point)] = None
        if result.median:
            groups.setdefault((point.tile, point.degree), []).append((point, result))
    found: list[Row] = []
    for (tile, degree), group in sorted(groups.items()):
        by_kind = {point.buffering: (point, result) for point, result in group if point.buffering != "double"}
        doubles = {_double(point): (point, result) for point, result in group if point.buffering == "double"}
        every = wanted.get(tile, {})
        if by_kind.keys() != {"direct", "single", "transfer", "compute"} or not every or doubles.keys() != every.keys():
            continue
        trips = by_kind["single"][0].trips
        found.append(
            Row(
                degree,
                tile,
                trips,
                by_kind["direct"][1],
                by_kind["single"][1],
                by_kind["transfer"][1].median or 0.0,
                (by_kind["compute"][1].median or 0.0) * trips,
                tuple(doubles[name] for name in every),
            )
        )
    return found


_Double = tuple[int, int, str | None]


def _double(point: OverlapPoint) -> _Double:
    return point.depth, point.own_tile, point.control


def tiles(record: OverlapRecord) -> dict[int, list[Row]]:
    """Rows by tile."""
    found: dict[int, list[Row]] = {}
    for row in rows(record.results):
        found.setdefault(row.tile, []).append(row)
    return found
