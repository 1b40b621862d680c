"""Evidence: what was compiled, and what one launch did. One model, from the IR and the object code to a record.

`Evidence` is of a compiled kernel, the same for all of its launches: `ir/evidence.py` reads the decisions back from the
IR, `targets/evidence.py` and `targets/npu/evidence.py` the object code. `Launch` is of one launch: the runtime, or the
modelled device, counted it. A record holds an `Evidence` once, however many results are of that code.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

_LARGEST = 1 << 53
Count = Annotated[int, Field(ge=0, le=_LARGEST)]
Positive = Annotated[int, Field(ge=1, le=_LARGEST)]
Amount = Annotated[float, Field(ge=0, le=1e18)]
"""A time, in whatever unit, or a cost."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Vectorized(_Model):
    lanes: Positive
    unroll: Positive
    tile: Count = 0
    """Rows of the tiles that are transposed in registers; 0: none are."""


class Prefetched(_Model):
    """Operations in a loop, and the bytes of the next program that they fetch."""

    ops: Count
    bytes: Count


class Contraction(_Model):
    """`mr` rows x `nr` vectors of `lanes` stay in registers; `products` are added to each lane at a time."""

    mr: Positive
    nr: Positive
    lanes: Positive
    products: Positive | None = None
    steps: Positive | None = None
    """Of the loop around a contraction, at most, that one sum takes together."""
    kept_a: Positive | None = None
    kept_b: Positive | None = None
    """Steps whose packed operand stays for the next program."""
    in_place: Positive | None = None
    """1: A is read from memory where a whole block of it is there."""


class Fork(_Model):
    """What decides at launch: which loop is shared, on how many contexts at most, from how many iterations on."""

    loop: Literal["grid", "tiles"]
    contexts: Positive
    least: Positive
    fork_join_ns: Amount
    assumed_trips: Positive | None = Field(
        default=None, description="of a loop in the body; `least` is what it is then, and is computed at launch"
    )


class Scratchpad(_Model):
    """What one context has for tiles and for scratch, how many buffers of a stream are counted, and in what sizes."""

    budget_bytes: Count
    buffers: Positive
    scratch_bytes: Count = 0
    alignment_bytes: Positive = 64


class Decision(_Model):
    """The attributes of one operation that carries any, in the words of the passes that left them; what each says
    stands in `ir/attributes.py`.

    An attribute that is not declared here is kept as it is, untyped."""

    model_config = ConfigDict(extra="allow")

    op: str | None = None
    vectorized: Vectorized | None = None
    scalar: str | None = Field(default=None, description="why a nest stayed scalar")
    prefetched: Prefetched | None = None
    streamed: Count = Field(default=0, description="stores that go past the caches in large launches")
    iterations_per_line: Positive | None = None
    band: Positive | None = Field(default=None, description="programs in turn along the grid's second dimension")
    contraction: Contraction | None = None
    scalarized: list[str] = Field(default=[], description="vector ops that the back end works on lane by lane")
    tile: list[Positive] | None = None
    tiles: bool = False
    tile_loop: bool = False
    body_cost_ns: Amount | None = None
    break_even_programs: Positive | None = None
    distribution: str | None = None
    programs: bool = Field(default=False, description="that wait for one another")
    fork: Fork | None = None
    serial: str | None = Field(default=None, description="why a loop is not shared")
    task: bool = False
    fits: bool = Field(default=False, description="right where integers do not overflow; launches are checked")
    scratchpad: Scratchpad | None = None
    promoted: Count | None = None
    streams: Count | None = None
    scratchpad_bytes: Count | None = None
    pipelined: Count | None = None
    depth: Positive | None = Field(default=None, description="buffers per pipelined stream")
    held: Count | None = None
    direct: list[str] = []
    not_pipelined: list[str] = []
    transfer: str | None = None
    in_order: str | None = None
    at_most: list[Count] | None = None
    scratch_bytes: Count | None = None
    where: str | None = None


class HostCode(_Model):
    """Counts over the kernel's own functions in the object code (the JIT's argument wrappers are left out)."""

    kind: Literal["host"]
    packed_ops: Count = Field(description="arithmetic on packed floats and integers")
    scalar_fp_ops: Count = Field(default=0, description="arithmetic on single floats")
    scalar_divisions: Count = Field(default=0, description="of single floats")
    integer_divisions: Count = Field(default=0, description="of single integers")
    prefetches: Count = Field(default=0, description="of lines into a cache")
    streaming_stores: Count = Field(default=0, description="of vectors, past the caches")
    registers: dict[str, Count] = Field(default={}, description="vector register operands by width")
    calls: list[str] = Field(default=[], description="functions called that are not in the object, sorted")


