"""Tuples: as arguments of kernels, from and to functions, with names, and as values with a class of their own."""

from typing import Any, NamedTuple

import pytest
import torch
import triton
import triton.language as tl
from triton.language.core import _aggregate as aggregate
from triton.runtime.jit import MockTensor

from rung.errors import LaunchError

SCHEDULES = ["threads=1", "vectorize=off threads=1", "threads=2 profitability=off", "threads=2 double_buffer=on"]


@pytest.fixture(params=SCHEDULES, ids=["vector", "scalar", "threads", "buffers"])
def schedule(request: pytest.FixtureRequest) -> str:
    return request.param


# ---- as arguments


@triton.jit
def increment(values):
    return tl.tuple([v + 1 for v in values])


@triton.jit
def store_all(pointers, values):
    for i in tl.static_range(len(values)):
        tl.store(pointers[i], values[i])


@triton.jit
def each(before, pointers, constant: tl.constexpr, values, after):
    store_all(pointers, increment(values))
    tl.static_assert(constant == 3)
    tl.static_assert(after == 1)


@pytest.mark.parametrize("size", [0, 1, 2, 5, 40])
def test_of_any_length(schedule: str, size: int) -> None:
    out = tuple(torch.zeros(1, dtype=torch.float64) for _ in range(size))
    # 1 is a constant for Triton, and others are by their divisibility, in tuples, too.
    values = tuple((1, 16, 2.5, -7, 1 << 40, True)[i % 6] for i in range(size))
    each[(1,)](0, out, 3, values, 1, schedule=schedule)
    assert [float(o) for o in out] == [v + 1 for v in values]


