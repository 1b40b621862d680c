"""`rung scale`: MT against problem size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import prod

from rich.console import Console

from .. import machine as machines
from ..bench import group, scaling, suite
from ..bench.measure import Sampling
from ..bench.problem import Shape
from ..bench.result import Record, Result
from ..bench.toolchain import Toolchain, native
from ..errors import UsageError
from ..report import figure, scale, text
from ..schedule import Schedule
from . import parse, session

_DECIDED = {
    "vectorize": "Vec is always on; leave it out",
    "threads": "give --contexts",
    "profitability": "more than one context always fork; leave it out",
}
"""Fields of the schedule, and what to do instead of giving them."""
_USUAL = Schedule(prefetch=False)
"""MT alone: what else hides latency is asked for."""


@dataclass(frozen=True)
class Options:
    """The command line, as text."""

    kernel: str = "gelu"
    device: str = "host"
    overrides: tuple[str, ...] = ()
    dtype: str = "f32"
    sizes: str | None = None
    contexts: str | None = None
    block: int | None = None
    schedule: str = ""
    json: str | None = None
    plot: str | None = None
    seed: int = 0
    rounds: int = 0
    budget_s: float = 3.0


def run(options: Options, toolchain: Callable[[], Toolchain] = native) -> int:
    """Measures, prints the table, writes the files. Returns 0, 1 for a wrong result, 130 when interrupted."""
    dtype = parse.dtype(options.dtype)
    json = parse.output(options.json, "--json")
    plot = figure.check_path(options.plot) if options.plot else None
    sampling = Sampling(options.rounds, options.budget_s, parse.seed(options.seed))
    base = replace(parse.schedule(options.schedule, _DECIDED, _USUAL), vectorize=True)
    machine = machines.load(options.device, options.overrides)
    if options.block is not None and (options.block < 1 or options.block & (options.block - 1)):
        raise UsageError(f"--block is {options.block}; give a power of 2")
    workload = suite.find(options.kernel)
    shapes = _shapes(workload, options.sizes)
    contexts = parse.counts(options.contexts, "--contexts") if options.contexts else scaling.default_contexts(machine)
    contexts = tuple(sorted({1, *contexts}))
    if contexts == (1,):
        raise UsageError("one context has nothing to share; give --contexts with more than 1, such as 1,2,4")

    def part(shape: Shape) -> session.Part:
        def measure(lab: group.Lab) -> list[Result]:
            block = options.block or scaling.default_block(machine, prod(shape))
            case = scaling.case_of(workload, shape, dtype, options.seed, block)
            return scaling.run(case, contexts, base, lab)

        return session.Part(f"{workload.name} {text.shape(shape)}", measure)

    def show_nothing(_: Console, __: Sequence[Result]) -> None:
        """A size alone says little: the table comes at the end."""

    def conclude(out: Console, record: Record) -> None:
        scale.show(out, record)
        if plot:
            scale.plot(record, plot)

    counts = ", ".join(str(count) for count in contexts)
    span = f"{text.count(prod(shapes[0]))} to {text.count(prod(shapes[-1]))} elements"
    what = f"{workload.name} on {machine.name}: {span} on {counts} contexts"
    parts = tuple(part(shape) for shape in shapes)
    return session.run(session.Session(what, machine, sampling, parts, json, show_nothing, conclude), toolchain)


def _shapes(workload: suite.Workload, given: str | None) -> list[Shape]:
    """Smallest first. Raises UsageError for shapes that the kernel does not take."""
    if given is None and len(workload.dimensions) > 2:
        form = "x".join(workload.dimensions)
        raise UsageError(f"{workload.name} has no row to add; give --sizes of the form {form}, joined by commas")
    asked = parse.many_sizes(given, "--sizes") if given else [(size,) for size in scaling.SIZES]
    short = [scaling.shape_of(workload, shape[0]) if len(shape) == 1 else shape for shape in asked]
    shapes = sorted(set(short), key=lambda shape: (prod(shape), shape))
    for shape in shapes:
        workload.check(shape)
    return shapes
