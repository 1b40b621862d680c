"""Masks that are ranges, [low, high) of each dimension: loads, stores, atomics, reductions, against formulas."""

from __future__ import annotations

import pytest
import torch
import triton
import triton.language as tl

SCHEDULES = {
    "vector": "threads=1",
    "scalar": "vectorize=off threads=1",
    "threads": "threads=2 profitability=off",
    "buffers": "threads=2 profitability=off double_buffer=on tile_elements=64",
}
DTYPES = [
    *(torch.float32, torch.float16, torch.bfloat16, torch.float64, torch.int8, torch.int16),
    *(torch.int32, torch.int64, torch.uint8, torch.bool, torch.float8_e5m2),
]
SMALLEST, GREATEST = -(1 << 31), (1 << 31) - 1
RANGES = [
    *((0, 200), (3, 150), (40, 41), (63, 64), (130, 200), (-5, 70), (7, 300)),
    *((50, 50), (90, 20), (200, 0), (300, 400), (-9, -3)),
    *((SMALLEST, GREATEST), (GREATEST, SMALLEST), (SMALLEST, 50), (50, GREATEST), (GREATEST, GREATEST)),
]
"""The block has 200 elements, in tiles of 64. Empty ones and inverted ones, and the ends of the type."""


@pytest.fixture(params=SCHEDULES.values(), ids=SCHEDULES)
def schedule(request: pytest.FixtureRequest) -> str:
    return request.param


def inside(low: int, high: int, n: int) -> torch.Tensor:
    return torch.tensor([low <= i < high for i in range(n)])


