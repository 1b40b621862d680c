"""Pointers that belong to no one argument: tables of addresses, lists, loops and branches that change arguments."""

from __future__ import annotations

import pytest
import torch
import triton
import triton.language as tl

SCHEDULES = ["threads=1 vectorize=off", "", "threads=2 double_buffer=on profitability=off"]
DTYPES = [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int16, torch.int8]

pytestmark = pytest.mark.parametrize("schedule", SCHEDULES)


def drawn(*shape: int, dtype: torch.dtype = torch.float32, seed: int = 0) -> torch.Tensor:
    return torch.randint(-50, 50, shape, generator=torch.Generator().manual_seed(seed)).to(dtype)


@triton.jit
def table_copy(table, out_table, n, BLOCK: tl.constexpr, KIND: tl.constexpr):
    """Row by row through two tables: each lane its own array."""
    row = tl.arange(0, BLOCK)
    x = tl.load(table + row).to(tl.pointer_type(KIND))
    y = tl.load(out_table + row).to(tl.pointer_type(KIND))
    for k in range(n):
        tl.store(y + k, tl.load(x + k) + 1, mask=row != 2)


TRITON = {
    torch.float64: tl.float64, torch.float32: tl.float32, torch.float16: tl.float16, torch.bfloat16: tl.bfloat16,
    torch.int64: tl.int64, torch.int16: tl.int16, torch.int8: tl.int8,
}  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("block", [1, 8, 32])
def test_tables_of_arrays(schedule, dtype, block):
    rows = [drawn(7, dtype=dtype, seed=k) for k in range(block)]
    outs = [torch.zeros(7, dtype=dtype) for _ in range(block)]
    tables = (torch.tensor([t.data_ptr() for t in each]) for each in (rows, outs))
    table_copy[(1,)](*tables, 7, BLOCK=block, KIND=TRITON[dtype], schedule=schedule)
    for k, (row, out) in enumerate(zip(rows, outs, strict=True)):
        assert torch.equal(out, row + 1 if k != 2 else torch.zeros_like(row))


@triton.jit
def grouped(table, sizes, o, BLOCK: tl.constexpr):
    """A program for each array of a group, as a grouped product addresses its matrices."""
    pid = tl.program_id(0)
    x = tl.load(table + pid).to(tl.pointer_type(tl.float32))
    n = tl.load(sizes + pid)
    total = 0.0
    for first in range(0, n, BLOCK):
        i = first + tl.arange(0, BLOCK)
        total += tl.sum(tl.load(x + i, mask=i < n, other=0.0), 0)
    tl.store(o + pid, total)


def test_a_program_for_each_array(schedule):
    arrays = [drawn(n, seed=n) for n in (1, 33, 64, 100, 7)]
    o = torch.zeros(5)
    table = torch.tensor([a.data_ptr() for a in arrays])
    grouped[(5,)](table, torch.tensor([len(a) for a in arrays]), o, BLOCK=32, schedule=schedule)
    assert torch.equal(o, torch.stack([a.sum() for a in arrays]))


@triton.jit
def lists(heads, o, n, BLOCK: tl.constexpr):
    """Nodes of two words, the next one's address and a number: as many lists as lanes."""
    lane = tl.arange(0, BLOCK)
    node = tl.load(heads + lane).to(tl.pointer_type(tl.int64))
    total = tl.zeros((BLOCK,), tl.int64)
    for _ in range(n):
        total += tl.load(node + 1)
        node = tl.load(node).to(tl.pointer_type(tl.int64))
    tl.store(o + lane, total)


@triton.jit
def one_list(heads, o):
    """A `while` over a list whose last node has no next one."""
    node = tl.load(heads + tl.program_id(0)).to(tl.pointer_type(tl.int64))
    total = tl.load(node + 1)
    while tl.load(node) != 0:
        node = tl.load(node).to(tl.pointer_type(tl.int64))
        total += tl.load(node + 1)
    tl.store(o + tl.program_id(0), total)


