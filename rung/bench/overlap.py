"""DB against arithmetic intensity: the exponent series, whose degree says how much is computed per byte.

Every degree is one group, timed in turn. For each tile of `tile` elements:

    direct      no scratchpad
    single      through the scratchpad, one buffer per stream: transfer, compute, transfer back, one after another
    double      `depth` buffers per stream, twice: with the same tile (and `depth` times the scratchpad), and with the
                same scratchpad (and 1/`depth` of the tile, down to a power of 2)
    transfer    degree 1 with the most buffers: one addition per element hides under the transfers, so this is T_dma
    compute     one tile that stays in the caches, without a scratchpad: times the number of tiles this is T_compute

T_dma and T_compute are measured, not taken from the description. T_dma includes what the context spends on starting and
awaiting transfers; T_compute reads from a cache that is at least as near as the scratchpad, so it may be too small.
A modelled device has no caches: there, `compute` is single buffering with transfers that take no time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..dtypes import F32
from ..errors import UsageError
from ..machine import Dma, Machine
from ..schedule import Schedule
from . import references, suite
from .group import FLOAT64, Case, Lab, Variant, measure
from .overlap_result import OverlapPoint, OverlapResult
from .problem import Problem, Tolerance, check_memory, signature
from .ratios import step_over
from .result import Result

DEGREES = (1, 2, 4, 8, 16, 32, 64)
DEPTHS = (2, 4)
ELEMENTS = 1 << 22
MIN_TRIPS = 4
"""Below these a pipeline is all prologue and epilogue."""
LARGEST_DEGREE = 4096
"""The series is written out term by term, and compiled for every tile and depth: minutes from here on."""
_SMALLEST_TILE = 4
_STREAMS = 2
_ELEMENT_BYTES = 4
_SCRATCH_BYTES = 4096
"""Left for a context's scratch and stack, which a modelled device keeps in the scratchpad."""
_NO_LIMIT = 1e12
"""Bytes per cycle."""


@dataclass(frozen=True)
class OverlapPlan:
    """What one degree is measured with."""

    elements: int
    tiles: tuple[int, ...]
    depths: tuple[int, ...]
    base: Schedule

    def check(self, machine: Machine) -> None:
        """Raises UsageError for tiles that do not fit, or of which there are too few."""
        budget = machine.scratchpad_bytes_per_context
        for tile in self.tiles:
            if tile & (tile - 1):
                raise UsageError(f"a tile of {tile:,} elements is one block of Triton; give powers of 2")
            if tile < max(self.depths):
                raise UsageError(
                    f"a tile of {tile:,} elements cannot be cut into {max(self.depths):,} for the control at equal "
                    "scratchpad: give smaller --depths, larger --tiles or a larger --size"
                )
            needed = scratchpad_bytes(tile, max(self.depths))
            if needed > budget:
                raise UsageError(
                    f"{max(self.depths)} buffers of {tile:,} elements need {needed:,} bytes of scratchpad; "
                    f"{machine.name} has {budget:,} per context: give smaller --tiles or --depths"
                )
            if self.trips(tile, machine) < MIN_TRIPS:
                raise UsageError(
                    f"{self.elements:,} elements are {self.trips(tile, machine)} tiles of {tile:,} per context; "
                    f"give a --size for at least {MIN_TRIPS}"
                )

    def trips(self, tile: int, machine: Machine) -> int:
        """Tiles that a context works through; the last context may have fewer."""
        return self.elements // tile // (self.base.threads or machine.contexts)


def scratchpad_bytes(tile: int, depth: int) -> int:
    """Of one context: an input and an output stream."""
    return _STREAMS * depth * tile * _ELEMENT_BYTES


