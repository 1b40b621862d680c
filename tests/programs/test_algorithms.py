"""Algorithms that are no layers: a Fourier transform by splits and joins, edit distances, a hash table."""

from __future__ import annotations

import pytest
import torch
import triton
import triton.language as tl
from checking import WAITS, check


@triton.jit
def _butterflies(re, im, N: tl.constexpr, L: tl.constexpr):
    M: tl.constexpr = N // (2 * L)
    a_re, b_re = tl.split(tl.permute(tl.reshape(re, (2, M, L)), (1, 2, 0)))
    a_im, b_im = tl.split(tl.permute(tl.reshape(im, (2, M, L)), (1, 2, 0)))
    angle = -3.141592653589793 * tl.arange(0, L).to(tl.float32) / L
    c, s = tl.cos(angle)[None, :], tl.sin(angle)[None, :]
    t_re, t_im = b_re * c - b_im * s, b_re * s + b_im * c
    re = tl.permute(tl.join(a_re + t_re, a_re - t_re), (0, 2, 1))
    im = tl.permute(tl.join(a_im + t_im, a_im - t_im), (0, 2, 1))
    return tl.reshape(re, (N,)), tl.reshape(im, (N,))


@triton.jit
def fourier_transform(x_ptr, out_ptr, N: tl.constexpr, STEPS: tl.constexpr):
    """Stockham's, of radix 2: numbers are (real, imaginary) pairs in memory."""
    row = tl.program_id(0) * 2 * N
    re, im = tl.split(tl.reshape(tl.load(x_ptr + row + tl.arange(0, 2 * N)), (N, 2)))
    for step in tl.static_range(STEPS):
        re, im = _butterflies(re, im, N, 1 << step)
    tl.store(out_ptr + row + tl.arange(0, 2 * N), tl.reshape(tl.join(re, im), (2 * N,)))


@pytest.mark.parametrize("steps", [1, 3, 8])
def test_a_fourier_transform(steps: int) -> None:
    x = torch.randn(3, 1 << steps, dtype=torch.complex64)
    out = torch.empty_like(x)
    pairs = [torch.view_as_real(t) for t in (x, out)]
    fourier_transform[(3,)](*pairs, N=1 << steps, STEPS=steps)
    check(pairs[1], torch.view_as_real(torch.fft.fft(x.to(torch.complex128))))


@triton.jit
def _least(a, b):
    return tl.minimum(a, b)


@triton.jit
def edit_distance(a_ptr, b_ptr, out_ptr, n_a, n_b, BLOCK: tl.constexpr):
    """A row of the table at a time; what depends on the left neighbour is a running minimum."""
    pair, j = tl.program_id(0), tl.arange(0, BLOCK)
    row = j
    b = tl.load(b_ptr + pair * n_b + j - 1, mask=(j > 0) & (j <= n_b), other=-1)
    for i in range(n_a):
        a = tl.load(a_ptr + pair * n_a + i)
        diagonal = tl.gather(row, tl.maximum(j - 1, 0), 0) + (a != b).to(tl.int32)
        row = tl.where(j == 0, i + 1, tl.minimum(row + 1, diagonal))
        row = tl.associative_scan(row - j, 0, _least) + j
    tl.store(out_ptr + pair, tl.sum(tl.where(j == n_b, row, 0)))


@pytest.mark.parametrize(("n_a", "n_b"), [(16, 31), (9, 20)])
def test_edit_distances(n_a: int, n_b: int) -> None:
    a, b = torch.randint(0, 3, (6, n_a)), torch.randint(0, 3, (6, n_b))
    out = torch.empty(6, dtype=torch.int32)
    edit_distance[(6,)](a, b, out, n_a, n_b, BLOCK=32)
    for pair in range(6):
        row = list(range(n_b + 1))
        for i in range(n_a):
            new = [i + 1]
            for j in range(n_b):
                new.append(min(row[j + 1] + 1, new[j] + 1, row[j] + int(a[pair, i] != b[pair, j])))
            row = new
        assert out[pair] == row[n_b]


@triton.jit
def insert_keys(keys_ptr, slots_ptr, out_ptr, per_program, capacity):
    """Open addressing: a slot is taken by whoever exchanges first."""
    for i in range(per_program):
        at = tl.program_id(0) * per_program + i
        key = tl.load(keys_ptr + at)
        slot = key * 40503 % capacity
        found = tl.atomic_cas(slots_ptr + slot, -1, key)
        while (found != -1) & (found != key):
            slot = (slot + 1) % capacity
            found = tl.atomic_cas(slots_ptr + slot, -1, key)
        tl.store(out_ptr + at, slot)


@pytest.mark.parametrize("schedule", WAITS)
@pytest.mark.parametrize("capacity", [64, 67])
def test_a_hash_table(capacity: int, schedule: str) -> None:
    keys = torch.randint(0, 10000, (60,)).int()
    keys[30:] = keys[:30]
    slots, out = torch.full((capacity,), -1).int(), torch.empty(60).int()
    insert_keys[(10,)](keys, slots, out, 6, capacity, schedule=schedule)
    assert torch.equal(slots[out.long()], keys)
    assert sorted(slots[slots >= 0].tolist()) == sorted(set(keys.tolist()))
