"""Tensor descriptors, of the host or made in the kernel: blocks of arrays of up to 5 dimensions, cut at the edges."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import triton
import triton.language as tl
from triton.tools.tensor_descriptor import TensorDescriptor

from tests.numeric.descriptors.blocks import block_of, move_2d, numbers

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


# ---- loads and stores


@triton.jit
def move_1d(source, target, BLOCK: tl.constexpr):
    at = tl.program_id(0) * BLOCK
    target.store([at], source.load([at]) * 2)


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