@triton.jit
def mixed(t, out, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x, rest = t
    scale, second, offset = rest
    y, nothing = second
    tl.static_assert(nothing is None)
    total = tl.load(x + i, mask=i < n) * scale + offset
    if y is not None:
        total += tl.load(y + i, mask=i < n)
    tl.store(out[0] + i, total, mask=i < n)


@pytest.mark.parametrize("with_second", [True, False])
@pytest.mark.parametrize("scale", [1, 3, 2.5, 1 << 35])
def test_nested_with_tensors_numbers_and_nothing(schedule: str, with_second: bool, scale: float) -> None:
    x, y, out = torch.randn(1000), torch.randn(1000), torch.zeros(1000)
    mixed[(8,)]((x, (scale, (y if with_second else None, None), 4)), (out,), 1000, BLOCK=128, schedule=schedule)
    torch.testing.assert_close(out, x * scale + 4 + (y if with_second else 0))


@triton.jit
def typed(t, out):
    tl.static_assert(t[0].dtype == tl.int32)
    tl.static_assert(t[1].dtype == tl.int64)
    tl.static_assert(t[2].dtype == tl.uint64)
    tl.static_assert(t[3].dtype == tl.float32)
    tl.static_assert(t[4].dtype == tl.int1)
    tl.static_assert(t[5] == 1)
    tl.static_assert(t[6].dtype.element_ty == tl.bfloat16)
    tl.store(out, t[0] + t[1].to(tl.float64) + t[2].to(tl.float64) + t[3] + t[4].to(tl.int32) + t[5] + tl.load(t[6]))


def test_numbers_have_the_types_that_they_have_alone() -> None:
    out = torch.zeros(1, dtype=torch.float64)
    values = (7, -(1 << 40), (1 << 63) + 2048, 0.25, True, 1, torch.full((1,), 0.5, dtype=torch.bfloat16))
    typed[(1,)](values, out)
    assert out.item() == pytest.approx(7 - (1 << 40) + (1 << 63) + 2048 + 0.25 + 1 + 1 + 0.5, rel=1e-15)


def test_of_another_shape_is_another_kernel() -> None:
    x, out = torch.randn(128), torch.zeros(128)
    for scale in (2.0, 3, 1, 2.0):
        mixed[(1,)]((x, (scale, (x, None), 5)), (out,), 128, BLOCK=128)
        torch.testing.assert_close(out, x * scale + 5 + x)


@triton.jit
def constants(t, out):
    for i in tl.static_range(len(t[0])):
        tl.store(out + i, t[0][i] * t[1])


def test_constants_inside() -> None:
    out = torch.zeros(3, dtype=torch.int32)
    constants[(1,)](((tl.constexpr(5), 7, tl.constexpr(9)), tl.constexpr(2)), out)
    assert out.tolist() == [10, 14, 18]


@triton.jit
def whole_constant(out, shape: tl.constexpr, N: tl.constexpr):
    i = tl.arange(0, shape[0])[:, None] * shape[1] + tl.arange(0, shape[1])[None, :]
    tl.store(out + i, tl.zeros(shape, tl.float32) + len(shape) + N[1])


def test_that_is_a_constant() -> None:
    out = torch.zeros(4, 8)
    whole_constant[(1,)](out, shape=(4, 8), N=(1, (2, 3))[1])
    assert torch.equal(out, torch.full((4, 8), 5.0))


class Matrix(NamedTuple):
    base: Any
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class Epilogue(NamedTuple):
    function: Any
    captured: tuple[Any, ...]


@triton.jit
def bounds(matrix, i, j):
    return (i < matrix.shape[0]) & (j < matrix.shape[1])


@triton.jit
def scale_and_shift(x, captured):
    return x * captured[0] + captured[1]


@triton.jit
def negate(x, captured):
    return -x


@triton.jit
def transform(epilogue, source, target, M: tl.constexpr, N: tl.constexpr):
    i, j = tl.arange(0, M)[:, None], tl.arange(0, N)[None, :]
    at = source.base + i * source.strides[0] + j * source.strides[1]
    value = epilogue.function(tl.load(at, mask=bounds(source, i, j), other=0.0), epilogue.captured)
    tl.store(target.base + i * target.strides[0] + j * target.strides[1], value, mask=bounds(target, i, j))


@pytest.mark.parametrize("function, captured", [(scale_and_shift, (3, 0.5)), (negate, ())])
def test_with_names_and_functions(schedule: str, function: Any, captured: tuple[float, ...]) -> None:
    x, y = torch.randn(11, 19), torch.zeros(19, 11).T
    matrices = [Matrix(t, tuple(t.shape), t.stride()) for t in (x, y)]
    transform[(1,)](Epilogue(function, captured), *matrices, M=16, N=32, schedule=schedule)
    torch.testing.assert_close(y, x * 3 + 0.5 if captured else -x)


@triton.jit
def in_place(t, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    first = tl.load(t[0] + i)
    tl.store(t[1] + i, first + 1)
    tl.store(t[0] + i, tl.load(t[0] + i) * 2)


@pytest.mark.parametrize("same", [False, True])
def test_of_arrays_that_are_one(schedule: str, same: bool) -> None:
    """What was compiled for different memory is compiled again."""
    x = torch.arange(256, dtype=torch.float32)
    y = x if same else torch.zeros(256)
    before = x.clone()
    in_place[(2,)]((x, y), BLOCK=128, schedule=schedule)
    assert torch.equal(x, (before + 1) * 2 if same else before * 2)
    assert same or torch.equal(y, before + 1)


def test_launched_directly() -> None:
    x, y = torch.randn(256), torch.zeros(256)
    compiled = in_place[(2,)]((x.clone(), y), BLOCK=128)
    z = torch.zeros(256)
    compiled[(2, 1, 1)]((x.clone(), z), 128)
    assert torch.equal(z, x + 1)
    for wrong, words in [
        ((x,), r"argument `t\[0\]`: expected a tuple of 2, got tuple of 1"),
        (x, r"argument `t\[0\]`: expected a tuple of 2, got Tensor"),
        ((x, 1.5), r"argument `t\[1\]`: expected a tensor"),
        ((x.double(), z), r"argument `t\[0\]`: is a tensor of torch\.float64"),
    ]:
        with pytest.raises(LaunchError, match=words):
            compiled[(2, 1, 1)](wrong, 128)


def test_warmed_up_and_named_in_the_kernels_signature() -> None:
    x, y = torch.randn(256), torch.zeros(256)
    compiled = in_place.warmup((MockTensor(torch.float32), MockTensor(torch.float32)), BLOCK=128, grid=(1,))
    assert compiled.src.signature["t"] == ("*fp32", "*fp32")
    in_place[(2,)]((x, y), BLOCK=128)
    assert torch.isfinite(y).all()


# ---- from and to functions


@triton.jit
def swap(pair):
    return pair[1], pair[0]


@triton.jit
def moments(x, n):
    """A tuple in a tuple: (count, (mean, second moment))."""
    mean = tl.sum(x) / n
    return n, (mean, tl.sum(x * x) / n)


@triton.jit
def functions(x, out, n, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    value = tl.load(x + i, mask=i < n, other=0.0)
    count, both = moments(value, n)
    pair = swap(swap(swap(both)))
    results = (count,) + pair + (both[0],)  # noqa: RUF005 (Triton has no unpacking there)
    for k in tl.static_range(len(results)):
        tl.store(out + k, results[k])


def test_results_of_functions(schedule: str) -> None:
    x, out = torch.randn(100, dtype=torch.float64), torch.zeros(4, dtype=torch.float64)
    functions[(1,)](x, out, 100, BLOCK=128, schedule=schedule)
    torch.testing.assert_close(out, torch.stack([torch.tensor(100.0).double(), (x * x).mean(), x.mean(), x.mean()]))


@triton.jit(noinline=True)
def outlined(t, scale):
    return t[0] * scale, (t[1][0] + scale, t[1][1])


@triton.jit
def calls(x, out, n, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    value = tl.load(x + i)
    a, rest = outlined((value, (n, 2)), 3)
    b, c = rest
    tl.store(out + i, a + b * c)


def test_functions_that_are_not_inlined(schedule: str) -> None:
    x, out = torch.randn(64), torch.zeros(64)
    calls[(1,)](x, out, 5, BLOCK=64, schedule=schedule)
    torch.testing.assert_close(out, x * 3 + 16)


@triton.jit
def carry(x, out, rows, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    state = (tl.zeros((BLOCK,), tl.float32), (tl.full((BLOCK,), -1e30, tl.float32), 0))
    for r in range(rows):
        value = tl.load(x + r * BLOCK + i)
        total, others = state
        largest, count = others
        if r % 2 == 0:
            state = (total + value, (tl.maximum(largest, value), count + 1))
        else:
            state = (total - value, (largest, count))
    tl.store(out + i, state[0] + state[1][0] + state[1][1])


@pytest.mark.parametrize("rows", [0, 1, 5])
def test_carried_by_loops_and_branches(schedule: str, rows: int) -> None:
    x, out = torch.randn(6, 64)[:rows], torch.zeros(64)
    carry[(1,)](x, out, rows, BLOCK=64, schedule=schedule)
    total, largest, count = torch.zeros(64), torch.full((64,), -1e30), 0
    for r in range(rows):
        total += x[r] if r % 2 == 0 else -x[r]
        if r % 2 == 0:
            largest, count = torch.maximum(largest, x[r]), count + 1
    torch.testing.assert_close(out, total + largest + count)


@triton.jit
def languages_own(x, out, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    value = tl.load(x + i)
    t = tl.tuple((value, value * 2))
    both = t + (3,)  # noqa: RUF005 (no unpacking in kernels)
    tl.static_assert(len(both) == 3)
    tl.static_assert((1, 2) == (1, 2))
    tl.static_assert((1, 2) != (1, 3))
    pairs = both[1:]
    total = both[0] + pairs[0] + pairs[-1]
    for part in tl.static_range(2):
        total += t[part]
    tl.store(out + i, total)


def test_tl_tuple(schedule: str) -> None:
    x, out = torch.randn(64), torch.zeros(64)
    languages_own[(1,)](x, out, BLOCK=64, schedule=schedule)
    torch.testing.assert_close(out, x * 6 + 3)


@triton.jit
def add_pairs(a, b, c, d):
    return a + c, b + d


@triton.jit
def reduced(x, y, out, scanned, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    t = (tl.load(x + i), tl.load(y + i))
    a, b = tl.reduce(t, 0, add_pairs)
    tl.store(out, a)
    tl.store(out + 1, b)
    c = tl.associative_scan(t, 0, add_pairs)
    tl.store(scanned + i, c[0] + c[1])


def test_reductions_of_several(schedule: str) -> None:
    x, y, out, scanned = (
        torch.arange(64),
        torch.arange(64) * 3,
        torch.zeros(2, dtype=torch.int64),
        torch.zeros(64).long(),
    )
    reduced[(1,)](x, y, out, scanned, BLOCK=64, schedule=schedule)
    assert out.tolist() == [int(x.sum()), int(y.sum())]
    assert torch.equal(scanned, (x + y).cumsum(0))


@triton.jit
def shaped(x, out, shape, strides, BLOCK: tl.constexpr):
    descriptor = tl.make_tensor_descriptor(x, shape=shape, strides=strides + (1,), block_shape=(8, 16))  # noqa: RUF005 (no unpacking in kernels)
    value = descriptor.load((tl.program_id(0) * 8, 0))
    tl.store(out + tl.program_id(0) * 128 + tl.arange(0, 8)[:, None] * 16 + tl.arange(0, 16)[None, :], value)


def test_shapes_of_descriptors(schedule: str) -> None:
    x, out = torch.randn(13, 20), torch.zeros(16, 16)
    shaped[(2,)](x, out, (13, 12), (20,), BLOCK=8, schedule=schedule)
    expected = torch.zeros(16, 16)
    expected[:13, :12] = x[:, :12]
    assert torch.equal(out, expected)


# ---- values with a class of their own


@aggregate
class Accumulator:
    total: tl.tensor
    weight: tl.tensor
    factor: tl.constexpr

    @triton.constexpr_function
    def __init__(self, total, weight, factor):
        self.total = total
        self.weight = weight
        self.factor = tl.constexpr(factor)

    @triton.jit
    def create(shape: tl.constexpr, factor: tl.constexpr):
        return Accumulator(tl.zeros(shape, tl.float32), tl.zeros(shape, tl.float32), factor)

    @triton.jit
    def add(self, value, weight):
        return Accumulator(self.total + value * weight * self.factor, self.weight + weight, self.factor)

    @triton.jit
    def mean(self):
        return self.total / self.weight


@triton.jit
def weighted_mean(x, w, out, rows, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    state = Accumulator.create((BLOCK,), 2)
    for r in range(rows):
        state = state.add(tl.load(x + r * 256 + i), tl.load(w + r))
    tl.store(out + i, state.mean())


def test_aggregates(schedule: str) -> None:
    x, w, out = torch.randn(5, 256), torch.rand(5) + 0.5, torch.zeros(256)
    weighted_mean[(4,)](x, w, out, 5, BLOCK=64, schedule=schedule)
    torch.testing.assert_close(out, 2 * (x * w[:, None]).sum(0) / w.sum())
