"""One kernel with mechanisms taken out: what each rung gains over Scalar and over the rung below."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import UsageError
from ..schedule import Schedule
from .group import Case, Lab, Step, Variant, measure
from .ratios import speedup_over, step_over
from .result import Result
from .roofline import placed, roofs
from .stats import Mechanisms

_RUNGS = {"scalar": -1, "vec": 0, "mt": 1, "db": 2}
LADDER = "scalar,vec,vec+mt,vec+mt+db"


def parse_rungs(text: str, base: Schedule) -> tuple[Schedule, ...]:
    """`scalar,vec,vec+mt,vec+mt+db` on top of `base`'s parameters."""
    found: dict[Mechanisms, Schedule] = {}
    for name in text.lower().split(","):
        parts = [part.strip() for part in name.split("+")]
        if any(part not in _RUNGS for part in parts) or ("scalar" in parts and len(parts) > 1):
            raise UsageError(
                f"there is no rung `{name.strip()}`; choose from: scalar, or vec, mt and db joined by +, such as vec+mt"
            )
        on = {_RUNGS[part] for part in parts}
        mechanisms = (0 in on, 1 in on, 2 in on)
        found[mechanisms] = base.with_mechanisms(*mechanisms)
    return tuple(found.values())


def run(case: Case, schedules: Sequence[Schedule], lab: Lab) -> list[Result]:
    """Results in the order of `schedules`. A schedule with a wrong result carries no times."""
    lab.tell(Step("measuring the copy bandwidth"))
    limits = roofs(lab.toolchain, lab.machine, case, schedules)
    results = measure([Variant(s.rung, case, s) for s in schedules], lab)
    lab.tell(Step("measuring the copy bandwidth and the FMA peak"))
    return with_ratios([placed(result, case, limits) for result in results])


def with_ratios(results: Sequence[Result]) -> list[Result]:
    """The results of one kernel with their speed-ups over Scalar and over the rung without the last mechanism."""
    by_mechanisms = {result.mechanisms: result for result in results}

    def fields(result: Result) -> dict[str, object]:
        below = _predecessor(result.mechanisms)
        base = by_mechanisms.get(below) if below else None
        step = step_over(result, base, base.rung) if base else {}
        return {**speedup_over(result, by_mechanisms.get((False, False, False))), **step}

    return [result.model_copy(update=fields(result)) for result in results]


def _predecessor(mechanisms: Mechanisms) -> Mechanisms | None:
    """The same combination without its last mechanism: the rung below."""
    vec, mt, db = mechanisms
    if db:
        return vec, mt, False
    if mt:
        return vec, False, False
    return (False, False, False) if vec else None
