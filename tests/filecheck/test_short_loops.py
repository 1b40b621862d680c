"""Which loops are written out, read from the IR of stage `linalg`, and that they compute the same."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import triton
import triton.language as tl

from tests.filecheck.test_convert import bodies, linalg

TYPES = {"x": "*fp32", "y": "*fp32", "n": "i32"}


@triton.jit
def series(x, y, n, LOW: tl.constexpr, HIGH: tl.constexpr, STEP: tl.constexpr, BLOCK: tl.constexpr):
    v = tl.load(x + tl.arange(0, BLOCK))
    total = tl.full((BLOCK,), 1.0, tl.float32)
    term = total
    for k in range(LOW, HIGH, STEP):
        term = term * v / k
        total += term
    tl.store(y + tl.arange(0, BLOCK), total)


@triton.jit
def nested(x, y, n, OUTER: tl.constexpr, INNER: tl.constexpr, BLOCK: tl.constexpr):
    """Two blocks that change places, in a loop around one that uses the outer number."""
    a = tl.load(x + tl.arange(0, BLOCK))
    b = a * 0.5
    for i in range(OUTER):
        for j in range(INNER):
            a, b = b, a * 0.25 + (i - j)
    tl.store(y + tl.arange(0, BLOCK), a - b)


@triton.jit
def unknown_steps(x, y, n, BLOCK: tl.constexpr):
    v = tl.load(x + tl.arange(0, BLOCK))
    for _ in range(n):
        v = v * v + 1
    tl.store(y + tl.arange(0, BLOCK), v)


@triton.jit
def reading(x, y, n, BLOCK: tl.constexpr):
    v = tl.zeros((BLOCK,), tl.float32)
    for k in range(4):
        v = v * 0.5 + tl.load(x + k * BLOCK + tl.arange(0, BLOCK))
    tl.store(y + tl.arange(0, BLOCK), v)


@triton.jit
def reducing(x, y, n, BLOCK: tl.constexpr):
    v = tl.load(x + tl.arange(0, BLOCK))
    for _ in range(4):
        v = v - tl.max(v, 0)
    tl.store(y + tl.arange(0, BLOCK), v)


@triton.jit
def functions(x, y, n, STEPS: tl.constexpr, BLOCK: tl.constexpr):
    v = tl.load(x + tl.arange(0, BLOCK))
    for _ in range(STEPS):
        v = tl.exp(v) - 1
    tl.store(y + tl.arange(0, BLOCK), v)


def test_one_nest_without_scratch_is_left() -> None:
    """With the numbers of the steps as constants."""
    text = linalg(series, TYPES, LOW=1, HIGH=13, STEP=1, BLOCK=64)
    assert "scf.for %" not in text and "memref.alloca" not in text
    [body] = bodies(text)
    assert body.count("arith.divf") == 11 and "linalg.index" not in body  # x / 1 is x
    assert "1.200000e+01 : f32" in text


def test_both_loops_of_a_nest_are_written_out() -> None:
    text = linalg(nested, TYPES, OUTER=3, INNER=4, BLOCK=64)
    assert "scf.for %" not in text and "memref.alloca" not in text


@pytest.mark.parametrize(
    ("kernel", "options"),
    [
        (unknown_steps, {}),
        (reading, {}),
        (reducing, {}),
        (functions, {"STEPS": 8}),
        (series, {"LOW": 1, "HIGH": 100, "STEP": 1}),
    ],
)
def test_what_reads_reduces_or_would_be_long_stays_a_loop(kernel: object, options: dict[str, int]) -> None:
    assert "scf.for %" in linalg(kernel, TYPES, BLOCK=64, **options)


def test_a_few_functions_are_written_out() -> None:
    assert "scf.for %" not in linalg(functions, TYPES, STEPS=3, BLOCK=64)


@pytest.mark.parametrize(("low", "high", "step"), [(1, 13, 1), (2, 30, 5), (3, 4, 1), (5, 5, 1), (7, 2, 1), (1, 60, 1)])
def test_series(low: int, high: int, step: int) -> None:
    """Loops of one step and of none among them."""
    x = torch.linspace(-2, 2, 64)
    y = torch.empty(64)
    series[(1,)](x, y, 0, LOW=low, HIGH=high, STEP=step, BLOCK=64)
    term = want = np.ones(64)
    for k in range(low, high, step):
        term = term * x.double().numpy() / k
        want = want + term
    np.testing.assert_allclose(y.numpy(), want, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("outer", "inner"), [(1, 1), (3, 4), (2, 5), (9, 9)])
def test_nested(outer: int, inner: int) -> None:
    x = torch.linspace(-2, 2, 64)
    y = torch.empty(64)
    nested[(1,)](x, y, 0, OUTER=outer, INNER=inner, BLOCK=64)
    a = x.double().numpy()
    b = a * 0.5
    for i in range(outer):
        for j in range(inner):
            a, b = b, a * 0.25 + (i - j)
    np.testing.assert_allclose(y.numpy(), a - b, rtol=1e-5, atol=1e-5)