@pytest.mark.parametrize("length", [1, 2, 9])
def test_linked_lists(schedule, length):
    nodes = torch.zeros(8, length, 2, dtype=torch.int64)
    nodes[..., 1] = drawn(8, length, dtype=torch.int64)
    step = nodes.element_size() * 2
    where = nodes.data_ptr() + step * torch.arange(8 * length).reshape(8, length)
    nodes[:, :-1, 0] = where[:, 1:]
    heads, o, p = where[:, 0].contiguous(), torch.zeros(8, dtype=torch.int64), torch.zeros(8, dtype=torch.int64)
    one_list[(8,)](heads, o, schedule=schedule)
    nodes[:, -1, 0] = where[:, 0]
    lists[(1,)](heads, p, length, BLOCK=8, schedule=schedule)
    assert torch.equal(o, nodes[..., 1].sum(1)) and torch.equal(p, o)


@triton.jit
def addresses(x, o, step, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    tl.store(o + i, (x + i * step).to(tl.int64))
    tl.store(o + BLOCK, (x + step).to(tl.int64))


@pytest.mark.parametrize("dtype", DTYPES)
def test_pointers_are_numbers(schedule, dtype):
    x, o = drawn(100, dtype=dtype), torch.zeros(17, dtype=torch.int64)
    addresses[(1,)](x, o, 3, BLOCK=16, schedule=schedule)
    expected = [x.data_ptr() + 3 * k * x.element_size() for k in [*range(16), 1]]
    assert o.tolist() == expected


@triton.jit
def there_and_back(x, o, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    number = (x + i).to(tl.int64) + 8
    tl.store(o + i, tl.load(number.to(tl.pointer_type(tl.float64)), mask=i < n), mask=i < n)


def test_a_number_is_a_pointer_again(schedule):
    x, o = drawn(101, dtype=torch.float64), torch.zeros(100, dtype=torch.float64)
    there_and_back[(4,)](x, o, 100, BLOCK=32, schedule=schedule)
    assert torch.equal(o, x[1:])


@triton.jit
def any_numbers(x, o, KIND: tl.constexpr, NARROW: tl.constexpr, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    number = tl.load(x + i)
    p = number.to(tl.pointer_type(KIND))
    tl.store(o + i, p.to(tl.int64))
    tl.store(o + BLOCK + i, tl.where(number > 0, p + 1, (number - 1).to(tl.pointer_type(KIND))).to(tl.int64))
    tl.store(o + 2 * BLOCK + i, (p.to(tl.pointer_type(NARROW)) + 3).to(tl.pointer_type(KIND)).to(tl.int64))
    one = tl.load(x + 5).to(tl.pointer_type(KIND))
    tl.store(o + 3 * BLOCK, (one + 1).to(tl.int64))


@pytest.mark.parametrize(("kind", "narrow"), [(tl.int64, tl.int8), (tl.int32, tl.int16), (tl.int8, tl.int8)])
def test_numbers_are_pointers_whatever_they_are(schedule, kind, narrow):
    """Also one that no element can begin at: nothing is read there, and it is the same number afterwards."""
    x = torch.randint(-(2**63), 2**63 - 1, (32,), generator=torch.manual_seed(0))
    o = torch.zeros(97, dtype=torch.int64)
    any_numbers[(1,)](x, o, kind, narrow, BLOCK=32, schedule=schedule)
    size, small = kind.primitive_bitwidth // 8, narrow.primitive_bitwidth // 8
    expected = [x, torch.where(x > 0, x + size, x - 1), x + 3 * small, x[5:6] + size]
    assert torch.equal(o, torch.cat(expected))


@triton.jit
def seen_as_wider(x, index, o, BLOCK: tl.constexpr):
    """On the way, pointers to a type that they are not aligned to."""
    i = tl.arange(0, BLOCK)
    p = (x + tl.load(index + i)).to(tl.pointer_type(tl.int64))
    tl.store(o + i, tl.load(p.to(tl.pointer_type(tl.int8)) + 1))
    q = p.to(tl.int64).to(tl.pointer_type(tl.int32)).to(tl.pointer_type(tl.int8))
    tl.store(o + BLOCK + i, tl.load(q))


def test_pointers_to_a_type_that_is_not_read_need_no_alignment(schedule):
    x, index = drawn(70, dtype=torch.int8), torch.randperm(64, generator=torch.manual_seed(0))
    o = torch.zeros(128, dtype=torch.int8)
    seen_as_wider[(1,)](x, index, o, BLOCK=64, schedule=schedule)
    assert torch.equal(o, torch.cat([x[index + 1], x[index]]))


@triton.jit
def exchanged(x, y, o, n, BLOCK: tl.constexpr):
    """Two blocks of pointers, and two pointers, that a loop exchanges."""
    i = tl.arange(0, BLOCK)
    p, q, a, b = x + i, y + i, x, y
    total = tl.zeros((BLOCK,), tl.float32)
    for k in range(n):
        total += tl.load(p) * (k + 1) + tl.load(a)
        p, q = q + 1, p
        a, b = b, a + 1
    tl.store(o + i, total)
    tl.store(q, 1000.0)


def steps(x: torch.Tensor, y: torch.Tensor, n: int, block: int) -> tuple[torch.Tensor, tuple[int, int]]:
    p, q, a, b = (0, 0), (1, 0), (0, 0), (1, 0)
    total = torch.zeros(block)
    for k in range(n):
        total += (x, y)[p[0]][p[1] : p[1] + block] * (k + 1) + (x, y)[a[0]][a[1]]
        p, q = (q[0], q[1] + 1), p
        a, b = b, (a[0], a[1] + 1)
    return total, q


@pytest.mark.parametrize("n", [0, 1, 2, 5])
@pytest.mark.parametrize("block", [4, 64])
def test_a_loop_changes_arguments(schedule, n, block):
    x, y, o = drawn(100), drawn(100, seed=1), torch.zeros(block)
    expected, last = steps(x, y, n, block)
    after = [x.clone(), y.clone()]
    after[last[0]][last[1] : last[1] + block] = 1000.0
    exchanged[(1,)](x, y, o, n, BLOCK=block, schedule=schedule)
    assert torch.equal(o, expected) and torch.equal(x, after[0]) and torch.equal(y, after[1])


@triton.jit
def written_inside(x, y, o, n, BLOCK: tl.constexpr):
    """What is loaded before a loop is needed behind it, which writes to one argument and then to the other."""
    i = tl.arange(0, BLOCK)
    before, other = tl.load(x + i), tl.load(y + i)
    p, q = x + i, y + i
    for k in range(n):
        tl.store(p, tl.load(q) + k)
        p, q = q, p
    tl.store(o + i, before * 1000 + other)


@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_what_is_loaded_before_a_loop_that_changes_arguments_is_read_before(schedule, n):
    x, y, o = drawn(64), drawn(64, seed=1), torch.zeros(64)
    expected = x * 1000 + y
    memory = [x.clone(), y.clone()]
    for k in range(n):
        memory[k % 2] = memory[1 - k % 2] + k
    written_inside[(1,)](x, y, o, n, BLOCK=64, schedule=schedule)
    assert torch.equal(o, expected) and torch.equal(x, memory[0]) and torch.equal(y, memory[1])


@triton.jit
def mixed(x, y, o, n, BLOCK: tl.constexpr):
    """A block of pointers to two arguments, carried by a loop in steps that differ from lane to lane."""
    i = tl.arange(0, BLOCK)
    p = tl.where(i % 2 == 0, x + i, y + i)
    total = tl.zeros((BLOCK,), tl.float32)
    for _ in range(n):
        total += tl.load(p, mask=i != 3, other=5.0)
        p += 1 + i % 3
    tl.store(o + i, total)


@pytest.mark.parametrize("n", [0, 1, 4])
def test_a_block_of_two_arguments(schedule, n):
    x, y, o = drawn(200), drawn(200, seed=1), torch.zeros(32)
    i = torch.arange(32)
    expected = torch.zeros(32)
    for k in range(n):
        at = i + k * (1 + i % 3)
        expected += torch.where(i == 3, 5.0, torch.where(i % 2 == 0, x[at], y[at]))
    mixed[(1,)](x, y, o, n, BLOCK=32, schedule=schedule)
    assert torch.equal(o, expected)


@triton.jit
def chosen(x, y, table, o, flag, BLOCK: tl.constexpr):
    """A branch that gives a block of pointers to an argument, or from a table."""
    i = tl.arange(0, BLOCK)
    if flag == 0:
        p = x + i
    elif flag == 1:
        p = y + i * 2
    else:
        p = tl.load(table + i).to(tl.pointer_type(tl.float32))
    tl.store(o + i, tl.load(p))
    tl.atomic_add(p, 1.0)


@pytest.mark.parametrize("flag", [0, 1, 2])
def test_a_branch_gives_pointers(schedule, flag):
    x, y, o = drawn(64), drawn(64, seed=1), torch.zeros(32)
    z = drawn(32, seed=2)
    table = torch.tensor([z.data_ptr() + 4 * (31 - k) for k in range(32)])
    target = (x[:32], y[::2], z.flip(0))[flag].clone()
    chosen[(1,)](x, y, table, o, flag, BLOCK=32, schedule=schedule)
    assert torch.equal(o, target)
    assert torch.equal((x[:32], y[::2], z.flip(0))[flag], target + 1)


@triton.jit
def until(x, y, o, n, BLOCK: tl.constexpr):
    """`while` moves a block of pointers, and takes another argument in between."""
    i = tl.arange(0, BLOCK)
    p = x + i
    k = 0
    total = tl.zeros((BLOCK,), tl.float32)
    while k < n:
        total += tl.load(p)
        p += BLOCK
        k += 1
        if k == 2:
            p = y + i
    tl.store(o + i, total)


@pytest.mark.parametrize("n", [0, 1, 2, 5])
def test_while_carries_blocks_of_pointers(schedule, n):
    x, y, o = drawn(64), drawn(64, seed=1), torch.zeros(16)
    rows = [*x.reshape(4, 16)[:2], *y.reshape(4, 16)][:n]
    until[(1,)](x, y, o, n, BLOCK=16, schedule=schedule)
    assert torch.equal(o, torch.stack([torch.zeros(16), *rows]).sum(0))


@triton.jit
def descriptors(x, y, o, n, BLOCK: tl.constexpr):
    """A loop that goes from one descriptor to another."""
    at = tl.make_tensor_descriptor(x, [n], [1], [BLOCK])
    other = tl.make_tensor_descriptor(y, [n - 5], [1], [BLOCK])
    total = tl.zeros((BLOCK,), tl.float32)
    for k in range(3):
        total += at.load([k * BLOCK])
        if k == 0:
            at = other
    tl.store(o + tl.arange(0, BLOCK), total)


def test_a_loop_chooses_descriptors(schedule):
    x, y, o = drawn(48), drawn(48, seed=1), torch.zeros(16)
    descriptors[(1,)](x, y, o, 48, BLOCK=16, schedule=schedule)
    y[43:] = 0
    assert torch.equal(o, x[:16] + y[16:32] + y[32:])


@triton.jit
def last(o, n):
    i = -7
    for i in range(n):
        tl.store(o + i, i + 1)
    tl.store(o + 10, i * 0 + 3)


def test_a_loops_variable_is_there_behind_it(schedule):
    o = torch.zeros(11, dtype=torch.int32)
    last[(1,)](o, 4, schedule=schedule)
    assert o.tolist() == [1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 3]


@triton.jit(noinline=True)
def clipped(value, low, high):
    if value < low:
        return low
    if value > high:
        return high
    return value


@triton.jit(noinline=True)
def row_of(x, y, row, stride, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    if row < 0:
        return y + i
    if row == 2:
        return x + 2 * stride + i * 2
    return x + row * stride + i


@triton.jit(noinline=True)
def start_of(x, y, flag):
    if flag:
        return y + 1
    return x


@triton.jit
def added(p, q, mask):
    return tl.load(p, mask=mask, other=0.0) + tl.load(q, mask=mask, other=0.0)


@triton.jit
def callers(x, y, o, rows, n, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    for k in range(rows):
        row = clipped(k - 1, -1, 3)
        p = row_of(x, y, row, BLOCK, BLOCK)
        first = tl.load(start_of(x, y, k % 2 == 0))
        tl.store(o + k * BLOCK + i, added(p, tl.where(i < 3, x + i, y + i), i < n) + first)


@pytest.mark.parametrize("n", [0, 5, 16])
def test_noinline_functions_return_early_and_give_pointers(schedule, n):
    block, rows = 16, 6
    x, y, o = drawn(4 * block), drawn(block, seed=1), torch.zeros(rows, block)
    callers[(1,)](x, y, o, rows, n, BLOCK=block, schedule=schedule)
    i = torch.arange(block)
    other = torch.where(i < 3, x[:block], y)
    for k in range(rows):
        row = min(max(k - 1, -1), 3)
        taken = y if row < 0 else x[2 * block + 2 * i] if row == 2 else x[row * block + i]
        expected = torch.where(i < n, taken + other, 0.0) + (y[1] if k % 2 == 0 else x[0])
        assert torch.equal(o[k], expected), k
