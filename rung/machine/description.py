"""Machine: what the passes may know about the hardware. Units are in the names; no other place holds one."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, Literal, Self, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from .. import processor
from ..errors import UsageError
from ..knobs import MOST_CONTEXTS
from ..targets.isa import ISAS, Isa, isa_of
from ..targets.isa.core import Core

_STRICT = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=True)
_Cost = Annotated[float, Field(ge=0, le=1e12)]
"""Cycles or nanoseconds. The limits keep sums of them finite."""
_Rate = Annotated[float, Field(ge=1e-6, le=1e12)]
"""What is multiplied or divided by."""
_Count = Annotated[int, Field(ge=1, le=MOST_CONTEXTS)]
_Bytes = Annotated[int, Field(ge=1024, le=1 << 40)]
_Words = Annotated[tuple[str, ...], Field(strict=False)]
"""TOML has lists, no tuples."""
MOST_ALIGNMENT = 4096
"""Bytes that a machine may want buffers aligned to: the runtime's arenas promise as much (RUNG_SCRATCH_ALIGNMENT)."""


class Dma(BaseModel):
    """The engine behind `dma_start` / `dma_wait`: one queue of descriptors per context, one data path for all.

    The times matter on a modelled device only; `targets/npu/timeline.py` says what they mean.
    """

    model_config = _STRICT
    queue_depth: int = Field(
        default=64, ge=1, le=65536, description="descriptors of a context until the last byte has moved; more block it"
    )
    max_rank: int = Field(default=2, ge=1, le=3, description="highest rank of one descriptor")
    bytes_per_cycle: _Rate | None = Field(
        default=None, description="bandwidth between DRAM and scratchpad, of all contexts together"
    )
    latency_cycles: _Cost = Field(
        default=0, description="from the last byte's move to the end of the wait; overlaps other transfers"
    )
    gap_cycles: _Cost = Field(default=0, description="the engine's pause before every descriptor")
    fetch_cycles: _Cost = Field(
        default=0, description="fetch of a descriptor; hidden behind those before it in its queue"
    )
    row_cycles: _Cost = Field(default=0, description="per row of a descriptor that has more than one")
    turnaround_cycles: _Cost = Field(default=0, description="when a descriptor moves the other way than the one before")
    issue_cycles: _Cost = Field(default=0, description="the context's own time for starting a descriptor")
    arbitration: Literal["round-robin", "oldest-first"] = Field(
        default="round-robin", description="which queue's next descriptor moves"
    )


class Cache(BaseModel):
    """A cache that the contexts share, between them and DRAM. Benchmarks launch a kernel again and again: if all memory
    of its arguments fits, a launch finds it here, and DRAM is not asked; otherwise nothing is found."""

    model_config = _STRICT
    bytes: _Bytes
    scalar_cycles: _Cost = Field(description="stall per load or store of one element")
    vector_cycles: _Cost = Field(description="stall per load or store of one vector")
    bytes_per_cycle: _Rate = Field(description="bandwidth of the vector accesses, of all contexts together")


class Level(BaseModel):
    """Memory behind the first-level cache, in the order of the distance: what comes from it, and how fast."""

    model_config = _STRICT
    bytes: int = Field(ge=0, le=1 << 50, description="that it holds; 0: all that there is")
    shared: bool = Field(default=False, description="by all contexts: each has its part of `bytes`")
    read_bytes_per_cycle: _Rate = Field(description="of one context alone")
    write_bytes_per_cycle: _Rate = Field(description="of one context alone")
    stream_bytes_per_cycle: _Rate | None = Field(
        default=None, description="written past the caches by one context alone; default: as through them"
    )
    all_read_bytes_per_cycle: _Rate | None = Field(
        default=None, description="of all contexts together; default: each as if it were alone"
    )
    all_write_bytes_per_cycle: _Rate | None = Field(default=None, description="the same of writes")
    all_stream_bytes_per_cycle: _Rate | None = Field(default=None, description="the same of writes past the caches")


