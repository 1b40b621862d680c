"""What a validation of the host comes to: the error of each mechanism's step, and whether its sign was right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from .host_validation_result import TOLERANCE, HostResult, HostValidationRecord

Mechanism = Literal["Vec", "MT", "DB"]
MECHANISMS: tuple[Mechanism, ...] = ("Vec", "MT", "DB")


@dataclass(frozen=True)
class Step:
    """What a mechanism gains: predicted, and measured with its interval."""

    mechanism: Mechanism
    result: HostResult
    predicted: float
    measured: float

    @property
    def error(self) -> float:
        """Relative."""
        return self.predicted / self.measured - 1

    @property
    def within(self) -> bool:
        return abs(self.error) <= TOLERANCE

    @property
    def decided(self) -> bool:
        """Whether the measurement says that the mechanism pays, or that it does not."""
        bounds = self.result.step_ci
        return bounds is not None and not bounds[0] <= 1 <= bounds[1]

    @property
    def sign(self) -> bool:
        """Whether the prediction says the same."""
        return (self.predicted > 1) == (self.measured > 1)


@dataclass(frozen=True)
class Score:
    """Of some steps. Signs are counted where the measurement decides."""

    steps: int
    within: int
    decided: int
    signs: int

    @classmethod
    def of(cls, steps: Sequence[Step]) -> Score:
        decided = [step for step in steps if step.decided]
        return cls(len(steps), sum(s.within for s in steps), len(decided), sum(s.sign for s in decided))


def steps(record: HostValidationRecord) -> list[Step]:
    """Of all kernels and sizes that have both times."""
    found: list[Step] = []
    for results in record.groups():
        for mechanism, below, result in zip(MECHANISMS, results, results[1:], strict=False):
            if result.step is not None and result.correct and below.correct:
                predicted = below.forecast.total / result.forecast.total
                found.append(Step(mechanism, result, predicted, result.step))
    return found


def missed(step: Step) -> bool:
    return not step.within or (step.decided and not step.sign)
