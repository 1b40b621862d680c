"""What the launches of this process were, and the clock of the device that they run on."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from ... import knobs
from .log import Facts, Kernel, Log
from .session import Session, current

if TYPE_CHECKING:
    from ...machine import Machine
    from ...targets.npu.timeline import Timeline
    from ...targets.npu.trace import Trace

_MOST_KEPT = 250_000
"""Timelines and intervals of them that are kept to be found again."""
_MOST_INTERVALS = 50_000
"""Of one timeline: no viewer shows more of one launch."""


class Recorder:
    """Of one process."""

    def __init__(self, session: Session, log: Log) -> None:
        self.session, self.log = session, log
        self.seconds = 0.0
        """The modelled device's clock: it stands still between launches."""
        self._origin_s = time.perf_counter()
        self._tuning = 0
        self._known: dict[Trace, Facts] = {}
        """Launches often do what one before has done."""
        self._kept, self._numbers = 0, itertools.count()

    def modelled(self, kernel: Kernel, trace: Trace, machine: Machine) -> None:
        """A launch on the modelled device."""
        facts = self._known.get(trace)
        if facts is None:
            facts = self._keep(trace, machine)
        begin = self.seconds
        cycles = facts.numbers["cycles"]
        self.seconds += cycles / machine.clock_ghz / 1e9
        self.log.launch(kernel, facts, begin, cycles, bool(self._tuning))

    def _keep(self, trace: Trace, machine: Machine) -> Facts:
        found = _facts(next(self._numbers), trace, machine, self.session.intervals)
        self._kept += 1 + len(found.intervals)
        if self._kept > _MOST_KEPT:
            self._known.clear()
            self._kept = 1 + len(found.intervals)
        self._known[trace] = found
        return found

    def measured(self, kernel: Kernel, begin_s: float, seconds: float) -> None:
        """A launch on this machine; begin_s: of `time.perf_counter`."""
        self.log.launch(kernel, None, begin_s - self._origin_s, seconds, bool(self._tuning))

    @contextmanager
    def tuning(self) -> Generator[None]:
        """Launches in here choose a configuration, and are no work of the program's."""
        self._tuning += 1
        try:
            yield
        finally:
            self._tuning -= 1

    def benchmark(self, run: Callable[[], object], quantiles: Sequence[float] | None = None, **_: object) -> Any:
        """`triton.testing.do_bench` for `@triton.autotune`: the milliseconds that the device takes for what `run`
        launches, once, as it takes the same each time. Of what launches nothing on it, those of this machine."""
        from triton.testing import do_bench

        found = self.tune(run, lambda: do_bench(run, quantiles=quantiles))
        return found if quantiles is None or not isinstance(found, float) else [found] * len(quantiles)

    def tune(self, run: Callable[[], object], otherwise: Callable[[], Any]) -> Any:
        """The milliseconds of what `run` launches on a modelled device; otherwise: times `run` on this machine."""
        before = self.seconds
        with self.tuning():
            run()
            return (self.seconds - before) * 1e3 or otherwise()


def _facts(number: int, trace: Trace, machine: Machine, intervals: bool) -> Facts:
    from ...targets.npu.ledger import of
    from ...targets.npu.timeline import replay

    timeline = replay(trace, machine, record=True)
    ledger = of(trace, machine, timeline)
    spent = {cause.value: cycles for cause, cycles in ledger.contexts.items()}
    kept = timeline.intervals if intervals and len(timeline.intervals) <= _MOST_INTERVALS else ()
    return Facts(
        number,
        _numbers(timeline) | {"spent": spent, "engine": ledger.engine},
        [[i.context, i.kind, i.begin, i.end, i.stream, i.bytes, i.rows, i.write] for i in kept],
    )


def _numbers(found: Timeline) -> dict[str, Any]:
    return {
        "cycles": found.cycles,
        "contexts": found.contexts,
        "compute": found.compute_utilisation,
        "dma": found.dma_utilisation,
        "overhead": found.overhead_cycles / found.cycles if found.cycles else 0.0,
        "dma_bytes": found.dma_bytes,
        "dma_transfers": found.dma_transfers,
    }


@cache
def _recorder(session: Session) -> Recorder:
    folder = knobs.profile()
    assert folder is not None
    return Recorder(session, Log(folder))


def recorder() -> Recorder | None:
    """Of this process; None where nobody asks."""
    session = current()
    return None if session is None else _recorder(session)
