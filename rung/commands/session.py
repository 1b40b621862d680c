"""What every measuring command does around its measurement: announce, show progress, keep what is finished, write."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from ..bench import environment, probes
from ..bench.group import Lab, Step
from ..bench.measure import Sampling
from ..bench.result import Record, Result, write
from ..bench.toolchain import Toolchain
from ..errors import RungError
from ..machine import Machine
from ..report import tables
from . import interrupt
from .progress import Clock, Estimate, display

INTERRUPTED = interrupt.INTERRUPTED


Show = Callable[[Console, Sequence[Result]], None]
Conclude = Callable[[Console, Record], None]


@dataclass(frozen=True)
class Part:
    """One stretch of a session, of which the results are kept together or not at all."""

    name: str
    measure: Callable[[Lab], list[Result]]


@dataclass(frozen=True)
class Session:
    """`show` prints the results of one part when it is done; `conclude` what follows from all of them."""

    what: str
    machine: Machine
    sampling: Sampling
    parts: tuple[Part, ...]
    json: Path | None
    show: Show
    conclude: Conclude


def run(session: Session, toolchain: Callable[[], Toolchain], clock: Clock = time.monotonic) -> int:
    """Measures part after part and writes the record.

    Returns 0, 1 when a result was wrong, 130 when interrupted. When a part fails, the error is passed on
    after what was finished is written.
    """
    out = tables.console()
    results: list[Result] = []
    found = environment.describe(session.machine, session.sampling.seed)
    try:
        with interrupt.cooperative() as check:
            _measure(session, toolchain, results, out, check, clock)
    except KeyboardInterrupt:
        record = Record(environment=found, results=results, complete=False)
        return _interrupted(out, record, session.json)
    except RungError:
        _keep(Record(environment=found, results=results, complete=False), session.json)
        raise
    return _concluded(out, Record(environment=found, results=results), session.json, session.conclude)


def finish(record: Record, json: Path | None, show: Show, conclude: Conclude) -> int:
    """What `run` does, with a record that was measured elsewhere."""
    out = tables.console()
    for group in record.groups():
        show(out, group)
    if not record.complete:
        return _interrupted(out, record, json)
    return _concluded(out, record, json, conclude)


def _concluded(out: Console, record: Record, json: Path | None, conclude: Conclude) -> int:
    _keep(record, json)
    conclude(out, record)
    out.print(tables.environment(record.environment), style="dim", highlight=False)
    return 0 if record.correct else 1


def _interrupted(out: Console, record: Record, json: Path | None) -> int:
    _keep(record, json)
    out.print("interrupted" + (f"; what was finished is in {json}" if json else ""), style="yellow")
    return INTERRUPTED


def _keep(record: Record, json: Path | None) -> None:
    if json:
        write(record, json)


def _measure(
    session: Session,
    load: Callable[[], Toolchain],
    results: list[Result],
    out: Console,
    check: Callable[[], None],
    clock: Clock,
) -> None:
    """Appends to `results` part by part, so that an interruption keeps those that are done.

    `check` raises KeyboardInterrupt when one was asked for.
    """
    estimate = Estimate(len(session.parts), _budget_s(session), clock)
    with display(Console(stderr=True), estimate, _announcement(session)) as progress:
        loaded = load()
        check()
        probe = probes.empty_launch(loaded, session.machine) if session.machine.kind == "host" else None
        for number, part in enumerate(session.parts, 1):

            def tell(step: Step, label: str = f"[{number}/{len(session.parts)}] {part.name}") -> None:
                check()
                progress.show(label, step)

            estimate.begin()
            tell(Step("drawing the inputs"))
            group = part.measure(Lab(session.machine, loaded, session.sampling, tell, probe))
            results.extend(group)
            with progress.set_aside():
                session.show(out, group)


def _budget_s(session: Session) -> float | None:
    """A number of rounds takes as long as it takes, and a modelled launch needs no rounds."""
    limited = session.machine.kind == "host" and not session.sampling.rounds
    return session.sampling.budget_s if limited else None


def _announcement(session: Session) -> str:
    rounds = session.sampling.rounds
    return f"{session.what}; {rounds} rounds" if rounds else session.what
