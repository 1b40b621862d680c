"""`rung overlap`: DB against arithmetic intensity."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.console import Console

from .. import machine as machines
from ..bench import overlap
from ..bench.measure import Sampling
from ..bench.result import Record, Result
from ..bench.toolchain import Toolchain, native
from ..errors import UsageError
from ..report import figure, text
from ..report import overlap as report
from ..schedule import Schedule
from . import parse, session

_DECIDED = {
    "vectorize": "Vec is always on; leave it out",
    "double_buffer": "each degree is measured with DB and without; leave it out",
    "depth": "give --depths",
    "scratchpad": "each degree is measured with the scratchpad and without; leave it out",
    "tile_elements": "give --tiles",
}
"""Fields of the schedule, and what to do instead of giving them."""
_USUAL = Schedule(threads=1, prefetch=False)
"""One context leaves the copy engine a core of the host; DB alone hides latency."""


@dataclass(frozen=True)
class Options:
    """The command line, as text."""

    device: str = "host"
    overrides: tuple[str, ...] = ()
    degrees: str | None = None
    size: str | None = None
    tiles: str | None = None
    depths: str | None = None
    schedule: str = ""
    json: str | None = None
    plot: str | None = None
    seed: int = 0
    rounds: int = 0
    budget_s: float = 6.0


def run(options: Options, toolchain: Callable[[], Toolchain] = native) -> int:
    """Measures, prints the tables, writes the files. Returns 0, 1 for a wrong result, 130 when interrupted."""
    json = parse.output(options.json, "--json")
    plot = figure.check_path(options.plot) if options.plot else None
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
    plan = overlap.Plan(elements, tiles, depths, base)
    plan.check(machine)

    def part(degree: int) -> session.Part:
        return session.Part(f"degree {degree}", lambda lab: overlap.run(degree, plan, lab))

    def show_nothing(_: Console, __: Sequence[Result]) -> None:
        """A degree alone says little: the tables come at the end."""

    def conclude(out: Console, record: Record) -> None:
        report.show(out, record)
        if plot:
            report.plot(record, plot)

    named = ", ".join(str(degree) for degree in degrees)
    what = f"exp-series on {machine.name}: {text.count(elements)} elements at degree {named}"
    parts = tuple(part(degree) for degree in degrees)
    return session.run(session.Session(what, machine, sampling, parts, json, show_nothing, conclude), toolchain)
