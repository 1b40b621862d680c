"""Data of uneven lengths: segment sums by offsets, by sorted keys and by atomics; jagged tensors and their products."""

from __future__ import annotations

import pytest
import torch
import triton
import triton.language as tl
from checking import check, gradients, leaves

LENGTHS = [[4, 4, 4, 4], [0, 1, 37, 5, 0, 80, 2]]


def offsets_of(lengths: list[int]) -> torch.Tensor:
    return torch.tensor([0, *lengths]).cumsum(0)


@triton.jit
def segment_sums(x_ptr, offsets_ptr, out_ptr, D, BLOCK_N: tl.constexpr, BLOCK_D: tl.constexpr, MEAN: tl.constexpr):
    segment, d = tl.program_id(0), tl.program_id(1) * BLOCK_D + tl.arange(0, BLOCK_D)
    start, end = tl.load(offsets_ptr + segment), tl.load(offsets_ptr + segment + 1)
    acc = tl.zeros((BLOCK_D,), tl.float32)
    for row in range(start, end, BLOCK_N):
        rows = row + tl.arange(0, BLOCK_N)
        x = tl.load(x_ptr + rows[:, None] * D + d[None, :], mask=(rows < end)[:, None] & (d < D)[None, :], other=0.0)
        acc += tl.sum(x, axis=0)
    if MEAN:
        acc = acc / tl.maximum(end - start, 1)
    tl.store(out_ptr + segment * D + d, acc, mask=d < D)


@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize("mean", [False, True])
def test_by_offsets(lengths: list[int], mean: bool) -> None:
    offsets, D = offsets_of(lengths), 21
    x, out = torch.randn(int(offsets[-1]), D), torch.empty(len(lengths), D)
    segment_sums[(len(lengths), triton.cdiv(D, 16))](x, offsets, out, D, BLOCK_N=8, BLOCK_D=16, MEAN=mean)
    reference = torch.segment_reduce(x.double(), "sum", offsets=offsets)
    check(out, reference / torch.tensor(lengths).clamp(min=1)[:, None] if mean else reference)


@triton.jit
def _add_of_one_segment(key_a, value_a, key_b, value_b):
    return key_b, tl.where(key_a == key_b, value_a, 0.0) + value_b


