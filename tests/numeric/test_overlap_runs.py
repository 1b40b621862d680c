"""Loops of real kernels under double buffering: right against torch, and with transfers in flight together.

The checking engine carries a transfer out when it is awaited and not before. So the transfers in flight that it counts
are those of the program, and not of the machine's timing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import overlap_kernels as kernels
import pytest
import torch
import torch.nn.functional as F

from rung.compile import Executable, compile_kernel
from rung.machine import host
from rung.runtime import _native
from rung.schedule import Schedule

DEPTHS = [2, 4]


@dataclass
class Ran:
    executable: Executable
    counters: _native.Counters


@pytest.fixture(autouse=True)
def checking_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNG_DEBUG_DMA", "1")


def launch(kernel: Any, args: list[Any], grid: tuple[int, ...], schedule: str, **blocks: int) -> Ran:
    given = iter(args)
    types = {name: "constexpr" if name in blocks else _kind(next(given)) for name in kernel.arg_names}
    machine = host().model_copy(update={"fork_join_ns": 0.0, "scratchpad_bytes": (1 << 19) * host().contexts})
    executable = compile_kernel(kernel, types, blocks, machine=machine, schedule=Schedule.parse(schedule))
    _native.reset_counters()
    executable.run(args, (*grid, 1, 1)[:3])
    return Ran(executable, _native.counters())


def _kind(value: Any) -> str:
    if isinstance(value, torch.Tensor):
        return {torch.float32: "*fp32", torch.int32: "*i32"}[value.dtype]
    return "fp32" if isinstance(value, float) else "i32"


def scheduled(ran: Ran) -> str:
    return ran.executable.stages["scheduled"]


@pytest.mark.parametrize("length", [16, 150])
@pytest.mark.parametrize("depth", DEPTHS)
def test_keys_and_values_of_attention(depth: int, length: int) -> None:
    q, k, v = (torch.randn(3, length, 32) for _ in range(3))
    out = torch.full_like(q, float("nan"))
    blocks = {"ROWS": 32, "KEYS": 16, "D": 32}
    grid = (-(-length // 32), 3)
    args = [q, k, v, out, length, 32**-0.5]
    ran = launch(kernels.flash_attention, args, grid, f"double_buffer=on depth={depth}", **blocks)
    torch.testing.assert_close(out, F.scaled_dot_product_attention(q, k, v), rtol=1e-4, atol=1e-5)
    # Keys and values, depth - 1 iterations ahead, beside the next query.
    assert ran.counters["dma_max_in_flight"] >= 2 * min(depth - 1, -(-length // 16))
    assert "rung.pipelined = 2" in scheduled(ran), "the loop over keys and values"


@pytest.mark.parametrize("shape", [(64, 64, 64), (70, 33, 150), (5, 40, 7)])
@pytest.mark.parametrize("depth", DEPTHS)
def test_the_inner_dimension_of_a_matmul(depth: int, shape: tuple[int, int, int]) -> None:
    m, n, k = shape
    a, b, c = torch.randn(m, k), torch.randn(k, n), torch.full((m, n), float("nan"))
    grid = (-(-m // 32), -(-n // 32))
    ran = launch(kernels.matmul, [a, b, c, m, n, k], grid, f"double_buffer=on depth={depth}", M=32, N=32, K=16)
    torch.testing.assert_close(c.double(), a.double() @ b.double(), rtol=1e-4, atol=1e-4)
    assert ran.counters["dma_max_in_flight"] >= 2 * min(depth - 1, -(-k // 16))
    assert "rung.pipelined = 2" in scheduled(ran), "the loop over K"


@pytest.mark.parametrize("rows", [1, 2, 9])
@pytest.mark.parametrize("distribution", ["block", "block-cyclic"])
def test_rows_of_softmax(rows: int, distribution: str) -> None:
    x, out = torch.randn(rows, 300), torch.full((rows, 300), float("nan"))
    schedule = f"double_buffer=on depth=3 threads=2 distribution={distribution}"
    ran = launch(kernels.softmax, [x, out, 300], (rows,), schedule, BLOCK=512)
    torch.testing.assert_close(out, torch.softmax(x, 1))
    if rows == 9:
        assert ran.counters["dma_max_in_flight"] >= 3, "rows ahead of, and behind the computation"


def test_rows_of_rms_norm_and_weights_that_are_loaded_once() -> None:
    x, w, out = torch.randn(40, 300), torch.randn(300), torch.full((40, 300), float("nan"))
    ran = launch(kernels.rms_norm, [x, w, out, 300, 1e-6], (40,), "double_buffer=on threads=2", BLOCK=512)
    torch.testing.assert_close(out, F.rms_norm(x, (300,), w, 1e-6), rtol=1e-5, atol=1e-6)
    assert ran.counters["dma_max_in_flight"] >= 2
    assert ran.counters["dma_transfers"] == 40 + 40 + 2, "every row in and out, the weights once for each context"


@pytest.mark.parametrize("depth", DEPTHS)
def test_three_dimensions_are_a_loop_of_descriptors(depth: int) -> None:
    x, out = torch.randn(13, 9 + 3, 40), torch.full((13, 9, 31), float("nan"))
    args = [x, out, 13, 9, 31, 40]
    ran = launch(kernels.planes, args, (7,), f"double_buffer=on depth={depth} threads=1", P=2, M=16, N=32)
    torch.testing.assert_close(out, 2 * x[:, :9, :31])
    assert ran.counters["dma_transfers"] > 14, "each plane of a block on its own"
    assert ran.counters["dma_max_in_flight"] >= 2 * (depth - 1)


@pytest.mark.parametrize(("rows", "n"), [(20, 300), (1, 300), (33, 100)])
@pytest.mark.parametrize("distribution", ["block", "block-cyclic"])
def test_a_bias_is_loaded_once_for_all_rows(rows: int, n: int, distribution: str) -> None:
    x, bias, out = torch.randn(rows, n), torch.randn(n), torch.full((rows, n), float("nan"))
    schedule, columns = f"double_buffer=on threads=2 distribution={distribution}", -(-n // 128)
    ran = launch(kernels.add_rows, [x, bias, out, rows, n], (rows, columns), schedule, BLOCK=128)
    assert torch.equal(out, x + bias)
    assert "rung.held = 1" in scheduled(ran)
    # Each context meets each block of columns once, if it does not share it.
    assert ran.counters["dma_transfers"] <= 2 * rows * columns + 2 * columns


@pytest.mark.parametrize("planes", [1, 4])
@pytest.mark.parametrize("mode", ["double_buffer=on", "scratchpad=on"])
def test_what_a_tile_loop_holds_is_of_its_own_program(mode: str, planes: int) -> None:
    x, scale, out = torch.randn(12, 20, 60), torch.randn(12, 60), torch.full((12, 20, 60), float("nan"))
    schedule, args = f"{mode} threads=1 tile_elements=300", [x, scale, out, planes, 20, 60]
    ran = launch(kernels.scale_planes, args, (12 // planes,), schedule, P=4, M=32, N=64)
    assert torch.equal(out, x * scale[:, None])
    assert "rung.held = 1" in scheduled(ran)
    assert ran.counters["dma_transfers"] == 12 + 2 * 12 * 5, "scales by the plane; tiles of 4 rows, in and out"


@pytest.mark.parametrize("delay", [3, 100, -100, 0, 1000])
def test_a_transfer_begins_where_its_range_does(delay: int) -> None:
    n, x, out = 1000, torch.randn(1000), torch.full((1000,), float("nan"))
    ran = launch(kernels.delayed, [x, out, n, delay], (16,), "double_buffer=on threads=2", BLOCK=64)
    there = (torch.arange(n) - delay >= 0) & (torch.arange(n) - delay < n)
    assert torch.equal(out, torch.where(there, x.roll(delay), 7.0))
    assert ran.counters["dma_bytes"] == 4 * (int(there.sum()) + n), "each element once, and nothing outside"
    assert ran.counters["dma_max_in_flight"] >= 2
