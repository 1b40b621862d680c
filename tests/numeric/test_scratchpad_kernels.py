"""Whole kernels through the scratchpad, single and double buffered, on the real copy engine, against torch."""

from __future__ import annotations

from typing import Any

import pytest
import scratchpad_kernels as kernels
import torch
from torch_mlir import ir

from rung.compile import Executable, compile_kernel
from rung.ir.dma_contract import check_transfers
from rung.machine import host
from rung.passes import Pass, Stage
from rung.schedule import Schedule

SCHEDULES = [
    "scratchpad=on",
    "double_buffer=on",
    "double_buffer=on depth=4 vectorize=off distribution=block-cyclic tile_elements=500",
]


@pytest.fixture(params=SCHEDULES)
def schedule(request: pytest.FixtureRequest) -> Schedule:
    return Schedule.parse(request.param)


def _check(event: str, step: Pass | Stage, module: ir.Module) -> None:
    if event == "stage" and step.name in ("scheduled", "vector"):
        check_transfers(module)


def run(
    kernel: Any,
    types: str,
    constants: dict[str, object],
    args: list[Any],
    grid: tuple[int, int, int],
    schedule: Schedule,
) -> Executable:
    """Compile and launch once; `types` are those of the arguments that are no constants."""
    signature = dict(zip(kernel.arg_names, [*types.split(), *(["constexpr"] * len(constants))], strict=True))
    executable = compile_kernel(kernel, signature, constants, machine=host(), schedule=schedule, observers=(_check,))
    executable.run(args, grid)
    return executable


def pipelined(executable: Executable) -> bool:
    return "rung.pipelined" in executable.stages["scheduled"]


def test_persistent_softmax(schedule: Schedule) -> None:
    x, out = torch.randn(37, 200), torch.zeros(37, 200)
    done = run(
        kernels.persistent_softmax,
        "*fp32 *fp32 i32 i32 i32",
        {"BLOCK": 256},
        [out, x, 200, 37, 200],
        (5, 1, 1),
        schedule,
    )
    torch.testing.assert_close(out, torch.softmax(x, 1))
    assert pipelined(done) == schedule.double_buffer


def test_rope_in_place(schedule: Schedule) -> None:
    q, cos, sin = torch.randn(30, 4, 64), torch.randn(30, 32), torch.randn(30, 32)
    a, b, c, s = q[..., :32].clone(), q[..., 32:].clone(), cos[:, None], sin[:, None]
    done = run(kernels.rope, "*fp32 *fp32 *fp32 i32", {"HD": 64}, [q, cos, sin, 4], (30, 4, 1), schedule)
    torch.testing.assert_close(q, torch.cat([a * c - b * s, b * c + a * s], -1))
    assert pipelined(done) == schedule.double_buffer


@pytest.mark.parametrize(("length", "causal"), [(100, False), (130, True)])
def test_attention(schedule: Schedule, length: int, causal: bool) -> None:
    q, k, v = (torch.randn(3, length, 64) for _ in range(3))
    out = torch.zeros_like(q)
    constants: dict[str, object] = {"BM": 32, "BN": 32, "D": 64, "CAUSAL": causal}
    grid = (-(-length // 32), 3, 1)
    done = run(
        kernels.attention,
        "*fp32 *fp32 *fp32 *fp32 i32 fp32",
        constants,
        [q, k, v, out, length, 0.125],
        grid,
        schedule,
    )
    expected = torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=causal)
    torch.testing.assert_close(out, expected, rtol=1e-4, atol=1e-5)
    if schedule.double_buffer:
        assert done.stages["scheduled"].count("rung.pipelined") >= 2, "the loop over keys, and the grid"


def test_norm_in_two_passes(schedule: Schedule) -> None:
    x, w, out = torch.randn(9, 1000), torch.randn(1000), torch.zeros(9, 1000)
    run(
        kernels.two_pass_norm,
        "*fp32 *fp32 *fp32 i32 fp32",
        {"BLOCK": 128},
        [x, w, out, 1000, 1e-5],
        (9, 1, 1),
        schedule,
    )
    torch.testing.assert_close(out, torch.nn.functional.rms_norm(x, (1000,), w, 1e-5), rtol=1e-4, atol=1e-5)


def test_transpose(schedule: Schedule) -> None:
    x, out = torch.randn(70, 130), torch.zeros(130, 70)
    run(kernels.transpose, "*fp32 *fp32 i32 i32", {"BM": 32, "BN": 64}, [x, out, 70, 130], (3, 3, 1), schedule)
    torch.testing.assert_close(out, x.t().contiguous())


def test_rows_found_through_memory(schedule: Schedule) -> None:
    w, rows, out = torch.randn(50, 64), torch.randint(0, 50, (20,), dtype=torch.int32), torch.zeros(20, 64)
    run(kernels.embed, "*fp32 *i32 *fp32", {"D": 64}, [w, rows, out], (20, 1, 1), schedule)
    torch.testing.assert_close(out, w[rows.long()])


def test_rows_that_depend_on_each_other(schedule: Schedule) -> None:
    x = torch.randn(7, 300)
    expected = x.cumsum(0)
    done = run(kernels.prefix_rows, "*fp32 i32 i32", {"BLOCK": 128}, [x, 300, 7], (3, 1, 1), schedule)
    torch.testing.assert_close(x, expected)
    assert not pipelined(done)


def test_programs_that_return_early(schedule: Schedule) -> None:
    x, out = torch.randn(500), torch.zeros(500)
    run(kernels.guarded, "*fp32 *fp32 i32 i32", {"BLOCK": 128}, [x, out, 500, 1], (6, 1, 1), schedule)
    torch.testing.assert_close(out, 2 * x)
