"""Blocks of floats of eight bits: bits, arithmetic, reductions, products, and whatever moves them."""

from __future__ import annotations

from math import nan

import pytest
import torch
import triton
import triton.language as tl

from rung.errors import LaunchError
from tests.numeric.fp8_codes import CODES, E4B15, FORMATS, cast, converted, same, saturated

SCHEDULES = ["threads=1", "vectorize=off threads=1"]


# ---- bits, arithmetic, folds


@triton.jit
def from_bits(x, o, n, ROUNDING: tl.constexpr, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    y = tl.load(x + i, mask=i < n).to(tl.float8e4nv, bitcast=True)
    tl.store(o + i, y.to(tl.float32) + y.to(tl.int8, bitcast=True), mask=i < n)


def test_bits_are_cast() -> None:
    found = converted(CODES, torch.float32, kernel=from_bits)
    same(found, CODES.view(torch.float8_e4m3fn).float() + CODES.view(torch.int8))


@triton.jit
def compute(x, y, o, n, OP: tl.constexpr, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    a, b = tl.load(x + i, mask=i < n, other=1.0), tl.load(y + i, mask=i < n)
    if OP == "add":
        c = a + b
    elif OP == "mul":
        c = a * b
    elif OP == "div":
        c = a / b
    elif OP == "neg":
        c = -a
    elif OP == "abs":
        c = tl.abs(a)
    elif OP == "where":
        c = tl.where(a < b, a, b)
    elif OP == "max":
        c = tl.maximum(a, b)
    elif OP == "equal":
        c = (a == b).to(tl.float32)
    elif OP == "constant":
        c = a + tl.full([BLOCK], 1.5, x.dtype.element_ty)
    else:
        c = a + 2.0
    tl.store(o + i, c.to(o.dtype.element_ty), mask=i < n)


def right_of(op: str, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return {
        "add": a + b,
        "mul": a * b,
        "div": a / b,
        "neg": 0 - a,
        "abs": a.abs(),
        "where": torch.where(a < b, a, b),
        "max": torch.fmax(a, b),
        "equal": (a == b).float(),
        "constant": a + 1.5,
        "number": a + 2.0,
    }[op]


@pytest.mark.parametrize("op", ["add", "mul", "div", "neg", "abs", "where", "max", "equal", "constant", "number"])
@pytest.mark.parametrize("dtype", FORMATS, ids=str)
def test_arithmetic_is_in_f32_and_rounded_once(dtype: torch.dtype, op: str) -> None:
    torch.manual_seed(0)
    x, y = CODES.view(dtype), CODES[torch.randperm(256)].view(dtype)
    out = torch.zeros(256, dtype=dtype)
    compute[(4,)](x, y, out, 256, OP=op, BLOCK=64, schedule=SCHEDULES[dtype in FORMATS[1:3]])
    # torch's NaNs of formats without -0 are signalling ones, with which its fmax does something else.
    right = right_of(op, *(torch.where(t.float().isnan(), nan, t.float()) for t in (x, y)))
    same(out, right.to(dtype) if op == "where" else saturated(right, dtype))


def test_two_formats_meet_in_f16() -> None:
    x, y = CODES.view(torch.float8_e4m3fn), CODES.flip(0).view(torch.float8_e5m2)
    out = torch.zeros(256, dtype=torch.float16)
    compute[(4,)](x, y, out, 256, OP="add", BLOCK=64)
    same(out, x.half() + y.half())


@triton.jit
def fold(x, o, places, running, N: tl.constexpr):
    row, i = tl.program_id(0), tl.arange(0, N)
    a = tl.load(x + row * N + i)
    tl.store(o + row * 3, tl.sum(a, 0).to(tl.float32))
    tl.store(o + row * 3 + 1, tl.max(a, 0).to(tl.float32))
    tl.store(o + row * 3 + 2, tl.min(a, 0).to(tl.float32))
    tl.store(places + row, tl.argmax(a, 0))
    tl.store(running + row * N + i, tl.cumsum(a, 0))


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("dtype", FORMATS, ids=str)
def test_folds(dtype: torch.dtype, schedule: str) -> None:
    """Numbers of which no sum is rounded in f32."""
    torch.manual_seed(1)
    x = (torch.randint(-8, 9, (8, 64)) / 4).to(dtype)
    out, places, running = torch.zeros(8, 3), torch.zeros(8, dtype=torch.int32), torch.zeros(8, 64, dtype=dtype)
    fold[(8,)](x, out, places, running, N=64, schedule=schedule)
    wide = x.float()
    assert torch.equal(out[:, 0], wide.sum(1).to(dtype).float())
    assert torch.equal(out[:, 1], wide.amax(1)) and torch.equal(out[:, 2], wide.amin(1))
    assert torch.equal(wide.gather(1, places.long()[:, None])[:, 0], wide.amax(1))
    same(running.flatten(), wide.cumsum(1).to(dtype).flatten())


@triton.jit
def capped(a, b):
    return tl.minimum(a + b, tl.full([], 20.0, tl.float8e5)).to(tl.float8e5)


@triton.jit
def of_wider(a, b):
    return tl.maximum(a.to(tl.float16), b.to(tl.float16)).to(tl.float8e5)


@triton.jit
def own_folds(x, o, N: tl.constexpr):
    a = tl.load(x + tl.arange(0, N))
    tl.store(o, tl.reduce(a, 0, capped).to(tl.float32))
    tl.store(o + 1, tl.reduce(a, 0, of_wider).to(tl.float32))


def test_combine_functions_may_cast_and_use_constants() -> None:
    x, out = torch.arange(1, 9).to(torch.float8_e5m2), torch.zeros(2)
    own_folds[(1,)](x, out, 8)
    assert out.tolist() == [20.0, x.float().max().item()]


@triton.jit
def carried(x, o, n, N: tl.constexpr):
    """A block that a loop carries, branches that give it, and single numbers through a function."""
    i = tl.arange(0, N)
    best = tl.zeros([N], x.dtype.element_ty)
    for k in range(n):
        a = tl.load(x + k * N + i)
        if k % 2 == 0:
            best = tl.where(a > best, a, best)
        else:
            best = tl.where(a > best, a, best)
    tl.store(o + i, best)
    tl.store(o + N, later(tl.load(x), tl.load(x + 1)))


@triton.jit(noinline=True)
def later(a, b):
    return tl.where(b > a, b, a)


@pytest.mark.parametrize("dtype", FORMATS, ids=str)
def test_blocks_are_carried(dtype: torch.dtype) -> None:
    torch.manual_seed(2)
    x = torch.randn(5, 64).to(dtype)
    out = torch.zeros(65, dtype=dtype)
    carried[(1,)](x, out, 5, N=64)
    same(out[:64], x.float().amax(0).clamp(min=0).to(dtype))
    assert out.float()[64] == x.float()[0, :2].max()


@triton.jit
def moved(x, o, OP: tl.constexpr, N: tl.constexpr):
    i = tl.arange(0, N)
    a = tl.load(x + i)
    if OP == "sort":
        a = tl.sort(a)
    elif OP == "gather":
        a = tl.gather(a, N - 1 - i, 0)
    elif OP == "transpose":
        a = tl.reshape(tl.trans(tl.reshape(a, [8, N // 8])), [N])
    elif OP == "interleave":
        left, right = tl.split(tl.reshape(a, [N // 2, 2]))
        a = tl.interleave(right, left)
    else:
        block = tl.make_tensor_descriptor(x, [N - 8], [1], [N], padding_option="nan")
        a = block.load([0])
    tl.store(o + i, a)


@pytest.mark.parametrize("op", ["sort", "gather", "transpose", "interleave", "padded"])
@pytest.mark.parametrize("dtype", FORMATS, ids=str)
def test_blocks_are_moved(dtype: torch.dtype, op: str) -> None:
    torch.manual_seed(5)
    n = 16 if op == "sort" else 64
    x, out = torch.randn(n).to(dtype), torch.zeros(n, dtype=dtype)
    moved[(1,)](x, out, op, n)
    wide = x.float()
    right = {
        "sort": wide.sort().values,
        "gather": wide.flip(0),
        "transpose": wide.reshape(8, -1).T.flatten(),
        "interleave": wide.reshape(-1, 2).flip(1).flatten(),
        "padded": torch.where(torch.arange(n) < n - 8, wide, nan),
    }
    same(out, right[op].to(dtype))


@triton.jit
def sizes(x, o, n, ROUNDING: tl.constexpr, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(o + i, tl.abs(tl.load(x + i, mask=i < n)), mask=i < n)


def test_sizes_of_e4b15() -> None:
    found = converted(triton.reinterpret(CODES, tl.float8e4b15), tl.float8e4b15, kernel=sizes)
    assert torch.equal(found, CODES & 0x7F)


@triton.jit
def through_addresses(table, o, N: tl.constexpr):
    """One array after the other, then one lane from each."""
    i = tl.arange(0, N)
    for k in range(2):
        p = tl.load(table + k).to(tl.pointer_type(tl.float8e4nv))
        tl.store(o + k * N + i, tl.load(p + i).to(tl.float32))
    q = tl.load(table + i % 2).to(tl.pointer_type(tl.float8e4nv))
    tl.store(o + 2 * N + i, tl.load(q + i).to(tl.float32))


def test_addresses_of_arrays() -> None:
    a, b = (torch.randn(32).to(torch.float8_e4m3fn) for _ in range(2))
    out = torch.zeros(3, 32)
    through_addresses[(1,)](torch.tensor([a.data_ptr(), b.data_ptr()]), out, 32)
    left, right = a.float(), b.float()
    assert torch.equal(out, torch.stack([left, right, torch.where(torch.arange(32) % 2 == 0, left, right)]))


def test_a_launch_of_compiled_code_asks_for_its_format() -> None:
    x, out = torch.randn(256).to(FORMATS[0]), torch.zeros(256)
    compiled = cast[(1,)](x, out, 256, None, BLOCK=256)
    compiled[(1, 1, 1)](x, out, 256, None, 256)
    assert torch.equal(out, x.float())
    for other in (x.view(FORMATS[1]), x.view(torch.uint8)):
        with pytest.raises(LaunchError, match=r"this kernel was compiled for torch\.float8_e5m2"):
            compiled[(1, 1, 1)](other, out, 256, None, 256)


# ---- products


@triton.jit
def product(
    a,
    b,
    c,
    M: tl.constexpr,
    N: tl.constexpr,
    K: tl.constexpr,
    STEP: tl.constexpr,
    MOST: tl.constexpr,
    OUT: tl.constexpr,
):
    m, n, k = tl.arange(0, M)[:, None], tl.arange(0, N)[None, :], tl.arange(0, STEP)
    acc = tl.zeros([M, N], OUT)
    for start in range(0, K, STEP):
        left = tl.load(a + m * K + start + k[None, :])
        right = tl.load(b + (start + k[:, None]) * N + n)
        acc = tl.dot(left, right, acc, max_num_imprecise_acc=MOST, out_dtype=OUT)
    tl.store(c + m * N + n, acc)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("most", [None, 32])
@pytest.mark.parametrize("right", FORMATS, ids=str)
@pytest.mark.parametrize("left", FORMATS[:2], ids=str)
def test_products(left: torch.dtype, right: torch.dtype, most: int | None, schedule: str) -> None:
    torch.manual_seed(3)
    a, b = torch.randn(32, 128).to(left), torch.randn(128, 32).to(right)
    out = torch.zeros(32, 32)
    product[(1,)](a, b, out, 32, 32, 128, 64, most, tl.float32, schedule=schedule)
    assert torch.allclose(out, (a.double() @ b.double()).float(), rtol=1e-5, atol=1e-4)


def test_products_of_e4b15() -> None:
    torch.manual_seed(4)
    a, b = (torch.randint(0, 256, shape, dtype=torch.uint8) for shape in ((16, 64), (64, 16)))
    out = torch.zeros(16, 16)
    left, right = (triton.reinterpret(t, tl.float8e4b15) for t in (a, b))
    product[(1,)](left, right, out, 16, 16, 64, 64, None, tl.float32)
    wide = E4B15.double()
    assert torch.allclose(out.double(), wide[a.int()] @ wide[b.int()], rtol=1e-5, atol=1e-4)


def test_products_in_f16() -> None:
    a, b = torch.randn(16, 32).to(torch.float8_e5m2), torch.randn(32, 16).to(torch.float8_e5m2)
    out = torch.zeros(16, 16, dtype=torch.float16)
    product[(1,)](a, b, out, 16, 16, 32, 32, None, tl.float16)
    assert torch.allclose(out.double(), a.double() @ b.double(), rtol=4e-3, atol=2e-2)


def test_more_imprecise_accumulation_than_products_is_refused_by_triton() -> None:
    a = torch.zeros(32, 32, dtype=torch.float8_e5m2)
    with pytest.raises(triton.CompilationError, match=r"max_num_imprecise_acc \(64\) must be <= K \(32\)"):
        product[(1,)](a, a, torch.zeros(32, 32), 32, 32, 32, 32, 64, tl.float32)
