"""The scale study: MT against problem size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Annotated

import typer

from .. import machine as machines
from ..bench import group, scaling, suite
from ..bench.measure import Sampling
from ..bench.problem import Shape
from ..bench.result import Environment
from ..bench.scale_result import ScaleRecord, ScaleResult
from ..errors import UsageError
from ..options import parse
from ..options.declared import Device, Dtype, Overrides, Seed
from ..report import explain, scale, text
from ..report.page import scale as page
from ..schedule import Schedule
from .study import Part, Plan, Study, StudyOptions

_DECIDED = {
    "vectorize": "Vec is always on; leave it out",
    "threads": "give --contexts",
    "profitability": "more than one context always fork; leave it out",
}
"""Fields of the schedule, and what to do instead of giving them."""
_USUAL = Schedule(prefetch=False, stream_stores=False)
"""MT alone: what else hides latency is asked for."""


@dataclass(frozen=True)
class ScaleOptions(StudyOptions):
    kernel: Annotated[str, typer.Argument(help="A name of the study's kernels.")] = "gelu"
    device: Device = "host"
    overrides: Overrides = ()
    dtype: Dtype = "f32"
    sizes: Annotated[
        str | None, typer.Option(help="Elements, or ROWSxCOLS, joined by commas; default: 256,1K,4K,...,4M.")
    ] = None
    contexts: Annotated[
        str | None, typer.Option(help="Contexts joined by commas; default: 1,2,4 ... up to the machine's.")
    ] = None
    block: Annotated[
        int | None,
        typer.Option(
            help="Elements per program of one-dimensional kernels, a power of 2; default: 128, or as suits DMA."
        ),
    ] = None
    schedule: Annotated[
        str, typer.Option("--schedule", help="Parameters, such as 'distribution=block-cyclic double_buffer=on'.")
    ] = ""
    seed: Seed = 0
    rounds: Annotated[int, typer.Option(help="Rounds per size; 0: as many as the budget holds.")] = 0
    budget_s: Annotated[float, typer.Option("--budget", help="Seconds of timing per size.")] = 3.0


Results = list[ScaleResult]


def plan(options: ScaleOptions) -> Plan[ScaleOptions, Results, ScaleRecord]:
    """A part per size. A size alone says little: the table comes at the end."""
    dtype = parse.dtype(options.dtype)
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

    def part(shape: Shape) -> Part[Results]:
        def measure(lab: group.Lab) -> Results:
            block = options.block or scaling.default_block(machine, prod(shape))
            case = scaling.case_of(workload, shape, dtype, options.seed, block)
            return scaling.run(case, contexts, base, lab)

        return Part(f"{workload.name} {text.shape(shape)}", measure)

    counts = ", ".join(str(count) for count in contexts)
    span = f"{text.count(prod(shapes[0]))} to {text.count(prod(shapes[-1]))} elements"
    what = f"{workload.name} on {machine.name}: {span} on {counts} contexts"
    return Plan(what, machine, sampling, tuple(part(shape) for shape in shapes), _record)


def _record(found: Environment, parts: Sequence[Results], complete: bool) -> ScaleRecord:
    return ScaleRecord(environment=found, results=[each for part in parts for each in part], complete=complete)


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


STUDY = Study(
    name="scale",
    details="""Vec is on. Forking is forced, so that the sizes where it loses are seen; the size from
which on rung forks by itself is told. Exit status 1: a result was wrong.""",
    options=ScaleOptions,
    plan=plan,
    record=ScaleRecord,
    tables=scale.show,
    figure=scale.plot,
    page=page.CONTENTS,
    explain=explain.show_record,
)
