"""Tensor descriptors, of the host or made in the kernel: blocks of arrays of up to 5 dimensions, cut at the edges."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import pytest
import torch
import triton
import triton.language as tl
from triton.tools.tensor_descriptor import TensorDescriptor

from rung.errors import LaunchError

SCHEDULES = [
    "threads=1",
    "vectorize=off threads=1",
    "threads=2 profitability=off",
    "threads=2 profitability=off double_buffer=on tile_elements=64",
]
DTYPES = [
    torch.float32,
    torch.float16,
    torch.bfloat16,
    torch.float64,
    torch.int8,
    torch.int32,
    torch.int64,
    torch.uint8,
]


@pytest.fixture(params=SCHEDULES, ids=["vector", "scalar", "threads", "buffers"])
def schedule(request: pytest.FixtureRequest) -> str:
    return request.param


def numbers(shape: Sequence[int], dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """Small whole numbers, which every type has."""
    generator = torch.Generator().manual_seed(sum(shape))
    return torch.randint(0, 50, tuple(shape), generator=generator).to(dtype)


def block_of(x: torch.Tensor, at: Sequence[int], block: Sequence[int], outside: float = 0) -> torch.Tensor:
    """The block at `at`, `outside` where there is no element."""
    result = torch.full(tuple(block), outside, dtype=x.dtype)
    ranges = [(max(a, 0), min(a + n, size)) for a, n, size in zip(at, block, x.shape, strict=True)]
    if all(low < high for low, high in ranges):
        inside = tuple(slice(low, high) for low, high in ranges)
        target = tuple(slice(low - a, high - a) for (low, high), a in zip(ranges, at, strict=True))
        result[target] = x[inside]
    return result


# ---- loads and stores


@triton.jit
def move_1d(source, target, BLOCK: tl.constexpr):
    at = tl.program_id(0) * BLOCK
    target.store([at], source.load([at]) * 2)


@triton.jit
def move_2d(source, target, M: tl.constexpr, N: tl.constexpr):
    at = [tl.program_id(0) * M, tl.program_id(1) * N]
    target.store(at, source.load(at) * 2)


@triton.jit
def move_3d(source, target, M: tl.constexpr, N: tl.constexpr):
    at = [tl.program_id(2), tl.program_id(0) * M, tl.program_id(1) * N]
    target.store(at, source.load(at) * 2)


@triton.jit
def move_4d(source, target, M: tl.constexpr, N: tl.constexpr):
    at = [tl.program_id(2) // 2, tl.program_id(2) % 2, tl.program_id(0) * M, tl.program_id(1) * N]
    target.store(at, source.load(at) * 2)


@triton.jit
def move_5d(source, target, M: tl.constexpr, N: tl.constexpr):
    i = tl.program_id(2)
    at = [i // 4, i // 2 % 2, i % 2, tl.program_id(0) * M, tl.program_id(1) * N]
    target.store(at, source.load(at) * 2)


MOVES = {1: move_1d, 2: move_2d, 3: move_3d, 4: move_4d, 5: move_5d}


@pytest.mark.parametrize("rank", [1, 2, 3, 4, 5])
def test_blocks_of_every_rank_are_moved(schedule: str, rank: int) -> None:
    outer, rows, columns = (2,) * (rank - 2), 13, 36
    x = numbers((*outer, rows, columns)[-rank:])
    y = torch.full_like(x, -1)
    block = (*(1 for _ in outer), 8, 16)[-rank:]
    source, target = (TensorDescriptor.from_tensor(t, list(block)) for t in (x, y))
    if rank == 1:
        move_1d[(3,)](source, target, BLOCK=16, schedule=schedule)
    else:
        MOVES[rank][(2, 3, 2 ** len(outer))](source, target, M=8, N=16, schedule=schedule)
    assert torch.equal(y, x * 2)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_blocks_of_every_type_are_moved(dtype: torch.dtype) -> None:
    x, y = numbers((13, 48), dtype), torch.zeros(13, 48, dtype=dtype)
    move_2d[(2, 3)](TensorDescriptor.from_tensor(x, [8, 16]), TensorDescriptor.from_tensor(y, [8, 16]), M=8, N=16)
    assert torch.equal(y, x * 2)


def test_views_with_other_strides_and_beginnings(schedule: str) -> None:
    whole, target = numbers((40, 64)), torch.zeros(40, 64)
    x, y = whole[3:29:2, 8:44], target[1:14, 4:40]
    move_2d[(2, 3)](
        TensorDescriptor.from_tensor(x, [8, 16]), TensorDescriptor.from_tensor(y, [8, 16]), M=8, N=16, schedule=schedule
    )
    expected = torch.zeros(40, 64)
    expected[1:14, 4:40] = 2 * x
    assert torch.equal(target, expected)


@triton.jit
def load_at(source, out, row, column, M: tl.constexpr, N: tl.constexpr):
    value = source.load([row, column])
    tl.store(out + tl.arange(0, M)[:, None] * N + tl.arange(0, N)[None, :], value)


@pytest.mark.parametrize("padding", ["zero", "nan"])
@pytest.mark.parametrize("at", [(0, 0), (-3, 5), (10, -7), (9, 30), (13, 0), (-8, 0), (0, 1 << 30)], ids=str)
def test_what_lies_outside_is_padding(schedule: str, padding: str, at: tuple[int, int]) -> None:
    x, out = numbers((13, 36)), torch.empty(8, 16)
    descriptor = TensorDescriptor.from_tensor(x, [8, 16], padding=padding)
    load_at[(1,)](descriptor, out, *at, M=8, N=16, schedule=schedule)
    expected = block_of(x, at, (8, 16), 0.0 if padding == "zero" else float("nan"))
    torch.testing.assert_close(out, expected, rtol=0, atol=0, equal_nan=True)


def test_one_kernel_pads_as_each_launch_says() -> None:
    x, out = numbers((4, 16)), torch.empty(8, 16)
    for padding, outside in (("nan", float("nan")), ("zero", 0.0)):
        load_at[(1,)](TensorDescriptor.from_tensor(x, [8, 16], padding=padding), out, 0, 0, M=8, N=16)
        expected = block_of(x, (0, 0), (8, 16), outside)
        torch.testing.assert_close(out, expected, rtol=0, atol=0, equal_nan=True)


def test_rounding_to_tf32() -> None:
    """To 10 bits of significand, to the nearest, ties to even; infinities and NaN are what they are."""
    bits = torch.tensor(
        [0x3F800000, 0x3F801000, 0x3F803000, 0x3F800FFF, 0x3F801001, 0x7F800000, 0x7FC01234, 0x00001FFF]
    )
    x = bits.repeat(16).to(torch.int32).view(torch.float32).reshape(8, 16)
    out = torch.empty(8, 16)
    load_at[(1,)](TensorDescriptor.from_tensor(x, [8, 16], round_f32_to_tf32=True), out, 0, 0, M=8, N=16)
    expected = [0x3F800000, 0x3F800000, 0x3F804000, 0x3F800000, 0x3F802000, 0x7F800000, 0x7FC01234, 0x00002000]
    assert out.view(torch.int32).flatten()[:8].tolist() == expected
    compiled = load_at[(1,)](TensorDescriptor.from_tensor(x, [8, 16]), out, 0, 0, M=8, N=16)
    assert torch.equal(out.view(torch.int32), x.view(torch.int32))
    assert "-8192" in compiled.asm["ttir"] and "-8192" not in compiled.asm["linalg"], "the mask of what is rounded away"


@triton.jit
def product(a, b, c, K, M: tl.constexpr, N: tl.constexpr, STEP: tl.constexpr):
    """Blocks of one batch: the dimensions of extent 1 are taken away."""
    batch, row, column = tl.program_id(2), tl.program_id(0) * M, tl.program_id(1) * N
    total = tl.zeros((M, N), tl.float32)
    for k in range(0, K, STEP):
        left = a.load([batch, 0, row, k]).reshape(M, STEP)
        right = b.load([batch, k, column]).reshape(STEP, N)
        total = tl.dot(left, right, total)
    c.store([batch, row, column], total.reshape(1, M, N).to(c.dtype))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16], ids=str)
def test_products_of_blocks_of_lower_rank(schedule: str, dtype: torch.dtype) -> None:
    a, b, c = numbers((2, 3, 40, 48), dtype)[:, :1], numbers((2, 48, 24), dtype), torch.zeros(2, 40, 24)
    product[(3, 2, 2)](
        TensorDescriptor.from_tensor(a, [1, 1, 16, 16]),
        TensorDescriptor.from_tensor(b, [1, 16, 16]),
        TensorDescriptor.from_tensor(c, [1, 16, 16]),
        48,
        M=16,
        N=16,
        STEP=16,
        schedule=schedule,
    )
    assert torch.equal(c, a[:, 0].float() @ b.float())


# ---- reductions, gathers, scatters


@triton.jit
def fold(target, values, KIND: tl.constexpr):
    at = [tl.program_id(0) * 4 - 2, 16]
    value = values.load([tl.program_id(0) * 8, 0])
    if KIND == "add":
        target.atomic_add(at, value)
    elif KIND == "min":
        target.atomic_min(at, value)
    elif KIND == "max":
        target.atomic_max(at, value)
    elif KIND == "and":
        target.atomic_and(at, value)
    elif KIND == "or":
        target.atomic_or(at, value)
    else:
        target.atomic_xor(at, value)


FOLDS: dict[str, Any] = {
    "add": lambda a, b: a + b,
    "min": torch.minimum,
    "max": torch.maximum,
    "and": torch.bitwise_and,
    "or": torch.bitwise_or,
    "xor": torch.bitwise_xor,
}


@pytest.mark.parametrize(
    "kind, dtype",
    [
        *(("add", dtype) for dtype in (torch.int32, torch.float32, torch.float16, torch.bfloat16)),
        *((kind, dtype) for kind in ("min", "max", "and", "or", "xor") for dtype in (torch.int32, torch.int64)),
    ],
)
def test_reductions_into_memory(schedule: str, kind: str, dtype: torch.dtype) -> None:
    target, values = numbers((13, 32), dtype)[:, :28], numbers((32, 16), dtype) - 20
    expected = target.clone()
    for program in range(4):
        for row in range(8):
            if 0 <= (at := program * 4 - 2 + row) < 13:
                expected[at, 16:] = FOLDS[kind](expected[at, 16:], values[program * 8 + row, :12])
    into, source = TensorDescriptor.from_tensor(target, [8, 16]), TensorDescriptor.from_tensor(values, [8, 16])
    fold[(4,)](into, source, KIND=kind, schedule=schedule)
    assert torch.equal(target, expected)


@triton.jit
def take_rows(source, rows, out, target, column, COUNT: tl.constexpr, N: tl.constexpr):
    which = tl.load(rows + tl.arange(0, COUNT))
    value = source.gather(which, column)
    tl.store(out + tl.arange(0, COUNT)[:, None] * N + tl.arange(0, N)[None, :], value)
    target.scatter(value + 100, which, column)


@pytest.mark.parametrize("column", [0, 12, 24, -4])
def test_rows_are_gathered_and_scattered(schedule: str, column: int) -> None:
    x, target, out = numbers((20, 32)), torch.zeros(20, 32), torch.empty(16, 16)
    rows = torch.tensor([3, 19, 0, 25, 7, 8, -1, 11, 12, 1, 2, 20, 4, 5, 6, 17], dtype=torch.int32)
    source, into = (TensorDescriptor.from_tensor(t, [1, 16]) for t in (x, target))
    take_rows[(1,)](source, rows, out, into, column, COUNT=16, N=16, schedule=schedule)
    gathered = torch.cat([block_of(x, (int(row), column), (1, 16)) for row in rows])
    assert torch.equal(out, gathered)
    expected = torch.zeros(20, 32)
    low, high = max(column, 0), min(column + 16, 32)
    for number, row in enumerate(rows.tolist()):
        if 0 <= row < 20:
            expected[row, low:high] = gathered[number, low - column : high - column] + 100
    assert torch.equal(target, expected)


# ---- what descriptors are made of, and where they go


@triton.jit
def describe(descriptor, out):
    for d in tl.static_range(3):
        tl.store(out + d, descriptor.shape[d])
        tl.store(out + 3 + d, descriptor.strides[d])
    tl.store(out + 6, descriptor.block_shape[2])


def test_shape_and_strides_are_known() -> None:
    x, out = torch.zeros(3, 7, 40)[:, ::2, :36], torch.zeros(7, dtype=torch.int64)
    describe[(1,)](TensorDescriptor.from_tensor(x, [1, 2, 16]), out)
    assert out.tolist() == [3, 4, 36, 280, 80, 1, 16]


class Layer(NamedTuple):
    weights: TensorDescriptor
    scale: float


@triton.jit
def through_tuples(layers, target, rows):
    at = tl.program_id(0) * 8
    total = layers[0].weights.load([at, 0]) * layers[0].scale
    for n in tl.static_range(1, 3):
        total += layers[n].weights.load([at, 0]) * layers[n].scale
    target[1][0].store([at, 0], total + rows)


def test_in_tuples(schedule: str) -> None:
    sources = [numbers((20, 16)) + n for n in range(3)]
    layers = tuple(Layer(TensorDescriptor.from_tensor(x, [8, 16]), 0.5 + n) for n, x in enumerate(sources))
    y = torch.zeros(20, 16)
    through_tuples[(3,)](layers, (None, (TensorDescriptor.from_tensor(y, [8, 16]), 7)), 3, schedule=schedule)
    assert torch.equal(y, sources[0] * 0.5 + sources[1] * 1.5 + sources[2] * 2.5 + 3)


@triton.jit
def made(pointer, shape, M: tl.constexpr, N: tl.constexpr):
    return tl.make_tensor_descriptor(pointer, shape=shape, strides=[shape[1], 1], block_shape=[M, N])


@triton.jit
def both(a, b):
    return b, a


@triton.jit
def returned(x, y, rows, columns, M: tl.constexpr, N: tl.constexpr):
    source, target = both(made(y, (rows, columns), M, N), made(x, (rows, columns), M, N))
    at = [tl.program_id(0) * M, tl.program_id(1) * N]
    target.store(at, source.load(at) * 2)


@pytest.mark.parametrize("rows, columns", [(13, 36), (1, 16), (8, 1)])
def test_from_functions(schedule: str, rows: int, columns: int) -> None:
    x, y = numbers((rows, columns)), torch.zeros(rows, columns)
    returned[(2, 3)](x, y, rows, columns, M=8, N=16, schedule=schedule)
    assert torch.equal(y, x * 2)


@triton.jit
def passed_back(a, b, M: tl.constexpr, N: tl.constexpr):
    source, target = both(b, a)
    at = [tl.program_id(0) * M, tl.program_id(1) * N]
    target.store(at, source.load(at) * 2)


def test_those_of_the_host_from_functions(schedule: str) -> None:
    x, y = numbers((13, 36)), torch.zeros(13, 36)
    a, b = (TensorDescriptor.from_tensor(t, [8, 16]) for t in (x, y))
    passed_back[(2, 3)](a, b, M=8, N=16, schedule=schedule)
    assert torch.equal(y, x * 2)


@triton.jit(noinline=True)
def load_outside(descriptor, row, column):
    return descriptor.load([row, column])


@triton.jit
def outlined(a, b, M: tl.constexpr, N: tl.constexpr):
    row, column = tl.program_id(0) * M, tl.program_id(1) * N
    b.store([row, column], load_outside(a, row, column) * 2)


def test_in_functions_that_are_not_inlined(schedule: str) -> None:
    x, y = numbers((13, 36)), torch.zeros(13, 36)
    a, b = (TensorDescriptor.from_tensor(t, [8, 16]) for t in (x, y))
    outlined[(2, 3)](a, b, M=8, N=16, schedule=schedule)
    assert torch.equal(y, x * 2)


@triton.jit
def of_any_numbers(
    x, y, sizes, rows: tl.int8, columns: tl.int64, batch: tl.uint16, B: tl.constexpr, OPTION: tl.constexpr
):
    """Shapes and strides: from arguments of several widths, from memory, computed, and constants."""
    source = tl.make_tensor_descriptor(
        x,
        shape=[batch, rows, tl.load(sizes)],
        strides=[rows * columns, columns, 1],
        block_shape=[1, B, 16],
        padding_option=OPTION,
    )
    target = tl.make_tensor_descriptor(
        y, shape=[tl.load(sizes + 1), B, 16], strides=[B * 16, 16, 1], block_shape=[1, B, 16]
    )
    target.store([tl.program_id(0), 0, 0], source.load([tl.program_id(0), 8, 16]))


@pytest.mark.parametrize("option, outside", [("zero", 0.0), ("nan", float("nan"))])
def test_shapes_and_strides_of_any_numbers(schedule: str, option: str, outside: float) -> None:
    x, y = numbers((3, 13, 36)), torch.zeros(3, 8, 16)
    sizes = torch.tensor([30, 3], dtype=torch.int32)
    of_any_numbers[(3,)](x, y, sizes, 13, 36, 3, B=8, OPTION=option, schedule=schedule)
    expected = torch.stack([block_of(x[b, :, :30], (8, 16), (8, 16), outside) for b in range(3)])
    torch.testing.assert_close(y, expected, rtol=0, atol=0, equal_nan=True)


@triton.jit
def in_place(descriptor, x, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK
    before = tl.load(x + i + tl.arange(0, BLOCK))
    descriptor.store([i], before + 1)
    tl.store(x + i + tl.arange(0, BLOCK), tl.load(x + i + tl.arange(0, BLOCK)) * 2)


def test_the_array_may_be_another_argument_too(schedule: str) -> None:
    x = numbers((64,))
    expected = (x + 1) * 2
    in_place[(4,)](TensorDescriptor.from_tensor(x, [16]), x, BLOCK=16, schedule=schedule)
    assert torch.equal(x, expected)


@triton.jit
def two_roles(a, b, flag):
    at = [tl.program_id(0) * 8, 0]
    for k in range(2):
        if flag > k:
            b.store(at, a.load(at) + 1)
        else:
            a.store(at, b.load(at) + 1)


def test_in_branches_and_loops(schedule: str) -> None:
    x, y = numbers((16, 16)), torch.zeros(16, 16)
    descriptors = [TensorDescriptor.from_tensor(t, [8, 16]) for t in (x, y)]
    expected = x + 1
    two_roles[(2,)](*descriptors, 1, schedule=schedule)
    assert torch.equal(y, expected) and torch.equal(x, expected + 1)


# ---- what a launch may not be


def test_what_is_no_such_descriptor_is_refused() -> None:
    x, y = numbers((13, 36)), torch.zeros(13, 36)
    a, b = (TensorDescriptor.from_tensor(t, [8, 16]) for t in (x, y))
    compiled = move_2d[(2, 3)](a, b, M=8, N=16)
    for wrong, words in [
        (x, r"argument `source\.base`: expected a tensor descriptor, got Tensor"),
        (TensorDescriptor.from_tensor(numbers((4, 4, 16)), [1, 4, 16]), r"argument `source\.shape\[0\]`: .* of rank 2"),
        (TensorDescriptor.from_tensor(x.double(), [8, 16]), r"argument `source\.base`: is a tensor of torch\.float64"),
        (TensorDescriptor.from_tensor(x.to("meta"), [8, 16]), r"argument `source\.base`: tensor is on meta"),
    ]:
        with pytest.raises(LaunchError, match=words):
            compiled[(2, 3, 1)](wrong, b, 8, 16)
    strided = TensorDescriptor.from_tensor(x, [8, 16])
    strided.strides = [36, 2]
    with pytest.raises(LaunchError, match=r"argument `source\.strides\[1\]`: expected the last stride .* to be 1"):
        move_2d[(2, 3)](strided, b, M=8, N=16)
    compiled[(2, 3, 1)](a, b, 8, 16)
    assert torch.equal(y, x * 2)


# ---- which one, decided when the kernel runs


@triton.jit
def exchanged(a, b, n):
    at = [tl.program_id(0) * 8, 0]
    for _ in range(n):
        b.store(at, a.load(at) + 1)
        a, b = b, a


@pytest.mark.parametrize("turns", [0, 1, 4, 5])
def test_loops_exchange_them(schedule: str, turns: int) -> None:
    x, y = numbers((13, 16)), torch.zeros(13, 16)
    expected = [x.clone(), y.clone()]
    exchanged[(2,)](*(TensorDescriptor.from_tensor(t, [8, 16]) for t in (x, y)), turns, schedule=schedule)
    for _ in range(turns):
        expected[1] = expected[0] + 1
        expected.reverse()
    if turns % 2:
        expected.reverse()
    assert torch.equal(x, expected[0]) and torch.equal(y, expected[1])


@triton.jit
def chosen(a, b, target, rows, M: tl.constexpr):
    row = tl.program_id(0) * M
    source = a
    if row >= rows:
        source = b
        row -= rows
    target.store([tl.program_id(0) * M, 0], source.load([row, 0]))


def test_branches_choose_one(schedule: str) -> None:
    """Of different shapes and strides."""
    x, y, z = numbers((16, 20)), numbers((9, 32)) + 100, torch.zeros(32, 16)
    descriptors = [TensorDescriptor.from_tensor(t, [8, 16]) for t in (x, y, z)]
    chosen[(4,)](*descriptors, 16, M=8, schedule=schedule)
    expected = torch.zeros(32, 16)
    expected[:16], expected[16:25] = x[:, :16], y[:, :16]
    assert torch.equal(z, expected)


@triton.jit
def moved_on(p, n, BLOCK: tl.constexpr):
    descriptor = tl.make_tensor_descriptor(p, [n], [1], [BLOCK])
    for k in range(3):
        descriptor.store([k * BLOCK], descriptor.load([k * BLOCK]) + k + 1)
        if k == 1:
            descriptor = tl.make_tensor_descriptor(p + BLOCK, [n - BLOCK], [1], [BLOCK])


def test_loops_carry_those_that_the_kernel_makes(schedule: str) -> None:
    x = torch.zeros(60, dtype=torch.int32)
    moved_on[(1,)](x, 60, BLOCK=16, schedule=schedule)
    assert torch.equal(x, torch.tensor([1] * 16 + [2] * 16 + [0] * 16 + [3] * 12, dtype=torch.int32))
