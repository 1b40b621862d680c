"""Layer norm over the last dimension, with weight and bias: one row per program, mean first and then
variance."""

import torch
import triton
import triton.language as tl


@triton.jit
def layer_norm_kernel(x_ptr, weight_ptr, bias_ptr, out_ptr, n_cols, eps, BLOCK: tl.constexpr):
    row = tl.program_id(0)
    cols = tl.arange(0, BLOCK)
    mask = cols < n_cols
    x = tl.load(x_ptr + row * n_cols + cols, mask=mask, other=0.0).to(tl.float32)
    weight = tl.load(weight_ptr + cols, mask=mask).to(tl.float32)
    bias = tl.load(bias_ptr + cols, mask=mask).to(tl.float32)
    mean = tl.sum(x, axis=0) / n_cols
    centered = tl.where(mask, x - mean, 0.0)
    variance = tl.sum(centered * centered, axis=0) / n_cols
    y = centered * (1.0 / tl.sqrt(variance + eps)) * weight + bias
    tl.store(out_ptr + row * n_cols + cols, y.to(out_ptr.dtype.element_ty), mask=mask)


def layer_norm(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, eps: float = 1e-5) -> torch.Tensor:
    """Layer norm of the rows of a contiguous matrix."""
    rows, cols = x.shape
    out = torch.empty_like(x)
    layer_norm_kernel[(rows,)](x, weight, bias, out, cols, eps, BLOCK=triton.next_power_of_2(cols))
    return out


if __name__ == "__main__":
    x, weight, bias = torch.randn(512, 1000), torch.randn(1000), torch.randn(1000)
    expected = torch.nn.functional.layer_norm(x, (1000,), weight, bias)
    torch.testing.assert_close(layer_norm(x, weight, bias), expected, rtol=1e-5, atol=1e-5)
    print("layer_norm: 512 x 1000 f32 equals torch")
