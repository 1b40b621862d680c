"""Rich tables from result models."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..bench import stats
from ..bench.result import Environment, Result, Timed
from . import text

MECHANISMS = ("Vec", "MT", "DB")
_WIDE = 100
"""Columns from which on the evidence fits beside the times."""


def console(stderr: bool = False) -> Console:
    """On stdout, or stderr: as wide as the terminal, or 120 columns in a file or pipe. Text is shown as it is: a reason
    that ends in `[/b]` is no markup."""
    found = Console(stderr=stderr, markup=False, emoji=False)
    wide = max(found.width, 120)
    return found if found.is_terminal else Console(stderr=stderr, width=wide, markup=False, emoji=False)


def new_table(title: str, *headers: str) -> Table:
    """An empty table in the style of all of rung's."""
    return Table(*headers, title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False)


def ladder(results: Sequence[Result], evidence: bool = True) -> Table:
    """One kernel's rungs: medians, speed-ups over Scalar and over the rung below with 95% bootstrap
    intervals; on a modelled device cycles, which have no spread."""
    modelled = results[0].unit == "cycles"
    table = new_table(f"{text.title(results[0])}{', cycles (modelled)' if modelled else ''}")
    table.add_column("rung", no_wrap=True)
    measured = ("median", "speed-up [95% CI]", "step [95% CI]")
    for name in ("cycles", "speed-up", "step") if modelled else measured:
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("result", no_wrap=True)
    if evidence:
        table.add_column("evidence")
    for result in results:
        correct = Text("ok", "green") if result.correct else Text("WRONG", "bold red")
        cells = (
            result.rung,
            "-" if result.median is None else text.bare_amount(result.median, result.unit),
            text.ratio(result.speedup, result.speedup_ci),
            text.ratio(result.step, result.step_ci),
            correct,
        )
        table.add_row(*cells, *((text.evidence(result.evidence, result.launch),) if evidence else ()))
    return table


def factorial(results: Sequence[Result]) -> Table | None:
    """What each mechanism is worth over all orders; None unless all eight combinations have a time."""
    logs = {r.mechanisms: math.log(r.speedup) for r in results if r.speedup and not r.prefetches}
    if len(logs) < 8:
        return None
    table = new_table("each mechanism, whatever the order")
    table.add_column("mechanism")
    table.add_column("alone", justify="right")
    table.add_column("the two others on", justify="right")
    table.add_column("Shapley value", justify="right")
    shares, leaving = stats.shapley(logs), stats.leave_one_out(logs)
    for index, name in enumerate(MECHANISMS):
        vec, mt, db = (position == index for position in range(3))
        row = (logs[vec, mt, db], leaving[index], shares[index])
        table.add_row(name, *(text.times(math.exp(value)) for value in row))
    return table


def environment(found: Environment) -> str:
    """One line on where the numbers are from."""
    packages = ", ".join(f"{name} {version}" for name, version in found.packages.items())
    revision = f" ({found.git[:12]}{'-dirty' if found.git.endswith('-dirty') else ''})" if found.git else ""
    return f"rung {found.rung}{revision}, {packages}; {_machine(found)}; seed {found.seed}"


def _machine(found: Environment) -> str:
    """What the numbers depend on: the processor that was measured, or the machine file of a model."""
    if found.machine.get("kind") == "npu":
        return f"modelled, not measured: machine {found.machine['name']} {found.machine_hash}"
    return f"{found.cpu}, {found.contexts} contexts"


def show_group(console: Console, results: Sequence[Result]) -> None:
    """A kernel's table, its conclusions, and its errors and warnings."""
    wide = console.width >= _WIDE
    console.print(ladder(results, evidence=wide))
    if not wide:
        for result in results:
            found = text.evidence(result.evidence, result.launch)
            console.print(f"  {result.rung}: {found}", style="dim", highlight=False)
    worth = factorial(results)
    if worth:
        console.print(worth)
    for result in results:
        sentence = text.conclusion(result)
        if sentence:
            console.print(f"  {sentence}", style="" if result.correct else "bold red", highlight=False)
        if not result.correct:
            console.print(f"    {errors(result)}", highlight=False)
    for line in text.roofline(results):
        console.print(f"  {line}", style="dim", highlight=False)
    if results[0].reference != "torch in float64":
        console.print(f"  reference: {results[0].reference}", highlight=False)
    warning = text.noise(results[0].noise)
    if warning:
        console.print(f"  {warning}", style="yellow", highlight=False)
    console.print(f"  {text.sampling(results)}\n", style="dim", highlight=False)


def show_wrong(console: Console, results: Sequence[Result]) -> None:
    """Results that are wrong, with their errors."""
    for result in results:
        if not result.correct:
            console.print(f"  {text.title(result)}: {result.rung} is WRONG: {errors(result)}", style="bold red")


def show_problems(console: Console, results: Sequence[Result]) -> None:
    """Results that are wrong with their errors, and windows that were noisy."""
    show_wrong(console, results)
    reasons = sorted({warning for result in results if (warning := text.noise(result.noise))})
    for warning in reasons:
        console.print(f"  {warning}", style="yellow", highlight=False)


def errors(result: Timed) -> str:
    errors = f"max abs error {_error(result.max_abs_err)}, max rel error {_error(result.max_rel_err)}"
    return f"{errors} against {result.reference}; allowed: {result.tolerance}"


def _error(value: float | None) -> str:
    return "not finite" if value is None else f"{value:.3g}"
