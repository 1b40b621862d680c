"""Kernels whose programs wait for one another: locks, barriers, scans and reductions as they are published for GPUs."""

# pyright: reportUntypedFunctionDecorator=false, reportUnknownParameterType=false, reportMissingParameterType=false

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def chain(flag, y, n):
    """Each program waits for the next one."""
    p = tl.program_id(0) + tl.num_programs(0) * (tl.program_id(1) + tl.num_programs(1) * tl.program_id(2))
    if p < n - 1:
        while tl.atomic_cas(flag + p + 1, 1, 1) != 1:
            pass
    tl.store(y + p, p * 1.0)
    tl.atomic_xchg(flag + p, 1)


@triton.jit
def chain_with_a_gap(flag, y, n, gap):
    """One program fails, and never sets its flag."""
    p = tl.program_id(0) + tl.num_programs(0) * tl.program_id(1)
    if p < n - 1:
        while tl.atomic_cas(flag + p + 1, 1, 1) != 1:
            pass
    tl.device_assert(p != gap, "p != gap")
    tl.store(y + p, p * 1.0)
    tl.atomic_xchg(flag + p, 1)


@triton.jit
def spin_lock(lock, total, order, n):
    """A critical section with plain loads and stores."""
    p = tl.program_id(0)
    while tl.atomic_cas(lock, 0, 1) == 1:
        pass
    before = tl.load(total)
    tl.store(order + before, p)
    tl.store(total, before + 1)
    tl.atomic_xchg(lock, 0)


@triton.jit
def reverse_tickets(serving, trace, n):
    """Programs are served in an order of their own: the last one first."""
    ticket = n - 1 - tl.program_id(0)
    while tl.atomic_add(serving, 0) != ticket:
        pass
    before = tl.load(trace)
    tl.store(trace + 1 + ticket, before)
    tl.store(trace, before + tl.program_id(0) + 1)
    tl.atomic_add(serving, 1)


@triton.jit
def _arrive_and_wait(arrived, programs, phase):
    if programs > 1:
        tl.atomic_add(arrived, 1)
        while tl.atomic_add(arrived, 0) < programs * phase:
            pass


@triton.jit
def smooth(x, arrived, steps, BLOCK: tl.constexpr):
    """Jacobi steps on a ring, with a barrier of all programs between loads and stores."""
    p = tl.program_id(0) + tl.num_programs(0) * (tl.program_id(1) + tl.num_programs(1) * tl.program_id(2))
    programs = tl.num_programs(0) * tl.num_programs(1) * tl.num_programs(2)
    n = programs * BLOCK
    i = p * BLOCK + tl.arange(0, BLOCK)
    for step in range(steps):
        left, right = tl.load(x + (i + n - 1) % n), tl.load(x + (i + 1) % n)
        _arrive_and_wait(arrived, programs, 2 * step + 1)
        tl.store(x + i, 0.5 * (left + right))
        _arrive_and_wait(arrived, programs, 2 * step + 2)


@triton.jit
def normalize(x, o, partial, flags, BLOCK: tl.constexpr):
    """Rows divided by the sum of all rows' maxima: a row of exponentials is kept in scratch while its program waits."""
    p, programs = tl.program_id(0), tl.num_programs(0)
    i = tl.arange(0, BLOCK)
    row = tl.exp(tl.load(x + p * BLOCK + i))
    row = row / tl.sum(row, 0)
    tl.store(partial + p, tl.max(row, 0))
    tl.atomic_xchg(flags + p, 1)
    total = 0.0
    for q in range(programs):
        while tl.load(flags + q, volatile=True) == 0:
            pass
        total += tl.load(partial + q)
    tl.store(o + p * BLOCK + i, row / total)


@triton.jit
def all_flags(flags, o, n, BLOCK: tl.constexpr):
    """A wait for a block of flags."""
    p = tl.program_id(0)
    tl.atomic_xchg(flags + p, 1)
    i = tl.arange(0, BLOCK)
    while tl.min(tl.load(flags + i, mask=i < n, other=1, volatile=True), 0) == 0:
        pass
    tl.store(o + p, tl.sum(tl.load(flags + i, mask=i < n, other=0), 0))


@triton.jit
def _wait_for(flag):
    while tl.atomic_cas(flag, 1, 1) != 1:
        pass


_wait_for_outlined = triton.jit(_wait_for.fn, noinline=True)


