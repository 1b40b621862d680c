"""What `backend="rung"` says by other operations, because Inductor's own words for them are wrong: eager is right."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import pytest
import torch
import torch.nn.functional as F
from torch._inductor import config

from rung import torch_backend

FLOATS = (torch.float32, torch.float64, torch.float16, torch.bfloat16)
VALUES = [1.0, 0.3, -1.0, 5.0, 7.0, -0.1, 0.0, -0.0, math.inf, -math.inf, math.nan]


@pytest.fixture(autouse=True)
def in_this_process() -> Iterator[None]:
    with config.patch(compile_threads=1, force_disable_caches=True):
        torch.compiler.reset()
        yield
    torch.compiler.reset()


def same(function: Callable[..., list[torch.Tensor]], *inputs: torch.Tensor) -> None:
    """Bit for bit, but for the bits of NaN."""
    for ours, eager in zip(
        torch.compile(function, backend=torch_backend.rung)(*inputs), function(*inputs), strict=True
    ):
        assert ours.dtype == eager.dtype
        torch.testing.assert_close(ours, eager, rtol=0, atol=0, equal_nan=True)
        known = ~eager.isnan()
        assert torch.equal(torch.signbit(ours)[known], torch.signbit(eager)[known])


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_floor_division_of_floats(dtype: torch.dtype) -> None:
    """The quotient of 1 by 0.1 is rounded up to 10; the floor of what it is, is 9."""
    x = torch.tensor(VALUES, dtype=dtype)

    def function(x: torch.Tensor) -> list[torch.Tensor]:
        y = x[:, None]
        return [x // 0.1, x // 3, 1.0 // x, torch.div(x, -0.3, rounding_mode="floor"), x // y, torch.floor_divide(y, x)]

    same(function, x)


@pytest.mark.parametrize("dtype", [torch.int8, torch.uint8, torch.int16, torch.int32, torch.int64], ids=str)
def test_floor_division_of_integers(dtype: torch.dtype) -> None:
    limits = torch.iinfo(dtype)
    x = torch.tensor([limits.min, limits.min + 1, limits.max, 7, 100, limits.max - 1], dtype=dtype)
    divisors = [3, 7, limits.max, *([limits.min, limits.min + 1, -8, -3] if limits.min else [])]
    y = torch.tensor(divisors, dtype=dtype)
    same(lambda x, y: [torch.div(x[:, None], y, rounding_mode="floor"), x // 3, x[:, None] // y], x, y)


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_a_float_times_the_integer_zero(dtype: torch.dtype) -> None:
    """It is folded to 0 no more: NaN, infinities and signs stay. A softshrink has such a product (its zeros of f64 have
    another sign in eager than those of f32)."""
    same(lambda x: [x * 0, 0 * x, F.softshrink(x, 0.5).abs()], torch.tensor(VALUES, dtype=dtype))


def test_any_and_all_of_bytes() -> None:
    """Are bytes, in eager."""
    x = torch.tensor([[0, 1, 255], [0, 0, 0], [1, 2, 3]], dtype=torch.uint8)

    def function(x: torch.Tensor) -> list[torch.Tensor]:
        return [x.any(), x.all(), x.any(1), x.all(0, keepdim=True), x.any((0, 1)), (x > 1).any(0)]

    for ours, eager in zip(torch.compile(function, backend=torch_backend.rung)(x), function(x), strict=True):
        assert ours.dtype == eager.dtype and torch.equal(ours, eager)


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_the_next_number(dtype: torch.dtype) -> None:
    limits = torch.finfo(dtype)
    x = torch.tensor([*VALUES, limits.max, -limits.max, limits.smallest_normal], dtype=dtype)
    same(lambda x: [torch.nextafter(x[:, None], x)], x)