class Npu(BaseModel):
    """What a modelled device adds: the price of what its contexts do."""

    model_config = _STRICT
    cycles_per_packet: _Rate = Field(description="of one VLIW packet, stalls inside the core averaged in")
    vector_units: _Count | None = Field(
        default=None, description="vector packets per packet time, of all contexts together; default: one each"
    )
    dram_scalar_cycles: _Cost = Field(description="stall per load or store of one element in DRAM")
    dram_vector_cycles: _Cost = Field(description="stall per load or store of one vector in DRAM")
    dram_bytes_per_cycle: _Rate = Field(
        description="bandwidth of the vector accesses to DRAM, of all contexts together"
    )
    cache: Cache | None = Field(default=None, description="what those accesses find without DRAM; none: nothing")
    matrix_macs_per_cycle: dict[str, _Rate] = Field(
        default_factory=dict[str, float],
        description="multiply-adds of a matrix unit, one per context, by element type (bf16 ...), which vector code "
        "hands its contractions to; none: there is none",
    )
    step_cycles: _Cost = Field(
        default=0, description="of a step of a pipeline that was not compiled here: its control, which no packets tell"
    )
    launch_cycles: _Cost = Field(description="from the launch to the kernel's first instruction")
    helper_cycles: dict[str, _Cost] = Field(
        default_factory=dict[str, float], description="of one call of a library helper, by its symbol"
    )
    default_helper_cycles: _Cost = Field(description="of a call of any other library helper")


