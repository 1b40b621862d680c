"""Vector addition, gated activations, functions of libdevice."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
import triton
import triton.language as tl
from checking import check, gradients, leaves
from triton.language.extra import libdevice


@triton.jit
def add_kernel(x_ptr, y_ptr, output_ptr, n_elements, BLOCK_SIZE: tl.constexpr):
    pid = tl.program_id(axis=0)
    offsets = pid * BLOCK_SIZE + tl.arange(0, BLOCK_SIZE)
    mask = offsets < n_elements
    x = tl.load(x_ptr + offsets, mask=mask)
    y = tl.load(y_ptr + offsets, mask=mask)
    tl.store(output_ptr + offsets, x + y, mask=mask)


@pytest.mark.parametrize("n", [1, 1024, 98432])
def test_vector_add(n: int) -> None:
    x, y = torch.rand(n), torch.rand(n)
    output = torch.empty_like(x)
    add_kernel[lambda meta: (triton.cdiv(n, meta["BLOCK_SIZE"]),)](x, y, output, n, BLOCK_SIZE=1024)
    assert torch.equal(output, x + y)


@triton.jit
def asin_kernel(x_ptr, y_ptr, n_elements, BLOCK_SIZE: tl.constexpr):
    offsets = tl.program_id(axis=0) * BLOCK_SIZE + tl.arange(0, BLOCK_SIZE)
    mask = offsets < n_elements
    x = tl.load(x_ptr + offsets, mask=mask)
    tl.store(y_ptr + offsets, libdevice.asin(x), mask=mask)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_libdevice(dtype: torch.dtype) -> None:
    x = torch.rand(98432, dtype=dtype) * 2 - 1
    y = torch.empty_like(x)
    asin_kernel[(triton.cdiv(x.numel(), 1024),)](x, y, x.numel(), BLOCK_SIZE=1024, extern_libs={})
    check(y, torch.asin(x.double()))


@triton.jit
def _silu(x):
    return x * tl.sigmoid(x)


@triton.jit
def _silu_grad(x):
    s = tl.sigmoid(x)
    return s * (1 + x * (1 - s))


@triton.jit
def _gelu(x):
    return 0.5 * x * (1 + libdevice.tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)))


@triton.jit
def _gelu_grad(x):
    t = libdevice.tanh(0.7978845608028654 * (x + 0.044715 * x * x * x))
    inner = 0.7978845608028654 * (1 + 3 * 0.044715 * x * x)
    return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * inner


@triton.jit
def glu_forward(a_ptr, b_ptr, c_ptr, stride, n_cols, ACTIVATION: tl.constexpr, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    a_ptr += row * stride
    b_ptr += row * stride
    c_ptr += row * n_cols
    cols = tl.arange(0, BLOCK)
    mask = cols < n_cols
    a = tl.load(a_ptr + cols, mask=mask, other=0).to(tl.float32)
    b = tl.load(b_ptr + cols, mask=mask, other=0)
    activated = _silu(a) if ACTIVATION == "silu" else _gelu(a)
    tl.store(c_ptr + cols, activated.cast(b.dtype) * b, mask=mask)


@triton.jit
def glu_backward(dc_ptr, a_ptr, b_ptr, stride, n_cols, ACTIVATION: tl.constexpr, BLOCK: tl.constexpr):
    """The gradients replace the inputs, as in training libraries that save memory."""
    row = tl.program_id(0).to(tl.int64)
    dc_ptr += row * n_cols
    a_ptr += row * stride
    b_ptr += row * stride
    cols = tl.arange(0, BLOCK)
    mask = cols < n_cols
    dc = tl.load(dc_ptr + cols, mask=mask, other=0)
    a = tl.load(a_ptr + cols, mask=mask, other=0).to(tl.float32)
    b = tl.load(b_ptr + cols, mask=mask, other=0)
    if ACTIVATION == "silu":
        value, slope = _silu(a), _silu_grad(a)
    else:
        value, slope = _gelu(a), _gelu_grad(a)
    tl.store(a_ptr + cols, dc * b * slope, mask=mask)
    tl.store(b_ptr + cols, dc * value, mask=mask)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("activation", ["silu", "gelu"])
@pytest.mark.parametrize(("rows", "cols"), [(4, 256), (13, 301)])
def test_gated_units(dtype: torch.dtype, activation: str, rows: int, cols: int) -> None:
    """SwiGLU and GeGLU of one projection's two halves."""
    both = torch.randn(rows, 2 * cols).to(dtype)
    a, b = both[:, :cols], both[:, cols:]
    c, dc = torch.empty(rows, cols, dtype=dtype), torch.randn(rows, cols).to(dtype)
    options: dict[str, Any] = {"ACTIVATION": activation, "BLOCK": triton.next_power_of_2(cols)}
    a64, b64 = leaves(a, b)
    reference = (F.silu(a64) if activation == "silu" else F.gelu(a64, approximate="tanh")) * b64
    da, db = gradients(reference, dc, a64, b64)
    glu_forward[(rows,)](a, b, c, both.stride(0), cols, **options)
    check(c, reference)
    glu_backward[(rows,)](dc, a, b, both.stride(0), cols, **options)
    check(a, da)
    check(b, db)
