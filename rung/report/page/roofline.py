"""Where results stand below the limits that were measured in the same run."""

from __future__ import annotations

from collections.abc import Sequence

from ...bench.result import Result, Roofline
from .. import text
from .parts import BLACK, GREY, Axis, Bar, Bars, BarSeries, Block, Chart, Point, Series
from .sheet import caption

_SPAN = 16.0
"""The roof is drawn so many times to both sides of what stands below it."""


def roofline(group: Sequence[Result]) -> list[Block]:
    """Nothing where no limit was measured; shares of the copy's bandwidth where the kernel's operations are not
    counted."""
    known = [(result, result.roofline, result.median) for result in group if result.roofline and result.median]
    if not known:
        return []
    counted = [(result, roof, median) for result, roof, median in known if roof.flops and roof.fma_flops_per_s]
    return [_roof(counted)] if counted else [_shares(known)]


Placed = Sequence[tuple[Result, Roofline, float]]


def _shares(known: Placed) -> Bars:
    found: list[Bar] = []
    for result, roof, median in known:
        rate = f"{roof.copy_bytes_per_s / 1e9:.3g} GB/s on {text.counted(roof.contexts, 'context')}"
        words = f"{result.rung}: {roof.bytes / median / 1e9:.3g} GB/s, {roof.of_copy(median):.0%} of a copy's {rate}"
        found.append(Bar(100 * roof.of_copy(median), words))
    words = "its operations are not counted (transcendental functions); copies of the same size, timed in the same run"
    return Bars(
        "Below the bandwidth of a copy",
        Axis("share of the copy's bandwidth", "percent"),
        tuple(result.rung for result, _, _ in known),
        (BarSeries("share", tuple(found)),),
        f"{caption(known[0][0])}; {words}",
    )


def _roof(known: Placed) -> Chart:
    series: list[Series] = []
    for at, contexts in enumerate(sorted({roof.contexts for _, roof, _ in known})):
        roof = next(each for _, each, _ in known if each.contexts == contexts)
        peak, copy = roof.fma_flops_per_s or 0.0, roof.copy_bytes_per_s
        ridge, here = peak / copy, (roof.flops or 0) / roof.bytes
        places = sorted({min(here, ridge) / _SPAN, ridge, max(here, ridge) * _SPAN})
        points = tuple(
            Point(x, min(peak, x * copy) / 1e9, f"{min(peak, x * copy) / 1e9:.3g} GFLOP/s at {x:.3g} flop/byte")
            for x in places
        )
        name = f"limit of {text.counted(contexts, 'context')}"
        series.append(Series(name, points, "line" if at else "dashed", BLACK if at else GREY))
    for number, (result, roof, median) in enumerate(known):
        flops = roof.flops or 0
        x, rate = flops / roof.bytes, flops / median
        words = (
            f"{result.rung}: {rate / 1e9:.3g} GFLOP/s at {x:.3g} flop/byte\n{roof.of_copy(median):.0%} of a copy's "
            f"bandwidth, {roof.of_fma(median) or 0.0:.1%} of the FMA peak"
        )
        series.append(Series(result.rung, (Point(x, rate / 1e9, words),), "points", number))
    return Chart(
        "Roofline",
        Axis("flop per byte of the arrays", "number", 10),
        Axis("GFLOP/s", "number", 10),
        tuple(series),
        f"{caption(known[0][0])}; limits: the best copy of this size and the FMA peak, in the same run",
    )
