"""Kernels whose programs race, and kernels whose programs do not. `# here` and `# there` mark the lines to be named."""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def same_elements(x, out, n, B: tl.constexpr):
    i = tl.program_id(0) * B + tl.arange(0, B)
    tl.store(out + tl.arange(0, B), tl.load(x + i, mask=i < n, other=0))  # here # there


@triton.jit
def overlapping_blocks(x, out, n, B: tl.constexpr):
    i = tl.program_id(0) * (B - 1) + tl.arange(0, B)
    tl.store(out + i, tl.load(x + i, mask=i < n) + tl.program_id(0), mask=i < n)  # here # there


@triton.jit
def one_number(x, out, n, B: tl.constexpr):
    i = tl.program_id(0) * B + tl.arange(0, B)
    tl.store(out, tl.max(tl.load(x + i, mask=i < n, other=0), 0) - tl.program_id(0))  # here # there


@triton.jit
def shifted_in_place(x, out, n, B: tl.constexpr):
    i = tl.program_id(0) * B + tl.arange(0, B)
    v = tl.load(x + i + 1, mask=i + 1 < n, other=0)  # there
    tl.store(x + i, v, mask=i < n)  # here


@triton.jit
def read_of_what_another_writes(x, out, n, B: tl.constexpr):
    i = tl.program_id(0) * B + tl.arange(0, B)
    tl.store(out + i, tl.load(x + i, mask=i < n), mask=i < n)  # there
    before = tl.load(out + i - 1, mask=(i > 0) & (i < n), other=0)  # here
    tl.store(x + i, before, mask=i < n)


@triton.jit
def sum_without_atomic(x, out, n, B: tl.constexpr):
    i = tl.program_id(0) * B + tl.arange(0, B)
    before = tl.load(out)  # here
    tl.store(out, before + tl.sum(tl.load(x + i, mask=i < n, other=0), 0))  # there


@triton.jit
def store_among_atomics(x, out, n, B: tl.constexpr):
    if tl.program_id(0) < 2:
        tl.atomic_add(out, 1)  # there
    else:
        tl.store(out, 0)  # here


