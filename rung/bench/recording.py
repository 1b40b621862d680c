"""One run of a kernel on a modelled device: its values, checked, and what it did, to be replayed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from ..errors import RungError, UsageError
from ..machine import Machine
from ..schedule import Schedule
from .group import NO_TIME, Case
from .problem import Error, compare, outputs, restore, snapshot
from .toolchain import Toolchain
from .trial import try_launch

if TYPE_CHECKING:
    from ..targets.npu.trace import Trace


@dataclass(frozen=True)
class Recording:
    trace: Trace
    error: Error
    """Of the values that the recorded run computed."""


def check_modelled(machine: Machine) -> None:
    """Raises UsageError for a machine that is measured."""
    if machine.kind == "host":
        raise UsageError(
            f"machine {machine.name} is measured, not modelled: it records no trace; "
            "give --device a modelled one that `rung machines` lists"
        )


class Record(Protocol):
    """Compiles a case for a machine, runs it once and checks its values; `turn` is called meanwhile."""

    def __call__(self, machine: Machine, schedule: Schedule, turn: Callable[[], None] = ...) -> Recording: ...


def recorder(case: Case, toolchain: Toolchain) -> Record:
    """A user's own kernel is tried before it is recorded (`trial.py`).

    They are compared with the case's float64 reference; where it has none, with the scalar rung of the first machine.
    """
    problem, saved = case.problem, snapshot(case.problem)
    expected: list[Any] = []
    tried: list[bool] = []

    def bind(machine: Machine, schedule: Schedule, turn: Callable[[], None]) -> Any:
        if case.own and not tried:
            try_launch(case.watched(), turn)
            tried.append(True)
        return case.compile(toolchain.compile, machine, schedule).bind(problem.args, problem.grid)

    def launch(bound: Any) -> Trace:
        restore(problem, saved)
        return bound.trace()

    def record(machine: Machine, schedule: Schedule, turn: Callable[[], None] = lambda: None) -> Recording:
        check_modelled(machine)
        if not expected and problem.expected:
            expected.extend(problem.expected())
        elif not expected:
            launch(bind(machine, schedule.with_mechanisms(False, False, False), turn))
            expected.extend(outputs(problem))
        trace = launch(bind(machine, schedule, turn))
        if not any(work.packets for work in trace.works):
            raise RungError(f"{case.name}, {schedule.rung}: {NO_TIME}")
        return Recording(trace, compare(outputs(problem), expected, case.tolerance))

    return record
