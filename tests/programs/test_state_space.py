"""State-space models: the selective scan forward and backward, one step of it for decoding, and a scan in one block."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
import triton
import triton.language as tl
from checking import check, gradients, leaves


@triton.jit
def selective_scan_forward(
    u_ptr, delta_ptr, A_ptr, B_ptr, C_ptr, D_ptr, z_ptr, y_ptr, states_ptr, dim, length,
    STATE: tl.constexpr, BLOCK_D: tl.constexpr, HAS_Z: tl.constexpr,
):  # fmt: skip
    """h[t] = exp(delta A) h[t-1] + delta B u;  y = C h + D u, gated by silu(z). States are kept for the gradient."""
    batch, ds = tl.program_id(1), tl.program_id(0) * BLOCK_D + tl.arange(0, BLOCK_D)
    n = tl.arange(0, STATE)
    live = ds < dim
    A = tl.load(A_ptr + ds[:, None] * STATE + n[None, :], mask=live[:, None], other=0.0)
    D = tl.load(D_ptr + ds, mask=live, other=0.0)
    h = tl.zeros((BLOCK_D, STATE), tl.float32)
    for t in range(length):
        row = (batch * length + t) * dim + ds
        u = tl.load(u_ptr + row, mask=live, other=0.0).to(tl.float32)
        delta = tl.load(delta_ptr + row, mask=live, other=0.0).to(tl.float32)
        delta = tl.where(delta > 20.0, delta, tl.log(1.0 + tl.exp(delta)))
        B = tl.load(B_ptr + (batch * length + t) * STATE + n)
        C = tl.load(C_ptr + (batch * length + t) * STATE + n)
        h = h * tl.exp(delta[:, None] * A) + (delta * u)[:, None] * B[None, :]
        tl.store(states_ptr + row[:, None] * STATE + n[None, :], h, mask=live[:, None])
        y = tl.sum(h * C[None, :], axis=1) + D * u
        if HAS_Z:
            z = tl.load(z_ptr + row, mask=live, other=0.0).to(tl.float32)
            y *= z * tl.sigmoid(z)
        tl.store(y_ptr + row, y, mask=live)


@triton.jit
def selective_scan_backward(
    u_ptr, delta_ptr, A_ptr, B_ptr, C_ptr, D_ptr, states_ptr, dy_ptr,
    du_ptr, ddelta_ptr, dA_ptr, dB_ptr, dC_ptr, dD_ptr, dim, length, STATE: tl.constexpr, BLOCK_D: tl.constexpr,
):  # fmt: skip
    batch, ds = tl.program_id(1), tl.program_id(0) * BLOCK_D + tl.arange(0, BLOCK_D)
    n = tl.arange(0, STATE)
    live = ds < dim
    A = tl.load(A_ptr + ds[:, None] * STATE + n[None, :], mask=live[:, None], other=0.0)
    D = tl.load(D_ptr + ds, mask=live, other=0.0)
    dh = tl.zeros((BLOCK_D, STATE), tl.float32)
    dA = tl.zeros((BLOCK_D, STATE), tl.float32)
    dD = tl.zeros((BLOCK_D,), tl.float32)
    for back in range(length):
        t = length - 1 - back
        row = (batch * length + t) * dim + ds
        u = tl.load(u_ptr + row, mask=live, other=0.0)
        raw = tl.load(delta_ptr + row, mask=live, other=0.0)
        delta = tl.where(raw > 20.0, raw, tl.log(1.0 + tl.exp(raw)))
        dy = tl.load(dy_ptr + row, mask=live, other=0.0)
        B = tl.load(B_ptr + (batch * length + t) * STATE + n)
        C = tl.load(C_ptr + (batch * length + t) * STATE + n)
        h = tl.load(states_ptr + row[:, None] * STATE + n[None, :], mask=live[:, None], other=0.0)
        before = tl.load(
            states_ptr + (row - dim)[:, None] * STATE + n[None, :], mask=live[:, None] & (t > 0), other=0.0
        )
        decay = tl.exp(delta[:, None] * A)
        dh += dy[:, None] * C[None, :]
        tl.atomic_add(dC_ptr + (batch * length + t) * STATE + n, tl.sum(dy[:, None] * h, axis=0))
        tl.atomic_add(dB_ptr + (batch * length + t) * STATE + n, tl.sum(dh * (delta * u)[:, None], axis=0))
        through = dh * before * decay
        inner = tl.sum(dh * B[None, :], axis=1)
        dA += through * delta[:, None]
        ddelta = tl.sum(through * A, axis=1) + inner * u
        tl.store(ddelta_ptr + row, ddelta * tl.sigmoid(raw), mask=live)
        tl.store(du_ptr + row, inner * delta + D * dy, mask=live)
        dD += dy * u
        dh = dh * decay
    tl.atomic_add(dA_ptr + ds[:, None] * STATE + n[None, :], dA, mask=live[:, None])
    tl.atomic_add(dD_ptr + ds, dD, mask=live)


def reference_scan(u, delta, A, B, C, D):
    delta, h, rows = F.softplus(delta), torch.zeros(u.shape[0], *A.shape, dtype=u.dtype), []
    for t in range(u.shape[1]):
        h = h * torch.exp(delta[:, t, :, None] * A) + (delta[:, t] * u[:, t])[..., None] * B[:, t, None, :]
        rows.append((h * C[:, t, None, :]).sum(-1) + D * u[:, t])
    return torch.stack(rows, 1)


@pytest.mark.parametrize("gated", [False, True])
@pytest.mark.parametrize(("dim", "length"), [(32, 32), (21, 45)])
def test_selective_scan(dim: int, length: int, gated: bool) -> None:
    batch, state = 2, 8
    u, delta, z, dy = (torch.randn(batch, length, dim) for _ in range(4))
    A, D = -torch.rand(dim, state) - 0.1, torch.randn(dim)
    B, C = (torch.randn(batch, length, state) for _ in range(2))
    y, states = torch.empty_like(u), torch.empty(batch, length, dim, state)
    grid = (triton.cdiv(dim, 16), batch)
    selective_scan_forward[grid](
        u, delta, A, B, C, D, z if gated else None, y, states, dim, length, STATE=state, BLOCK_D=16, HAS_Z=gated
    )
    inputs = leaves(u, delta, A, B, C, D)
    reference = reference_scan(*inputs)
    check(y, reference * F.silu(z.double()) if gated else reference)
    if gated:
        return
    du, ddelta = torch.empty_like(u), torch.empty_like(u)
    dA, dB, dC, dD = (torch.zeros_like(x) for x in (A, B, C, D))
    selective_scan_backward[grid](
        u, delta, A, B, C, D, states, dy, du, ddelta, dA, dB, dC, dD, dim, length, STATE=state, BLOCK_D=16
    )
    for found, wanted in zip((du, ddelta, dA, dB, dC, dD), gradients(reference, dy, *inputs), strict=True):
        check(found, wanted)


@triton.jit
def _compose(decay_left, value_left, decay_right, value_right):
    return decay_left * decay_right, value_left * decay_right + value_right


@triton.jit
def scan_of_blocks(a_ptr, x_ptr, h_ptr, length, channels, BLOCK_T: tl.constexpr, BLOCK_C: tl.constexpr):
    """h[t] = a[t] h[t-1] + x[t] by an associative scan of blocks, what a block ends with carried to the next."""
    batch, c = tl.program_id(0), tl.program_id(1) * BLOCK_C + tl.arange(0, BLOCK_C)
    t = tl.arange(0, BLOCK_T)
    carry = tl.zeros((BLOCK_C,), tl.float32)
    for start in range(0, length, BLOCK_T):
        at = (batch * length + start + t)[:, None] * channels + c[None, :]
        mask = (start + t < length)[:, None] & (c < channels)[None, :]
        a = tl.load(a_ptr + at, mask=mask, other=1.0)
        x = tl.load(x_ptr + at, mask=mask, other=0.0)
        decay, h = tl.associative_scan((a, x), 0, _compose)
        h += decay * carry[None, :]
        tl.store(h_ptr + at, h, mask=mask)
        carry = tl.sum(tl.where(t[:, None] == BLOCK_T - 1, h, 0.0), axis=0)


@pytest.mark.parametrize(("length", "channels"), [(64, 32), (77, 19)])
def test_a_linear_recurrence(length: int, channels: int) -> None:
    a, x = torch.rand(2, length, channels), torch.randn(2, length, channels)
    h, reference = torch.empty_like(x), torch.zeros(2, length, channels, dtype=torch.float64)
    scan_of_blocks[(2, triton.cdiv(channels, 16))](a, x, h, length, channels, BLOCK_T=32, BLOCK_C=16)
    state = torch.zeros(2, channels, dtype=torch.float64)
    for t in range(length):
        state = a[:, t].double() * state + x[:, t].double()
        reference[:, t] = state
    check(h, reference)


@triton.jit
def state_update(
    state_ptr, x_ptr, dt_ptr, dt_bias_ptr, A_ptr, B_ptr, C_ptr, D_ptr, out_ptr, indices_ptr, dim, pad_slot,
    STATE: tl.constexpr, BLOCK: tl.constexpr, RATIO: tl.constexpr,
):  # fmt: skip
    """One token of each sequence: its state is updated where the table says that it lies; padding has none."""
    seq, head = tl.program_id(1), tl.program_id(2)
    heads = tl.num_programs(2)
    slot = tl.load(indices_ptr + seq).to(tl.int64)
    if slot == pad_slot:
        return
    d, n = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK), tl.arange(0, STATE)
    at = ((slot * heads + head) * dim + d[:, None]) * STATE + n[None, :]
    mask = (d < dim)[:, None] & (n < STATE)[None, :]
    state = tl.load(state_ptr + at, mask=mask, other=0.0)
    x = tl.load(x_ptr + (seq * heads + head) * dim + d, mask=d < dim, other=0.0).to(tl.float32)
    dt = tl.load(dt_ptr + seq * heads + head) + tl.load(dt_bias_ptr + head)
    dt = tl.where(dt <= 20.0, tl.math.log(tl.math.exp(dt) + 1), dt)
    dA = tl.exp(tl.load(A_ptr + head) * dt)
    group = head // RATIO
    B = tl.load(B_ptr + (seq * (heads // RATIO) + group) * STATE + n)
    C = tl.load(C_ptr + (seq * (heads // RATIO) + group) * STATE + n)
    state = state * dA + B[None, :] * dt * x[:, None]
    tl.store(state_ptr + at, state, mask=mask)
    out = tl.sum(state * C[None, :], axis=1) + x * tl.load(D_ptr + head)
    tl.store(out_ptr + (seq * heads + head) * dim + d, out, mask=d < dim)


@pytest.mark.parametrize("dim", [32, 23])
def test_a_step_of_decoding(dim: int) -> None:
    seqs, heads, slots, N, ratio = 4, 4, 6, 16, 2
    state, x, dt = torch.randn(slots, heads, dim, N), torch.randn(seqs, heads, dim), torch.randn(seqs, heads)
    bias, A, D = torch.randn(heads), -torch.rand(heads), torch.randn(heads)
    B, C = (torch.randn(seqs, heads // ratio, N) for _ in range(2))
    indices, out = torch.tensor([5, 0, -1, 2]), torch.zeros(seqs, heads, dim)
    wanted, wanted_out = state.double(), torch.zeros(seqs, heads, dim, dtype=torch.float64)
    for seq, slot in enumerate(indices.tolist()):
        if slot < 0:
            continue
        step = F.softplus(dt[seq].double() + bias.double())[:, None, None]
        b, c = (m[seq].double().repeat_interleave(ratio, 0)[:, None, :] for m in (B, C))
        xs = x[seq].double()
        wanted[slot] = wanted[slot] * torch.exp(A.double()[:, None, None] * step) + b * step * xs[..., None]
        wanted_out[seq] = (wanted[slot] * c).sum(-1) + xs * D.double()[:, None]
    state_update[(triton.cdiv(dim, 16), seqs, heads)](
        state, x, dt, bias, A, B, C, D, out, indices, dim, -1, STATE=N, BLOCK=16, RATIO=ratio
    )
    check(state, wanted)
    check(out, wanted_out)
