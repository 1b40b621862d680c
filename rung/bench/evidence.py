"""What reports read of a result's evidence and of its machine, with types: checked where a record is read or made.

Evidence holds more than that (every attribute that a pass left in the IR); what is not named here is kept as it is.
"""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired

from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypedDict

_LARGEST = 1 << 53
Count = Annotated[int, Field(ge=0, le=_LARGEST)]
Positive = Annotated[int, Field(ge=1, le=_LARGEST)]
Amount = Annotated[float, Field(ge=0, le=1e18)]
"""A time, in whatever unit, or a cost."""
OPEN = ConfigDict(strict=True, allow_inf_nan=False, extra="allow")
"""Of what has more fields than reports read."""


@with_config(OPEN)
class Vectorized(TypedDict):
    lanes: Positive
    unroll: Positive


@with_config(OPEN)
class Prefetched(TypedDict):
    """Operations in a loop, and the bytes of the next program that they fetch."""

    ops: Count
    bytes: Count


@with_config(OPEN)
class Contraction(TypedDict):
    """`mr` rows x `nr` vectors of `lanes` stay in registers; `products` of bytes are added per lane at a time."""

    mr: Positive
    nr: Positive
    lanes: Positive
    products: NotRequired[Positive]


@with_config(OPEN)
class Fork(TypedDict):
    """What decides at launch: which loop is shared, on how many contexts at most, from how many iterations on."""

    loop: Literal["grid", "tiles"]
    contexts: Positive
    least: Positive
    fork_join_ns: Amount


@with_config(OPEN)
class Scratchpad(TypedDict):
    """What `promote` had for one context, and how many buffers of a stream it counted."""

    budget_bytes: Count
    buffers: Positive


@with_config(OPEN)
class Decision(TypedDict, total=False):
    """The attributes of one operation that carries any, in the words of the passes that left them."""

    op: str
    vectorized: Vectorized
    scalar: str
    prefetched: Prefetched
    contraction: Contraction
    scalarized: list[str]
    tile: list[Positive]
    tile_loop: bool
    body_cost_ns: Amount
    break_even_programs: Positive
    distribution: str
    programs: bool
    fork: Fork
    serial: str
    task: bool
    scratchpad: Scratchpad
    promoted: Count
    streams: Count
    scratchpad_bytes: Count
    pipelined: Count
    direct: list[str]
    not_pipelined: list[str]


@with_config(OPEN)
class ObjectCode(TypedDict, total=False):
    """`helpers`: functions of a library that the code calls."""

    packed_ops: Count
    helpers: list[str]


@with_config(OPEN)
class Evidence(TypedDict, total=False):
    """Decisions in the order of the program, what the object code holds, and what the runtime counted."""

    decided: list[Decision]
    object: ObjectCode
    contexts_ran: Count
    threads_ran: Count
    dma_transfers: Count
    dma_max_in_flight: Count
    dma_waiter_copies: Count


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


def forks(evidence: Evidence, loop: Literal["grid", "tiles"]) -> list[Decision]:
    """Decisions to share a loop, with the loop's costs. The function of a task repeats what its call says."""
    decided = evidence.get("decided", [])
    return [d for d in decided if "fork" in d and d["fork"]["loop"] == loop and not d.get("task")]
