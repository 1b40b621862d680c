"""Sampling the next token: temperature, the k most probable, the smallest set of a probability, by Philox."""

from __future__ import annotations

import math

import pytest
import torch
import triton
import triton.language as tl
from checking import check


@triton.jit
def _key(x, index):
    """A float and its index as one integer, in the order of the float; of equals, the lower index is the greater."""
    bits = x.to(tl.uint32, bitcast=True)
    bits = tl.where(bits >> 31 != 0, ~bits, bits | 0x80000000)
    return (bits.to(tl.uint64) << 32) | (0x7FFFFFFF - index).to(tl.uint64)


@triton.jit
def top_k_sample(
    logits_ptr, out_ptr, probability_ptr, temperature, top_p, seed, n, BLOCK: tl.constexpr, K: tl.constexpr
):
    """A pass over the vocabulary keeps the K best of what it has seen; one of them is drawn."""
    row = tl.program_id(0)
    logits_ptr += row * n
    best = tl.zeros((K,), tl.uint64)
    for start in range(0, n, BLOCK):
        i = start + tl.arange(0, BLOCK)
        x = tl.load(logits_ptr + i, mask=i < n, other=-float("inf")).to(tl.float32)
        some = tl.topk(_key(x, i), K)
        best = tl.topk(tl.cat(best, some, can_reorder=True), K)
    index = 0x7FFFFFFF - (best & 0xFFFFFFFF).to(tl.int32)
    x = tl.load(logits_ptr + index).to(tl.float32) / temperature
    p = tl.exp(x - tl.max(x))
    p = p / tl.sum(p)
    before = tl.cumsum(p) - p
    p = tl.where(before < top_p, p, 0.0)
    p = p / tl.sum(p)
    tl.store(probability_ptr + row * K + tl.arange(0, K), p)
    r = tl.rand(seed, row)
    chosen = tl.sum((tl.cumsum(p) <= r).to(tl.int32))
    chosen = tl.minimum(chosen, tl.sum((p > 0).to(tl.int32)) - 1)
    tl.store(out_ptr + row, tl.sum(tl.where(tl.arange(0, K) == chosen, index, 0)))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("n", [256, 1000])
def test_top_k(dtype: torch.dtype, n: int) -> None:
    rows, k, temperature, top_p = 200, 8, 0.7, 0.8
    logits = torch.randn(n).to(dtype).repeat(rows, 1)
    out, p = torch.empty(rows, dtype=torch.int32), torch.empty(rows, k)
    top_k_sample[(rows,)](logits, out, p, temperature, top_p, 1234, n, BLOCK=128, K=k)
    order = torch.sort(logits[0].double(), descending=True, stable=True)
    wanted = (order.values[:k] / temperature).softmax(0)
    wanted = torch.where(wanted.cumsum(0) - wanted < top_p, wanted, 0.0)
    wanted /= wanted.sum()
    check(p[0], wanted)
    assert torch.equal(p, p[:1].expand(rows, k))
    counts = torch.bincount(out.long(), minlength=n)[order.indices[:k]].double()
    assert counts.sum() == rows and counts[wanted == 0].sum() == 0
    # Within five standard deviations of what 200 draws give.
    assert ((counts - rows * wanted).abs() <= 5 * (rows * wanted * (1 - wanted)).sqrt() + 1e-9).all()


@triton.jit
def sorted_nucleus(probabilities_ptr, kept_ptr, threshold, n, BLOCK: tl.constexpr):
    """The smallest set of tokens whose probability reaches the threshold, by sorting all of them."""
    row, i = tl.program_id(0), tl.arange(0, BLOCK)
    p = tl.load(probabilities_ptr + row * n + i, mask=i < n, other=0.0)
    ordered = tl.sort(p, descending=True)
    before = tl.cumsum(ordered) - ordered
    least = tl.min(tl.where(before < threshold, ordered, float("inf")))
    tl.store(kept_ptr + row * n + i, tl.where(p >= least, p, 0.0), mask=i < n)


