"""What is expensive and the same for many elements of a nest is computed before it, read from the IR of `linalg`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import triton
import triton.language as tl

from tests.filecheck.test_convert import bodies, linalg

TYPES = {"x": "*fp32", "w": "*fp32", "y": "*fp32", "m": "i32"}


@triton.jit
def scaled_rows(x, w, y, m, ROWS: tl.constexpr, WIDTH: tl.constexpr):
    rows, i = tl.arange(0, ROWS), tl.arange(0, WIDTH)
    there = rows < m
    scale = tl.exp(tl.load(w + rows, mask=there, other=0.0))
    at = rows[:, None] * WIDTH + i[None, :]
    tl.store(y + at, tl.load(x + at, mask=there[:, None]) * scale[:, None], mask=there[:, None])


@triton.jit
def scaled_columns(x, w, y, m, ROWS: tl.constexpr, WIDTH: tl.constexpr):
    rows, i = tl.arange(0, ROWS), tl.arange(0, WIDTH)
    scale = tl.exp(tl.load(w + i))
    at, there = rows[:, None] * WIDTH + i[None, :], (rows < m)[:, None]
    tl.store(y + at, tl.load(x + at, mask=there) * scale[None, :], mask=there)


@triton.jit
def decayed(x, w, y, m, ROWS: tl.constexpr, WIDTH: tl.constexpr):
    """One factor for a block of two dimensions and one of one, as the state of an online softmax."""
    rows, i = tl.arange(0, ROWS), tl.arange(0, WIDTH)
    total = tl.zeros((ROWS,), tl.float32)
    state = tl.zeros((ROWS, WIDTH), tl.float32)
    for _ in range(m):
        decay = tl.exp(tl.load(w + rows) - total)
        state = state * decay[:, None] + tl.load(x + rows[:, None] * WIDTH + i[None, :])
        total = total * decay + 0.25
    tl.store(y + rows[:, None] * WIDTH + i[None, :], state + total[:, None])


@pytest.mark.parametrize("kernel", [scaled_rows, scaled_columns])
def test_a_function_of_rows_or_columns_is_computed_once_for_each(kernel: object) -> None:
    """Of 32 x 64: in a nest of one dimension, before the one of two, which only multiplies."""
    found = [body for body in bodies(linalg(kernel, TYPES, ROWS=32, WIDTH=64)) if "math.exp" in body or "mulf" in body]
    assert ["math.exp" in body for body in found] == [True, False]


def test_one_exponential_serves_all_who_need_it() -> None:
    text = linalg(decayed, TYPES, ROWS=32, WIDTH=64)
    assert text.count("math.exp") == 1


@triton.jit
def cheap_rows(x, w, y, m, ROWS: tl.constexpr, WIDTH: tl.constexpr):
    rows, i = tl.arange(0, ROWS), tl.arange(0, WIDTH)
    at = rows[:, None] * WIDTH + i[None, :]
    tl.store(y + at, tl.load(x + at) * (tl.load(w + rows // 3) + 1.0)[:, None])


def test_what_is_cheap_or_an_index_stays_where_it_is_used() -> None:
    assert "memref.alloca" not in linalg(cheap_rows, TYPES, ROWS=32, WIDTH=64)


@pytest.mark.parametrize("m", [1, 7, 32])
@pytest.mark.parametrize("kernel", [scaled_rows, scaled_columns, decayed])
def test_values(kernel: Any, m: int) -> None:
    rng = np.random.default_rng(m)
    x, w = rng.standard_normal((32, 64)), rng.standard_normal(64)
    tensors = [torch.from_numpy(each.astype(np.float32)) for each in (x, w)]
    y = torch.zeros(32, 64)
    kernel[(1,)](*tensors, y, m, ROWS=32, WIDTH=64)
    x, w = (each.double().numpy() for each in tensors)
    if kernel is decayed:
        total, want = np.zeros(32), np.zeros((32, 64))
        for _ in range(m):
            decay = np.exp(w[:32] - total)
            want, total = want * decay[:, None] + x, total * decay + 0.25
        want += total[:, None]
    else:
        want = x * (np.exp(w[:32])[:, None] if kernel is scaled_rows else np.exp(w)[None, :])
        want[m:] = 0
    np.testing.assert_allclose(y.numpy(), want, rtol=2e-5, atol=1e-5)
