"""TVM on a v68 target: rows of bytes accumulated from DRAM, from a scratchpad that is copied to, and from one that is
copied to meanwhile."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal

from .source import Figure, Planned, Source

if TYPE_CHECKING:
    from ...targets.npu.trace import Trace

Way = Literal["direct", "copied", "overlapped"]
_MEASURED = {
    (2048, 1): (54.7, 71.5, 103.3),
    (2108, 81): (168.9, 195.4, 231.7),
    (8192, 1): (223.7, 281.2, 271.5),
    (8192, 9): (375.0, 336.2, 326.2),
}
"""(rows of 128 bytes, products with each) -> microseconds without a scratchpad, with copies, with copies meanwhile."""
_FITTED = ((2048, 1), (2108, 81))
_MISSED = "nine products read rows again from a megabyte that no longer fits the cache; the plan reads each row once"
_ROW_BYTES = 128
_DRIVER = "async_dma_driver"
"""What starting and awaiting one asynchronous copy costs beside the copy: a helper of the machine file."""
_BLOCKS = 2


def _trace(rows: int, products: int, way: Way) -> Trace:
    from ...targets.npu.plans import Transfer, direct, double_buffered, single_buffered
    from ...targets.npu.trace import Work

    # The loop, a load, and the sum's load and store, which stay in DRAM; then each product.
    packets, sums = 4 + products, 2
    if way == "direct":
        vectors = sums + 1
        work = Work(
            packets=packets, vector_packets=packets - 1, dram_vector=vectors, dram_vector_bytes=vectors * _ROW_BYTES
        )
        return direct(work, rows, 1, rows * _ROW_BYTES * vectors)
    part = rows // _BLOCKS
    work = Work(
        packets=packets * part,
        vector_packets=(packets - 1) * part,
        dram_vector=sums * part,
        dram_vector_bytes=sums * part * _ROW_BYTES,
        calls=((_DRIVER, 1),) if way == "overlapped" else (),
    )
    made = single_buffered if way == "copied" else double_buffered
    return made(work, _BLOCKS, (Transfer(1, part * _ROW_BYTES),))


def _program(rows: int, products: int, way: Way) -> Planned:
    return Planned(f"{rows:,} rows, {products} products each, {way}", partial(_trace, rows, products, way))


def _figures() -> tuple[Figure, ...]:
    found: list[Figure] = []
    for (rows, products), (plain, copied, overlapped) in _MEASURED.items():
        fitted = (rows, products) in _FITTED
        name = f"{rows * _ROW_BYTES / 1e6:.2f} MB, w = {products}"
        runs = {way: _program(rows, products, way) for way in ("direct", "copied", "overlapped")}
        for way, us in zip(runs, (plain, copied, overlapped), strict=True):
            missed = _MISSED if way == "direct" and products == 9 else ""
            found.append(Figure(f"{name}, {way}", "time", us, runs[way], fitted=fitted, missed=missed))
        found.append(
            Figure(f"{name}: DB step", "DB", copied / overlapped, runs["overlapped"], runs["copied"], fitted=fitted)
        )
    return tuple(found)


SOURCE = Source(
    name="tvm-dma",
    title="TVM's Hexagon back end: asynchronous DMA pipelines, v68 target",
    url="https://github.com/apache/tvm/pull/13005",
    device="tvm-v68",
    figures=_figures(),
    undisclosed=("clock and device", "whether results leave by DMA", "the driver's time for an asynchronous copy"),
    calibrated=(
        "npu.dram_vector_cycles",
        "npu.cycles_per_packet",
        "dma.bytes_per_cycle",
        f"npu.helper_cycles.{_DRIVER}",
    ),
)