@pytest.mark.parametrize("n", [128, 100])
def test_a_nucleus(n: int) -> None:
    p = (2 * torch.randn(16, n)).softmax(1)
    kept = torch.empty_like(p)
    sorted_nucleus[(16,)](p, kept, 0.9, n, BLOCK=128)
    ordered = p.double().sort(1, descending=True).values
    inside = ordered.cumsum(1) - ordered < 0.9
    least = torch.where(inside, ordered, math.inf).amin(1, keepdim=True)
    assert torch.equal(kept.double(), torch.where(p.double() >= least, p.double(), 0.0))


@triton.jit
def gumbel_argmax(logits_ptr, out_ptr, seed_ptr, n, BLOCK: tl.constexpr):
    """The greatest of logits with Gumbel noise is a sample of their softmax."""
    row = tl.program_id(0)
    seed = tl.load(seed_ptr + row)
    best, at = -float("inf"), 0
    for start in range(0, n, BLOCK):
        i = start + tl.arange(0, BLOCK)
        u = tl.maximum(tl.rand(seed, i), 1e-10)
        x = tl.load(logits_ptr + row * n + i, mask=i < n, other=-float("inf")) - tl.log(-tl.log(u))
        value, index = tl.max(x, axis=0, return_indices=True)
        if value > best:
            best, at = value, start + index
    tl.store(out_ptr + row, at)


def test_gumbel_noise() -> None:
    rows, logits = 2000, torch.tensor([0.0, 1.0, -1.0, 2.0, -float("inf")])
    out = torch.full((rows,), -1)
    gumbel_argmax[(rows,)](logits.repeat(rows, 1), out, torch.randint(0, 2**40, (rows,)), 5, BLOCK=4)
    p = logits.double().softmax(0)
    counts = torch.bincount(out, minlength=5).double()
    assert ((counts - rows * p).abs() <= 5 * (rows * p * (1 - p)).sqrt()).all()


@triton.jit
def speculative_verify(
    draft_ids_ptr, draft_p_ptr, target_p_ptr, uniform_ptr, out_ptr, steps, vocabulary, BLOCK: tl.constexpr
):
    """Draft tokens are taken while u < p / q; the first that is not is replaced from what the target has left."""
    row = tl.program_id(0)
    rejected = False
    for step in range(steps):
        if not rejected:
            at = row * steps + step
            token = tl.load(draft_ids_ptr + at)
            q = tl.load(draft_p_ptr + at * vocabulary + token)
            p = tl.load(target_p_ptr + at * vocabulary + token)
            if p / q >= tl.load(uniform_ptr + at):
                tl.store(out_ptr + at, token)
            else:
                rejected = True
                i = tl.arange(0, BLOCK)
                ps = tl.load(target_p_ptr + at * vocabulary + i, mask=i < vocabulary, other=0.0)
                qs = tl.load(draft_p_ptr + at * vocabulary + i, mask=i < vocabulary, other=0.0)
                tl.store(out_ptr + at, tl.argmax(tl.maximum(ps - qs, 0.0), axis=0))


def test_speculative_tokens() -> None:
    rows, steps, n = 50, 4, 21
    draft, target = torch.randn(2, rows, steps, n).softmax(-1)
    ids, u = torch.randint(0, n, (rows, steps)), torch.rand(rows, steps)
    out = torch.full((rows, steps), -1)
    speculative_verify[(rows,)](ids, draft, target, u, out, steps, n, BLOCK=32)
    wanted = torch.full((rows, steps), -1)
    for row in range(rows):
        for step in range(steps):
            token = ids[row, step]
            if target[row, step, token] / draft[row, step, token] < u[row, step]:
                wanted[row, step] = (target[row, step] - draft[row, step]).clamp(min=0).argmax()
                break
            wanted[row, step] = token
    assert torch.equal(out, wanted)