@triton.jit(do_not_specialize=["low", "high", "shift", "n"])
def window(x, y, low, high, n, shift, other, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    v = tl.load(x + i - shift, mask=(i >= low) & (i < high) & (i - shift >= 0) & (i - shift < n), other=other)
    tl.store(y + i, v, mask=i < n)


@pytest.mark.parametrize(("shift", "other"), [(0, float("nan")), (5, float("inf")), (-5, -2.5)])
def test_loads_give_other_before_and_behind(schedule: str, shift: int, other: float) -> None:
    x = torch.randn(200)
    for low, high in RANGES:
        y = torch.zeros(200)
        window[(4,)](x, y, low, high, 200, shift, other, BLOCK=64, schedule=schedule)
        wanted = torch.full((200,), other)
        at = torch.arange(200)[inside(low, high, 200)]
        at = at[(at - shift >= 0) & (at - shift < 200)]
        wanted[at] = x[at - shift]
        torch.testing.assert_close(y, wanted, rtol=0, atol=0, equal_nan=True)


@triton.jit(do_not_specialize=["low", "high"])
def typed(x, y, low, high, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    v = tl.load(x + i, mask=(low <= i) & (i < high))
    tl.store(y + i, v, mask=(low <= i) & (i < high))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_stores_write_nothing_before_or_behind(dtype: torch.dtype) -> None:
    x, before = (torch.randint(0, 2, (192,)).to(dtype) for _ in range(2))
    for low, high in ((5, 171), (64, 128), (100, 30), (191, 500)):
        y = before.clone()
        typed[(3,)](x, y, low, high, BLOCK=64)
        wanted = torch.where(inside(low, high, 192), x.view(torch.uint8) if x.itemsize == 1 else x, 0)
        kept = before.view(torch.uint8) if x.itemsize == 1 else before
        wanted = torch.where(inside(low, high, 192), wanted, kept)
        assert torch.equal(y.view(torch.uint8) if x.itemsize == 1 else y, wanted)


@triton.jit(do_not_specialize=["top", "left", "rows", "columns"])
def padded(x, y, top, left, rows, columns, other, M: tl.constexpr, N: tl.constexpr):
    """The image, `top` rows and `left` columns further down and right."""
    i = tl.program_id(0) * M + tl.arange(0, M)[:, None]
    j = tl.program_id(1) * N + tl.arange(0, N)[None, :]
    r, c = i - top, j - left
    v = tl.load(x + r * columns + c, mask=(r >= 0) & (r < rows) & (left <= j) & (c < columns), other=other)
    tl.store(y + i * (tl.num_programs(1) * N) + j, v)


@pytest.mark.parametrize(("rows", "columns"), [(16, 32), (13, 27)])
@pytest.mark.parametrize(("top", "left"), [(0, 0), (3, 2), (17, 33), (-4, 5), (40, -70)])
def test_the_padding_of_an_image(schedule: str, top: int, left: int, rows: int, columns: int) -> None:
    x, y = torch.randn(rows, columns), torch.empty(48, 64)
    padded[(6, 2)](x, y, top, left, rows, columns, float("inf"), M=8, N=32, schedule=schedule)
    wanted = torch.full((48 + 80, 64 + 160), float("inf"))
    wanted[40 + top : 40 + top + rows, 80 + left : 80 + left + columns] = x
    assert torch.equal(y, wanted[40:88, 80:144])


@triton.jit(do_not_specialize=["a", "b", "c"])
def cube(x, y, a, b, c, A: tl.constexpr, B: tl.constexpr, C: tl.constexpr):
    i = tl.arange(0, A)[:, None, None]
    j = tl.arange(0, B)[None, :, None]
    l = tl.arange(0, C)[None, None, :]
    at = (i * B + j) * C + l
    inside = (i >= a) & (j > b) & not_below(l, c) & (j < b + 5)
    tl.store(y + at, tl.load(x + at, mask=inside, other=9.0), mask=l < C - 1)


@triton.jit
def not_below(i, low):
    return not (i < low)


@pytest.mark.parametrize("low", [(0, -1, 0), (1, 2, 3), (3, 7, 15), (4, 0, 0), (-1, -8, 40)], ids=str)
def test_three_dimensions(schedule: str, low: tuple[int, int, int]) -> None:
    x, y = torch.randn(4, 8, 16), torch.zeros(4, 8, 16)
    cube[(1,)](x, y, *low, A=4, B=8, C=16, schedule=schedule)
    i, j, l = torch.meshgrid(*map(torch.arange, (4, 8, 16)), indexing="ij")
    a, b, c = low
    wanted = torch.where((i >= a) & (j > b) & (j < b + 5) & (l >= c), x, 9.0)
    assert torch.equal(y, torch.where(l < 15, wanted, 0.0))


@triton.jit(do_not_specialize=["low", "high"])
def both(x, y, low, high, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    if (low < high) and (high > 0):
        tl.store(y + i, tl.load(x + i), mask=(i >= low) and (i < high))


@triton.jit(do_not_specialize=["low", "high"])
def one_element(x, y, low, high, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    tl.store(y + i, tl.load(x + i, mask=i == low, other=4.0), mask=~(i == high))


@triton.jit(do_not_specialize=["low", "high"])
def unsigned(x, y, low, high, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    at = (i - 20).to(tl.uint32)
    tl.store(y + i, tl.load(x + i), mask=(at >= low.to(tl.uint32)) & (at < high.to(tl.uint32)))


@triton.jit(do_not_specialize=["low", "high"])
def downwards(x, y, low, high, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    back = BLOCK - 1 - i
    tl.store(y + i, tl.load(x + back, mask=(back >= low) & (high > back), other=4.0))


@pytest.mark.filterwarnings("ignore:Logical operators")
def test_other_ways_to_write_a_range(schedule: str) -> None:
    x, i = torch.randn(128), torch.arange(128)
    for low, high in ((5, 90), (0, 128), (77, 20), (64, 65), (-3, 1), (127, 127), (-60, -8)):
        y = torch.zeros(4, 128)
        for kernel, out in zip((both, one_element, unsigned, downwards), y, strict=True):
            kernel[(1,)](x, out, low, high, BLOCK=128, schedule=schedule)
        assert torch.equal(y[0], torch.where(inside(low, high, 128), x, 0.0))
        assert torch.equal(y[1], torch.where(i == high, 0.0, torch.where(i == low, x, 4.0)))
        at = (i - 20) % (1 << 32)
        assert torch.equal(y[2], torch.where((at >= low % (1 << 32)) & (at < high % (1 << 32)), x, 0.0))
        assert torch.equal(y[3], torch.where(inside(low, high, 128), x, 4.0).flip(0))


@triton.jit
def far(x, y, low, high, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK).to(tl.int64)
    tl.store(y + i, tl.load(x + i, mask=(i > low) & (i <= high), other=4.0))


def test_bounds_at_the_ends_of_64_bits(schedule: str) -> None:
    x, ends = torch.randn(64), (-(1 << 63), (1 << 63) - 1)
    for low, high in ((ends[0], 10), (10, ends[1]), (ends[1], ends[0]), (ends[0], ends[1]), (1 << 40, 5)):
        y = torch.empty(64)
        far[(1,)](x, y, low, high, BLOCK=64, schedule=schedule)
        assert torch.equal(y, torch.where(inside(low + 1, high + 1, 64), x, 4.0))


@triton.jit
def jagged(values, starts, out, WIDTH: tl.constexpr, BLOCK: tl.constexpr):
    """Rows of one array, each from a multiple of BLOCK on, of which only some belongs to it."""
    row = tl.program_id(0)
    start, end = tl.load(starts + row), tl.load(starts + row + 1)
    total = 0.0
    for tile in range(start // BLOCK * BLOCK, end, BLOCK):
        at = tile + tl.arange(0, BLOCK)
        v = tl.load(values + at, mask=(at >= start) & (at < end), other=0.0)
        total += tl.sum(v, 0)
        tl.store(out + row * WIDTH + at - start, v, mask=(at >= start) & (at < end))
    tl.store(out + row * WIDTH + WIDTH - 1, total)


def test_rows_that_begin_anywhere(schedule: str) -> None:
    lengths = [0, 5, 64, 1, 130, 0, 63]
    starts = torch.tensor([0, *lengths]).cumsum(0).to(torch.int32)
    values, out = torch.randint(-9, 9, (int(starts[-1]),)).float(), torch.zeros(len(lengths), 140)
    jagged[(len(lengths),)](values, starts, out, WIDTH=140, BLOCK=64, schedule=schedule)
    for row, part in enumerate(values.split(lengths)):
        assert torch.equal(out[row, : len(part)], part)
        assert torch.equal(out[row, len(part) : -1], torch.zeros(139 - len(part)))
        assert out[row, -1] == part.sum()


@triton.jit(do_not_specialize=["low", "high"])
def count(x, y, low, high, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    old = tl.atomic_add(y + i % 16, tl.load(x + i), mask=(i >= low) & (i < high))
    tl.atomic_max(y + 16 + i, old + 1, mask=(i > low) & (i < high))


def test_atomics_touch_nothing_outside(schedule: str) -> None:
    x = torch.randint(1, 9, (192,), dtype=torch.int32)
    for low, high in ((0, 192), (70, 100), (5, 6), (190, 40)):
        y = torch.zeros(16 + 192, dtype=torch.int32)
        count[(3,)](x, y, low, high, BLOCK=64, schedule=schedule)
        assert torch.equal(y[:16], torch.where(inside(low, high, 192), x, 0).view(12, 16).sum(0).int())
        assert torch.equal(y[16:] > 0, inside(low + 1, high, 192))


@triton.jit(do_not_specialize=["top", "left"])
def folds(x, y, top, left, M: tl.constexpr, N: tl.constexpr, AXIS: tl.constexpr):
    i, j = tl.arange(0, M)[:, None], tl.arange(0, N)[None, :]
    v = tl.load(x + i * N + j, mask=(i >= top) & (i < M - 1) & (j >= left), other=-1.0)
    k = tl.arange(0, N if AXIS == 0 else M)
    tl.store(y + k, tl.sum(v, AXIS))


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize(("top", "left"), [(0, 0), (3, 5), (15, 31), (16, 2), (2, 40)])
def test_sums_of_what_is_partly_outside(schedule: str, axis: int, top: int, left: int) -> None:
    x = torch.randint(0, 9, (16, 32)).float()
    y = torch.empty(32 if axis == 0 else 16)
    folds[(1,)](x, y, top, left, M=16, N=32, AXIS=axis, schedule=schedule)
    i, j = torch.meshgrid(torch.arange(16), torch.arange(32), indexing="ij")
    v = torch.where((i >= top) & (i < 15) & (j >= left), x, -1.0)
    assert torch.equal(y, v.sum(axis))


@triton.jit(do_not_specialize=["rows", "columns", "row", "column"])
def blocks_of(x, y, row, column, rows, columns, M: tl.constexpr, N: tl.constexpr, ORDER: tl.constexpr):
    """A block that begins anywhere, and goes to the same place of `y`."""
    source = tl.make_block_ptr(x, (rows, columns), (columns, 1), (row, column), (M, N), ORDER)
    target = tl.make_block_ptr(y, (rows, columns), (columns, 1), (row, column), (M, N), ORDER)
    v = tl.load(source, boundary_check=(0, 1), padding_option="zero")
    tl.store(target, v + 1, boundary_check=(0, 1))


@pytest.mark.parametrize("at", [(0, 0), (-3, 5), (-15, -31), (10, -7), (-20, 0), (12, 26), (-1, 1 << 30)], ids=str)
def test_block_pointers_that_begin_before_the_array(schedule: str, at: tuple[int, int]) -> None:
    x, y = torch.randn(13, 27), torch.zeros(13, 27)
    blocks_of[(1,)](x, y, *at, 13, 27, M=16, N=32, ORDER=(1, 0), schedule=schedule)
    here = inside(at[0], at[0] + 16, 13)[:, None] & inside(at[1], at[1] + 32, 27)
    assert torch.equal(y, torch.where(here, x + 1, 0.0))


@triton.jit(do_not_specialize=["first", "second", "n"])
def cat(a, b, c, out, first, second, n, BLOCK: tl.constexpr):
    """Three arrays one behind the other."""
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    u = tl.load(a + i, mask=i < first, other=0.0)
    v = tl.load(b + i - first, mask=(i >= first) & (i < second), other=0.0)
    w = tl.load(c + i - second, mask=(i >= second) & (i < n), other=0.0)
    tl.store(out + i, tl.where(i < first, u, tl.where(i < second, v, w)), mask=i < n)


@pytest.mark.parametrize("sizes", [(64, 64, 64), (5, 100, 70), (0, 200, 3), (130, 1, 9), (7, 0, 80)], ids=str)
def test_arrays_one_behind_the_other(schedule: str, sizes: tuple[int, int, int]) -> None:
    parts = [torch.randn(n) for n in sizes]
    given = [torch.cat((part, torch.zeros(1))) for part in parts]  # memory, where there is none
    out, n = torch.empty(sum(sizes)), sum(sizes)
    cat[(triton.cdiv(n, 64),)](*given, out, sizes[0], n - sizes[2], n, BLOCK=64, schedule=schedule)
    assert torch.equal(out, torch.cat(parts))
