"""The record of a run, as JSON: everything needed to draw it again and to run it again. `rung.report`
imports only this."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ..files import write_file
from .evidence import Amount, Count, Evidence, MachineFields, Positive, ScheduleFields
from .reading import read_record

SCHEMA: Literal[1] = 1


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Environment(_Model):
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


class Noise(_Model):
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
_ELEMENT = r"(f|bf|i|u)\d+"
_ELEMENTS = f"^{_ELEMENT}(/{_ELEMENT})*$"
"""f32, bf16/f16/i8"""


Rate = Annotated[float, Field(ge=1e-3, le=1e18)]


class Roofline(_Model):
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


class ScalePoint(_Model):
    """Where a result stands in `rung scale`: `step` compares it with one context at the same size."""

    study: Literal["scale"] = "scale"
    contexts: Positive = Field(description="that the schedule asks for")
    elements: Positive
    programs: Positive = Field(description="of the launch grid, which the contexts share")
    break_even_programs: Positive | None = Field(description="from which on rung's own profitability test forks")


class OverlapPoint(_Model):
    """Where a result stands in `rung overlap`: `step` of `double` compares it with `single` as `control` says.

    transfer: double-buffered with degree 1, so that the transfers are all that takes time. compute: one tile, again and
    again, without a scratchpad, so that there is nothing to transfer; its times are of one tile, `trips` make a launch.
    """

    study: Literal["overlap"] = "overlap"
    degree: Positive = Field(description="of the exponent series")
    elements: Positive = Field(description="of one launch of all kinds but `compute`")
    tile: Positive = Field(description="elements of the tile that single buffering uses")
    buffering: Literal["direct", "single", "double", "transfer", "compute"]
    own_tile: Positive = Field(description="elements of this result's tile")
    depth: Positive = Field(description="buffers per stream")
    control: Literal["equal tile", "equal scratchpad"] | None = None
    trips: Positive = Field(description="tiles that one context works through in a launch")


Point = ScalePoint | OverlapPoint


class Result(_Model):
    """One kernel under one schedule. When `correct` is false, there are no samples and no ratios."""

    kernel: str
    dtype: str = Field(pattern=_ELEMENTS, description="of the kernel's arrays, joined by / where they differ")
    shape: list[Positive] = Field(min_length=1)
    grid: list[Count] = Field(min_length=1, description="programs per axis of the launch")
    device: str
    rung: str
    schedule: ScheduleFields
    unit: Literal["s", "cycles"]
    samples: list[Amount] = Field(description="one per round, in `unit`; paired by position across rungs")
    warmup: list[Amount] = Field(description="recorded, not counted")
    inner: Positive = Field(description="launches averaged into one sample, in the first process")
    processes: Positive = Field(default=1, description="fresh processes that the samples are from, in turn")
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
    evidence: Evidence
    noise: Noise
    roofline: Roofline | None = Field(default=None, description="None on a model, and without a time")
    point: Point | None = Field(default=None, discriminator="study", description="None in a ladder")

    @model_validator(mode="after")
    def _wrong_has_no_numbers(self) -> Result:
        if not self.correct and (self.samples or self.median is not None or self.speedup is not None):
            raise ValueError(f"{self.kernel}/{self.rung} is wrong, so it must not carry times")
        if self.correct and (not self.samples or self.median is None):
            raise ValueError(f"{self.kernel}/{self.rung} is correct but has no samples or no median")
        if self.unit == "s" and not all(self.samples):
            raise ValueError(f"{self.kernel}/{self.rung} has a sample that took no time")
        if self.step is not None and self.step_from is None:
            raise ValueError(f"{self.kernel}/{self.rung} has a step from nothing")
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


class Record(_Model):
    """A whole file."""

    schema_: Literal[1] = Field(default=SCHEMA, alias="schema")
    environment: Environment
    results: list[Result]
    complete: bool = Field(default=True, description="false when the run was interrupted")

    @model_validator(mode="after")
    def _is_of_one_study(self) -> Record:
        if len({result.point.study if result.point else None for result in self.results}) > 1:
            raise ValueError("the results are of several studies")
        rounds: dict[tuple[object, ...], set[int]] = {}
        for result in self.results:
            if result.samples:
                rounds.setdefault(_timed_in_turn(result), set()).add(len(result.samples))
        if any(len(numbers) > 1 for numbers in rounds.values()):
            raise ValueError("results that were timed in turn differ in their numbers of samples")
        return self

    def groups(self) -> list[list[Result]]:
        """Results by kernel, type, shape and device, in the order of the file: what was timed in turn."""
        found: dict[tuple[object, ...], list[Result]] = {}
        for result in self.results:
            found.setdefault(_kernel(result), []).append(result)
        return list(found.values())

    @property
    def study(self) -> Literal["ladder", "scale", "overlap"]:
        """What the record is of."""
        points = [result.point for result in self.results if result.point]
        return points[0].study if points else "ladder"

    @property
    def correct(self) -> bool:
        return all(result.correct for result in self.results)


def _kernel(result: Result) -> tuple[object, ...]:
    return result.kernel, result.dtype, tuple(result.shape), result.device


def _timed_in_turn(result: Result) -> tuple[object, ...]:
    degree = result.point.degree if isinstance(result.point, OverlapPoint) else None
    return (*_kernel(result), degree)


def write(record: Record, path: str | Path) -> None:
    """Writes the file whole or not at all: to a temporary file beside it, then renamed."""
    write_file(record.model_dump_json(by_alias=True, indent=1) + "\n", path)


def read(path: str | Path) -> Record:
    """The record in a file. Raises UsageError that names the file and the field that is wrong."""
    return read_record(path, Record, SCHEMA, "rung ladder --json")
