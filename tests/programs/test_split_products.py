"""Products whose sum over K is shared by programs: split-K, and stream-K with locks between its programs."""

from __future__ import annotations

import pytest
import torch
import triton
import triton.language as tl
from checking import WAITS, check

SIZES = [(64, 64, 256), (50, 70, 330), (33, 20, 1000)]


@triton.jit
def _partial_product(a_ptr, b_ptr, M, N, K, rm, rn, first, last, step, BK: tl.constexpr):
    acc = tl.zeros((rm.shape[0], rn.shape[0]), dtype=tl.float32)
    for k in range(first, last, step):
        rk = k * BK + tl.arange(0, BK)
        a = tl.load(a_ptr + rm[:, None] * K + rk[None, :], mask=(rm[:, None] < M) & (rk[None, :] < K), other=0.0)
        b = tl.load(b_ptr + rk[:, None] * N + rn[None, :], mask=(rk[:, None] < K) & (rn[None, :] < N), other=0.0)
        acc = tl.dot(a, b, acc)
    return acc


@triton.jit
def split_k_atomic(
    a_ptr, b_ptr, c_ptr, M, N, K, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, SPLIT: tl.constexpr
):
    pid, pid_k = tl.program_id(0), tl.program_id(1)
    grid_n = tl.cdiv(N, BN)
    rm = pid // grid_n * BM + tl.arange(0, BM)
    rn = pid % grid_n * BN + tl.arange(0, BN)
    acc = _partial_product(a_ptr, b_ptr, M, N, K, rm, rn, pid_k, tl.cdiv(K, BK), SPLIT, BK)
    c_ptrs = c_ptr + rm[:, None] * N + rn[None, :]
    mask = (rm < M)[:, None] & (rn < N)[None, :]
    if SPLIT == 1:
        tl.store(c_ptrs, acc, mask=mask)
    else:
        tl.atomic_add(c_ptrs, acc, mask=mask, sem="relaxed")


@pytest.mark.parametrize("split", [1, 2, 5])
@pytest.mark.parametrize(("M", "N", "K"), SIZES)
def test_split_k_with_atomics(M: int, N: int, K: int, split: int) -> None:
    a, b, c = torch.randn(M, K), torch.randn(K, N), torch.zeros(M, N)
    grid = (triton.cdiv(M, 32) * triton.cdiv(N, 32), split)
    split_k_atomic[grid](a, b, c, M, N, K, BM=32, BN=32, BK=32, SPLIT=split)
    check(c, a.double() @ b.double())


@triton.jit
def split_k_serial(
    a_ptr, b_ptr, c_ptr, locks_ptr, M, N, K, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, SPLIT: tl.constexpr
):
    """Each split waits for its turn, so that the sum is the same in every run."""
    pid, pid_k = tl.program_id(0), tl.program_id(1)
    grid_n = tl.cdiv(N, BN)
    rm = pid // grid_n * BM + tl.arange(0, BM)
    rn = pid % grid_n * BN + tl.arange(0, BN)
    acc = _partial_product(a_ptr, b_ptr, M, N, K, rm, rn, pid_k, tl.cdiv(K, BK), SPLIT, BK)
    c_ptrs = c_ptr + rm[:, None] * N + rn[None, :]
    mask = (rm < M)[:, None] & (rn < N)[None, :]
    turn = SPLIT - 1 - pid_k  # the last one begins: it waits for none
    while tl.atomic_add(locks_ptr + pid, 0, sem="acquire") != turn:
        pass
    if turn > 0:
        acc += tl.load(c_ptrs, mask=mask, other=0.0)
    tl.store(c_ptrs, acc, mask=mask)
    tl.debug_barrier()
    tl.atomic_xchg(locks_ptr + pid, (turn + 1) % SPLIT, sem="release")


