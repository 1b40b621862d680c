"""The record of a run, as JSON: everything needed to draw it again and to run it again. `rung.report`
imports only this."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ..errors import UsageError
from ..files import write_file

SCHEMA: Literal[1] = 1


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Environment(_Model):
    """Where and how a run was made."""

    rung: str
    python: str
    packages: dict[str, str] = Field(description="versions of triton, torch, torch-mlir, numpy")
    os: str
    cpu: str
    cpu_flags: list[str] = Field(description="instruction-set extensions of interest")
    contexts: int = Field(ge=1)
    governor: str | None = Field(description="frequency governor; None where the system does not tell")
    git: str | None = Field(description="revision of the checkout, with `-dirty` when it was changed")
    command: list[str]
    seed: int
    started: str = Field(description="ISO 8601, UTC")
    machine: dict[str, Any] = Field(description="all fields of the Machine")
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


Interval = tuple[float, float]
_ELEMENT = r"(f|bf|i|u)\d+"
_ELEMENTS = f"^{_ELEMENT}(/{_ELEMENT})*$"
"""f32, bf16/f16/i8"""


class Roofline(_Model):
    """The limits of the machine, measured in the same run with as many contexts as the result used."""

    contexts: int = Field(ge=1)
    bytes: int = Field(ge=0, description="of all arrays, each read or written once")
    flops: int | None = Field(description="None where they are not counted: transcendental functions")
    copy_bytes_per_s: float = Field(gt=0, description="read + write, of a copy that touches as many bytes")
    fma_flops_per_s: float | None = Field(description="None where `flops` is")

    def of_copy(self, seconds: float) -> float:
        """Share of the copy bandwidth."""
        return self.bytes / seconds / self.copy_bytes_per_s

    def of_fma(self, seconds: float) -> float | None:
        """Share of the FMA peak."""
        return self.flops / seconds / self.fma_flops_per_s if self.flops and self.fma_flops_per_s else None


class ScalePoint(_Model):
    """Where a result stands in `rung scale`: `step` compares it with one context at the same size."""

    study: Literal["scale"] = "scale"
    contexts: int = Field(ge=1, description="that the schedule asks for")
    elements: int = Field(ge=1)
    programs: int = Field(ge=1, description="of the launch grid, which the contexts share")
    break_even_programs: int | None = Field(description="from which on rung's own profitability test forks")


class OverlapPoint(_Model):
    """Where a result stands in `rung overlap`: `step` of `double` compares it with `single` as `control` says.

    transfer: double-buffered with degree 1, so that the transfers are all that takes time. compute: one tile, again and
    again, without a scratchpad, so that there is nothing to transfer; its times are of one tile, `trips` make a launch.
    """

    study: Literal["overlap"] = "overlap"
    degree: int = Field(ge=1, description="of the exponent series")
    elements: int = Field(ge=1, description="of one launch of all kinds but `compute`")
    tile: int = Field(ge=1, description="elements of the tile that single buffering uses")
    buffering: Literal["direct", "single", "double", "transfer", "compute"]
    own_tile: int = Field(ge=1, description="elements of this result's tile")
    depth: int = Field(ge=1, description="buffers per stream")
    control: Literal["equal tile", "equal scratchpad"] | None = None
    trips: int = Field(ge=1, description="tiles that one context works through in a launch")


Point = ScalePoint | OverlapPoint


class Result(_Model):
    """One kernel under one schedule. When `correct` is false, there are no samples and no ratios."""

    kernel: str
    dtype: str = Field(pattern=_ELEMENTS, description="of the kernel's arrays, joined by / where they differ")
    shape: list[int]
    grid: list[int] = Field(description="programs per axis of the launch")
    device: str
    rung: str
    schedule: dict[str, bool | int | str]
    unit: Literal["s", "cycles"]
    samples: list[float] = Field(description="one per round, in `unit`; paired by position across rungs")
    warmup: list[float] = Field(description="recorded, not counted")
    inner: int = Field(ge=1, description="launches averaged into one sample, in the first process")
    processes: int = Field(default=1, ge=1, description="fresh processes that the samples are from, in turn")
    median: float | None
    speedup: float | None = Field(default=None, description="median over rounds of scalar / this")
    speedup_ci: Interval | None = Field(default=None, description="95% bootstrap interval")
    step: float | None = Field(default=None, description="the same against what `step_from` names")
    step_ci: Interval | None = None
    step_from: str | None = Field(default=None, description="in the ladder: the rung without the last mechanism")
    correct: bool
    max_abs_err: float | None = Field(description="None when the error is not finite")
    max_rel_err: float | None
    tolerance: str
    reference: str
    evidence: dict[str, Any]
    noise: Noise
    roofline: Roofline | None = Field(default=None, description="None on a model, and without a time")
    point: Point | None = Field(default=None, discriminator="study", description="None in a ladder")

    @model_validator(mode="after")
    def _wrong_has_no_numbers(self) -> Result:
        if not self.correct and (self.samples or self.median is not None or self.speedup is not None):
            raise ValueError(f"{self.kernel}/{self.rung} is wrong, so it must not carry times")
        if self.correct and not self.samples:
            raise ValueError(f"{self.kernel}/{self.rung} is correct but has no samples")
        return self

    @property
    def mechanisms(self) -> tuple[bool, bool, bool]:
        """(Vec, MT, DB)"""
        return (
            bool(self.schedule["vectorize"]),
            self.schedule["threads"] != 1,
            bool(self.schedule["double_buffer"]),
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

    def groups(self) -> list[list[Result]]:
        """Results by kernel, type, shape and device, in the order of the file: what was timed in turn."""
        found: dict[tuple[object, ...], list[Result]] = {}
        for result in self.results:
            key = (result.kernel, result.dtype, tuple(result.shape), result.device)
            found.setdefault(key, []).append(result)
        return list(found.values())

    @property
    def study(self) -> Literal["ladder", "scale", "overlap"]:
        """What the record is of."""
        points = [result.point for result in self.results if result.point]
        return points[0].study if points else "ladder"

    @property
    def correct(self) -> bool:
        return all(result.correct for result in self.results)


def write(record: Record, path: str | Path) -> None:
    """Writes the file whole or not at all: to a temporary file beside it, then renamed."""
    write_file(record.model_dump_json(by_alias=True, indent=1) + "\n", path)


def read(path: str | Path) -> Record:
    """The record in a file. Raises UsageError that names the file and the field that is wrong."""
    try:
        text = Path(path).read_text()
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not a text file; give one that `rung ladder --json` wrote") from None
    try:
        return Record.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        where = f"field `{field}`: " if field else ""
        raise UsageError(
            f"{path} is not a record of schema {SCHEMA}: {where}{first['msg']}; "
            "give a file that `rung ladder --json` wrote"
        ) from None