@triton.jit
def chain_by_calls(flag, y, n):
    """The wait is in a function that is not inlined."""
    p = tl.program_id(0)
    if p < n - 1:
        _wait_for_outlined(flag + p + 1)
    tl.store(y + p, p * 1.0)
    tl.atomic_xchg(flag + p, 1)


@triton.jit
def look_back(x, o, aggregate, prefix, status, n, BLOCK: tl.constexpr):
    """A scan in one pass (Merrill and Garland): blocks publish sums, then look back until one knows its prefix."""
    p = tl.program_id(0)
    i = p * BLOCK + tl.arange(0, BLOCK)
    v = tl.load(x + i, mask=i < n, other=0)
    own = tl.sum(v, 0)
    before = own * 0
    if p == 0:
        tl.store(prefix, own)
        tl.atomic_xchg(status, 2)
    else:
        tl.store(aggregate + p, own)
        tl.atomic_xchg(status + p, 1)
        q = p - 1
        while q >= 0:
            state = tl.atomic_add(status + q, 0)
            if state == 2:
                before += tl.load(prefix + q)
                q = -1
            elif state == 1:
                before += tl.load(aggregate + q)
                q -= 1
        tl.store(prefix + p, before + own)
        tl.atomic_xchg(status + p, 2)
    tl.store(o + i, before + tl.cumsum(v, 0), mask=i < n)


@triton.jit
def stream_k(
    a, b, c, partial, flags, m, n, k, per_program, M: tl.constexpr, N: tl.constexpr, K: tl.constexpr
):  # fmt: skip
    """Stream-K (Osama et al.): each program has the same number of steps along k, over tiles.

    Whoever begins a tile collects the parts of those that go on with it.
    """
    p = tl.program_id(0)
    steps_of_tile, across = k // K, n // N
    at = p * per_program
    end = min(at + per_program, steps_of_tile * (m // M) * across)
    rows, columns, depth = tl.arange(0, M), tl.arange(0, N), tl.arange(0, K)
    while at < end:
        tile = at // steps_of_tile
        first = at % steps_of_tile
        last = min(steps_of_tile, first + end - at)
        i, j = tile // across * M + rows, tile % across * N + columns
        acc = tl.zeros((M, N), tl.float32)
        for step in range(first, last):
            left = tl.load(a + i[:, None] * k + step * K + depth[None, :])
            right = tl.load(b + (step * K + depth[:, None]) * n + j[None, :])
            acc = tl.dot(left, right, acc)
        here = rows[:, None] * N + columns[None, :]
        if first != 0:
            tl.store(partial + p * M * N + here, acc)
            tl.atomic_xchg(flags + p, 1)
        else:
            done, other = last, p + 1
            while done < steps_of_tile:
                while tl.atomic_cas(flags + other, 1, 1) != 1:
                    pass
                acc += tl.load(partial + other * M * N + here)
                done += per_program
                other += 1
            tl.store(c + i[:, None] * n + j[None, :], acc)
        at += last - first


@triton.jit
def tiles_from_a_counter(x, o, counter, n, BLOCK: tl.constexpr):
    """A persistent kernel: programs take tiles until there are none left. Nobody waits, but it looks like it."""
    tile = tl.atomic_add(counter, 1)
    while tile * BLOCK < n:
        i = tile * BLOCK + tl.arange(0, BLOCK)
        tl.store(o + i, tl.load(x + i, mask=i < n) * 2, mask=i < n)
        tile = tl.atomic_add(counter, 1)


@triton.jit
def hand_over(mine, theirs, o, rounds):
    """Two launches that take turns: each waits for the other's number."""
    for r in range(1, rounds + 1):
        tl.atomic_xchg(mine, r)
        while tl.load(theirs, volatile=True) < r:
            pass
    tl.store(o, rounds)


@triton.jit
def forever(flag, o):
    """Nobody sets the flag."""
    while tl.load(flag, volatile=True) == 0:
        pass
    tl.store(o + tl.program_id(0), 1)


@triton.jit
def forever_some(flag, o, first, last):
    """Some of the programs wait for what nobody does."""
    p = tl.program_id(0)
    if p >= first and p <= last:
        while tl.atomic_cas(flag, 1, 1) == 0:
            pass
    tl.store(o + p, 1)


@triton.jit
def relay(slots, o, n):
    """A cooperative grid: a plain load whose place moves on."""
    p = tl.program_id(0)
    tl.atomic_xchg(slots + n - 1 - p, 1)
    q = 0
    while q < n:
        q += tl.load(slots + q)
    tl.store(o + p, q)


@triton.jit
def set_flag(flag):
    tl.atomic_xchg(flag, 1)
