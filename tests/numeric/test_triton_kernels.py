"""Triton kernels through the whole compiler, vectorized and scalar, against NumPy and torch."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

from rung import machine
from rung.compile import AnyExecutable, compile_kernel
from rung.sanitizer import Sanitizer
from rung.schedule import Schedule
from tests.numeric import triton_kernels as k

NAMES = {
    **{f"float{w}": f"fp{w}" for w in (16, 32, 64)},
    **{f"int{w}": f"i{w}" for w in (8, 16, 32, 64)},
    **{f"uint{w}": f"u{w}" for w in (8, 16, 32, 64)},
    "bfloat16": "bf16",
    "bool": "i1",
}
Launch = Callable[..., None]


@pytest.fixture
def device() -> str:
    """The machine that the kernels are compiled for."""
    return "host"


@pytest.fixture
def sanitizer() -> Sanitizer | None:
    """Whether accesses to memory are checked."""
    return None


@pytest.fixture(params=["threads=1", "vectorize=off threads=1"], ids=["vector", "scalar"])
def launch(request: pytest.FixtureRequest, device: str, sanitizer: Sanitizer | None) -> Launch:
    """`launch(kernel, *args, grid=(1,), **constexprs)`; a scalar may be given as (type, value)."""

    def run(kernel: Any, *args: Any, grid: tuple[int, ...] = (1,), **constexprs: object) -> None:
        names = [n for n in kernel.arg_names if n not in constexprs]
        types = tuple((name, _type(a)) for name, a in zip(names, args, strict=True))
        executable = _compiled(kernel, types, tuple(constexprs.items()), request.param, device, sanitizer)
        values = [a[1] if isinstance(a, tuple) else a for a in args]
        executable.run(values, (*grid, 1, 1)[:3])

    return run


@cache
def _compiled(
    kernel: Any,
    types: tuple[tuple[str, str], ...],
    constexprs: tuple[tuple[str, object], ...],
    schedule: str,
    device: str,
    sanitizer: Sanitizer | None,
) -> AnyExecutable:
    """Tests of one kernel with several sizes share the code."""
    signature = {**dict.fromkeys(kernel.arg_names, "constexpr"), **dict(types)}
    target = machine.load(device)
    plan = Schedule.parse(schedule)
    return compile_kernel(kernel, signature, dict(constexprs), machine=target, schedule=plan, sanitizer=sanitizer)


def _type(argument: Any) -> str:
    if isinstance(argument, tuple):
        return argument[0]
    if isinstance(argument, torch.Tensor | np.ndarray):
        return "*" + NAMES[str(argument.dtype).removeprefix("torch.")]
    return "fp32" if isinstance(argument, float) else "i32"


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> np.random.Generator:
    """One seed per test, the same for both schedules."""
    return np.random.default_rng(zlib.crc32(request.function.__name__.encode()))


def close(actual: Any, expected: Any, tolerance: float = 1e-6, what: str = "") -> None:
    a, e = (x.double().numpy() if isinstance(x, torch.Tensor) else np.asarray(x) for x in (actual, expected))
    np.testing.assert_allclose(a.astype(np.float64), e.astype(np.float64), rtol=tolerance, atol=tolerance, err_msg=what)


def equal(actual: np.ndarray, expected: Any, what: str = "") -> None:
    np.testing.assert_array_equal(actual, expected, err_msg=what)


def floats(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.standard_normal(shape).astype(np.float32)


# ---- elementwise

N, BLOCK, GRID = 150, 64, (3,)
INTEGERS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
FLOATS = ["float64", "float32", "float16", "bfloat16"]


def _source(rng: np.random.Generator, name: str) -> Any:
    if name == "bool":
        return rng.random(N) > 0.5
    if name.startswith("uint"):
        return rng.integers(0, 250, N).astype(name)
    if name.startswith("int"):
        return rng.integers(-120, 120, N).astype(name)
    return torch.from_numpy(rng.uniform(-120, 120, N)).to(getattr(torch, name))


def _numpy(x: Any) -> np.ndarray:
    return x.double().numpy() if isinstance(x, torch.Tensor) else x


@pytest.mark.parametrize("name", [*FLOATS, *INTEGERS, "bool"])
def test_casts_to_floats(launch: Launch, rng: np.random.Generator, name: str) -> None:
    x = _source(rng, name)
    outs = [torch.zeros(N, dtype=getattr(torch, f)) for f in FLOATS]
    launch(k.cast_float, x, *outs, N, grid=GRID, BLOCK=BLOCK)
    for out in outs:
        source = x if isinstance(x, torch.Tensor) else torch.from_numpy(_numpy(x).astype(np.float64))
        if name == "float64" and out.dtype in (torch.float16, torch.bfloat16):
            source = source.float()  # rounding twice is allowed
        close(out, source.to(out.dtype), 1e-2 if name == "float64" else 0, f"{name} to {out.dtype}")


@pytest.mark.parametrize("name", [*FLOATS, *INTEGERS, "bool"])
def test_casts_to_integers(launch: Launch, rng: np.random.Generator, name: str) -> None:
    x = _source(rng, name)
    if name in FLOATS:
        x = x.abs()  # a negative float as unsigned is undefined
    outs = [np.zeros(N, i) for i in (*INTEGERS, "bool")]
    launch(k.cast_int, x, *outs, N, grid=GRID, BLOCK=BLOCK)
    for out in outs:
        equal(out, _numpy(x).astype(out.dtype), f"{name} to {out.dtype}")


def test_negative_floats_to_integers(launch: Launch, rng: np.random.Generator) -> None:
    x = rng.uniform(-120, 120, N).astype(np.float32)
    outs = [np.zeros(N, i) for i in INTEGERS[:4]]
    rest = [np.zeros(N, i) for i in (*INTEGERS[4:], "bool")]
    launch(k.cast_int, x, *outs, *rest, N, grid=GRID, BLOCK=BLOCK)
    for out in outs:
        equal(out, x.astype(out.dtype), str(out.dtype))
    equal(rest[-1], x != 0)


@pytest.mark.parametrize("name", INTEGERS)
def test_integer_operations(launch: Launch, rng: np.random.Generator, name: str) -> None:
    kind = np.dtype(name)
    info = np.iinfo(kind)
    x = rng.integers(info.min, info.max, N, dtype=kind, endpoint=True)
    y = rng.integers(max(info.min, -9), 9, N).astype(kind)
    y[y == 0] = 5
    o, b = np.zeros((12, N), kind), np.zeros((2, N), bool)
    launch(k.int_ops, x, y, o, b, N, grid=GRID, BLOCK=BLOCK)
    s = y & kind.type(3)
    q = np.empty_like(x)
    for i, (u, v) in enumerate(zip(x.tolist(), y.tolist(), strict=True)):  # C rounds towards zero
        q[i] = (
            (abs(u) // abs(v) * (1 if (u < 0) == (v < 0) else -1)) & (2 ** (8 * kind.itemsize) - 1)
            if (info.min == 0)
            else np.array(abs(u) // abs(v) * (1 if (u < 0) == (v < 0) else -1)).astype(kind)
        )
    expected = [
        *(x + y, x - y, x * y, q, x - q * y, (x & y) | (x ^ kind.type(5))),
        *(x << s, x >> s, ~x, np.minimum(x, y), np.maximum(x, y), np.where(x > y, x, y + kind.type(1))),
    ]
    for row, (a, e) in enumerate(zip(o, expected, strict=True)):
        equal(a, e, f"operation {row}")
    equal(b, [x < y, (x == y) | (x >= 3)])


@pytest.mark.parametrize("name", FLOATS)
def test_float_operations(launch: Launch, rng: np.random.Generator, name: str) -> None:
    kind = getattr(torch, name)
    x, y = (torch.from_numpy(rng.standard_normal(N)).to(kind) for _ in range(2))
    y[::7] = x[::7]
    o = torch.zeros(8, N, dtype=kind)
    launch(k.float_ops, x, y, o, N, grid=GRID, BLOCK=BLOCK)
    p, q = x.double(), y.double()
    nested = torch.where(p > q, torch.where(p > 0, 1.0, 2.0), torch.where(q > 0, 3.0, 4.0))
    expected = torch.stack(
        [
            p + q,
            p * q - p,
            p / q,
            -p.abs(),
            nested,
            torch.maximum(p, q),
            torch.minimum(p, q),
            p.clamp(-0.5, 0.5),
        ]
    )
    close(o, expected, {"float64": 1e-14, "float32": 2e-6, "float16": 4e-3, "bfloat16": 3e-2}[name])


@pytest.mark.parametrize("name", ["float32", "float64"])
def test_math(launch: Launch, rng: np.random.Generator, name: str) -> None:
    kind = getattr(torch, name)
    x, y = (torch.from_numpy(rng.standard_normal(N)).to(kind) for _ in range(2))
    o = torch.zeros(10, N, dtype=kind)
    launch(k.math_ops, x, y, o, N, grid=GRID, BLOCK=BLOCK)
    p, q = x.double(), y.double()
    a = p.abs() + 0.25
    expected = torch.stack(
        [
            *(p.exp(), a.log(), a.sqrt(), p.sin() + q.cos(), p.floor() - q.ceil(), p.exp2() + a.log2()),
            *(a.rsqrt() + torch.erf(q), p * q + a, p.tanh() + torch.atan2(p, q) + torch.expm1(q)),
            a**q + torch.log1p(a) + p.round(),
        ]
    )
    close(o, expected, 1e-5 if name == "float32" else 1e-12)


def test_not_a_number(launch: Launch, rng: np.random.Generator) -> None:
    n = 50
    x, y = floats(rng, n), floats(rng, n)
    x[::5], y[::3], y[1], x[2] = np.nan, np.nan, np.inf, -np.inf
    o, b = np.zeros((5, n), np.float32), np.zeros((6, n), bool)
    launch(k.nan_ops, x, y, o, b, n, BLOCK=64)
    equal(o[:4], [np.maximum(x, y), np.fmax(x, y), np.minimum(x, y), np.fmin(x, y)])
    equal(o[4], np.clip(x, -1, 1))
    equal(b, [x < y, x == y, x != y, ~(x >= y), np.isnan(x), np.isinf(y)])


def test_bits(launch: Launch, rng: np.random.Generator) -> None:
    n = 64
    x, y = floats(rng, n), rng.integers(0, 2**32, n, dtype=np.uint32)
    oi, of, ol = np.zeros((4, n), np.int32), np.zeros(n, np.float32), np.zeros(n, np.int64)
    launch(k.bit_ops, x, y, oi, of, ol, BLOCK=n)
    bits = x.view(np.int32)
    high = (y.astype(np.uint64) * np.uint64(0x9E3779B1) >> np.uint64(32)).astype(np.uint32)
    equal(oi.view(np.uint32), [(bits ^ 1).view(np.uint32), high, y >> 3, y // 7 + y % 11])
    equal(of, np.abs(x))
    equal(ol, y.astype(np.int64) * 3 - bits)


def test_random_numbers_do_not_depend_on_the_schedule(launch: Launch) -> None:
    o, oi = np.zeros(256, np.float32), np.zeros(256, np.int32)
    launch(k.random_numbers, o, oi, 42, grid=(4,), BLOCK=64)
    assert (o >= 0).all() and (o < 1).all() and abs(o.mean() - 0.5) < 0.06
    expected = [_philox(42, i) for i in range(256)]
    equal(oi.view(np.uint32), expected)


def _philox(seed: int, counter: int) -> int:
    """First word of Philox 4x32-10 (Salmon et al., 2011)."""
    c, key, mask = [counter, 0, 0, 0], [seed & 0xFFFFFFFF, 0], 0xFFFFFFFF
    for _ in range(10):
        a, b = 0xCD9E8D57 * c[2], 0xD2511F53 * c[0]
        c = [(a >> 32) ^ c[1] ^ key[0], a & mask, (b >> 32) ^ c[3] ^ key[1], b & mask]
        key = [(key[0] + 0x9E3779B9) & mask, (key[1] + 0xBB67AE85) & mask]
    return c[0]


def test_kinds_of_scalar_arguments(launch: Launch) -> None:
    o, ol = np.zeros(16, np.float32), np.zeros(16, np.int64)
    launch(k.scalar_kinds, o, ol, 2.5, ("i64", 2**40), ("fp64", 0.125), ("fp16", 0.5), ("i1", True), BLOCK=16)
    close(o, np.arange(16) * 0.125 + 0.5 + 1 + 2.5)
    equal(ol, np.arange(16, dtype=np.int64) * 2**40)


# ---- masks


@pytest.mark.parametrize("n", [0, 1, 70, 128])
def test_residual_masks(launch: Launch, rng: np.random.Generator, n: int) -> None:
    x, o = floats(rng, 128), np.zeros(128, np.float32)
    launch(k.mask_residual, x, o, n, 10, grid=(2,), BLOCK=64)
    i = np.arange(128)
    a = np.where((i % 3 == 0) & (i < n), x, -1)
    b = np.where((i >= 10) & (i < n), x, 2)
    c = np.where((i < n) & (i != 5), x, 0.5)
    close(o, a + 10 * b + 100 * c + 1000 * np.where(i < n, x, a), 1e-3)


@pytest.mark.parametrize(("n", "lo", "flag"), [(40, 7, 1), (64, 0, 0), (-3, 70, 1), (100, -5, 0)])
def test_masked_stores(launch: Launch, rng: np.random.Generator, n: int, lo: int, flag: int) -> None:
    x, o = floats(rng, 64), np.zeros((8, 64), np.float32)
    launch(k.mask_stores, x, o, n, lo, flag, BLOCK=64)
    i = np.arange(64)
    masks = [
        *(i % 3 == 0, (i >= lo) & (i < n), (i < lo) | (i >= n), (i <= n) & (i > lo)),
        *(np.full(64, flag > 0), (flag > 0) & (i < n), x > 0, i < 0),
    ]
    for row, mask in enumerate(masks):
        close(o[row], np.where(mask, x * (row + 1), 0), what=f"store {row}")


def test_stores_under_one_mask(launch: Launch, rng: np.random.Generator) -> None:
    x, a = rng.integers(0, 20, 64).astype(np.int32), rng.integers(0, 99, 64).astype(np.int32)
    b, c = np.zeros(64, np.int32), np.zeros(64, np.int32)
    launch(k.mask_shared, x, a, b, c, 50, BLOCK=64)
    m = (np.arange(64) < 50) & (np.arange(64) % 3 != 1)
    equal([b, c], np.where(m, [a[x * 2 + 1] * 3 + x, a[x * 2 + 1] * 3 - x], 0))


@pytest.mark.parametrize(("m", "n"), [(20, 25), (32, 32), (33, 1), (1, 64)])
def test_masks_of_two_dimensions(launch: Launch, rng: np.random.Generator, m: int, n: int) -> None:
    x, o, s = floats(rng, m, n), np.zeros((m, n), np.float32), np.zeros((2, 64, 64), np.float32)
    launch(k.mask_two_dimensions, x, o, s, m, n, n, grid=(4, 2), BM=16, BN=32)
    padded = np.full((64, 64), np.nan, np.float32)
    padded[:m, :n] = x
    i, j = np.indices((64, 64))
    inside = (i < m) & (j < n)
    v = np.where(inside, padded, 7)
    w = np.where(inside & (j <= i), padded, -1)
    r = np.where(i < m, padded[:, :1], 3)
    close(o, (v + 2 * w + r)[:m, :n])
    close(s, [v, w + r])


@pytest.mark.parametrize(("n", "p"), [(20, 40), (40, 20), (30, 30), (64, 0), (70, 55)])
def test_masks_with_several_bounds(launch: Launch, rng: np.random.Generator, n: int, p: int) -> None:
    x, y, o = floats(rng, 64), floats(rng, 64), np.zeros((2, 64), np.float32)
    launch(k.mask_nested_bounds, x, y, o, n, p, BLOCK=64)
    i = np.arange(64)
    a, b = np.where(i < n, x, 1), np.where(i < p, y, 2)
    c = np.where(i < n, a, 5) + np.where(i < p, b, 6)
    close(o, [np.where(i < 50, c, 0), np.where((i < n) & (i < p), a * b, -c)])


@pytest.mark.parametrize("name", ["int32", "uint32", "int8"])
def test_division_where_the_mask_hides_a_zero(launch: Launch, rng: np.random.Generator, name: str) -> None:
    x, y = rng.integers(1, 100, 64).astype(name), rng.integers(1, 9, 64).astype(name)
    o, t = np.zeros(64, name), np.zeros(1, np.int32)
    y[3::7] = 0
    launch(k.masked_division, x, y, o, t, 50, BLOCK=64)
    shown = (np.arange(64) < 50) & (np.arange(64) % 7 != 3)
    q, r = x[shown] // y[shown], x[shown] % y[shown]
    equal(o[shown], q)
    assert t[0] == (q.astype(int) + r).sum()


# ---- layouts


def test_transpositions(launch: Launch, rng: np.random.Generator) -> None:
    m, n = 13, 27
    x = floats(rng, m, n)
    a, b, c = (np.zeros((n, m), np.float32) for _ in range(3))
    launch(k.transposed, x, a, b, c, m, n, BM=16, BN=32)
    close(a, x.T + 1)
    close(b, x.T * 2)
    close(c, x.T * 2)


@pytest.mark.parametrize("c", [5, 8])
def test_three_dimensions(launch: Launch, rng: np.random.Generator, c: int) -> None:
    x, row = floats(rng, 2, 4, c), floats(rng, c)
    o, t = np.zeros_like(x), np.zeros((c, 2, 4), np.float32)
    launch(k.three_dimensions, x, row, o, t, c, A=2, B=4, C=8)
    close(o, x * 2 + row + np.arange(2)[:, None, None])
    close(t, x.transpose(2, 0, 1))


def test_broadcasting(launch: Launch, rng: np.random.Generator) -> None:
    x, y, o = floats(rng, 8), floats(rng, 32), np.zeros((8, 32), np.float32)
    launch(k.broadcasting, x, y, o, BM=8, BN=32)
    close(o, x[:, None] * y + y + np.exp(x)[:, None] + np.arange(8)[:, None], 1e-5)


@pytest.mark.parametrize(("sx", "so"), [(1, 1), (3, 2), (0, 1), (2, 1)])
def test_strides(launch: Launch, rng: np.random.Generator, sx: int, so: int) -> None:
    n = 100
    x, o = floats(rng, n * max(sx, 1)), np.zeros(n * so, np.float32)
    launch(k.strides, x, o, sx, so, n, grid=(2,), BLOCK=64)
    v = x[np.arange(n) * sx]
    close(o[::so], v * 2 + v[::-1])


def test_negative_strides(launch: Launch, rng: np.random.Generator) -> None:
    x, o = floats(rng, 64), np.zeros(128, np.float32)
    launch(k.negative_stride, x, o, 50, BLOCK=64)
    close(o[:64], x[::-1])
    close(o[64:], np.r_[x[:50] + 1, np.zeros(14)])


@pytest.mark.parametrize(("modulus", "shift"), [(100, 0), (40, 0), (16, 3), (7, 0), (33, 60), (50, -20), (16, -20)])
def test_wrap_around(launch: Launch, rng: np.random.Generator, modulus: int, shift: int) -> None:
    memory = floats(rng, 2 * modulus, 4)
    o = np.zeros((48, 4), np.float32)
    launch(k.wrap_around, memory[modulus:], o, modulus, shift, grid=(3,), BLOCK=16)
    close(o, memory[modulus + np.fmod(np.arange(48) + shift, modulus)] * 2)


@pytest.mark.parametrize("modulus", [33, 3])
def test_wrap_around_under_a_mask_that_is_no_range(launch: Launch, rng: np.random.Generator, modulus: int) -> None:
    """The wrapped block is computed before a loop and kept for it."""
    x, o, rows = floats(rng, modulus), np.zeros((3, modulus), np.float32), 20
    launch(k.wrap_guarded, x, o, o.size, rows, grid=(-(-o.size // 4),), MODULUS=modulus, X=4, R=8)
    close(o, [x * (rows - 3 * group) for group in range(3)], 1e-5)


def test_wrap_around_in_two_dimensions(launch: Launch, rng: np.random.Generator) -> None:
    for m, n in ((20, 37), (5, 37), (5, 6)):
        x, y, o = floats(rng, m, n), floats(rng, m), np.zeros((m, n), np.float32)
        launch(k.wrap_both, x, y, o, m, n, grid=(-(-m // 8), -(-n // 16)), BM=8, BN=16)
        close(o, x + y[:, None])


@pytest.mark.parametrize("first", [0, 5, 90, -7])
@pytest.mark.parametrize("length", [5, 16, 17, 40, 200])
def test_quotients_and_remainders(launch: Launch, rng: np.random.Generator, length: int, first: int) -> None:
    block, programs, m = 64, 3, 3
    count, n = block * programs, first + block * programs - 9
    x, table = floats(rng, 3 * length + 300), floats(rng, m)
    o, q, r = np.full(count, -7, np.float32), np.full(count, -7, np.int32), np.full(count, -7, np.int32)
    launch(k.runs, x, table, o, q, r, first, n, grid=(programs,), N=length, M=m, BLOCK=block)
    i = first + np.arange(count)
    inner, outer = np.fmod(i, length), np.trunc(i / length).astype(int)  # as C divides
    there, inside = i >= 0, i < n
    v = np.where(inside & (inner < length - 1) & there, x[np.where(there, inner * 3 + outer, 0)], -1)
    w = np.where(there, table[np.where(there, outer % m, 0)], 0)
    close(o, np.where(inside, v * w + np.trunc(i / (2 * length)), -7))
    equal(q, np.where(inside, outer, -7))
    equal(r, np.where(inner > 3, inner, -inner))


@pytest.mark.parametrize("n, m", [(16, 16), (24, 20), (32, 17)])
def test_quotients_of_two_dimensions(launch: Launch, rng: np.random.Generator, n: int, m: int) -> None:
    bm, bn, programs = 32, 64, 2
    x = floats(rng, 4096 * 4 + 8192)
    o, s = np.empty((bm * programs, bn), np.float32), np.empty(bm * programs, np.float32)
    launch(k.runs_of_two, x, o, s, grid=(programs,), N=n, M=m, BM=bm, BN=bn)
    i, j = np.arange(bm * programs)[:, None], np.arange(bn)[None, :]
    v = x[(j // m) * 4096 + (i // n) * 1024 + (j % m) * 32 + i % n]
    close(o, v + j // m)
    close(s, v.sum(1), 1e-5)


@pytest.mark.parametrize("n", [64, 50])
@pytest.mark.parametrize("one_array", [False, True])
def test_a_pointer_of_either_argument(launch: Launch, rng: np.random.Generator, n: int, one_array: bool) -> None:
    a, x, t = floats(rng, 200), floats(rng, 64), floats(rng, 8, 16)
    b = a if one_array else floats(rng, 200)
    before = [v.copy() for v in (a, b, x, t)]
    o = np.full(64, -7, np.float32)
    launch(k.either_argument, a, b, x, o, t, n, BLOCK=64, ROWS=4)
    i = np.arange(64)
    even, inside = i % 2 == 0, i < n
    equal(o, np.where(inside, np.where(i % 3 == 0, before[0][i + 1], before[1][2 * i + 1]), -7))
    equal(a[:64][even], np.where(inside, before[2], before[0][:64])[even])
    equal(b[:64][~even], np.where(inside, before[2], before[1][:64])[~even])
    equal(x, np.where(inside, before[2] * 2, before[2]))
    equal(t[:4], before[3][:4])
    equal(t[4:], np.concatenate([before[3][:2], x.reshape(4, 16)[2:]]))


@pytest.mark.parametrize("first", [0, 5])
@pytest.mark.parametrize("length", [16, 24, 64])
def test_one_quotient_along_two_dimensions(launch: Launch, rng: np.random.Generator, length: int, first: int) -> None:
    block = 64
    x, o = floats(rng, 8192), np.empty((block, block), np.float32)
    launch(k.runs_across, x, o, first, grid=(1,), N=length, BLOCK=block)
    i = first + np.arange(block)
    outer, inner = i // length, i % length
    close(o, x[outer[:, None] * 64 + outer * 8 + inner].T + inner[:, None])


def test_the_last_of_elements_with_one_place_stays(launch: Launch, rng: np.random.Generator) -> None:
    bm, bn, length = 4, 64, 16
    x, o, expected = floats(rng, bm, bn), np.zeros(8, np.float32), np.zeros(8, np.float32)
    launch(k.runs_that_meet, x, o, grid=(1,), N=length, BM=bm, BN=bn)
    for i, j in np.ndindex(bm, bn):
        expected[i + j // length] = x[i, j]
    equal(o, expected)


def test_gather_and_scatter(launch: Launch, rng: np.random.Generator) -> None:
    n = 100
    x, idx = floats(rng, n), rng.permutation(n).astype(np.int32)
    o, s = np.zeros(n, np.float32), np.zeros((2, n), np.float32)
    launch(k.gather_scatter, x, idx, o, s, n, grid=(2,), BLOCK=64)
    v = np.where(idx % 2 == 0, x[idx], -3)
    close(o, v + idx * 2 + x[idx * 2 // 3])
    expected = np.zeros((2, n), np.float32)
    expected[0][idx] = x
    expected[1][idx[idx > 3]] = (v + idx * 2)[idx > 3]
    close(s, expected)


@pytest.mark.parametrize("name", ["int32", "int64", "uint8"])
def test_gather_of_rows(launch: Launch, rng: np.random.Generator, name: str) -> None:
    x, idx, o = floats(rng, 200, 20), rng.integers(0, 200, 8).astype(name), np.zeros((8, 20), np.float32)
    launch(k.gather_rows, x, idx, o, 20, BM=8, BN=32)
    close(o, x[idx])


def test_indices_that_overflow_their_type(launch: Launch, rng: np.random.Generator) -> None:
    x, o = floats(rng, 256), np.zeros((2, 256), np.float32)
    launch(k.narrow_index, x, o, BLOCK=256)
    i = np.arange(256)
    close(o, [x[(i * 3).astype(np.int8).astype(int) + 128], x[(i * 3) % 256]])


def test_grid_of_three_dimensions(launch: Launch) -> None:
    o = np.zeros((4, 3, 2, 8), np.int32)
    launch(k.grid_three, o, grid=(2, 3, 4), X=2, Y=3, Z=4, BLOCK=8)
    z, y, x, i = np.indices(o.shape)
    equal(o, 234000 + x + 2 * y + 3 * z + i)


def test_persistent_loop(launch: Launch, rng: np.random.Generator) -> None:
    x, o = floats(rng, 1000), np.zeros(1000, np.float32)
    launch(k.persistent, x, o, 1000, grid=(3,), BLOCK=64)
    close(o, x + np.arange(1000) // 64)


def test_hints_and_wide_offsets(launch: Launch, rng: np.random.Generator) -> None:
    x, o = floats(rng, 100), np.zeros(100, np.float32)
    launch(k.hints, x, o, 100, ("i64", 1), grid=(2,), BLOCK=64)
    close(o, np.where(np.arange(100) % 2 == 0, x, -x))


# ---- reductions and scans


@pytest.mark.parametrize("n", [1, 50, 64])
def test_reductions_of_rows(launch: Launch, rng: np.random.Generator, n: int) -> None:
    x, o = floats(rng, 4, n), np.zeros((4, 4), np.float32)
    launch(k.reduce_rows, x, o, n, BM=4, BN=64)
    v = np.zeros((4, 64))
    v[:, :n] = x
    top = v.max(1)
    close(o, [v.sum(1), top, x.min(1), np.exp(v - top[:, None]).sum(1)], 1e-5)


@pytest.mark.parametrize("m, n", [(16, 16), (13, 16), (16, 7), (5, 3), (0, 4)])
def test_state_along_the_first_dimension(launch: Launch, rng: np.random.Generator, m: int, n: int) -> None:
    bm, bn = 16, 4
    x = floats(rng, max(n, 1), 20)
    out = [np.full(shape, -7, np.float32) for shape in ((bm,), (bm, bn), (bn, bm), (bm, bn), (bm, bm))]
    s, r, t, c, d = out
    a = np.full(bn, -7, np.int32)
    launch(k.column_state, x, s, r, t, c, a, d, m, n, 20, BM=bm, BN=bn)
    state = np.zeros((bm, bn))
    for j in range(n):
        state[:m, j % bn] += x[j, :m]
    for actual, expected in ((s, state.sum(1)), (r, state), (t, state.T), (d, state @ state.T)):
        close(actual, expected, 1e-5)
    close(c, state.cumsum(1) + state[::-1].cumsum(0)[::-1], 1e-5)
    equal(a, state.astype(np.float32).argmax(0))


@pytest.mark.parametrize("n, d", [(0, 0), (1, 3), (5, -2)])
def test_branches_inside_a_loop(launch: Launch, rng: np.random.Generator, n: int, d: int) -> None:
    block = 64
    x, k_ = floats(rng, max(n, 1), block), rng.integers(-50, 50, block, np.int32)
    o, q = np.empty((2, block), np.float32), np.empty(block, np.int32)
    launch(k.running_moments, x, k_, o, q, n, d, BLOCK=block)
    v = x[:n].astype(np.float64)
    mean = v.mean(0) if n else np.zeros(block)
    close(o, [mean, ((v - mean) ** 2).sum(0)], 1e-5)
    equal(q, np.trunc(k_ / d).astype(np.int32) if d else k_)


@pytest.mark.parametrize("n", [0, 1, 3])
def test_state_along_the_middle_dimension(launch: Launch, rng: np.random.Generator, n: int) -> None:
    shape = A, B, C = 2, 8, 4
    x, index = floats(rng, A * B * C + n), rng.integers(0, C, (A, C, B), np.int32)
    s, g = np.empty((A, C), np.float32), np.empty(shape, np.float32)
    launch(k.middle_state, x, s, g, index, n, A=A, B=B, C=C)
    blocks = [x[step : step + A * B * C].reshape(A, C, B).swapaxes(1, 2) for step in range(n)]
    state = x[: A * B * C].reshape(A, C, B).swapaxes(1, 2)
    for step, v in enumerate(blocks):
        state = state + v if step % 2 else np.where(v > 0, state * 2 + v, state)
    close(s, state.max(1))
    close(g, np.take_along_axis(state, index.swapaxes(1, 2), 2))


def test_reductions_of_columns_and_of_everything(launch: Launch, rng: np.random.Generator) -> None:
    x, o = floats(rng, 13, 32), np.zeros(4 * 32 + 2, np.float32)
    launch(k.reduce_columns, x, o, 13, BM=16, BN=32)
    d = x.astype(np.float64)
    s = d.sum(0)
    top = np.maximum(d.max(0), 0)
    close(o[:128].reshape(4, 32), [s, top, (d * d).sum(0) / 13, s + d.sum()], 1e-5)
    close(o[128:], [d.sum(), top.max()], 1e-5)


def test_reductions_of_three_dimensions(launch: Launch, rng: np.random.Generator) -> None:
    A, B, C = 4, 2, 16
    x = floats(rng, A, B, C)
    a, b, c = np.zeros((B, C), np.float32), np.zeros((A, C), np.float32), np.zeros(A * B + A, np.float32)
    launch(k.reduce_three, x, a, b, c, A=A, B=B, C=C)
    close(a, x.sum(0), 1e-5)
    close(b, x.max(1))
    close(c, np.r_[x.sum(2).ravel(), x.sum((1, 2))], 1e-5)


def test_arg_reductions(launch: Launch, rng: np.random.Generator) -> None:
    m, n = 8, 50
    x = rng.integers(-5, 5, (m, n)).astype(np.float32)  # many ties
    x[3], x[4] = 1, -np.inf
    oi, of = np.zeros((4, m), np.int32), np.zeros(m, np.float32)
    launch(k.arg_reductions, x, oi, of, n, BM=m, BN=64)
    equal(oi[0], x.argmax(1))
    equal(oi[1], x.argmin(1))
    others = [r for r in range(m) if r != 4]  # the padding ties with a row of -inf
    equal(x[others, oi[2][others]], x.max(1)[others])
    equal(oi[3], x.argmin(1))
    equal(of, x.min(1))


def test_custom_combine_functions(launch: Launch, rng: np.random.Generator) -> None:
    m, n = 8, 50
    x, o = floats(rng, m, n), np.zeros((4, m), np.float32)
    launch(k.custom_reductions, x, o, n, BM=m, BN=64)
    d = x.astype(np.float64)
    close(o[0], d.prod(1), 1e-5)
    close(np.abs(o[1]), np.abs(d).max(1))
    close(o[2:], [d.mean(1), d.var(1)], 1e-5)


def test_integer_reductions(launch: Launch, rng: np.random.Generator) -> None:
    x = rng.integers(-100, 100, (8, 32)).astype(np.int32)
    o, ol = np.zeros((7, 8), np.int32), np.zeros(8, np.int64)
    launch(k.integer_reductions, x, o, ol, BM=8, BN=32)
    expected = [
        *(np.bitwise_xor.reduce(x, 1), x.sum(1), x.max(1), x.min(1)),
        *((x > 95).any(1), (x > -95).all(1), (x > 0).sum(1)),
    ]
    equal(o, expected)
    equal(ol, x.astype(np.int64).sum(1) * 1000000007)


def test_narrow_reductions(launch: Launch, rng: np.random.Generator) -> None:
    x, h = rng.integers(-100, 100, 64).astype(np.int8), rng.standard_normal(66).astype(np.float16)
    o = np.zeros(2, np.int32)
    launch(k.narrow_reductions, x, o, h, BN=64)
    equal(o, [x.astype(int).sum(), x.max()])
    close(h[64:], [h[:64].astype(float).sum(), h[:64].max()], 3e-2)


def test_reductions_of_nan(launch: Launch, rng: np.random.Generator) -> None:
    x, o = floats(rng, 4, 32), np.zeros((4, 4), np.float32)
    x[0, 5] = x[1, 0] = x[1, 31] = np.nan
    x[2] = np.nan
    launch(k.nan_reductions, x, o, 32, BM=4, BN=32)
    close(o, [np.fmax.reduce(x, 1), np.fmin.reduce(x, 1), x.max(1), x.astype(float).sum(1)], 1e-5)


def test_scans(launch: Launch, rng: np.random.Generator) -> None:
    m, n = 4, 16
    x, y = floats(rng, m, n), rng.uniform(0.5, 1.5, (m, n)).astype(np.float32)
    o, oi = np.zeros((7, m, n), np.float32), np.zeros((m, n), np.int32)
    launch(k.scans, x, y, o, oi, BM=m, BN=n)
    v, w = x.astype(np.float64), y.astype(np.float64)
    b = v.copy()
    for j in range(1, n):
        b[:, j] += w[:, j] * b[:, j - 1]
    r = v.copy()
    for i in range(m - 2, -1, -1):
        r[i] += w[i] * r[i + 1]
    reverse = v[:, ::-1].cumsum(1)[:, ::-1]
    expected = [v.cumsum(1), reverse, v.cumsum(0), w.cumprod(1) + v, w.cumprod(1), b, r]
    for row, (a, e) in enumerate(zip(o, expected, strict=True)):
        close(a, e, 1e-5, f"scan {row}")
    equal(oi, (v > 0).cumsum(1))


# ---- contractions


@pytest.mark.parametrize(
    ("operand", "result", "shape"),
    [
        ("float32", "float32", (16, 16, 16)),
        ("float32", "float32", (32, 64, 16)),
        ("float64", "float64", (16, 16, 32)),
        ("float16", "float32", (32, 32, 16)),
        ("bfloat16", "float32", (16, 32, 32)),
        ("int8", "int32", (16, 16, 32)),
    ],
)
def test_contraction_of_types(
    launch: Launch, rng: np.random.Generator, operand: str, result: str, shape: tuple[int, int, int]
) -> None:
    m, n, depth = shape
    if operand == "int8":
        a, b = (torch.from_numpy(rng.integers(-128, 128, s)).to(torch.int8) for s in ((m, depth), (depth, n)))
    else:
        a, b = (torch.from_numpy(rng.standard_normal(s)).to(getattr(torch, operand)) for s in ((m, depth), (depth, n)))
    c = torch.zeros(m, n, dtype=getattr(torch, result))
    launch(k.dot_tile, a, b, c, M=m, N=n, K=depth)
    close(c, a.double() @ b.double(), 1e-5)


def test_contraction_of_transposed_and_computed_operands(launch: Launch, rng: np.random.Generator) -> None:
    m, n, depth = 16, 32, 16
    a, b, d = floats(rng, depth, m), floats(rng, n, depth), floats(rng, n)
    c = np.zeros(m * n + m * m, np.float32)
    launch(k.dot_transposed, a, b, c, d, M=m, N=n, K=depth)
    acc = 3 * a.T.astype(float) @ b.T + d
    close(c[: m * n].reshape(m, n), acc, 1e-4)
    close(c[m * n :].reshape(m, m) / 100, np.exp(acc * 0.01) @ acc.T / 100, 1e-4)


@pytest.mark.parametrize(("m", "n", "depth"), [(32, 32, 32), (33, 50, 21), (5, 20, 21)])
def test_contraction_in_a_loop(launch: Launch, rng: np.random.Generator, m: int, n: int, depth: int) -> None:
    grid = (-(-m // 16), -(-n // 32))
    a, b = floats(rng, m, depth), floats(rng, depth, n)
    expected = a.astype(float) @ b
    c = np.zeros((m, n), np.float32)
    launch(k.dot_loop, a, b, c, m, n, depth, depth, n, grid=grid, BM=16, BN=32, BK=16)
    close(c, expected, 1e-5)
    c[:] = 0
    launch(k.dot_wrapped, a, b, c, m, n, depth, grid=grid, BM=16, BN=32, BK=16)
    close(c, expected, 1e-5)
    half = np.zeros((m, n), np.float16)
    a, b = a.astype(np.float16), b.astype(np.float16)
    launch(k.dot_loop, a, b, half, m, n, depth, depth, n, grid=grid, BM=16, BN=32, BK=16)
    close(half, a.astype(float) @ b.astype(float), 2e-2)


@pytest.mark.parametrize("steps", [0, 3])
def test_scaled_accumulator(launch: Launch, rng: np.random.Generator, steps: int) -> None:
    a, b = floats(rng, 3, 16, 16), floats(rng, 3, 16, 16)
    c = np.zeros((2, 16, 16), np.float32)
    launch(k.dot_outer_scale, a, b, c, steps, M=16, N=16, K=16)
    acc, last = np.zeros((16, 16)), np.zeros((16, 16))
    for s in range(steps):
        last = last + acc
        acc = acc * 0.5 + a[s].astype(float) @ b[s]
    close(c, [acc, last], 1e-4)


# ---- shapes


def test_reshapes(launch: Launch, rng: np.random.Generator) -> None:
    n = 32
    x, o = floats(rng, n), np.zeros((8, n), np.float32)
    launch(k.reshapes, x, o, N=n)
    a, b = x[::2], x[1::2]
    close(o[0], (x * 2).reshape(-1, 4).T.ravel())
    close(o[1], x.reshape(2, -1, 4).transpose(2, 1, 0).ravel())
    close(o[2], np.stack([b, a], 1).ravel())
    close(o[3], np.stack([b * 3, a], 1).ravel())
    close(np.sort(o[4]), np.sort(np.r_[x[n // 2 :], x[: n // 2] + 1]))
    close(o[5], x[::-1])
    close(o[6][: n // 8], x.reshape(-1, 8).sum(1), 1e-5)
    close(o[7], x * 2)


def test_sorting(launch: Launch, rng: np.random.Generator) -> None:
    x, o = floats(rng, 16), np.zeros(36, np.float32)
    launch(k.sorting, x, o, N=16)
    s = np.sort(x)
    equal(o, np.r_[s, s[::-1], s[::-1][:4]])


def test_gather_within_a_block(launch: Launch, rng: np.random.Generator) -> None:
    x, idx = floats(rng, 8, 16), rng.integers(0, 16, (8, 16)).astype(np.int32)
    o, p = np.zeros_like(x), np.zeros_like(x)
    launch(k.gather_block, x, idx, o, p, M=8, N=16)
    close(o, np.take_along_axis(x * 2, idx, 1))
    close(p, np.take_along_axis(x, idx % 8, 0) + x)


def test_histogram(launch: Launch, rng: np.random.Generator) -> None:
    x, o = rng.integers(0, 16, 100).astype(np.int32), np.zeros((2, 16), np.int32)
    launch(k.histograms, x, o, 100, N=128, BINS=16)
    counts = np.bincount(x, minlength=16)
    equal(o, [counts, counts + 28 * (np.arange(16) == 0)])


# ---- control flow


@pytest.mark.parametrize("n", [0, 1, 12])
def test_carried_scalars(launch: Launch, rng: np.random.Generator, n: int) -> None:
    x, o, oi = floats(rng, 12), np.zeros(2, np.float32), np.zeros(4, np.int32)
    launch(k.carried_scalars, x, o, oi, n, BLOCK=16)
    a, b, f, top = 0, 1, 1.0, -math.inf
    for v in x[:n].tolist():
        f, top, a, b = f * 0.5 + v, max(top, v), b, a + b
    equal(oi, [a, b, sum(3 + 2 * j for j in range(n)), 3 + 2 * n])
    close(o, [f, top])


@pytest.mark.parametrize("n", [0, 1, 5])
def test_carried_blocks(launch: Launch, rng: np.random.Generator, n: int) -> None:
    x, o, oi = floats(rng, 16), np.zeros((5, 16), np.float32), np.zeros((3, 16), np.int32)
    launch(k.carried_blocks, x, o, oi, n, BLOCK=16)
    i = np.arange(16)
    a, b, p, q, r = x, i * 1.0, x, x + 1.0, x * 1.0
    moving = i.copy()
    for t in range(n):
        a, b, p, q, r = b, a, q, p + q, r[::-1] + t
        moving = moving + 2 * (t + 1)
    close(o, [a, b, p, q, r], 1e-5)
    equal(oi, [np.full(16, 2 * n), moving, np.full(16, 100 * n).astype(np.int8)])


@pytest.mark.parametrize("n", [0, 6])
def test_carried_pointers(launch: Launch, rng: np.random.Generator, n: int) -> None:
    x, steps, o = floats(rng, 200), rng.integers(0, 4, 8).astype(np.int32), np.zeros((2, 16), np.float32)
    launch(k.carried_pointers, x, steps, o, n, BLOCK=16)
    i = np.arange(16)
    closed, loaded, moving, growing, step = i.copy(), 0, i.copy(), i.copy(), i * 0
    acc = np.zeros(16)
    for t in range(n):
        acc += x[closed] + 10 * x[loaded + i] + 100 * x[moving] + 1000.0 * x[growing] + x[t]
        closed, loaded, moving = closed + 4, loaded + steps[t], moving + steps[i % 2]
        growing, step = growing + step, step + i % 3
    close(o[0], acc, 1e-3)
    close(o[1], x[closed] + x[loaded + i] + x[moving] + x[growing], 1e-5)


def test_nested_loops(launch: Launch, rng: np.random.Generator) -> None:
    x, o = floats(rng, 64), np.zeros(16, np.float32)
    launch(k.nested_loops, x, o, 3, 7, BLOCK=16)
    acc = np.zeros(16)
    for a in range(3):
        inner = np.full(16, float(a))
        for turn, b in enumerate(range(a, 7, 2)):
            inner += x[np.arange(16) + a + turn] * b
        acc = acc * 0.5 + inner
    acc += sum(range(5, 0, -2)) + x[1] + 2 * x[2]
    close(o, acc, 1e-5)


@pytest.mark.parametrize("limit", [0, 4])
def test_while_loops(launch: Launch, rng: np.random.Generator, limit: int) -> None:
    x, o, oi = floats(rng, 64), np.zeros((2, 16), np.float32), np.zeros(1, np.int32)
    launch(k.while_loops, x, o, oi, limit, BLOCK=16)
    v, w, total, turns = x[:16].astype(float), x[:16].astype(float), 0.0, 0
    for t in range(limit):
        v = v * 0.5 + t
    while w.sum() < 1000 and turns < 20:
        w, total, turns = w + np.abs(w) + 1, total + x[2 * turns], turns + 1
    assert oi[0] == turns
    close(o, [v, w + total], 1e-5)


@pytest.mark.parametrize("flag", [0, 1, 3])
def test_branches(launch: Launch, rng: np.random.Generator, flag: int) -> None:
    x, y, o = floats(rng, 32), floats(rng, 32), np.zeros((3, 16), np.float32)
    launch(k.branches, x, y, o, flag, 11, BLOCK=16)
    v = x[:16].astype(float)
    w, s, p = (np.exp(v), 3, 8) if flag > 2 else (v[::-1], 5, 16) if flag > 0 else (v, 11, 0)
    close(o[0], w + s + x[p : p + 16], 1e-5)
    close(o[1], (v + v.sum() * (flag == 1)) * (y[::2] if flag else y[:16]), 1e-5)
    close(o[2], v if flag == 0 else v * 2)


def test_branches_in_a_loop(launch: Launch, rng: np.random.Generator) -> None:
    x, o = floats(rng, 9, 16), np.zeros((2, 16), np.float32)
    launch(k.branch_in_loop, x, o, 9, BLOCK=16)
    acc, best, last = np.zeros(16), 0, np.zeros(16)
    for t, v in enumerate(x.astype(float)):
        if v.sum() > 0:
            acc, best = acc + v, t
        elif t % 2 == 0:
            acc = acc * 2
        else:
            last = v
    close(o, [acc + best, last], 1e-5)


@pytest.mark.parametrize(("flag", "n"), [(0, 0), (1, 1)])
def test_values_kept_inside_a_branch(launch: Launch, rng: np.random.Generator, flag: int, n: int) -> None:
    M = 16
    y, o = floats(rng, M, M), np.zeros((2, M, M), np.float32)
    launch(k.kept_in_branch, y * 0, y, o, flag, n, M=M)
    m = np.arange(M)
    ramp = m[:, None] * 2.0 + m
    acc = ramp @ y if flag else y.astype(float)
    close(o[0] / 1000, (acc + ramp) / 1000)
    acc = (ramp + 1) @ acc if n else acc
    close(o[1] / 1e5, (acc + (ramp + 1) * (ramp + 1).T) / 1e5)


@pytest.mark.parametrize("flag", [0, 1])
def test_early_return(launch: Launch, rng: np.random.Generator, flag: int) -> None:
    x, o = floats(rng, 128), np.zeros(128, np.float32)
    before = x.copy()
    launch(k.early_return, x, o, 60, flag, grid=(4,), BLOCK=32)
    i = np.arange(128)
    close(x, np.where(i < 64, 9, before))
    close(o, np.where(i < 64, before * 2, 0) if flag else np.where(i < 60, before + 1, 0))


def test_functions_with_several_returns(launch: Launch, rng: np.random.Generator) -> None:
    x, o = np.abs(floats(rng, 3, 16)), np.zeros((3, 16), np.float32)
    x[1] *= -1
    x[2, 4] = 200
    launch(k.returns_inside, x, o, grid=(3,), BLOCK=16)
    r = np.stack([np.sqrt(x[0]), x[1] - 1, x[2] * 0]).astype(float)
    e = np.exp(r * 0.01)
    close(o, e / e.sum(1, keepdims=True) + r[:, ::-1], 1e-5)


def test_calls_of_functions_that_are_not_inlined(launch: Launch, rng: np.random.Generator) -> None:
    x, o = floats(rng, 64), np.zeros((2, 16), np.float32)
    launch(k.calls, x, o, 3, BLOCK=16)

    def shifted_load(start: int) -> np.ndarray:
        v = x[start : start + 16].astype(float)
        return v + np.exp(v).sum()

    b = shifted_load(5) + sum(shifted_load(6 + t) for t in range(3))
    close(o, [shifted_load(0), b + 9], 1e-5)


# ---- atomics


def test_integer_atomics(launch: Launch, rng: np.random.Generator) -> None:
    n = 200
    x, idx = rng.integers(-1000, 1000, n).astype(np.int32), rng.integers(0, 8, n).astype(np.int32)
    o = rng.integers(-50, 50, 56).astype(np.int32)
    expected = o.copy()
    launch(k.atomics, x, idx, o, n, grid=(4,), BLOCK=64)
    updates = (np.add, np.maximum, np.minimum, np.bitwise_and, np.bitwise_or, np.bitwise_xor)
    for row, update in enumerate(updates):
        update.at(expected[8 * row : 8 * row + 8], idx, x)
    expected[48] += x.sum()
    expected[49] = max(expected[49], x.max())
    expected[50] += x[x > 0].sum()
    equal(o, expected)


def test_results_of_atomics(launch: Launch, rng: np.random.Generator) -> None:
    n = 16
    x, o = rng.integers(0, 99, n).astype(np.int32), rng.integers(0, 99, (3, n)).astype(np.int32)
    r, lock, before, i = np.zeros((4, n), np.int32), np.full(1, 2, np.int32), o.copy(), np.arange(n)
    launch(k.atomic_results, x, o, r, lock, BLOCK=n)
    equal(o, [before[0] + x, i, np.where(i % 2 == 0, i * 3, before[2])])
    equal(r, [*before, np.full(n, 2 + 10 * 7 + 100 * 77)])
    assert lock[0] == 78


def test_float_atomics(launch: Launch, rng: np.random.Generator) -> None:
    n = 100
    x, o, r = floats(rng, n), np.zeros(108, np.float32), np.zeros(n, np.float32)
    launch(k.atomic_float, x, o, r, n, grid=(2,), BLOCK=64)
    close(o[:4], [x[j::4].astype(float).sum() for j in range(4)], 1e-5)
    close(o[4:6], [x.max(), x.min()])
    close(o[8:], np.ones(n))
    close(r, np.full(n, 10))


# ---- order of memory accesses


def test_in_place(launch: Launch, rng: np.random.Generator) -> None:
    x = floats(rng, 100)
    d = x.astype(float)
    launch(k.in_place, x, 100, grid=(2,), BLOCK=64)
    close(x, np.exp(-d * d) + d)
    x = floats(rng, 8, 8)
    d = x.copy()
    launch(k.in_place_symmetric, x, M=8)
    close(x, d + d.T)
    x, o = floats(rng, 24), np.zeros(16, np.float32)
    d = x.copy()
    launch(k.in_place_broadcast, x, o, BLOCK=16)
    close(x, np.r_[d[0] + 1, d[1:8], d[8:] - d[8:].max()])
    close(o, d[8:])


def test_shifted_loads_and_stores(launch: Launch, rng: np.random.Generator) -> None:
    n = 32
    x, o = floats(rng, 300), np.zeros(n, np.float32)
    e = x.copy()
    launch(k.shifted, x, o, BLOCK=n)
    e[:n] = e[1 : n + 1].copy()
    e[100 : 100 + n] = e[99 : 99 + n].copy()
    e[n + 200 - np.arange(n)] = e[200 : 200 + n].copy()
    a = e[:n].copy()
    b = a + 1
    e[:n] = b * 2
    e[1 : n + 1] = b * 3
    close(x, e)
    close(o, a + 10 * b + 100 * e[:n], 1e-5)


@pytest.mark.parametrize(("n", "flag"), [(0, 0), (3, 1)])
def test_loads_before_loops_that_overwrite_them(launch: Launch, rng: np.random.Generator, n: int, flag: int) -> None:
    x, y, o = floats(rng, 120), floats(rng, 16), np.zeros((5, 16), np.float32)
    before = x.copy()
    launch(k.load_then_loop_stores, x, y, o, n, flag, BLOCK=16)
    close(o, before[:80].reshape(5, 16))


def test_loop_that_reads_what_it_wrote(launch: Launch, rng: np.random.Generator) -> None:
    x = floats(rng, 32)
    e = x.astype(float)
    launch(k.rotate_in_loop, x, 4, BLOCK=32)
    for _ in range(4):
        e = np.roll(e, -1) + e * 0.5
    close(x, e, 1e-5)


def test_one_buffer_given_twice(launch: Launch, rng: np.random.Generator) -> None:
    """Arguments may be the same memory, element for element."""
    x, y = floats(rng, 32), floats(rng, 32)
    a, b = x.copy(), y.copy()
    launch(k.aliased_pair, x, y, y, BLOCK=32)
    close(y, a + b)
    close(x, a - b)


def test_scalar_memory(launch: Launch, rng: np.random.Generator) -> None:
    x, o = floats(rng, 8), np.zeros(2, np.float32)
    e = x.astype(float)
    launch(k.scalar_memory, x, o, 6)
    t = 0.0
    for j in range(6):
        t += e[j] if j != 2 else 4.0
        if j % 2 == 0:
            e[j + 1] = t
    close(x, e, 1e-5)
    close(o, [t, e[1] * 2], 1e-5)


@pytest.mark.filterwarnings("ignore:tl.make_block_ptr")
def test_block_pointers_and_descriptors(launch: Launch, rng: np.random.Generator) -> None:
    x, o, p = floats(rng, 20, 36), np.zeros((20, 36), np.float32), np.zeros((20, 36), np.float32)
    launch(k.block_pointers, x, o, 20, 36, grid=(3,), BM=8, BN=16)
    close(o, x * 2)
    launch(k.descriptors, x, p, 20, 36, grid=(3,), BM=8, BN=16)
    close(p, x + 1)


# ---- combinations


@pytest.mark.parametrize("n", [0, 5])
def test_pointers_that_change_places(launch: Launch, rng: np.random.Generator, n: int) -> None:
    x, o = floats(rng, 128), np.zeros(16, np.float32)
    launch(k.ping_pong, x, o, n, BLOCK=16)
    i = np.arange(16)
    p, q, a, b, acc = 0, 64, i, 32 + i * 2, np.zeros(16)
    for t in range(n):
        acc = acc * 2 + x[p + i + t] + 10.0 * x[a]
        p, q, a, b = q, p, b, a + 1
    close(o, acc, 1e-5)


@pytest.mark.parametrize("n", [0, 3])
def test_kinds_of_carried_values(launch: Launch, rng: np.random.Generator, n: int) -> None:
    x, o, oi = floats(rng, 16) * 2, np.zeros((2, 16), np.float32), np.zeros((2, 16), np.int32)
    x[:3] = [0.5, -1, 0.25]
    launch(k.carried_kinds, x, o, oi, n, BLOCK=16)
    equal(oi, [x > (0 if n else 10), np.ones(16)])
    close(o, [x.astype(np.float16) * 0.5**n, x + (x if n else x * 3)], 2e-3)


def test_loops_with_wide_bounds(launch: Launch, rng: np.random.Generator) -> None:
    x, o = floats(rng, 64), np.zeros(16, np.float32)
    launch(k.wide_range, x, o, ("i64", 2), ("i64", 15), BLOCK=16)
    i = np.arange(16)
    acc = sum(x[t + i] for t in range(2, 15, 3)) + sum(x[63 - t - i] for t in range(4)) + 14
    close(o, acc, 1e-5)


@pytest.mark.parametrize("steps", [0, 4])
def test_contraction_in_a_branch_of_a_loop(launch: Launch, rng: np.random.Generator, steps: int) -> None:
    M = 16
    a, b, c = floats(rng, 4, M, M), floats(rng, M, M), np.zeros((2, M, M), np.float32)
    launch(k.dot_in_branch, a, b, c, steps, M=M)
    acc, top = np.zeros((M, M)), np.zeros(M)
    for s in range(steps):
        if s % 2 == 0:
            acc = acc + a[s].astype(float) @ b
            top = np.maximum(top, acc.max(1))
        else:
            acc = acc * 0.5 - acc.T
    close(c[0], acc + top[:, None], 1e-4)
    close(c[1] / 100, acc @ b / 100, 1e-2)


@pytest.mark.parametrize("n", [0, 3])
def test_contraction_of_what_it_replaces(launch: Launch, rng: np.random.Generator, n: int) -> None:
    M = 16
    a, c = floats(rng, M, M) / 4, np.zeros((2, M, M), np.float32)
    launch(k.dot_powers, a, c, n, M=M)
    acc, other = a.astype(float), np.zeros((M, M))
    for _ in range(n):
        acc = acc @ a
        other = a @ other + other.T + acc
    close(c, [acc, other], 1e-4)


def test_small_floats(launch: Launch, rng: np.random.Generator) -> None:
    x = torch.from_numpy(rng.standard_normal(32)).half()
    b = torch.from_numpy(rng.standard_normal(32)).bfloat16()
    o, s, oi = torch.zeros(32).half(), torch.zeros(4).bfloat16(), np.zeros(2, np.int32)
    launch(k.small_floats, x, b, o, s, oi, BLOCK=32)
    d, e = x.double(), b.double()
    close(o, d.cumsum(0), 2e-2)
    equal(oi, [d.argmax(), e.argmin()])
    close(s, torch.stack([e.sum(), e.max(), e[3] * 2, e[5]]), 3e-2)


@pytest.mark.parametrize("first", [False, True])
def test_booleans(launch: Launch, rng: np.random.Generator, first: bool) -> None:
    n = 100
    x, m, o, b = floats(rng, n), rng.random(n) > 0.5, np.zeros(n, np.float32), np.zeros(n + 2, bool)
    m[0] = first
    launch(k.booleans, x, m, o, b, n, grid=(2,), BLOCK=64)
    v = np.where(m, x, 5) + first
    close(o, v if first else -v)
    equal(b, np.r_[~m & (v > 0), first, first])


@pytest.mark.parametrize("flag", [0, 1])
def test_pointers_chosen_by_where(launch: Launch, rng: np.random.Generator, flag: int) -> None:
    x, o = floats(rng, 64), np.zeros((2, 16), np.float32)
    launch(k.selected_pointers, x, o, flag, 9, BLOCK=16)
    i = np.arange(16)
    v = x[8 * flag + i] + 10 * x[np.where(i % 2 == 0, i, 2 * i + 1)]
    close(o, [np.where(i < 9, v, 0), np.where(i < 9, 0, v)])


@pytest.mark.parametrize("n", [0, 4])
def test_one_loop_after_another(launch: Launch, rng: np.random.Generator, n: int) -> None:
    x, o = floats(rng, 16), np.zeros((n + 1, 16), np.float32)
    launch(k.two_loops, x, o, n, BLOCK=16)
    v, scale, expected = x.astype(float), 1.0, []
    for t in range(n):
        v = v * scale + t
        scale = 1 / (1 + np.abs(v).max())
        expected.append(v)
    w = v
    for t in range(n):
        if t % 2 == 1:
            w = w - w.sum() / 16
        v = v + w
    close(o, [*expected, v + w], 1e-5)


def test_sorting_of_rows(launch: Launch, rng: np.random.Generator) -> None:
    x, o = floats(rng, 4, 8), np.zeros((4, 8), np.float32)
    launch(k.sort_rows, x, o, M=4, N=8)
    close(o, np.sort(x, 1) + x[:, ::-1])
