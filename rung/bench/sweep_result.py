"""The record of a sweep, as JSON: everything needed to draw it again."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..errors import UsageError
from ..files import write_file
from .result import Environment

SCHEMA: Literal["rung-sweep-1"] = "rung-sweep-1"


class Point(BaseModel):
    """The kernel on one machine."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    values: dict[str, Any] = Field(description="of the varied fields, by dotted path")
    machine_hash: str
    compilation: int = Field(description="points with the same number run the same code and replay the same trace")
    cycles: float = Field(description="modelled")
    us: float = Field(description="the same on the machine's clock")
    compute_utilisation: float
    dma_utilisation: float
    stall_cycles: float = Field(description="waits for transfers and full queues, of all contexts")
    dma_bytes: int


class Sweep(BaseModel):
    """A whole file. `environment.machine` is the machine that the fields were varied on."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    schema_: Literal["rung-sweep-1"] = Field(default=SCHEMA, alias="schema")
    environment: Environment
    kernel: str
    dtype: str
    shape: list[int]
    schedule: str
    varied: dict[str, list[Any]]
    points: list[Point]


def write(sweep: Sweep, path: str | Path) -> None:
    """Writes the file whole or not at all."""
    write_file(sweep.model_dump_json(by_alias=True, indent=1) + "\n", path)


def is_sweep(path: str | Path) -> bool:
    """Whether the file says that it is one; what else it is, is not asked."""
    try:
        with Path(path).open("rb") as file:
            return SCHEMA.encode() in file.read(100)
    except OSError:
        return False


def read(path: str | Path) -> Sweep:
    """The sweep in a file. Raises UsageError that names the file and the field that is wrong."""
    try:
        return Sweep.model_validate_json(Path(path).read_bytes())
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise UsageError(
            f"{path} is not a record of schema {SCHEMA}: field `{field}`: {first['msg']}; "
            "give a file that `rung sweep --json` wrote"
        ) from None
