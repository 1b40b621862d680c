"""What reports read of a machine and a schedule in a record, with types: checked where a record is read or made.

Records hold all fields of both; what is not named here is kept as it is.
"""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired

from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypedDict

from ..evidence import Amount, Count, Positive

OPEN = ConfigDict(strict=True, allow_inf_nan=False, extra="allow")
"""Of what has more fields than reports read."""


@with_config(OPEN)
class Prices(TypedDict):
    """Of calls of library functions on a modelled device, in cycles."""

    helper_cycles: dict[str, Amount]
    default_helper_cycles: Amount


@with_config(OPEN)
class MachineFields(TypedDict):
    """Fields of the Machine that a run was made on, or for."""

    name: str
    kind: NotRequired[Literal["host", "npu"]]
    arch: NotRequired[str]
    contexts: NotRequired[Positive]
    clock_ghz: NotRequired[Annotated[float, Field(ge=1e-6, le=1e6)]]
    prefetch_bytes: NotRequired[Count]
    npu: NotRequired[Prices | None]


@with_config(OPEN)
class ScheduleFields(TypedDict):
    """Fields of the Schedule of a result."""

    vectorize: bool
    threads: Count
    double_buffer: bool
    depth: NotRequired[Positive]
    tile_elements: NotRequired[Positive]
    profitability: NotRequired[bool]
