"""Optimizers: AdamW on one parameter, on many through tables of addresses, in 8 bits of state; Lion; a clipped norm."""

from __future__ import annotations

import pytest
import torch
import triton
import triton.language as tl
from checking import check

STEPS = 3


@triton.jit
def _adamw(p, g, m, v, lr, beta1, beta2, eps, decay, correction1, correction2):
    p = p * (1 - lr * decay)
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    return p - lr * (m / correction1) / (tl.sqrt(v / correction2) + eps), m, v


@triton.jit
def adamw_kernel(p_ptr, g_ptr, m_ptr, v_ptr, lr, beta1, beta2, eps, decay, step, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mask = i < n
    p = tl.load(p_ptr + i, mask=mask).to(tl.float32)
    g = tl.load(g_ptr + i, mask=mask).to(tl.float32)
    m, v = tl.load(m_ptr + i, mask=mask), tl.load(v_ptr + i, mask=mask)
    correction1 = 1 - tl.exp(step * tl.log(beta1))
    correction2 = 1 - tl.exp(step * tl.log(beta2))
    p, m, v = _adamw(p, g, m, v, lr, beta1, beta2, eps, decay, correction1, correction2)
    tl.store(p_ptr + i, p.to(p_ptr.dtype.element_ty), mask=mask)
    tl.store(m_ptr + i, m, mask=mask)
    tl.store(v_ptr + i, v, mask=mask)


@pytest.mark.parametrize("n", [1024, 777])
def test_adamw(n: int) -> None:
    p, m, v = torch.randn(n), torch.zeros(n), torch.zeros(n)
    reference = torch.nn.Parameter(p.double())
    optimizer = torch.optim.AdamW([reference], lr=0.1, betas=(0.9, 0.95), eps=1e-6, weight_decay=0.2)
    for step in range(1, STEPS + 1):
        g = torch.randn(n)
        reference.grad = g.double()
        optimizer.step()
        adamw_kernel[(triton.cdiv(n, 256),)](p, g, m, v, 0.1, 0.9, 0.95, 1e-6, 0.2, step, n, BLOCK=256)
    check(p, reference.detach(), 1e-4)
    state = optimizer.state[reference]
    check(m, state["exp_avg"])
    check(v, state["exp_avg_sq"])


@triton.jit
def adamw_of_many(
    table_ptr, sizes_ptr, block_tensor_ptr, block_start_ptr, lr, beta1, beta2, eps, decay, c1, c2, BLOCK: tl.constexpr
):
    """A row of the table has the addresses of a parameter, its gradient and its moments."""
    which = tl.load(block_tensor_ptr + tl.program_id(0))
    i = tl.load(block_start_ptr + tl.program_id(0)) + tl.arange(0, BLOCK)
    mask = i < tl.load(sizes_ptr + which)
    p_ptr = tl.load(table_ptr + which * 4).to(tl.pointer_type(tl.float32))
    g_ptr = tl.load(table_ptr + which * 4 + 1).to(tl.pointer_type(tl.float32))
    m_ptr = tl.load(table_ptr + which * 4 + 2).to(tl.pointer_type(tl.float32))
    v_ptr = tl.load(table_ptr + which * 4 + 3).to(tl.pointer_type(tl.float32))
    p, g = tl.load(p_ptr + i, mask=mask), tl.load(g_ptr + i, mask=mask)
    m, v = tl.load(m_ptr + i, mask=mask), tl.load(v_ptr + i, mask=mask)
    p, m, v = _adamw(p, g, m, v, lr, beta1, beta2, eps, decay, c1, c2)
    tl.store(p_ptr + i, p, mask=mask)
    tl.store(m_ptr + i, m, mask=mask)
    tl.store(v_ptr + i, v, mask=mask)


def test_adamw_of_many() -> None:
    sizes = [5, 256, 1000, 1]
    ps, gs = [torch.randn(n) for n in sizes], [torch.empty(n) for n in sizes]
    ms, vs = [torch.zeros(n) for n in sizes], [torch.zeros(n) for n in sizes]
    references = [torch.nn.Parameter(p.double()) for p in ps]
    optimizer = torch.optim.AdamW(references, lr=0.1, weight_decay=0.2)
    table = torch.tensor([[x.data_ptr() for x in row] for row in zip(ps, gs, ms, vs, strict=True)])
    blocks = [(which, start) for which, n in enumerate(sizes) for start in range(0, n, 128)]
    tensors, starts = (torch.tensor(x).int() for x in zip(*blocks, strict=True))
    for step in range(1, STEPS + 1):
        for g, reference in zip(gs, references, strict=True):
            g.normal_()
            reference.grad = g.double()
        optimizer.step()
        adamw_of_many[(len(blocks),)](
            table,
            torch.tensor(sizes),
            tensors,
            starts,
            0.1,
            0.9,
            0.999,
            1e-8,
            0.2,
            1 - 0.9**step,
            1 - 0.999**step,
            BLOCK=128,
        )
    for p, reference in zip(ps, references, strict=True):
        check(p, reference.detach(), 1e-4)


@triton.jit
def lion_kernel(p_ptr, g_ptr, m_ptr, lr, decay, beta1, beta2, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mask = i < n
    p, g, m = tl.load(p_ptr + i, mask=mask), tl.load(g_ptr + i, mask=mask), tl.load(m_ptr + i, mask=mask)
    p = p * (1 - lr * decay)
    diff = m - g
    update = diff * beta1 + g
    can_update = update != 0
    update_sign = tl.where(update > 0, -lr, lr)
    p = p + update_sign * can_update
    m = diff * beta2 + g
    tl.store(p_ptr + i, p, mask=mask)
    tl.store(m_ptr + i, m, mask=mask)


@pytest.mark.parametrize("n", [1024, 777])
def test_lion(n: int) -> None:
    p, m = torch.randn(n), torch.zeros(n)
    p64, m64 = p.double(), m.double()
    for _ in range(STEPS):
        g = torch.randn(n)
        g[:7] = 0
        p64 = p64 * (1 - 0.01 * 0.1) - 0.01 * torch.sign(0.9 * m64 + 0.1 * g.double())
        m64 = 0.99 * m64 + 0.01 * g.double()
        lion_kernel[(triton.cdiv(n, 256),)](p, g, m, 0.01, 0.1, 0.9, 0.99, n, BLOCK=256)
    check(p, p64)
    check(m, m64)


@triton.jit
def momentum_in_bytes(p_ptr, g_ptr, q_ptr, scale_ptr, lr, beta, n, BLOCK: tl.constexpr):
    """The momentum is kept as int8 with one scale per block, rounded at random where the seed says."""
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mask = i < n
    m = tl.load(q_ptr + i, mask=mask, other=0).to(tl.float32) * tl.load(scale_ptr + tl.program_id(0))
    m = beta * m + tl.load(g_ptr + i, mask=mask, other=0.0)
    tl.store(p_ptr + i, tl.load(p_ptr + i, mask=mask) - lr * m, mask=mask)
    scale = tl.max(tl.abs(m), axis=0) / 127
    tl.store(scale_ptr + tl.program_id(0), scale)
    tl.store(q_ptr + i, tl.floor(m / tl.maximum(scale, 1e-12) + 0.5).to(tl.int8), mask=mask)


@pytest.mark.parametrize("n", [512, 700])
def test_momentum_in_bytes(n: int) -> None:
    p, q, scales = torch.randn(n), torch.zeros(n, dtype=torch.int8), torch.zeros(triton.cdiv(n, 128))
    p64, m64 = p.double(), torch.zeros(n, dtype=torch.float64)
    for _ in range(STEPS):
        g = torch.randn(n)
        m64 = 0.9 * m64 + g.double()
        p64 -= 0.1 * m64
        momentum_in_bytes[(triton.cdiv(n, 128),)](p, g, q, scales, 0.1, 0.9, n, BLOCK=128)
    check(p, p64, 5e-3)  # half a step of 1/127 of the block's largest, in each of the steps
    check(q.float() * scales.repeat_interleave(128)[:n], m64, 2e-2)


@triton.jit
def norm_and_clip(g_ptr, total_ptr, done_ptr, n, limit, BLOCK: tl.constexpr):
    """One launch: all programs add to the sum of squares, wait for the others, and scale their part."""
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    g = tl.load(g_ptr + i, mask=i < n, other=0.0)
    tl.atomic_add(total_ptr, tl.sum(g * g, axis=0))
    tl.atomic_add(done_ptr, 1)
    while tl.atomic_add(done_ptr, 0) < tl.num_programs(0):
        pass
    norm = tl.sqrt(tl.atomic_add(total_ptr, 0.0))
    tl.store(g_ptr + i, g * tl.minimum(limit / (norm + 1e-6), 1.0), mask=i < n)


@pytest.mark.parametrize("schedule", ["threads=1", "threads=2", "threads=3"])
@pytest.mark.parametrize("n", [64, 5000])
def test_a_clipped_norm(n: int, schedule: str) -> None:
    g, total, done = torch.randn(n), torch.zeros(1), torch.zeros(1, dtype=torch.int32)
    reference = g.double() * min(1.0 / (g.double().norm().item() + 1e-6), 1.0)
    norm_and_clip[(triton.cdiv(n, 64),)](g, total, done, n, 1.0, BLOCK=64, schedule=schedule)
    check(g, reference)
