"""Many products in one launch: addresses in tables, tiles dealt out in order or taken from a queue in memory."""

from __future__ import annotations

import pytest
import torch
import triton
import triton.language as tl
from checking import WAITS, check

BLOCKS = {"BM": 32, "BN": 32, "BK": 16}


@triton.jit
def _product_of_tile(
    a_ptr, b_ptr, c_ptr, M, N, K, lda, ldb, ldc, tile, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr
):
    num_n_tiles = tl.cdiv(N, BN)
    offs_am = tile // num_n_tiles * BM + tl.arange(0, BM)
    offs_bn = tile % num_n_tiles * BN + tl.arange(0, BN)
    offs_k = tl.arange(0, BK)
    a_ptrs = a_ptr + offs_am[:, None] * lda + offs_k[None, :]
    b_ptrs = b_ptr + offs_k[:, None] * ldb + offs_bn[None, :]
    accumulator = tl.zeros((BM, BN), dtype=tl.float32)
    for kk in range(tl.cdiv(K, BK)):
        tl.multiple_of(a_ptrs, [16, 16])
        tl.multiple_of(b_ptrs, [16, 16])
        a = tl.load(a_ptrs, mask=(offs_am < M)[:, None] & (offs_k < K - kk * BK)[None, :], other=0.0)
        b = tl.load(b_ptrs, mask=(offs_k < K - kk * BK)[:, None] & (offs_bn < N)[None, :], other=0.0)
        accumulator += tl.dot(a, b)
        a_ptrs += BK
        b_ptrs += BK * ldb
    c_ptrs = c_ptr + ldc * offs_am[:, None] + offs_bn[None, :]
    tl.store(c_ptrs, accumulator.to(c_ptr.dtype.element_ty), mask=(offs_am < M)[:, None] & (offs_bn < N)[None, :])


@triton.jit
def grouped_matmul(
    group_a_ptrs, group_b_ptrs, group_c_ptrs, group_gemm_sizes, g_lds, group_size,
    DTYPE: tl.constexpr, NUM_SM: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr,
):  # fmt: skip
    tile_idx = tl.program_id(0)
    last_problem_end = 0
    for g in range(group_size):
        gm = tl.load(group_gemm_sizes + g * 3)
        gn = tl.load(group_gemm_sizes + g * 3 + 1)
        gk = tl.load(group_gemm_sizes + g * 3 + 2)
        num_tiles = tl.cdiv(gm, BM) * tl.cdiv(gn, BN)
        while tile_idx >= last_problem_end and tile_idx < last_problem_end + num_tiles:
            lda = tl.load(g_lds + g * 3)
            ldb = tl.load(g_lds + g * 3 + 1)
            ldc = tl.load(g_lds + g * 3 + 2)
            a_ptr = tl.load(group_a_ptrs + g).to(tl.pointer_type(DTYPE))
            b_ptr = tl.load(group_b_ptrs + g).to(tl.pointer_type(DTYPE))
            c_ptr = tl.load(group_c_ptrs + g).to(tl.pointer_type(DTYPE))
            _product_of_tile(a_ptr, b_ptr, c_ptr, gm, gn, gk, lda, ldb, ldc, tile_idx - last_problem_end, BM, BN, BK)
            tile_idx += NUM_SM
        last_problem_end = last_problem_end + num_tiles


@triton.jit
def queued_matmul(
    group_a_ptrs, group_b_ptrs, group_c_ptrs, group_gemm_sizes, g_lds, tile_ends, queue, group_size,
    DTYPE: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr,
):  # fmt: skip
    """Programs take the next tile of all groups from one counter until there is none."""
    total = tl.load(tile_ends + group_size - 1)
    tile = tl.atomic_add(queue, 1)
    while tile < total:
        g = 0
        while tl.load(tile_ends + g) <= tile:
            g += 1
        begin = tl.load(tile_ends + g - 1, mask=g > 0, other=0)
        a_ptr = tl.load(group_a_ptrs + g).to(tl.pointer_type(DTYPE))
        b_ptr = tl.load(group_b_ptrs + g).to(tl.pointer_type(DTYPE))
        c_ptr = tl.load(group_c_ptrs + g).to(tl.pointer_type(DTYPE))
        gm, gn, gk = (
            tl.load(group_gemm_sizes + g * 3),
            tl.load(group_gemm_sizes + g * 3 + 1),
            tl.load(group_gemm_sizes + g * 3 + 2),
        )
        lda, ldb, ldc = tl.load(g_lds + g * 3), tl.load(g_lds + g * 3 + 1), tl.load(g_lds + g * 3 + 2)
        _product_of_tile(a_ptr, b_ptr, c_ptr, gm, gn, gk, lda, ldb, ldc, tile - begin, BM, BN, BK)
        tile = tl.atomic_add(queue, 1)


