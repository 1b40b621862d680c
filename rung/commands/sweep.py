"""`rung sweep`: one kernel on a grid of modelled devices."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from ..bench import environment, recording, sweep, sweep_result
from ..bench.toolchain import Toolchain, native
from ..errors import RungError, UsageError
from ..machine import Machine
from ..report import figure, tables
from ..report import sweep as report
from . import one_kernel, parse

_HELPERS = "npu.helper_cycles."
"""Any function of a library may have a price, so that only a kernel tells which names matter."""


class _Wrong(Exception):
    """A recorded run computed wrong values."""


def run(
    options: one_kernel.Options,
    vary: Sequence[str],
    json: str | None,
    plot: str | None,
    toolchain: Callable[[], Toolchain] = native,
) -> int:
    """Records once per machine that the code depends on, replays on all, prints, writes. Returns 0, or 1 when values
    were wrong: then nothing is written."""
    target = parse.output(json, "--json")
    picture = figure.check_path(plot) if plot else None
    axes = sweep.parse_axes(vary)
    if not axes:
        raise UsageError("rung sweep varies fields of the device; give --vary FIELD=LIST, such as contexts=1,2,4")
    if picture:
        report.check_plot(axes)
    subject = one_kernel.load(options)
    variants = sweep.variants(subject.machine, axes)
    record = recording.recorder(subject.case, toolchain())
    called: set[str] = set()
    out = tables.console()

    def checked(machine: Machine) -> recording.Recording:
        try:
            found = record(machine, subject.schedule)
        except RungError as error:
            changed = ", ".join(f"{name}={value}" for name, value in _values(variants, machine).items())
            raise UsageError(f"with {changed}: {error}") from error
        if not found.error.within:
            raise _Wrong(one_kernel.wrong(subject, found))
        called.update(name for work in found.trace.works for name, _ in work.calls)
        return found

    try:
        timelines = sweep.run(variants, checked)
    except _Wrong as wrong:
        out.print(str(wrong), style="bold red", highlight=False)
        return 1
    found = sweep_result.Sweep(
        environment=environment.describe(subject.machine, options.seed),
        kernel=subject.case.name,
        dtype=subject.case.dtype,
        shape=list(subject.case.shape),
        schedule=str(subject.schedule),
        varied={name: list(dict.fromkeys(variant.values[name] for variant in variants)) for name in axes},
        points=[sweep.point(v, number, timeline) for v, (number, timeline) in zip(variants, timelines, strict=True)],
    )
    if target:
        sweep_result.write(found, target)
    if picture:
        report.plot(found, picture)
    report.show(out, found)
    calls = f"its library calls: {', '.join(sorted(called))}" if called else "it calls no library function"
    for axis in axes:
        if axis.startswith(_HELPERS) and axis.removeprefix(_HELPERS) not in called:
            print(f"warning: {axis} changes nothing: {subject.case.name} never calls it; {calls}", file=sys.stderr)
    return 0


def _values(variants: Sequence[sweep.Variant], machine: Machine) -> dict[str, object]:
    return next(variant.values for variant in variants if variant.machine is machine)
