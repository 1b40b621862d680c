"""GELU, in its tanh form and in its exact (erf) form. Computes in float32, whatever the type in memory, except where
the name says otherwise."""

import torch
import triton
import triton.language as tl


@triton.jit
def gelu_tanh_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    offsets = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mask = offsets < n
    x = tl.load(x_ptr + offsets, mask=mask).to(tl.float32)
    # 0.5 x (1 + tanh(u)) = x / (1 + exp(-2u)), with u = sqrt(2/pi) (x + 0.044715 x^3)
    u = 0.7978845608028654 * (x + 0.044715 * x * x * x)
    y = x / (1.0 + tl.exp(-2.0 * u))
    tl.store(out_ptr + offsets, y.to(out_ptr.dtype.element_ty), mask=mask)


@triton.jit
def gelu_tanh_native_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    """In the type in memory, but for the exponential: f16 vectors have twice the lanes of f32, and a third of the bits."""
    offsets = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mask = offsets < n
    x = tl.load(x_ptr + offsets, mask=mask)
    u = 0.7978845608028654 * (x + 0.044715 * x * x * x)
    y = x / (1.0 + tl.exp((-2.0 * u).to(tl.float32)).to(x.dtype))
    tl.store(out_ptr + offsets, y, mask=mask)


@triton.jit
def gelu_erf_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    offsets = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mask = offsets < n
    x = tl.load(x_ptr + offsets, mask=mask).to(tl.float32)
    y = 0.5 * x * (1.0 + tl.erf(x * 0.7071067811865476))
    tl.store(out_ptr + offsets, y.to(out_ptr.dtype.element_ty), mask=mask)


def gelu(x: torch.Tensor, approximate: str = "tanh") -> torch.Tensor:
    """GELU of a contiguous tensor; `approximate` is "tanh" or "none", as in torch."""
    kernel = gelu_tanh_kernel if approximate == "tanh" else gelu_erf_kernel
    out = torch.empty_like(x)
    n = x.numel()
    kernel[(triton.cdiv(n, 1024),)](x, out, n, BLOCK=1024)
    return out


if __name__ == "__main__":
    x = torch.randn(1 << 20)
    for form in ("tanh", "none"):
        expected = torch.nn.functional.gelu(x, approximate=form)
        torch.testing.assert_close(gelu(x, form), expected, rtol=1e-4, atol=1e-5)
    print("gelu: 1,048,576 f32 equals torch in both forms")
