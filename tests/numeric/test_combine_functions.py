"""Combine functions with branches and assertions, in reductions and scans."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import triton
import triton.language as tl

from rung.errors import DeviceAssertError

SCHEDULES = ["threads=1", "vectorize=off threads=1"]
INTEGERS = [torch.int8, torch.int16, torch.int32, torch.int64]


@triton.jit
def _checked_add(a, b):
    wide = a.to(tl.int64) + b.to(tl.int64)
    tl.device_assert((a + b).to(tl.int64) == wide, "the sum wraps")
    return a + b


def _line_of(text: str) -> int:
    lines = Path(__file__).read_text().splitlines()
    return 1 + next(k for k, line in enumerate(lines) if text in line)


@triton.jit
def _sum_1d(x_ptr, o_ptr, N: tl.constexpr, AXIS: tl.constexpr, OTHER: tl.constexpr):
    tl.store(o_ptr, tl.reduce(tl.load(x_ptr + tl.arange(0, N)), 0, _checked_add))


@triton.jit
def _sum_2d(x_ptr, o_ptr, N: tl.constexpr, AXIS: tl.constexpr, OTHER: tl.constexpr):
    i = tl.arange(0, N // 16)[:, None] * 16 + tl.arange(0, 16)[None, :]
    tl.store(o_ptr + tl.arange(0, OTHER), tl.reduce(tl.load(x_ptr + i), AXIS, _checked_add))


@triton.jit
def _scan_2d(x_ptr, o_ptr, N: tl.constexpr, AXIS: tl.constexpr, OTHER: tl.constexpr):
    i = tl.arange(0, N // 16)[:, None] * 16 + tl.arange(0, 16)[None, :]
    tl.store(o_ptr + i, tl.associative_scan(tl.load(x_ptr + i), AXIS, _checked_add, reverse=True))


N = 256
SHAPES = [(_sum_1d, 0), (_sum_2d, 0), (_sum_2d, 1), (_scan_2d, 0), (_scan_2d, 1)]


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
@pytest.mark.parametrize(("kernel", "axis"), SHAPES, ids=lambda x: getattr(x, "__name__", x))
def test_assertions(kernel, axis: int, dtype: torch.dtype, schedule: str) -> None:
    if dtype == torch.int64 or (dtype == torch.int8 and kernel is _sum_1d):
        most = 0  # one large number does not wrap
    else:
        most = 3
    x = torch.randint(0, most + 1, (N // 16, 16), dtype=dtype)
    x[3, 5] = 20
    if kernel is _scan_2d:
        expected = x.flip(axis).cumsum(axis).flip(axis)
    else:
        expected = x.sum() if kernel is _sum_1d else x.sum(axis)
    o = torch.zeros_like(expected, dtype=dtype)

    def run() -> None:
        kernel[(1,)](x, o, N, axis, o.numel(), debug=True, sanitize_overflow=False, schedule=schedule)

    run()
    assert torch.equal(o, expected.to(dtype))
    if dtype == torch.int64:
        return
    x[axis, 1 - axis] = x[1, 1] = torch.iinfo(dtype).max
    with pytest.raises(DeviceAssertError) as caught:
        run()
    here = f"{Path(__file__).name}:{_line_of('the sum wraps')}: {kernel.__name__}"
    assert str(caught.value) == f"{here}: block: [0,0,0] Assertion `the sum wraps` failed"


@triton.jit
def _checked_pair(a, i, b, j):
    tl.device_assert(i != j, "two of one number")
    tl.device_assert(a == a, "a NaN")
    larger = a > b
    return tl.where(larger, a, b), tl.where(larger, i, j)


@triton.jit
def _checked_argmax(x_ptr, i_ptr, o_ptr, N: tl.constexpr):
    k = tl.arange(0, N)
    value, at = tl.reduce((tl.load(x_ptr + k), tl.load(i_ptr + k)), 0, _checked_pair)
    tl.store(o_ptr, value)
    tl.store(o_ptr + 1, at.to(tl.float32))


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_several_assertions_on_several_values(schedule: str) -> None:
    x, numbers, o = torch.randn(100), torch.arange(64, dtype=torch.int32), torch.zeros(2)
    _checked_argmax[(1,)](x, numbers, o, N=64, debug=True, schedule=schedule)
    assert o.tolist() == [x[:64].max(), x[:64].argmax()]
    with pytest.raises(DeviceAssertError, match="`two of one number`"):
        _checked_argmax[(1,)](x, numbers // 64, o, N=64, debug=True, schedule=schedule)
    _checked_argmax[(1,)](x, numbers // 64, o, N=64, schedule=schedule)
    x[:64] = float("nan")
    with pytest.raises(DeviceAssertError, match="`a NaN`"):
        _checked_argmax[(1,)](x, numbers, o, N=64, debug=True, schedule=schedule)


@triton.jit
def _by_branches(a, b):
    """The number that is larger in magnitude; of two alike, the positive one."""
    r = b
    if tl.abs(a) > tl.abs(b):
        r = a
    elif tl.abs(a) == tl.abs(b):
        tl.device_assert(a + b != 0, "opposites")
        r = a if a > b else b
    return r


@triton.jit
def _largest(x_ptr, o_ptr, s_ptr, N: tl.constexpr):
    x = tl.load(x_ptr + tl.arange(0, N))
    tl.store(o_ptr, tl.reduce(x, 0, _by_branches))
    tl.store(s_ptr + tl.arange(0, N), tl.associative_scan(x, 0, _by_branches))


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("dtype", [torch.int32, torch.int64, torch.float16, torch.float32, torch.float64], ids=str)
def test_branches(dtype: torch.dtype, schedule: str) -> None:
    x = (torch.randperm(128) - 100).to(dtype)
    x[torch.where(x == x.abs().max())[0]] += 1  # none has an opposite above all others
    ranks = [(abs(v), v) for v in x.tolist()]
    running = [max(ranks[: k + 1])[1] for k in range(128)]
    o, s = torch.zeros(1, dtype=dtype), torch.zeros(128, dtype=dtype)
    _largest[(1,)](x, o, s, N=128, schedule=schedule)
    assert o.item() == running[-1] and s.tolist() == running
    x[:] = torch.where(torch.arange(128) % 2 == 0, 5, -5).to(dtype)
    with pytest.raises(DeviceAssertError, match="`opposites`"):
        _largest[(1,)](x, o, s, N=128, debug=True, schedule=schedule)
    x[:] = torch.arange(128).to(dtype)  # assertions in branches that are not taken
    _largest[(1,)](x, o, s, N=128, debug=True, schedule=schedule)
    assert o.item() == 127
