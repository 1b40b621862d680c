"""The overlap study: DB against arithmetic intensity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import typer

from .. import machine as machines
from ..bench import overlap
from ..bench.measure import Sampling
from ..bench.overlap_result import OverlapRecord, OverlapResult
from ..bench.result import Environment
from ..errors import UsageError
from ..options import parse
from ..options.declared import Device, Overrides, Seed
from ..report import explain, text
from ..report import overlap as report
from ..report.page import overlap as page
from ..schedule import Schedule
from .study import Part, Plan, Study, StudyOptions

_DECIDED = {
    "vectorize": "Vec is always on; leave it out",
    "double_buffer": "each degree is measured with DB and without; leave it out",
    "depth": "give --depths",
    "scratchpad": "each degree is measured with the scratchpad and without; leave it out",
    "tile_elements": "give --tiles",
}
"""Fields of the schedule, and what to do instead of giving them."""
_USUAL = Schedule(threads=1, prefetch=False, stream_stores=False)
"""One context leaves the copy engine a core of the host; DB alone hides latency."""


@dataclass(frozen=True)
class OverlapOptions(StudyOptions):
    device: Device = "host"
    overrides: Overrides = ()
    degrees: Annotated[str | None, typer.Option(help="Of the series, joined by commas; default: 1,2,4,8,16,32,64.")] = (
        None
    )
    size: Annotated[str | None, typer.Option(help="Elements; default: 4M.")] = None
    tiles: Annotated[
        str | None,
        typer.Option(help="Elements, joined by commas; default: the largest that fits, and a quarter of it."),
    ] = None
    depths: Annotated[str | None, typer.Option(help="Buffers per stream, joined by commas; default: 2,4.")] = None
    schedule: Annotated[
        str,
        typer.Option(
            "--schedule", help="Parameters; threads=1 where not given, to leave the copy engine a core of the host."
        ),
    ] = ""
    seed: Seed = 0
    rounds: Annotated[int, typer.Option(help="Rounds per degree; 0: as many as the budget holds.")] = 0
    budget_s: Annotated[float, typer.Option("--budget", help="Seconds of timing per degree.")] = 6.0


Results = list[OverlapResult]


def plan(options: OverlapOptions) -> Plan[OverlapOptions, Results, OverlapRecord]:
    """A part per degree. A degree alone says little: the tables come at the end."""
    sampling = Sampling(options.rounds, options.budget_s, parse.seed(options.seed))
    machine = machines.load(options.device, options.overrides)
    base = parse.schedule(options.schedule, _DECIDED, _USUAL)
    degrees = parse.counts(options.degrees, "--degrees") if options.degrees else overlap.DEGREES
    if max(degrees) > overlap.LARGEST_DEGREE:
        raise UsageError(
            f"--degrees is `{options.degrees}`; every term is compiled by itself: give {overlap.LARGEST_DEGREE} at most"
        )
    depths = parse.counts(options.depths, "--depths") if options.depths else overlap.DEPTHS
    if min(depths) < 2:
        raise UsageError(f"--depths is `{options.depths}`; double buffering needs at least 2 buffers")
    elements = parse.count(options.size, "--size") if options.size else overlap.ELEMENTS
    if options.tiles:
        tiles = parse.counts(options.tiles, "--tiles")
    else:
        tiles = overlap.default_tiles(machine, depths, elements, base.threads)
    one = overlap.OverlapPlan(elements, tiles, depths, base)
    one.check(machine)

    def part(degree: int) -> Part[Results]:
        return Part(f"degree {degree}", lambda lab: overlap.run(degree, one, lab))

    named = ", ".join(str(degree) for degree in degrees)
    what = f"exp-series on {machine.name}: {text.count(elements)} elements at degree {named}"
    return Plan(what, machine, sampling, tuple(part(degree) for degree in degrees), _record)


def _record(found: Environment, parts: Sequence[Results], complete: bool) -> OverlapRecord:
    return OverlapRecord(environment=found, results=[each for part in parts for each in part], complete=complete)


STUDY = Study(
    name="overlap",
    details="""The exponent series without a scratchpad, single- and double-buffered, at equal tile
and at equal scratchpad, against the bounds max and sum of T_dma and T_compute.
Exit status 1: a result was wrong.""",
    options=OverlapOptions,
    plan=plan,
    record=OverlapRecord,
    tables=report.show,
    figure=report.plot,
    page=page.CONTENTS,
    explain=explain.show_record,
)
