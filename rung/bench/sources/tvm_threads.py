"""TVM on a Snapdragon 8 Gen 1: dot products of bytes, on one thread and split over four."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from .source import Figure, Planned, Source

if TYPE_CHECKING:
    from ...targets.npu.trace import Trace

_SERIAL = {128: 1.12, 512: 3.10, 1024: 5.73, 2048: 11.1, 4096: 140.9, 16384: 878.0}
_PARALLEL = {128: 2.24, 512: 3.09, 1024: 4.22, 2048: 6.5, 4096: 56.1, 16384: 286.0}
"""Operations -> microseconds."""
_FITTED = (128, 1024, 4096)
_OPERATION_BYTES = 384
"""Two vectors of inputs and one of results."""


def _trace(operations: int, contexts: int) -> Trace:
    from ...targets.npu.plans import direct
    from ...targets.npu.trace import Work

    # Two loads, one vrmpy, one store and the loop: what LLVM makes of it, four packets of which three hold a vector.
    work = Work(packets=4, vector_packets=3, dram_vector=3, dram_vector_bytes=_OPERATION_BYTES)
    return direct(work, operations, contexts, operations * _OPERATION_BYTES)


def _program(operations: int, contexts: int) -> Planned:
    threads = "one thread" if contexts == 1 else f"{contexts} threads"
    return Planned(f"{operations:,} vrmpy on {threads}", partial(_trace, operations, contexts))


def _figures() -> tuple[Figure, ...]:
    found: list[Figure] = []
    for n, us in _SERIAL.items():
        missed = "the source's time per operation grows by half from 4,096 to 16,384: more than DRAM's rate changes" * (
            n == 16384
        )
        found.append(Figure(f"{n:,} operations", "time", us, _program(n, 1), fitted=n in _FITTED, missed=missed))
    for n, us in _PARALLEL.items():
        found.append(Figure(f"{n:,} operations, MT", "time", us, _program(n, 4), fitted=n in _FITTED))
    for n in _SERIAL:
        if n not in _FITTED:
            step = _SERIAL[n] / _PARALLEL[n]
            found.append(Figure(f"{n:,} operations: MT step", "MT", step, _program(n, 4), _program(n, 1)))
    return tuple(found)


SOURCE = Source(
    name="tvm-threads",
    title="TVM's Hexagon back end: parallel loops, Snapdragon 8 Gen 1 development kit",
    url="https://github.com/apache/tvm/pull/12654",
    device="snapdragon-8-gen-1",
    figures=_figures(),
    undisclosed=("clock", "sizes of the caches", "whether the vectors were in a cache before each run"),
    calibrated=(
        "npu.launch_cycles",
        "fork_join_ns",
        "npu.cache.vector_cycles",
        "npu.cache.bytes_per_cycle",
        "npu.dram_vector_cycles",
        "npu.dram_bytes_per_cycle",
    ),
    needs=("npu.cache",),
    notes="The knee between 2,048 and 4,096 operations is where 384 bytes each leave a cache of one MiB.",
)
