"""Tensor descriptors as values: what they are made of, and what tuples, functions, branches and loops make of them."""

from __future__ import annotations

from typing import NamedTuple

import pytest
import torch
import triton
import triton.language as tl
from triton.tools.tensor_descriptor import TensorDescriptor

from rung.errors import LaunchError
from tests.numeric.descriptors.blocks import block_of, move_2d, numbers

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
