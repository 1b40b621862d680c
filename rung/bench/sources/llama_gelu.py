"""llama.cpp's Hexagon back end: GELU that reads through the cache, prefetched, and by DMA into ping-pong buffers."""

from __future__ import annotations

from .source import Compiled, Figure, Source

_ROWS = 4096
_PREFETCHED = {4096: 5000.0, 4304: 5300.0}
_PING_PONG = {4096: 3800.0, 4304: 3700.0}
"""Columns -> microseconds, f32."""
_NS_PER_ELEMENT = 0.22
"""Of later versions, 0.21 to 0.23."""


def _program(columns: int, rung: str) -> Compiled:
    return Compiled("gelu", (_ROWS * columns,), "f32", rung, block=16384)


def _figures() -> tuple[Figure, ...]:
    found: list[Figure] = []
    for columns in _PREFETCHED:
        direct, buffered = _program(columns, "vec+mt"), _program(columns, "vec+mt+db")
        size, fitted = f"{_ROWS} x {columns}", columns == 4096
        found += [
            Figure(f"{size}, prefetched", "time", _PREFETCHED[columns], direct, fitted=fitted),
            Figure(f"{size}, ping-pong", "time", _PING_PONG[columns], buffered, fitted=fitted),
            Figure(
                f"{size}: DB step",
                "DB",
                _PREFETCHED[columns] / _PING_PONG[columns],
                buffered,
                direct,
                fitted=fitted,
            ),
        ]
    later = _NS_PER_ELEMENT * _ROWS * 4096 / 1e3
    found.append(Figure("later versions, 4096 x 4096", "time", later, _program(4096, "vec+mt+db")))
    return tuple(found)


SOURCE = Source(
    name="llama-gelu",
    title="llama.cpp's Hexagon back end: GELU with DMA",
    url="https://github.com/ggml-org/llama.cpp/pull/18151",
    device="hexagon-v73-tuned",
    figures=_figures(),
    undisclosed=("device and generation", "threads", "the polynomial that its GELU is"),
    calibrated=("npu.dram_bytes_per_cycle", "dma.bytes_per_cycle"),
    notes="2,211,016 cycles in 1,514 us (pull request 29210) give the clock, 1.46 GHz.",
)
