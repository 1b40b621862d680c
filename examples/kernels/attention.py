"""Causal attention of one head, softmax(Q K^T / sqrt(D) + mask) V, by FlashAttention's online softmax: a block of
queries per program, a loop over the blocks of keys that they may see. Later queries see more keys, so programs have
unequal work. Computes in float32, whatever the type in memory."""

import torch
import triton
import triton.language as tl


@triton.jit
def attention_kernel(
    q_ptr, k_ptr, v_ptr, out_ptr, length, width, scale, ROWS: tl.constexpr, KEYS: tl.constexpr, WIDTH: tl.constexpr
):  # fmt: skip
    first = tl.program_id(0) * ROWS
    rows = first + tl.arange(0, ROWS)
    d = tl.arange(0, WIDTH)
    place = rows[:, None] * width + d[None, :]
    inside = (rows[:, None] < length) & (d[None, :] < width)
    q = tl.load(q_ptr + place, mask=inside, other=0.0).to(tl.float32) * scale
    most = tl.full((ROWS,), -float("inf"), tl.float32)
    total = tl.zeros((ROWS,), tl.float32)
    out = tl.zeros((ROWS, WIDTH), tl.float32)
    for start in range(0, tl.minimum(first + ROWS, length), KEYS):
        keys = start + tl.arange(0, KEYS)
        source = keys[:, None] * width + d[None, :]
        there = (keys[:, None] < length) & (d[None, :] < width)
        k = tl.load(k_ptr + source, mask=there, other=0.0).to(tl.float32)
        v = tl.load(v_ptr + source, mask=there, other=0.0).to(tl.float32)
        scores = tl.dot(q, tl.trans(k), input_precision="ieee")
        scores = tl.where(keys[None, :] <= rows[:, None], scores, -float("inf"))
        new = tl.maximum(most, tl.max(scores, 1))
        p = tl.exp(scores - new[:, None])
        decay = tl.exp(most - new)
        total = total * decay + tl.sum(p, 1)
        out = tl.dot(p, v, out * decay[:, None], input_precision="ieee")
        most = new
    tl.store(out_ptr + place, (out / total[:, None]).to(out_ptr.dtype.element_ty), mask=inside)


def attention(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """Causal attention of contiguous (length, width) matrices of the same type."""
    length, width = q.shape
    out = torch.empty_like(q)
    padded = max(16, triton.next_power_of_2(width))
    grid = (triton.cdiv(length, 64),)
    attention_kernel[grid](q, k, v, out, length, width, width**-0.5, ROWS=64, KEYS=64, WIDTH=padded)
    return out


if __name__ == "__main__":
    q, k, v = (torch.randn(500, 40) for _ in range(3))
    expected = torch.nn.functional.scaled_dot_product_attention(q[None], k[None], v[None], is_causal=True)[0]
    torch.testing.assert_close(attention(q, k, v), expected, rtol=1e-5, atol=1e-5)
    print("attention: 500 x 40 f32, causal, equals torch")