@triton.jit
def tiles_that_overlap(x, out, M, N, BM: tl.constexpr, BN: tl.constexpr):
    r = tl.program_id(0) * BM + tl.arange(0, BM)[:, None]
    c = tl.program_id(1) * (BN // 2) + tl.arange(0, BN)[None, :]
    inside = (r < M) & (c < N)
    v = tl.load(x + r * N + c, mask=inside) + tl.program_id(1).to(x.dtype.element_ty)
    tl.store(out + r * N + c, v, mask=inside)  # here # there


@triton.jit
def scatter_to_one_place(x, index, out, n, B: tl.constexpr):
    i = tl.program_id(0) * B + tl.arange(0, B)
    k = tl.load(index + i, mask=i < n, other=0)
    tl.store(out + k, tl.load(x + i, mask=i < n) + 3 * tl.program_id(0), mask=i < n)  # here # there


# ---- with atomics in between that order something else


@triton.jit
def counted_in_between(x, count, out, n, B: tl.constexpr):
    tl.store(out, tl.program_id(0))  # here # there
    tl.atomic_add(count, 1)


@triton.jit
def numbered_in_between(x, count, out, n, B: tl.constexpr):
    """Each takes a number first, of a counter of its own."""
    number = tl.atomic_add(count + tl.program_id(0), 1)
    tl.store(out, number + tl.program_id(0))  # here # there
    tl.atomic_add(count + tl.program_id(0), 1)


@triton.jit
def locks_that_differ(x, count, out, n, B: tl.constexpr):
    lock = count + tl.program_id(0) % 2
    while tl.atomic_cas(lock, 0, 1) == 1:
        pass
    before = tl.load(out)  # here
    tl.store(out, before + 1)  # there
    tl.atomic_xchg(lock, 0)


@triton.jit
def read_before_the_lock(x, count, out, n, B: tl.constexpr):
    before = tl.load(out)  # here
    while tl.atomic_cas(count, 0, 1) == 1:
        pass
    tl.store(out, before + 1)  # there
    tl.atomic_xchg(count, 0)


@triton.jit
def written_behind_the_lock(x, count, out, n, B: tl.constexpr):
    while tl.atomic_cas(count, 0, 1) == 1:
        pass
    before = tl.load(out)  # here
    tl.atomic_xchg(count, 0)
    tl.store(out, before + 1)  # there


@triton.jit
def sums_without_looking_at_the_count(x, count, out, n, B: tl.constexpr):
    p = tl.program_id(0)
    tl.store(out + 1 + p, p)  # there
    tl.atomic_add(count, 1)
    if p == tl.num_programs(0) - 1:
        tl.store(out, tl.load(out + p))  # here


@triton.jit
def relaxed(x, count, out, n, B: tl.constexpr):
    p = tl.program_id(0)
    tl.store(out + 1 + p, p)  # there
    if tl.atomic_add(count, 1, sem="relaxed") == tl.num_programs(0) - 1:
        tl.store(out, tl.load(out + p))  # here


@triton.jit
def rows_counted_in_between(x, count, out, n, B: tl.constexpr):
    """Counts in blocks, and looks at what it has counted."""
    i = tl.arange(0, B)
    tl.store(out + i, tl.program_id(0) + i)  # here # there
    before = tl.atomic_add(count + tl.program_id(0) * B + i, 1)
    tl.store(out + B + tl.program_id(0) * B + i, before)


# ---- in order


@triton.jit
def under_a_lock(x, count, out, n, B: tl.constexpr):
    while tl.atomic_cas(count, 0, 1) == 1:
        pass
    tl.store(out, tl.load(out) + 1)
    tl.atomic_xchg(count, 0)


@triton.jit
def last_one_begins_anew(x, count, out, n, B: tl.constexpr):
    """And sets the counter back, by a plain store."""
    p = tl.program_id(0)
    tl.store(out + 1 + p, p)
    if tl.atomic_add(count, 1) == tl.num_programs(0) - 1:
        tl.store(out, tl.load(out + p))
        tl.store(count, 0)


@triton.jit
def handed_from_one_to_the_next(x, count, out, n, B: tl.constexpr):
    """Each knows what all before it did from the one before it alone."""
    p = tl.program_id(0)
    if p > 0:
        while tl.atomic_add(count + p - 1, 0, sem="acquire") == 0:
            pass
    tl.store(out, tl.load(out) + p)
    tl.store(out + 1 + p, p)
    tl.atomic_add(out + 199, 1)
    tl.atomic_xchg(count + p, 1, sem="release")
    if p == tl.num_programs(0) - 1:
        tl.store(out, tl.sum(tl.load(out + tl.arange(0, B)), 0))


@triton.jit
def volatile_flag(x, count, out, n, B: tl.constexpr):
    p = tl.program_id(0)
    if p > 0:
        while tl.load(count + p - 1, volatile=True) == 0:
            pass
        tl.store(out, tl.load(out + p))
    tl.store(out + 1 + p, p)
    tl.store(count + p, 1)


@triton.jit
def flags_of_a_block(x, count, out, n, B: tl.constexpr):
    """One releases in a block, the others acquire an element each."""
    p = tl.program_id(0)
    if p == 0:
        tl.store(out, 7)
        tl.atomic_xchg(count + tl.arange(0, B), 1)
    else:
        while tl.atomic_add(count + p % B, 0) == 0:
            pass
        tl.store(out + p, tl.load(out))


# ---- the same number


@triton.jit
def copied_twice(x, out, n, B: tl.constexpr):
    i = tl.program_id(0) * (B - 1) + tl.arange(0, B)
    tl.store(out + i, tl.load(x + i, mask=i < n), mask=i < n)  # here


@triton.jit
def scalar_of_all(x, out, n, B: tl.constexpr):
    tl.store(out, n)  # here


@triton.jit
def scattered_twice(x, index, out, n, B: tl.constexpr):
    i = tl.program_id(0) * B + tl.arange(0, B)
    k = tl.load(index + i, mask=i < n, other=0)
    tl.store(out + k, tl.load(x + k, mask=i < n), mask=i < n)  # here
