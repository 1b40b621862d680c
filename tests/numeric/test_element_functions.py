"""Functions of single elements with control flow, mapped over blocks or combining them, against Python's own."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import reduce
from itertools import accumulate
from typing import Any

import pytest
import torch
import triton
import triton.language as tl

SCHEDULES = ("threads=1", "threads=1 vectorize=off")


def ints(*values: int) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.int32)


# ---- mapped


@triton.jit
def scaled(x, y):
    if x > 10:
        r = x * 2
    else:
        r = x + y
    return r


@triton.jit
def returns_early(x, y):
    if x > 40:
        return x * 2
    z = x + 1
    if z % 3 == 0:
        return z * y
    if z % 5 == 0:
        k = 0
        while k * k < z:
            k += 1
        return k
    return -z


@triton.jit
def loops(x, y):
    n = 0
    while x > 1:
        if x % 2 == 0:
            x = x // 2
        else:
            x = 3 * x + 1
        n += 1
    for i in range(y, 20, y + 1):
        if i % 2 == 0:
            n += i
    return n


@triton.jit
def calls(x, y):
    r = y
    if x % 2 == 0:
        r = returns_early(x, y)
    return r


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("function", [scaled, returns_early, loops, calls], ids=lambda f: f.__name__)
def test_mapped(function: Any, schedule: str) -> None:
    @triton.jit
    def kernel(x, y, out):
        i = tl.arange(0, 64)
        tl.store(out + i, tl.map_elementwise(function, tl.load(x + i), tl.load(y + i)))

    x, y, out = torch.arange(64, dtype=torch.int32), torch.arange(64, dtype=torch.int32) % 7, torch.zeros(64).int()
    kernel[(1,)](x, y, out, schedule=schedule)
    assert out.tolist() == [python_of(function)(int(a), int(b)) for a, b in zip(x, y, strict=True)]


def python_of(function: Any) -> Callable[..., int]:
    """The function as Python runs it. What it calls is its own, too."""
    names = {**function.fn.__globals__}
    names.update({n: v.fn for n, v in names.items() if isinstance(v, triton.JITFunction)})
    return type(function.fn)(function.fn.__code__, names)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_several_results_of_other_types(schedule: str) -> None:
    @triton.jit
    def parts(x):
        small = tl.abs(x) < 1.0
        if small:
            whole = 0
        else:
            whole = x.to(tl.int32)
        return whole, x - whole, small

    @triton.jit
    def kernel(x, whole, rest, small):
        i = tl.arange(0, 8)[:, None] * 8 + tl.arange(0, 8)[None, :]
        a, b, c = tl.map_elementwise(parts, tl.load(x + i))
        tl.store(whole + i, a)
        tl.store(rest + i, tl.where(c, b, b * 2))
        tl.store(small + i, c)

    x = torch.linspace(-4, 4, 64)
    whole, rest, small = torch.zeros(64).int(), torch.zeros(64), torch.zeros(64).bool()
    kernel[(1,)](x, whole, rest, small, schedule=schedule)
    assert torch.equal(whole, x.int()) and torch.equal(small, x.abs() < 1)
    assert torch.equal(rest, torch.where(small, x, (x - x.int()) * 2))


@pytest.mark.parametrize("pack", [2, 4])
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_packs_of_neighbours(pack: int, schedule: str) -> None:
    """Of row-major order: each element becomes the sum of its pack's, times its place there."""

    @triton.jit
    def two(a, b):
        return (a + b) * 0, (a + b) * 1

    @triton.jit
    def four(a, b, c, d):
        s = a + b + c + d
        return s * 0, s * 1, s * 2, s * 3

    function = two if pack == 2 else four

    @triton.jit
    def kernel(x, out, PACK: tl.constexpr):
        i = tl.arange(0, 16)[:, None] * 4 + tl.arange(0, 4)[None, :]
        tl.store(out + i, tl.map_elementwise(function, tl.load(x + i), pack=PACK)[0])

    x, out = torch.randint(0, 100, (16, 4), dtype=torch.int32), torch.zeros(16, 4).int()
    kernel[(1,)](x, out, pack, schedule=schedule)
    sums = x.reshape(-1, pack).sum(1, keepdim=True)
    assert torch.equal(out, (sums * torch.arange(pack)).reshape(16, 4).int())


def test_floats_of_eight_bits() -> None:
    """Widened inside, and rounded on the way out."""

    @triton.jit
    def doubled(x):
        y = x.to(tl.float32)
        if y < 0:
            y = -2 * y
        return y.to(tl.float8e5)

    @triton.jit
    def kernel(x, out):
        i = tl.arange(0, 32)
        tl.store(out + i, tl.map_elementwise(doubled, tl.load(x + i)))

    x = torch.randn(32).to(torch.float8_e5m2)
    out = torch.zeros(32).to(torch.float8_e5m2)
    kernel[(1,)](x, out)
    wide = x.float()
    assert torch.equal(out.float(), torch.where(wide < 0, -2 * wide, wide))


# ---- combining


@triton.jit
def saturating(a, b):
    s = a + b
    if s > 100:
        s = s * 0 + 100
    return s


@triton.jit
def gcd(a, b):
    while b != 0:
        a, b = b, a % b
    return a


@triton.jit
def smaller_but_not_zero(a, b):
    if a == 0:
        return b + 0
    if b == 0:
        return a * 1
    return tl.minimum(a, b)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("function", [saturating, gcd, smaller_but_not_zero], ids=lambda f: f.__name__)
def test_reductions_and_scans(function: Any, schedule: str) -> None:
    @triton.jit
    def kernel(x, total, rows, running):
        i = tl.arange(0, 256)
        v = tl.load(x + i)
        tl.store(total, tl.reduce(v, 0, function))
        tl.store(rows + tl.arange(0, 16), tl.reduce(v.reshape(16, 16), 1, function))
        tl.store(running + i, tl.associative_scan(v, 0, function))

    x = torch.randint(0, 30, (256,), dtype=torch.int32) * torch.randint(0, 2, (256,), dtype=torch.int32)
    total, rows, running = ints(0), torch.zeros(16).int(), torch.zeros(256).int()
    kernel[(1,)](x, total, rows, running, schedule=schedule)
    combine: Any = {
        "saturating": lambda a, b: min(100, a + b),
        "gcd": math.gcd,
        "smaller_but_not_zero": lambda a, b: min(a, b) if a and b else a + b,
    }[function.__name__]
    assert int(total) == reduce(combine, x.tolist())
    assert rows.tolist() == [reduce(combine, row) for row in x.reshape(16, 16).tolist()]
    assert running.tolist() == list(accumulate(x.tolist(), combine))


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_combines_several_values(schedule: str) -> None:
    """The last of the greatest."""

    @triton.jit
    def last_greatest(a, i, b, j):
        if b > a:
            r, k = b, j
        else:
            r = a
            if a > b:
                k = i
            else:
                k = tl.maximum(i, j)
        return r, k

    @triton.jit
    def kernel(x, out):
        i = tl.arange(0, 128)
        greatest, at = tl.reduce((tl.load(x + i), i), 0, last_greatest)
        tl.store(out, greatest)
        tl.store(out + 1, at)

    x, out = torch.randint(0, 9, (128,), dtype=torch.int32), ints(0, 0)
    kernel[(1,)](x, out, schedule=schedule)
    assert out.tolist() == [int(x.max()), max(n for n, v in enumerate(x.tolist()) if v == int(x.max()))]
