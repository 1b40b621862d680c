"""What every record of a study holds, and results: one kernel under one schedule, timed and checked.

A record has everything that is needed to draw it again and to run it again. `record_file.py` reads and writes it; the
types of the studies' own records are in the `*_result.py` files and in `rung/studies/`.
"""

from __future__ import annotations

from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ..evidence import Amount, Count, Evidence, Launch, Positive
from .fields import MachineFields, ScheduleFields

SCHEMA: Literal[2] = 2


class Model(BaseModel):
    """Part of a record: frozen, and nothing in it that is not declared."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Environment(Model):
    """Where and how a run was made."""

    rung: str
    python: str
    packages: dict[str, str] = Field(description="versions of triton, torch, torch-mlir, numpy")
    os: str
    cpu: str
    cpu_flags: list[str] = Field(description="instruction-set extensions of interest")
    contexts: Positive
    governor: str | None = Field(description="frequency governor; None where the system does not tell")
    git: str | None = Field(description="revision of the checkout, with `-dirty` when it was changed")
    command: list[str]
    seed: int
    started: str = Field(description="ISO 8601, UTC")
    machine: MachineFields = Field(description="all fields of the Machine")
    machine_hash: str


class Noise(Model):
    """How quiet the machine was while a kernel was measured."""

    load_before: float = Field(description="of the last minute, without what the run itself may have added")
    load_after: float
    steal: float = Field(description="share of CPU time stolen by other virtual machines, 0..1")
    empty_launch_before_s: float | None
    empty_launch_after_s: float | None
    noisy: bool
    reasons: list[str]


Ratio = Annotated[float, Field(ge=1e-15, le=1e15)]
Interval = tuple[Annotated[float, Field(ge=0, le=1e15)], Ratio]
_ELEMENT = r"((f|bf|i|u)\d+|fp8e\d\w*)"
_ELEMENTS = f"^{_ELEMENT}(/{_ELEMENT})*$"
"""f32, bf16/f16/i8"""


Rate = Annotated[float, Field(ge=1e-3, le=1e18)]


class Roofline(Model):
    """The limits of the machine, measured in the same run with as many contexts as the result used."""

    contexts: Positive
    bytes: Count = Field(description="of all arrays, each read or written once")
    flops: Count | None = Field(description="None where they are not counted: transcendental functions")
    copy_bytes_per_s: Rate = Field(description="read + write, of a copy that touches as many bytes")
    fma_flops_per_s: Rate | None = Field(description="None where `flops` is")

    def of_copy(self, seconds: float) -> float:
        """Share of the copy bandwidth."""
        return self.bytes / seconds / self.copy_bytes_per_s

    def of_fma(self, seconds: float) -> float | None:
        """Share of the FMA peak."""
        return self.flops / seconds / self.fma_flops_per_s if self.flops and self.fma_flops_per_s else None


class Timed(Model):
    """Something that ran under one schedule, timed in turn with what it is compared with. When `correct` is false,
    there are no samples and no ratios."""

    rung: str
    schedule: ScheduleFields
    unit: Literal["s", "cycles"]
    samples: list[Amount] = Field(description="one per round, in `unit`; paired by position across rungs")
    warmup: list[Amount] = Field(description="recorded, not counted")
    inner: Positive = Field(description="launches averaged into one sample, in the first process")
    median: Amount | None
    speedup: Ratio | None = Field(default=None, description="median over rounds of scalar / this")
    speedup_ci: Interval | None = Field(default=None, description="95% bootstrap interval")
    step: Ratio | None = Field(default=None, description="the same against what `step_from` names")
    step_ci: Interval | None = None
    step_of_medians: Ratio | None = Field(
        default=None, description="the same from the medians of both, which noise may make another number"
    )
    step_from: str | None = Field(default=None, description="in the ladder: the rung without the last mechanism")
    correct: bool
    max_abs_err: Annotated[float, Field(ge=0)] | None = Field(description="None when the error is not finite")
    max_rel_err: Annotated[float, Field(ge=0)] | None
    tolerance: str
    reference: str

    @property
    def what(self) -> str:
        """For messages."""
        return self.rung

    @model_validator(mode="after")
    def _wrong_has_no_numbers(self) -> Timed:
        if not self.correct and (self.samples or self.median is not None or self.speedup is not None):
            raise ValueError(f"{self.what} is wrong, so it must not carry times")
        if self.correct and (not self.samples or self.median is None):
            raise ValueError(f"{self.what} is correct but has no samples or no median")
        if self.unit == "s" and not all(self.samples):
            raise ValueError(f"{self.what} has a sample that took no time")
        if self.step is not None and self.step_from is None:
            raise ValueError(f"{self.what} has a step from nothing")
        return self

    @property
    def mechanisms(self) -> tuple[bool, bool, bool]:
        """(Vec, MT, DB)"""
        return (
            self.schedule["vectorize"],
            self.schedule["threads"] != 1,
            self.schedule["double_buffer"],
        )

    @property
    def prefetches(self) -> bool:
        """PF"""
        return bool(self.schedule["vectorize"] and self.schedule.get("prefetch", False))


class Result(Timed):
    """One kernel under one schedule."""

    kernel: str
    dtype: str = Field(pattern=_ELEMENTS, description="of the kernel's arrays, joined by / where they differ")
    shape: list[Positive] = Field(min_length=1)
    grid: list[Count] = Field(min_length=1, description="programs per axis of the launch")
    device: str
    processes: Positive = Field(default=1, description="fresh processes that the samples are from, in turn")
    evidence: Evidence = Field(description="of the code; in a file, the name under which the record holds it")
    launch: Launch = Field(description="what one launch did")
    noise: Noise
    roofline: Roofline | None = Field(default=None, description="None on a model, and without a time")

    @property
    def what(self) -> str:
        return f"{self.kernel}/{self.rung}"


class Record(Model):
    """A whole file: what one run of a study found. Each study adds what it measures."""

    schema_: Literal[2] = Field(default=SCHEMA, alias="schema")
    study: Any = Field(description="its name: `Literal[NAME] = NAME` in each study's own record")
    environment: Environment
    complete: bool = Field(default=True, description="false when the run was interrupted")

    @property
    def correct(self) -> bool:
        """Whether nothing in it is wrong; otherwise the exit status is 1."""
        return True


R = TypeVar("R", bound=Result)


class Measurements(Record, Generic[R]):
    """A record of results, of which those of one group were timed in turn."""

    results: list[R]

    @model_validator(mode="after")
    def _has_as_many_samples(self) -> Measurements[R]:
        rounds: dict[tuple[object, ...], set[int]] = {}
        for result in self.results:
            if result.samples:
                rounds.setdefault(self.timed_in_turn(result), set()).add(len(result.samples))
        if any(len(numbers) > 1 for numbers in rounds.values()):
            raise ValueError("results that were timed in turn differ in their numbers of samples")
        return self

    def groups(self) -> list[list[R]]:
        """Results by kernel, type, shape and device, in the order of the file."""
        found: dict[tuple[object, ...], list[R]] = {}
        for result in self.results:
            found.setdefault(_kernel(result), []).append(result)
        return list(found.values())

    def timed_in_turn(self, result: R) -> tuple[object, ...]:
        """What results that were timed in turn have in common."""
        return _kernel(result)

    @property
    def correct(self) -> bool:
        return all(result.correct for result in self.results)


def _kernel(result: Result) -> tuple[object, ...]:
    return result.kernel, result.dtype, tuple(result.shape), result.device
