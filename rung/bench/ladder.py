"""One kernel with mechanisms taken out: what each rung gains over Scalar and over the rung below."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from ..errors import UsageError
from ..machine import Machine
from ..schedule import Schedule
from .group import Case, Lab, Step, Variant, measure
from .ratios import speedup_over, step_over
from .result import Result, Timed
from .roofline import placed, roofs

_RUNGS = ("scalar", "vec", "mt", "db", "pf")
LADDER = "scalar,vec,vec+mt,vec+mt+db"
"""The paper's. PF, which is none of its mechanisms, is a rung to ask for."""

Rung = tuple[bool, bool, bool, bool]
"""(Vec, MT, DB, PF)"""


def parse_rungs(text: str, base: Schedule) -> tuple[Schedule, ...]:
    """`scalar,vec,vec+mt,vec+mt+db` on top of `base`'s parameters."""
    found: dict[Rung, Schedule] = {}
    for name in text.lower().split(","):
        parts = [part.strip() for part in name.split("+")]
        if any(part not in _RUNGS for part in parts) or ("scalar" in parts and len(parts) > 1):
            raise UsageError(
                f"there is no rung `{name.strip()}`; choose from: scalar, or vec, mt, db and pf joined by +, such as "
                "vec+mt"
            )
        rung = ("vec" in parts, "mt" in parts, "db" in parts, "pf" in parts)
        if "pf" in parts and "vec" not in parts:
            raise UsageError(f"there is no rung `{name.strip()}`: vector code is what prefetches; give vec with pf")
        found[rung] = base.with_mechanisms(*rung)
    return tuple(found.values())


def check(schedules: Sequence[Schedule], machine: Machine, option: str) -> None:
    """Raises UsageError for rungs, given by `option`, that are no others on this machine."""
    if not machine.prefetch_bytes and any(schedule.prefetch for schedule in schedules):
        raise UsageError(
            f"{option} asks for pf, but `{machine.name}` has no cache to fetch into (prefetch_bytes is 0); leave it out"
        )


def run(case: Case, schedules: Sequence[Schedule], lab: Lab) -> list[Result]:
    """Results in the order of `schedules`. A schedule with a wrong result carries no times."""
    lab.tell(Step("measuring the copy bandwidth"))
    limits = roofs(lab.toolchain, lab.machine, case, schedules)
    results = measure([Variant(s.rung, case, s) for s in schedules], lab)
    lab.tell(Step("measuring the copy bandwidth and the FMA peak"))
    return with_ratios([placed(result, case, limits) for result in results])


T = TypeVar("T", bound=Timed)


def with_ratios(results: Sequence[T]) -> list[T]:
    """The results of one kernel, or of whole calls, with speed-ups over Scalar and over the rung without the last
    mechanism."""
    by_rung = {_rung(result): result for result in results}

    def fields(result: T) -> dict[str, object]:
        below = _predecessor(_rung(result))
        base = by_rung.get(below) if below else None
        step = step_over(result, base, base.rung) if base else {}
        return {**speedup_over(result, by_rung.get((False, False, False, False))), **step}

    return [result.model_copy(update=fields(result)) for result in results]


def _rung(result: Timed) -> Rung:
    return (*result.mechanisms, result.prefetches)


def _predecessor(rung: Rung) -> Rung | None:
    """The same combination without its last mechanism: the rung below."""
    last = max((position for position, on in enumerate(rung) if on), default=None)
    if last is None:
        return None
    vec, mt, db, pf = (on and position != last for position, on in enumerate(rung))
    return vec, mt, db, pf
