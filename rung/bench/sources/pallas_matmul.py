"""JAX Pallas on TPU v5e: a product of matrices in blocks, double-buffered by its compiler."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from .source import Figure, Planned, Source

if TYPE_CHECKING:
    from ...targets.npu.trace import Trace

Blocks = tuple[int, int, int]
_SMALL, _LARGE = (128, 128, 128), (512, 1024, 1024)
_MEASURED = {
    (4096, _SMALL): 11_770.0,
    (8192, _SMALL): 91_840.0,
    (4096, _LARGE): 889.0,
    (8192, _LARGE): 6_099.0,
}
"""(rows = columns = terms, blocks of them in the order M, N, K) -> microseconds."""
_FITTED = (4096, _SMALL)
_BYTES = 2
"""bf16"""


def _trace(n: int, blocks: Blocks) -> Trace:
    from ...targets.npu.plans import Transfer, double_buffered
    from ...targets.npu.trace import Work

    rows, columns, terms = blocks
    work = Work(steps=1, macs=(("bf16", rows * columns * terms),))
    transfers = (
        Transfer(rows, terms * _BYTES),
        Transfer(terms, columns * _BYTES),
        Transfer(rows, columns * _BYTES, write=True),
    )
    steps = (n // rows) * (n // columns) * (n // terms)
    held = _BYTES * (2 * rows * terms + 2 * terms * columns + 2 * rows * columns)
    return double_buffered(work, steps, transfers, store_every=n // terms, scratchpad_bytes=held)


def _program(n: int, blocks: Blocks) -> Planned:
    shape = " x ".join(map(str, blocks))
    return Planned(f"{n:,} cubed in blocks of {shape}", partial(_trace, n, blocks))


def _figures() -> tuple[Figure, ...]:
    found = [
        Figure(str(_program(n, blocks)), "time", us, _program(n, blocks), fitted=(n, blocks) == _FITTED)
        for (n, blocks), us in _MEASURED.items()
    ]
    for n in (4096, 8192):
        step = _MEASURED[n, _SMALL] / _MEASURED[n, _LARGE]
        found.append(Figure(f"{n:,} cubed: larger blocks", "other", step, _program(n, _LARGE), _program(n, _SMALL)))
    return tuple(found)


SOURCE = Source(
    name="pallas-matmul",
    title="JAX Pallas: matrix multiplication on TPU v5e, bf16",
    url="https://github.com/jax-ml/jax/blob/main/docs/pallas/tpu/matmul.ipynb",
    device="tpu-v5e",
    figures=_figures(),
    undisclosed=("what a step of the pipeline costs", "which blocks of A and B are fetched again"),
    calibrated=("npu.step_cycles",),
    needs=("npu.matrix_macs_per_cycle",),
    notes="The order of the grid is M, N, K, and every step fetches both of its blocks.",
)