def default_tiles(machine: Machine, depths: Sequence[int], elements: int, threads: int) -> tuple[int, ...]:
    """The largest tile that fits with every depth and leaves enough trips, and a quarter of it."""
    room = max(machine.scratchpad_bytes_per_context - (0 if machine.kind == "host" else _SCRATCH_BYTES), 0)
    fits = room // scratchpad_bytes(1, max(depths))
    if fits < _SMALLEST_TILE:
        raise UsageError(
            f"{max(depths)} buffers of {_SMALLEST_TILE} elements need {scratchpad_bytes(_SMALLEST_TILE, max(depths))} "
            f"bytes of scratchpad; {machine.name} has {room:,} per context: give smaller --depths or another --device"
        )
    shares = MIN_TRIPS * (threads or machine.contexts)
    largest = min(fits, elements // shares)
    if largest < _SMALLEST_TILE:
        raise UsageError(
            f"{elements:,} elements are too few for {shares} tiles, {MIN_TRIPS} per context; "
            f"give a --size of at least {_SMALLEST_TILE * shares}"
        )
    tile = 1 << (largest.bit_length() - 1)
    return tile // 4, tile


def run(degree: int, plan: OverlapPlan, lab: Lab) -> list[OverlapResult]:
    """All variants at one degree, in the order of the tiles."""
    kernel, x, out = _load(plan.elements, lab.sampling.seed)
    args = (x, out, plan.elements)
    expected = {d: _expected(x, d) for d in {1, degree}}

    def variant(name: str, of: int, block: int, **schedule: Any) -> Variant:
        case = _case(kernel, args, expected[of], of, block)
        return Variant(name, case, replace(plan.base, vectorize=True, tile_elements=block, **schedule))

    variants: list[tuple[OverlapPoint, Variant]] = []
    computes: list[tuple[OverlapPoint, Variant]] = []
    for tile in plan.tiles:

        def point(
            buffering: Any, own_tile: int = tile, depth: int = 1, control: Any = None, tile: int = tile
        ) -> OverlapPoint:
            return OverlapPoint(
                degree=degree, elements=plan.elements, tile=tile, buffering=buffering, own_tile=own_tile, depth=depth,
                control=control, trips=plan.trips(own_tile, lab.machine),
            )  # fmt: skip

        deepest = max(plan.depths)
        off = {"scratchpad": "off", "double_buffer": False}
        single = {"scratchpad": "on", "double_buffer": False}
        variants += [
            (point("direct"), variant(f"direct {tile}", degree, tile, **off)),
            (point("single"), variant(f"single {tile}", degree, tile, **single)),
            (point("transfer", depth=deepest), variant(f"transfer {tile}", 1, tile, double_buffer=True, depth=deepest)),
        ]
        for depth in plan.depths:
            part = 1 << ((tile // depth).bit_length() - 1)
            for control, own in (("equal tile", tile), ("equal scratchpad", part)):
                name = f"double {depth} x {own}, {control} as {tile}"
                both = {"double_buffer": True, "depth": depth}
                variants.append((point("double", own, depth, control), variant(name, degree, own, **both)))

        computes.append((point("compute"), _resident(kernel, x, degree, tile, plan.base, lab)))

    wanted = variants + computes
    if lab.exact:
        free = replace(lab, machine=without_transfers(lab.machine))
        results = measure([each for _, each in variants], lab) + measure([each for _, each in computes], free)
    else:
        results = measure([each for _, each in wanted], lab)
    placed = list(zip((point for point, _ in wanted), results, strict=True))
    singles = {p.tile: r for p, r in placed if p.buffering == "single"}

    def ratios(point: OverlapPoint, result: Result) -> dict[str, Any]:
        if point.buffering != "double":
            return {}
        return step_over(result, singles[point.tile], f"single buffering of {point.tile:,}")

    return [OverlapResult(**{**dict(result), **ratios(point, result)}, point=point) for point, result in placed]


def _load(elements: int, seed: int) -> tuple[Any, Any, Any]:
    """(kernel, inputs uniform in [-1, 1], outputs that are NaN)"""
    import torch

    from ..frontends.triton.loader import load_kernel

    check_memory(elements)
    x = torch.rand(elements, generator=torch.Generator().manual_seed(seed)) * 2 - 1
    return load_kernel(suite.find("exp-series").kernel), x, torch.full_like(x, math.nan)


def _expected(x: Any, degree: int) -> Any:
    return lambda: [references.exp_series(x.double(), degree)]


def _case(kernel: Any, args: tuple[Any, ...], expected: Any, degree: int, block: int) -> Case:
    elements = args[2]
    problem = Problem(args, (1,), {"DEGREE": degree, "BLOCK": block}, (-(-elements // block), 1, 1), expected)
    types = signature(kernel.arg_names, problem)
    roundings = 2 * degree * F32.epsilon
    reason = "two roundings per degree of partial sums below e, for |x| <= 1"
    tolerance = Tolerance(roundings, math.e * roundings, reason)
    return Case("exp-series", "f32", (elements,), kernel, types, problem, tolerance, FLOAT64)


def without_transfers(machine: Machine) -> Machine:
    """A modelled device whose DMA engine takes no time: what is left is what the contexts compute."""
    dma = Dma(queue_depth=machine.dma.queue_depth, max_rank=machine.dma.max_rank, bytes_per_cycle=_NO_LIMIT)
    return machine.model_copy(update={"dma": dma})


def _resident(kernel: Any, x: Any, degree: int, tile: int, base: Schedule, lab: Lab) -> Variant:
    """One tile of `x`, on one context: what is computed per tile when nothing has to be brought."""
    import torch

    own = x[:tile].clone()
    case = _case(kernel, (own, torch.full_like(own, math.nan), tile), _expected(own, degree), degree, tile)
    where = "on" if lab.exact else "off"
    alone = replace(base, vectorize=True, threads=1, scratchpad=where, double_buffer=False, tile_elements=tile)
    return Variant(f"compute {tile}", case, alone)
