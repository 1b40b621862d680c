"""What the modelled NPU says beyond the published study, one small experiment per mechanism.

    python benchmarks/npu_experiments.py --json experiments.json

Cycles are modelled, so they are the same in every run; values are computed and checked against float64.
`--page docs/npu-experiments.md` writes the tables into the page, between its markers. `--scale 16` divides the sizes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from common import arguments, save
from rich.table import Table

from rung import machine
from rung.bench import group, suite
from rung.bench.problem import Shape
from rung.bench.recording import recorder
from rung.bench.toolchain import native
from rung.errors import RungError
from rung.machine import Machine
from rung.report import tables
from rung.schedule import Schedule
from rung.targets.npu.timeline import Timeline, replay
from rung.targets.npu.trace import Trace
from rung.targets.npu.what_if import await_stores

DIRECT = Schedule(scratchpad="off", profitability=False)
SINGLE = Schedule(scratchpad="on", profitability=False)
DOUBLE = Schedule(double_buffer=True, profitability=False)
Change = Callable[[Trace], Trace]


@dataclass(frozen=True)
class Row:
    """One kernel under one variant. `gain`: times as fast as the first variant of the group."""

    experiment: str
    group: str
    variant: str
    cycles: float
    gain: float
    compute_cycles: float
    wait_cycles: float
    dma_utilisation: float
    dma_max_in_flight: int
    scratchpad_bytes: int


@dataclass(frozen=True)
class Subject:
    """A kernel of the study at a size; `constexprs` replace those that the study chooses, `block` its block, `programs`
    its grid."""

    kernel: str
    shape: Shape
    block: int | None = None
    constexprs: tuple[tuple[str, int], ...] = ()
    programs: int | None = None

    def __str__(self) -> str:
        return f"{self.kernel} {' x '.join(f'{n:,}' for n in self.shape)}"


Variants = Mapping[str, tuple[Subject, Schedule, Change]]


class Lab:
    """Compiles, runs and checks each variant once."""

    def __init__(self, device: Machine, seed: int = 0) -> None:
        self.device, self.seed = device, seed
        self.trace = cache(self._trace)

    def _trace(self, subject: Subject, schedule: Schedule) -> Trace:
        block = subject.block or suite.block_elements(self.device)
        case = group.case_of(suite.find(subject.kernel), subject.shape, "f32", self.seed, block)
        problem = case.problem
        constexprs = {**problem.constexprs, **dict(subject.constexprs)}
        grid = (subject.programs, 1, 1) if subject.programs else problem.grid
        case = replace(case, problem=replace(problem, constexprs=constexprs, grid=grid))
        found = recorder(case, native())(self.device, schedule)
        if not found.error.within:
            raise RungError(f"{subject}, {schedule}: wrong values: {found.error}")
        return found.trace

    def rows(self, experiment: str, name: str, variants: Variants, on: Machine | None = None) -> list[Row]:
        """`on`: replayed on another machine that the code is the same for."""
        found: list[Row] = []
        for variant, (subject, schedule, change) in variants.items():
            trace = change(self.trace(subject, schedule))
            found.append(_row(experiment, name, variant, trace, replay(trace, on or self.device), found))
        return found

    def balanced_bandwidth(self, subject: Subject) -> float:
        """Bytes per cycle with which the data path is as busy as one context."""
        found = replay(self.trace(subject, replace(SINGLE, threads=1)), self.device)
        return found.dma_bytes / found.compute_cycles


def _row(experiment: str, name: str, variant: str, trace: Trace, found: Timeline, before: Sequence[Row]) -> Row:
    return Row(
        experiment=experiment,
        group=name,
        variant=variant,
        cycles=found.cycles,
        gain=before[0].cycles / found.cycles if before else 1.0,
        compute_cycles=found.compute_cycles,
        wait_cycles=found.wait_cycles,
        dma_utilisation=found.dma_utilisation,
        dma_max_in_flight=found.dma_max_in_flight,
        scratchpad_bytes=trace.scratchpad_bytes,
    )


def as_recorded(trace: Trace) -> Trace:
    return trace


def series(variants: Mapping[Any, tuple[Subject, Schedule]]) -> Variants:
    """Variants whose traces are left as they are recorded."""
    return {str(name): (subject, schedule, as_recorded) for name, (subject, schedule) in variants.items()}


def _schedules(subject: Subject, **schedules: Schedule) -> Variants:
    return series({name.replace("_", "-"): (subject, schedule) for name, schedule in schedules.items()})


def ladder(lab: Lab, scale: int) -> list[Row]:
    """Vec is the main gain of kernels that memory limits."""
    found: list[Row] = []
    for kernel, shape in (
        ("vec-add", (64, 16384 // scale)),
        ("rms-norm", (1024 // scale, 1024)),
        ("softmax", (1024 // scale, 1024)),
        ("gelu", ((1 << 20) // scale,)),
    ):
        subject = Subject(kernel, shape)
        scalar, vec, mt, db = (replace(each, profitability=False) for each in Schedule().ladder())
        variants = _schedules(subject, Scalar=scalar, Vec=vec, MT=mt, DB=db)
        named = {"+".join(list(variants)[1 : n + 1]) or "Scalar": each for n, each in enumerate(variants.values())}
        found += lab.rows("ladder", str(subject), named)
    return found


def write_back(lab: Lab, scale: int) -> list[Row]:
    """Stores that drain behind the computation, against stores that are awaited where they start."""
    found: list[Row] = []
    for kernel, shape in (
        ("vec-add", (64, 16384 // scale)),
        ("gelu", ((1 << 20) // scale,)),
        ("exp-series", ((1 << 20) // scale,)),
        ("rms-norm", (1024 // scale, 1024)),
    ):
        for threads in (1, 0):
            subject = Subject(kernel, shape, None if scale == 1 else 2048)
            single, double = (replace(each, threads=threads) for each in (SINGLE, DOUBLE))
            variants = {
                "single": (subject, single, as_recorded),
                "double, stores awaited": (subject, double, await_stores),
                "double": (subject, double, as_recorded),
            }
            found += lab.rows("write-back", f"{subject}, {_contexts(lab, threads)}", variants)
    return found


def depth(lab: Lab, scale: int) -> list[Row]:
    """Two, three and four buffers with the same tile, and with the same scratchpad (smaller tiles)."""
    found: list[Row] = []
    tile = 16384 if scale == 1 else 2048
    balanced = lab.balanced_bandwidth(Subject("gelu", ((1 << 20) // scale,), tile))
    for name, changes in (
        ("transfers take 4 x the computation", (f"dma.bytes_per_cycle={balanced / 4}",)),
        ("balanced", (f"dma.bytes_per_cycle={balanced}",)),
        ("computation takes 4 x the transfers", (f"dma.bytes_per_cycle={balanced * 4}",)),
        ("balanced, latency of two tiles", (f"dma.bytes_per_cycle={balanced}", f"dma.latency_cycles={2.6 * tile}")),
    ):

        def at(block: int) -> Subject:
            return Subject("gelu", ((1 << 20) // scale,), block)

        variants: dict[str, tuple[Subject, Schedule, Change]] = {
            f"single, {tile:,}": (at(tile), replace(SINGLE, threads=1), as_recorded)
        }
        for buffers in (2, 3, 4):
            double = replace(DOUBLE, threads=1, depth=buffers)
            part = 1 << ((tile // buffers).bit_length() - 1)
            variants[f"depth {buffers}, equal tile {tile:,}"] = (at(tile), double, as_recorded)
            variants[f"depth {buffers}, equal scratchpad {part:,}"] = (at(part), double, as_recorded)
        on = machine.override(lab.device, changes)
        found += lab.rows("depth", f"{at(tile)}, 1 context, {name}", variants, on)
    return found


def distribution(lab: Lab, scale: int) -> list[Row]:
    """Blocks of queries of causal attention have unequal work: contiguous shares against shares in turn."""
    subject = Subject("attention", (1024 // scale, 64))
    found: list[Row] = []
    for name, base in (("direct", DIRECT), ("single", SINGLE), ("double", DOUBLE)):
        cyclic = replace(base, distribution="block-cyclic")
        found += lab.rows("distribution", f"{subject}, {name}", _schedules(subject, block=base, block_cyclic=cyclic))
    even = Subject("gelu", ((1 << 20) // scale,), None if scale == 1 else 2048)
    cyclic = replace(DOUBLE, distribution="block-cyclic")
    return found + lab.rows("distribution", f"{even}, double", _schedules(even, block=DOUBLE, block_cyclic=cyclic))


def fused(lab: Lab, scale: int) -> list[Row]:
    """Kernels with more than a pointwise loop, double-buffered: reductions, keys and values, K of a matmul."""
    found: list[Row] = []
    for subject in (
        Subject("softmax", (1024 // scale, 1024)),
        Subject("rms-norm", (1024 // scale, 1024)),
        Subject("attention", (1024 // scale, 64)),
        Subject("matmul", (256, 256, 2048 // scale), None, (("BLOCK_K", 128),)),
    ):
        for threads in (1, 0):
            direct, single, double = (replace(each, threads=threads) for each in (DIRECT, SINGLE, DOUBLE))
            variants = _schedules(subject, direct=direct, single=single, double=double)
            found += lab.rows("fused", f"{subject}, {_contexts(lab, threads)}", variants)
    return found


def _contexts(lab: Lab, threads: int) -> str:
    count = threads or lab.device.contexts
    return f"{count} context{'s' if count > 1 else ''}"


EXPERIMENTS: dict[str, Callable[[Lab, int], list[Row]]] = {
    "ladder": ladder,
    "write-back": write_back,
    "depth": depth,
    "distribution": distribution,
    "fused": fused,
}


def table(title: str, rows: Sequence[Row], device: Machine) -> Table:
    found = tables.new_table(f"{title}; cycles (modelled) on {device.name} {device.hash}")
    found.add_column("variant", no_wrap=True)
    for name in ("cycles", "gain", "compute", "wait", "DMA busy", "in flight", "scratchpad"):
        found.add_column(name, justify="right", no_wrap=True)
    last = ""
    for row in rows:
        if row.group != last:
            found.add_section()
            found.add_row(row.group, *[""] * 7, style="bold")
            last = row.group
        found.add_row(
            f"  {row.variant}", f"{row.cycles:,.0f}", f"{row.gain:.2f}x", f"{row.compute_cycles:,.0f}",
            f"{row.wait_cycles:,.0f}", f"{row.dma_utilisation:.0%}", str(row.dma_max_in_flight),
            f"{row.scratchpad_bytes:,}",
        )  # fmt: skip
    return found


def markdown(rows: Sequence[Row], device: Machine) -> str:
    """The same table for a page."""
    lines = [f"Cycles (modelled) on {device.name}, machine {device.hash}."]
    groups = list(dict.fromkeys(row.group for row in rows))
    for name in groups:
        lines += ["", f"| {name} | cycles | gain | compute | wait | DMA busy | in flight | scratchpad |"]
        lines.append("|---|--:|--:|--:|--:|--:|--:|--:|")
        lines += [
            f"| {row.variant} | {row.cycles:,.0f} | {row.gain:.2f}x | {row.compute_cycles:,.0f} "
            f"| {row.wait_cycles:,.0f} | {row.dma_utilisation:.0%} | {row.dma_max_in_flight} "
            f"| {row.scratchpad_bytes:,} |"
            for row in rows
            if row.group == name
        ]
    return "\n".join(lines)


def put(page: Path, name: str, text: str) -> None:
    """Replaces what stands between the markers of `name`."""
    before, begin, rest = page.read_text().partition(f"<!-- {name} -->\n")
    _, end, after = rest.partition(f"<!-- end of {name} -->")
    if not begin or not end:
        raise RungError(f"{page} has no markers of {name}")
    page.write_text(f"{before}{begin}{text}\n{end}{after}")


def main() -> int:
    options = arguments(__doc__ or "", scale=1, only="", page="")
    device = machine.load("hexagon-v73")
    lab, out = Lab(device, options.seed), tables.console()
    rows: list[Row] = []
    for name, run in EXPERIMENTS.items():
        if options.only in ("", name):
            found = run(lab, options.scale)
            out.print(table(f"{name}: {run.__doc__}", found, device))
            rows += found
            if options.page:
                put(Path(options.page), name, markdown(found, device))
    save(options.json, "npu_experiments", options.seed, [asdict(row) for row in rows])
    return 0


if __name__ == "__main__":
    sys.exit(main())