class Group:
    """Products of different sizes, and the tables of them that a kernel reads."""

    def __init__(self, sizes: list[tuple[int, int, int]], dtype: torch.dtype) -> None:
        self.a = [torch.randn(m, k).to(dtype) for m, _, k in sizes]
        self.b = [torch.randn(k, n).to(dtype) for _, n, k in sizes]
        self.c = [torch.full((m, n), float("nan"), dtype=dtype) for m, n, _ in sizes]
        self.addresses = [torch.tensor([x.data_ptr() for x in xs]) for xs in (self.a, self.b, self.c)]
        self.sizes = torch.tensor(sizes, dtype=torch.int32)
        self.lds = torch.tensor([(k, n, n) for _, n, k in sizes], dtype=torch.int32)
        tiles = [triton.cdiv(m, 32) * triton.cdiv(n, 32) for m, n, _ in sizes]
        self.ends = torch.tensor(tiles).cumsum(0).int()

    def check(self) -> None:
        for a, b, c in zip(self.a, self.b, self.c, strict=True):
            check(c, a.double() @ b.double())


SIZES = [(64, 64, 32), (33, 50, 70), (1, 100, 5), (96, 16, 48)]
DTYPES = {torch.float32: tl.float32, torch.float16: tl.float16}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("programs", [1, 4, 30])
def test_grouped(dtype: torch.dtype, programs: int) -> None:
    group = Group(SIZES, dtype)
    grouped_matmul[(programs,)](
        *group.addresses, group.sizes, group.lds, len(SIZES), DTYPE=DTYPES[dtype], NUM_SM=programs, **BLOCKS
    )
    group.check()


@pytest.mark.parametrize("schedule", WAITS)
@pytest.mark.parametrize("programs", [1, 5, 40])
def test_with_a_queue(programs: int, schedule: str) -> None:
    group, queue = Group(SIZES, torch.float32), torch.zeros(1, dtype=torch.int32)
    queued_matmul[(programs,)](
        *group.addresses, group.sizes, group.lds, group.ends, queue, len(SIZES), DTYPE=tl.float32, **BLOCKS,
        schedule=schedule,
    )  # fmt: skip
    group.check()
    assert queue.item() == group.ends[-1].item() + programs


@triton.jit
def producers_and_consumers(x_ptr, y_ptr, items_ptr, tail_ptr, head_ptr, n, rounds, BLOCK: tl.constexpr):
    """Even programs square blocks and publish them; odd ones wait for a block that is published, and sum it."""
    pid = tl.program_id(0)
    i = tl.arange(0, BLOCK)
    if pid % 2 == 0:
        for r in range(rounds):
            block = pid // 2 * rounds + r
            x = tl.load(x_ptr + block * BLOCK + i)
            tl.store(x_ptr + block * BLOCK + i, x * x)
            tl.debug_barrier()
            slot = tl.atomic_add(tail_ptr, 1)
            tl.atomic_xchg(items_ptr + slot, block + 1, sem="release")
    else:
        for _ in range(rounds):
            slot = tl.atomic_add(head_ptr, 1)
            item = tl.atomic_add(items_ptr + slot, 0, sem="acquire")
            while item == 0:
                item = tl.atomic_add(items_ptr + slot, 0, sem="acquire")
            tl.store(y_ptr + item - 1, tl.sum(tl.load(x_ptr + (item - 1) * BLOCK + i)))


@pytest.mark.parametrize("schedule", WAITS)
@pytest.mark.parametrize(("pairs", "rounds"), [(1, 1), (4, 3), (50, 2)])
def test_a_queue_between_programs(pairs: int, rounds: int, schedule: str) -> None:
    n = pairs * rounds
    x, y = torch.randn(n, 64), torch.full((n,), float("nan"))
    reference = x.double().square().sum(1)
    items, tail, head = (torch.zeros(size, dtype=torch.int32) for size in (n, 1, 1))
    producers_and_consumers[(2 * pairs,)](x, y, items, tail, head, n, rounds, BLOCK=64, schedule=schedule)
    check(y, reference)