@pytest.mark.parametrize("schedule", WAITS)
@pytest.mark.parametrize(("M", "N", "K"), SIZES)
def test_split_k_in_turn(M: int, N: int, K: int, schedule: str) -> None:
    a, b = torch.randn(M, K), torch.randn(K, N)
    tiles = triton.cdiv(M, 32) * triton.cdiv(N, 32)
    locks, found = torch.zeros(tiles, dtype=torch.int32), []
    for _ in range(2):
        c = torch.full((M, N), float("nan"))
        split_k_serial[(tiles, 4)](a, b, c, locks, M, N, K, BM=32, BN=32, BK=32, SPLIT=4, schedule=schedule)
        found.append(c)
    check(found[0], a.double() @ b.double())
    assert torch.equal(*found)


@triton.jit
def _swizzle(tile_id, M, N, BM: tl.constexpr, BN: tl.constexpr, GROUP: tl.constexpr):
    grid_m, grid_n = tl.cdiv(M, BM), tl.cdiv(N, BN)
    width = GROUP * grid_n
    group_id = tile_id // width
    group_size = tl.minimum(grid_m - group_id * GROUP, GROUP)
    return group_id * GROUP + tile_id % group_size, (tile_id % width) // group_size


@triton.jit
def stream_k(
    a_ptr, b_ptr, c_ptr, partials_ptr, locks_ptr, M, N, K, total_iters, iters_per_tile,
    BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, GROUP: tl.constexpr,
):  # fmt: skip
    """Each program has the same share of all (tile, k) pairs. Who begins a tile waits for the parts of the others."""
    pid = tl.program_id(0)
    programs = tl.num_programs(0)
    share = total_iters // programs
    extra = total_iters % programs
    start = pid * share + tl.minimum(pid, extra)
    stop = (pid + 1) * share + tl.minimum(pid + 1, extra)
    inside = tl.arange(0, BM)[:, None] * BN + tl.arange(0, BN)[None, :]
    while start < stop:
        tile_id = start // iters_per_tile
        first = start % iters_per_tile
        end = tl.minimum(start + (iters_per_tile - first), stop)
        pid_m, pid_n = _swizzle(tile_id, M, N, BM, BN, GROUP)
        rm, rn = pid_m * BM + tl.arange(0, BM), pid_n * BN + tl.arange(0, BN)
        acc = _partial_product(a_ptr, b_ptr, M, N, K, rm, rn, first, first + end - start, 1, BK)
        if first == 0:
            # The tile is this program's: parts of it are with those behind it.
            tile_end = (tile_id + 1) * iters_per_tile
            covered = end
            other = pid + 1
            while covered < tile_end:
                while tl.atomic_cas(locks_ptr + other, 1, 1) != 1:
                    pass
                acc += tl.load(partials_ptr + other * BM * BN + inside)
                covered += share + (other < extra).to(tl.int32)
                other += 1
            mask = (rm < M)[:, None] & (rn < N)[None, :]
            tl.store(c_ptr + rm[:, None] * N + rn[None, :], acc, mask=mask)
        else:
            tl.store(partials_ptr + pid * BM * BN + inside, acc)
            tl.debug_barrier()
            tl.atomic_xchg(locks_ptr + pid, 1)
        start = end


@pytest.mark.parametrize("schedule", WAITS)
@pytest.mark.parametrize("programs", [1, 4, 7, 23])
@pytest.mark.parametrize(("M", "N", "K"), SIZES)
def test_stream_k(M: int, N: int, K: int, programs: int, schedule: str) -> None:
    a, b, c = torch.randn(M, K), torch.randn(K, N), torch.full((M, N), float("nan"))
    tiles, per_tile = triton.cdiv(M, 32) * triton.cdiv(N, 32), triton.cdiv(K, 32)
    partials, locks = torch.full((programs, 32, 32), float("nan")), torch.zeros(programs, dtype=torch.int32)
    stream_k[(programs,)](
        a, b, c, partials, locks, M, N, K, tiles * per_tile, per_tile, BM=32, BN=32, BK=32, GROUP=2, schedule=schedule
    )
    check(c, a.double() @ b.double())