class Machine(BaseModel):
    """A frozen description of one device. `kind` selects the target; the passes read plain fields."""

    model_config = _STRICT
    name: str
    kind: Literal["host", "npu"]
    arch: str = Field(description="LLVM's name of the architecture: x86_64, aarch64, hexagon ...")
    cpu: str = Field(
        default="", description="LLVM's name of the processor: hexagonv73 ...; empty: the one that runs us"
    )
    plans_only: bool = Field(
        default=False,
        description="no code is compiled for it, as LLVM has no back end: what it is known for are plans of programs",
    )
    features: _Words = Field(default=(), description="instruction-set extensions that the lowering may rely on")
    vector_bytes: int = Field(ge=4, le=1024, description="bytes of one vector register")
    vector_registers: int = Field(ge=4, le=256)
    streaming_vector_bytes: int = Field(
        default=0, ge=0, le=1024, description="of code that does little but move data; 0: vector_bytes"
    )
    masked_memory: bool = Field(description="masked vector loads and stores are one instruction")
    library_math: bool = Field(
        default=False,
        description="scalar code calls the C library's functions (expf ...) instead of rung's polynomials: "
        "what most compilers do, and the baseline of published speed-ups",
    )
    vectors_from_scratchpad: bool = Field(
        default=False, description="vector code moves its tiles through the scratchpad, double-buffered or not"
    )
    whole_registers: bool = Field(
        default=False,
        description="part of a vector register is dear to load and store: lanes fill one with the narrowest type in "
        "memory, and wider data takes several registers",
    )
    aligned_vectors: bool = Field(
        default=False, description="an unaligned vector load is two loads and a shift: say where one is aligned"
    )
    scalarized_vector_ops: _Words = Field(
        default=(),
        description="MLIR's names of ops that the back end takes apart lane by lane, such as `arith.divf`, or "
        "`arith.divf:f32` for one element type; rung expands those that it can and names the others",
    )
    byte_dot: str = Field(
        default="",
        description="LLVM's intrinsic that adds products of signed bytes, or of 16 bits, to each 32-bit lane; "
        "empty: there is none",
    )
    bf16_dot: str = Field(
        default="", description="LLVM's intrinsic that adds products of bf16 to each lane of f32; empty: there is none"
    )
    contexts: _Count = Field(description="hardware contexts (cores, on the host)")
    cache_line_bytes: int = Field(default=64, ge=1, le=MOST_ALIGNMENT)
    l1_bytes: _Bytes
    l2_bytes: _Bytes = Field(description="of one context")
    memory: Annotated[tuple[Level, ...], Field(strict=False)] = Field(
        default=(),
        description="levels behind the first-level cache, nearest first: what predictions take memory to cost; none: "
        "it costs nothing beyond the accesses themselves",
    )
    core: Core | None = Field(
        default=None, description="what a context does in a cycle; default: what its ISA says (`rung.targets.isa`)"
    )
    prefetch_bytes: int = Field(
        default=0,
        ge=0,
        le=1 << 40,
        description="vector code fetches into the cache what the next program reads of an array, if both programs "
        "together touch no more than this; 0: never",
    )
    last_cache_bytes: int = Field(
        default=0,
        ge=0,
        le=1 << 40,
        description="of the last cache, which the contexts share: vector code stores past the caches what a launch "
        "writes beyond it; 0: never",
    )
    scratchpad_bytes: int = Field(
        ge=0, le=1 << 40, description="of all contexts together; 0: none, and tiles stay where they are"
    )
    fork_join_ns: _Cost = Field(description="cost of one fork and join over all contexts")
    launch_ns: _Cost = Field(
        default=0.0, description="of one launch that does nothing, for predictions of a host; a device's is in `npu`"
    )
    clock_ghz: _Rate
    dma: Dma = Dma()
    npu: Npu | None = Field(default=None, description='costs of a modelled device; of `kind = "npu"` only')

    @field_validator("core", mode="before")
    @classmethod
    def _rest_of_core(cls, given: Any, found: ValidationInfo) -> Any:
        """What a file leaves out is what the ISA says."""
        if not isinstance(given, dict) or "arch" not in found.data:
            return cast(Any, given)
        usual: dict[str, Any] = isa_of(found.data["arch"]).core.model_dump()
        return {**usual, **cast(dict[str, Any], given)}

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if not self.name.strip() or not self.name.isprintable():
            raise _wrong("name", f"is {self.name!r}; one line of text, which is shown with every number")
        if _is_uneven(self.cache_line_bytes):
            raise _wrong("cache_line_bytes", f"is {self.cache_line_bytes}; a power of two, 1 to {MOST_ALIGNMENT}")
        if _is_uneven(self.streaming_vector_bytes) or self.streaming_vector_bytes > self.vector_bytes:
            given, most = self.streaming_vector_bytes, self.vector_bytes
            raise _wrong("streaming_vector_bytes", f"is {given}; 0 or a power of two up to `vector_bytes`, {most}")
        self._check_dots(self.isa)
        if self.kind == "host":
            if self.npu is not None:
                raise _wrong("npu", "belongs to machines of kind `npu` only; take the section out")
            return self
        if self.npu is None:
            raise _wrong("npu", "a machine of kind `npu` needs this section; `template.toml` explains it")
        for field in ("prefetch_bytes", "last_cache_bytes"):
            if getattr(self, field):
                raise _wrong(field, f"is {getattr(self, field)}; 0, as no cache is modelled")
        if not self.cpu and not self.plans_only:
            raise _wrong("cpu", "a machine of kind `npu` needs LLVM's name of its processor, such as hexagonv73")
        least = 4 if self.plans_only else self._check_instruction_set(self.isa)
        if self.dma.bytes_per_cycle is None:
            raise _wrong("dma.bytes_per_cycle", "a machine of kind `npu` needs it; greater than 0")
        if self.npu.vector_units is not None and self.npu.vector_units > self.contexts:
            given, most = self.npu.vector_units, self.contexts
            raise _wrong("npu.vector_units", f"is {given}; 1 to `contexts`, which is {most}")
        if _is_uneven(self.vector_bytes) or self.vector_bytes < least:
            raise _wrong("vector_bytes", f"is {self.vector_bytes}; a power of two, {least} to 1024")
        share = self.contexts * self.vector_bytes
        if self.scratchpad_bytes % share:
            given = self.scratchpad_bytes
            raise _wrong("scratchpad_bytes", f"is {given}; a multiple of contexts x vector_bytes, which is {share}")
        return self

    def _check_instruction_set(self, isa: Isa) -> int:
        """The least `vector_bytes` of a modelled device of that ISA."""
        if isa.device is None:
            modelled = ", ".join(known.name for known in ISAS if known.device is not None)
            raise _wrong("arch", f"is {self.arch}; packets are modelled for: {modelled}")
        wrong = isa.device.check(self.cpu, self.features)
        if wrong is not None:
            raise _wrong(*wrong)
        return isa.device.least_vector_bytes

    def _check_dots(self, isa: Isa) -> None:
        """LLVM ends the process where the processor has not the instruction that an intrinsic stands for."""
        runs_us = self.kind == "host" and not self.cpu
        flags = processor.detect().flags if runs_us else None
        for field, sums in (("byte_dot", "i32"), ("bf16_dot", "f32")):
            given = getattr(self, field)
            fit = (name for name, known in isa.intrinsics.items() if known.sums == sums)
            known = [name for name in fit if flags is None or isa.intrinsics[name].flags <= flags]
            if given and given not in known:
                raise _wrong(field, f'is {given}; "" (none){", or: " if known else ""}{", ".join(known)}')

    @property
    def isa(self) -> Isa:
        """What the compiler knows about the instruction set, which `arch` names."""
        return isa_of(self.arch)

    @property
    def rates(self) -> Core:
        """`core`, or what the ISA says."""
        return self.core or self.isa.core

    @property
    def usable_byte_dot(self) -> str:
        """`byte_dot` where its operands are as wide as the vectors of the code, otherwise empty."""
        return self._usable(self.byte_dot)

    @property
    def usable_bf16_dot(self) -> str:
        """`bf16_dot`, likewise."""
        return self._usable(self.bf16_dot)

    def _usable(self, name: str) -> str:
        found = self.isa.intrinsics.get(name)
        return name if found is not None and found.vector_bytes == self.vector_bytes else ""

    @property
    def buffer_alignment_bytes(self) -> int:
        """Of scratch and scratchpad: no two buffers share a cache line, and aligned vectors are possible."""
        return max(self.cache_line_bytes, self.vector_bytes if self.aligned_vectors else 1)

    @property
    def scratchpad_bytes_per_context(self) -> int:
        return self.scratchpad_bytes // self.contexts

    @property
    def fork_join_cycles(self) -> float:
        return self.fork_join_ns * self.clock_ghz

    def check_code(self) -> None:
        """Raises UsageError where no code is made for the machine."""
        if self.plans_only:
            raise UsageError(
                f"machine {self.name} is known by plans of programs only: no code is made for it; give another one"
            )

    @property
    def compiled_for(self) -> str:
        """What compiled code may depend on, as text: all fields but the name and those that only the timeline reads
        (`npu.*`, but for the types that a matrix unit multiplies, and `dma.*`, but for `dma.max_rank`). Machines that
        agree in it can replay one another's traces."""
        timing = {"name": True, "npu": True, "dma": {field for field in Dma.model_fields if field != "max_rank"}}
        return " ".join((self.model_dump_json(exclude=timing), *self.matrix_elements))

    @property
    def matrix_elements(self) -> tuple[str, ...]:
        """Element types of the contractions that vector code hands to a matrix unit."""
        return tuple(sorted(self.npu.matrix_macs_per_cycle)) if self.npu else ()

    @property
    def hash(self) -> str:
        """The first 16 hex digits of SHA-256 of all fields that are not at their defaults: a field that is new changes
        the hash of no machine that does not set it."""
        return hashlib.sha256(self.model_dump_json(exclude_defaults=True).encode()).hexdigest()[:16]


def _is_uneven(size: int) -> bool:
    """Neither 0 nor a power of two."""
    return size & (size - 1) != 0


def _wrong(field: str, reason: str) -> PydanticCustomError:
    """An error of several fields together, reported at `field`."""
    return PydanticCustomError("inconsistent", "{reason}", {"field": field, "reason": reason})
