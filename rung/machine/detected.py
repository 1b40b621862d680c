"""The machine that runs us, as a Machine."""

from __future__ import annotations

from functools import cache

from .. import processor
from ..knobs import threads as threads_knob
from ..targets.isa import isa_of
from .description import Level, Machine


@cache
def _detect_host() -> Machine:
    found = processor.detect()
    isa = isa_of(found.arch)
    vectors = isa.vector_unit(found.flags)
    return Machine(
        name="host",
        kind="host",
        arch=isa.name,
        features=vectors.features,
        vector_bytes=vectors.vector_bytes,
        vector_registers=vectors.vector_registers,
        # 512-bit vectors gain nothing where memory is the limit; half of them came 10% nearer to it (Zen 4).
        streaming_vector_bytes=min(vectors.vector_bytes, 32),
        masked_memory=vectors.masked_memory,
        byte_dot=isa.dot("i32", vectors.vector_bytes, found.flags),
        bf16_dot=isa.dot("f32", vectors.vector_bytes, found.flags),
        contexts=found.cores,
        l1_bytes=found.l1_bytes,
        l2_bytes=found.l2_bytes,
        prefetch_bytes=found.l2_bytes // 2,
        last_cache_bytes=found.last_cache_bytes,
        # Half of L2: the other half keeps what the core itself touches while the copy engine fills the next tile.
        scratchpad_bytes=found.l2_bytes // 2 * found.cores,
        # A cache line to each other context that spins, and one back: some 0.1 us each way; `rung doctor` and `rung
        # validate --device host` measure it on the machine at hand. Twice that, since a launch that just breaks even
        # where threads spin loses tens of microseconds where they sleep.
        fork_join_ns=300.0 * found.cores,
        # What a core of today takes from its second-level cache: half a line per cycle (measured: 31 bytes, Zen 4).
        memory=(Level(bytes=found.l2_bytes, read_bytes_per_cycle=32.0, write_bytes_per_cycle=32.0),),
        clock_ghz=found.clock_ghz,
    )


def host() -> Machine:
    """The machine that runs us; `RUNG_NUM_THREADS` changes its number of contexts."""
    machine = _detect_host()
    wanted = threads_knob()
    if wanted is None:
        return machine
    share = machine.scratchpad_bytes_per_context
    return machine.model_copy(update={"contexts": wanted, "scratchpad_bytes": share * wanted})