class CodeBlock(_Model):
    """A basic block of a modelled device's code."""

    function: str
    name: str
    packets: Count
    vector_packets: Count


class DeviceCode(_Model):
    """A modelled device's code, without the packed entry point."""

    kind: Literal["npu"]
    packets: Count = 0
    vector_instructions: Count = 0
    scalarized: dict[str, Count] = Field(
        default={}, description="operations on single floats, moves of single elements in vector loops, by mnemonic"
    )
    helpers: list[str] = Field(default=[], description="library functions that the code calls")
    blocks: list[CodeBlock] = []


class Evidence(_Model):
    """What the compiler did to one kernel."""

    ir_hash: str = Field(default="", description="of the text of the stage `llvm`: 16 hex digits of SHA-256")
    vector_ops: Count = Field(default=0, description="operations on vectors in the IR")
    transfers: dict[str, Count] = Field(default={}, description="memref.dma_start, memref.dma_wait in the IR")
    decided: list[Decision] = Field(default=[], description="in the order of the program")
    object: Annotated[HostCode | DeviceCode, Field(discriminator="kind")] | None = Field(
        default=None, description="None where there is no objdump to read it with"
    )

    @classmethod
    def of(cls, decisions: Mapping[str, Any], llvm: str, code: HostCode | DeviceCode | None) -> Evidence:
        """`decisions`: what `ir.evidence.decisions` found; `llvm`: the text of that stage."""
        digest = hashlib.sha256(llvm.encode()).hexdigest()[:16]
        return cls(ir_hash=digest, object=code, **decisions)

    def forks(self, loop: Literal["grid", "tiles"]) -> list[tuple[Decision, Fork]]:
        """Decisions to share a loop, with the loop's costs. The function of a task repeats what its call says."""
        return [(d, d.fork) for d in self.decided if d.fork is not None and d.fork.loop == loop and not d.task]

    @property
    def lanes(self) -> int | None:
        """Of the widest vector loop."""
        return max((d.vectorized.lanes for d in self.decided if d.vectorized), default=None)

    @property
    def fetched_ahead(self) -> tuple[int, int]:
        """Prefetch operations in the loops, and the bytes that they fetch of the next program's."""
        loops = [d.prefetched for d in self.decided if d.prefetched]
        return sum(loop.ops for loop in loops), sum(loop.bytes for loop in loops)

    @property
    def streamed(self) -> int:
        """Stores in the IR that go past the caches in large launches."""
        return sum(d.streamed for d in self.decided)

    @property
    def taken_apart(self) -> list[str]:
        """Ops on vectors that the back end works on lane by lane, with types: `vector.gather on vector<32xf32>`."""
        return sorted({op for decision in self.decided for op in decision.scalarized})

    @property
    def left_scalar(self) -> list[str]:
        """Why nests stayed scalar, a reason each."""
        return [d.scalar for d in self.decided if d.scalar is not None]


class HotLoop(_Model):
    """The innermost loop that took most packets in a run."""

    packets: Count
    vector_packets: Count
    instructions: Count
    vector_instructions: Count


class Launch(_Model):
    """What one launch did, as far as its runtime or its modelled device counts it.

    A counter that is not declared here is kept as it is, untyped."""

    model_config = ConfigDict(extra="allow")

    contexts_ran: Count | None = Field(default=None, description="0 or 1 where nothing was forked")
    threads_ran: Count | None = Field(default=None, description="that took part at the same time")
    forks: Count | None = None
    forks_serial: Count | None = None
    contexts_taken_over: Count | None = None
    programs_waiting: Count | None = None
    dma_transfers: Count | None = None
    dma_bytes: Count | None = None
    dma_max_in_flight: Count | None = None
    dma_waiter_copies: Count | None = Field(default=None, description="made by contexts, as the engine was late")
    scratchpad_bytes_used: Count | None = None
    ledger: dict[str, Amount] | None = Field(
        default=None, description="modelled cycles of all contexts together, by what they went to"
    )
    verdict: str | None = Field(default=None, description="what most of them went to, in one line")
    hot_loop: HotLoop | None = None
    executions: list[Count] | None = Field(default=None, description="of each of the code's `blocks`")