@triton.jit
def sums_of_sorted_keys(keys_ptr, x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    """A scan that begins again at each new key; the last element of a run in the block adds its sum."""
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    keys = tl.load(keys_ptr + i, mask=i < n, other=-1)
    x = tl.load(x_ptr + i, mask=i < n, other=0.0)
    _, sums = tl.associative_scan((keys, x), 0, _add_of_one_segment)
    following = tl.load(keys_ptr + i + 1, mask=i + 1 < n, other=-1)
    last = (following != keys) | (tl.arange(0, BLOCK) == BLOCK - 1)
    tl.atomic_add(out_ptr + keys, sums, mask=last & (i < n))


@pytest.mark.parametrize("n", [256, 777])
def test_by_sorted_keys(n: int) -> None:
    keys, x = torch.randint(0, 30, (n,)).sort().values, torch.randn(n)
    out = torch.zeros(30)
    sums_of_sorted_keys[(triton.cdiv(n, 64),)](keys, x, out, n, BLOCK=64)
    check(out, torch.zeros(30, dtype=torch.float64).index_add(0, keys, x.double()))


@triton.jit
def sums_by_atomics(index_ptr, x_ptr, out_ptr, n, D, BLOCK_N: tl.constexpr, BLOCK_D: tl.constexpr):
    rows, d = tl.program_id(0) * BLOCK_N + tl.arange(0, BLOCK_N), tl.arange(0, BLOCK_D)
    index = tl.load(index_ptr + rows, mask=rows < n, other=0)
    mask = (rows < n)[:, None] & (d < D)[None, :]
    x = tl.load(x_ptr + rows[:, None] * D + d[None, :], mask=mask, other=0.0)
    tl.atomic_add(out_ptr + index[:, None] * D + d[None, :], x, mask=mask)


@pytest.mark.parametrize(("n", "D"), [(64, 16), (75, 13)])
def test_scattered(n: int, D: int) -> None:
    """The gradient of an embedding."""
    index, x, out = torch.randint(0, 9, (n,)), torch.randn(n, D), torch.zeros(9, D)
    sums_by_atomics[(triton.cdiv(n, 16),)](index, x, out, n, D, BLOCK_N=16, BLOCK_D=16)
    check(out, torch.zeros(9, D, dtype=torch.float64).index_add(0, index, x.double()))


@triton.jit
def embedding_bag(
    table_ptr, ids_ptr, weights_ptr, offsets_ptr, out_ptr, D, BLOCK_D: tl.constexpr, UNROLL: tl.constexpr
):
    bag, d = tl.program_id(0), tl.arange(0, BLOCK_D)
    start, end = tl.load(offsets_ptr + bag), tl.load(offsets_ptr + bag + 1)
    acc = tl.zeros((BLOCK_D,), tl.float32)
    for i in range(start, end, UNROLL):
        for j in tl.static_range(UNROLL):
            live = i + j < end
            row = tl.load(ids_ptr + i + j, mask=live, other=0)
            weight = tl.load(weights_ptr + i + j, mask=live, other=0.0)
            acc += weight * tl.load(table_ptr + row * D + d, mask=(d < D) & live, other=0.0)
    tl.store(out_ptr + bag * D + d, acc, mask=d < D)


@pytest.mark.parametrize("lengths", LENGTHS)
def test_bags_of_embeddings(lengths: list[int]) -> None:
    offsets, D = offsets_of(lengths), 24
    n = int(offsets[-1])
    table, ids, weights, out = (
        torch.randn(50, D),
        torch.randint(0, 50, (n,)),
        torch.rand(n),
        torch.empty(len(lengths), D),
    )
    embedding_bag[(len(lengths),)](table, ids, weights, offsets, out, D, BLOCK_D=32, UNROLL=4)
    rows = table[ids].double() * weights[:, None].double()
    check(out, torch.segment_reduce(rows, "sum", offsets=offsets))


@triton.jit
def jagged_to_padded(
    values_ptr, offsets_ptr, out_ptr, longest, D, padding, BLOCK_N: tl.constexpr, BLOCK_D: tl.constexpr
):
    batch, rows = tl.program_id(0), tl.program_id(1) * BLOCK_N + tl.arange(0, BLOCK_N)
    d = tl.arange(0, BLOCK_D)
    start, end = tl.load(offsets_ptr + batch), tl.load(offsets_ptr + batch + 1)
    inside = (start + rows < end)[:, None] & (d < D)[None, :]
    x = tl.load(values_ptr + (start + rows)[:, None] * D + d[None, :], mask=inside, other=padding)
    out = out_ptr + (batch * longest + rows)[:, None] * D + d[None, :]
    tl.store(out, x, mask=(rows < longest)[:, None] & (d < D)[None, :])


@triton.jit
def jagged_softmax(values_ptr, offsets_ptr, out_ptr, BLOCK: tl.constexpr):
    """Over each row of uneven length, in two passes."""
    batch = tl.program_id(0)
    start, end = tl.load(offsets_ptr + batch), tl.load(offsets_ptr + batch + 1)
    m, s = -float("inf"), 0.0
    for at in range(start, end, BLOCK):
        i = at + tl.arange(0, BLOCK)
        x = tl.load(values_ptr + i, mask=i < end, other=-float("inf"))
        m_new = tl.maximum(m, tl.max(x, axis=0))
        s = s * tl.exp(m - m_new) + tl.sum(tl.exp(x - m_new), axis=0)
        m = m_new
    for at in range(start, end, BLOCK):
        i = at + tl.arange(0, BLOCK)
        x = tl.load(values_ptr + i, mask=i < end)
        tl.store(out_ptr + i, tl.exp(x - m) / s, mask=i < end)


@triton.jit
def jagged_dense_product(
    x_ptr, w_ptr, offsets_ptr, out_ptr, N, K, stride_wb, stride_wk, stride_wn,
    BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr,
):  # fmt: skip
    """Rows of each batch times its own matrix."""
    batch = tl.program_id(2)
    start, end = tl.load(offsets_ptr + batch), tl.load(offsets_ptr + batch + 1)
    if tl.program_id(0) * BM >= end - start:
        return
    rows = start + tl.program_id(0) * BM + tl.arange(0, BM)
    cols = tl.program_id(1) * BN + tl.arange(0, BN)
    acc = tl.zeros((BM, BN), tl.float32)
    for k in range(0, K, BK):
        ks = k + tl.arange(0, BK)
        x = tl.load(x_ptr + rows[:, None] * K + ks[None, :], mask=(rows < end)[:, None] & (ks < K)[None, :], other=0.0)
        w_ptrs = w_ptr + batch * stride_wb + ks[:, None] * stride_wk + cols[None, :] * stride_wn
        w = tl.load(w_ptrs, mask=(ks < K)[:, None] & (cols < N)[None, :], other=0.0)
        acc += tl.dot(x, w)
    tl.store(out_ptr + rows[:, None] * N + cols[None, :], acc, mask=(rows < end)[:, None] & (cols < N)[None, :])


@pytest.mark.parametrize("lengths", LENGTHS)
def test_jagged_tensors(lengths: list[int]) -> None:
    offsets, D, longest = offsets_of(lengths), 20, max(lengths)
    total, batches = int(offsets[-1]), len(lengths)
    x = torch.randn(total, D)
    padded = torch.empty(batches, longest, D)
    jagged_to_padded[(batches, triton.cdiv(longest, 16))](x, offsets, padded, longest, D, -7.0, BLOCK_N=16, BLOCK_D=32)
    parts = x.split(lengths)
    assert torch.equal(padded, torch.nn.utils.rnn.pad_sequence(list(parts), True, -7.0))

    scores, out = torch.randn(total), torch.empty(total)
    jagged_softmax[(batches,)](scores, offsets, out, BLOCK=16)
    check(out, torch.cat([part.double().softmax(0) for part in scores.split(lengths)]))

    w, y, dy, dx = torch.randn(batches, D, 33), torch.empty(total, 33), torch.randn(total, 33), torch.empty(total, D)
    blocks = {"BM": 16, "BN": 32, "BK": 16}
    tiles = triton.cdiv(longest, 16)
    jagged_dense_product[(tiles, 2, batches)](x, w, offsets, y, 33, D, *w.stride(), **blocks)
    x64, w64 = leaves(x, w)
    reference = torch.cat([part @ w64[b] for b, part in enumerate(x64.split(lengths))])
    check(y, reference)
    jagged_dense_product[(tiles, 1, batches)](dy, w.mT, offsets, dx, D, 33, *w.mT.stride(), **blocks)
    check(dx, gradients(reference, dy, x64)[0])
