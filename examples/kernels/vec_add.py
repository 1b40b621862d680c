"""out = x + y: on flat memory (`vec_add`), and tile by tile on a matrix (`vec_add_2d`), the form that
double buffering likes."""

import torch
import triton
import triton.language as tl


@triton.jit
def vec_add_kernel(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr):
    offsets = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mask = offsets < n
    x = tl.load(x_ptr + offsets, mask=mask)
    y = tl.load(y_ptr + offsets, mask=mask)
    tl.store(out_ptr + offsets, x + y, mask=mask)


@triton.jit
def vec_add_2d_kernel(
    x_ptr, y_ptr, out_ptr, n_rows, n_cols, BLOCK_ROWS: tl.constexpr, BLOCK_COLS: tl.constexpr
):  # fmt: skip
    rows = tl.program_id(0) * BLOCK_ROWS + tl.arange(0, BLOCK_ROWS)
    cols = tl.program_id(1) * BLOCK_COLS + tl.arange(0, BLOCK_COLS)
    offsets = rows[:, None] * n_cols + cols[None, :]
    mask = (rows[:, None] < n_rows) & (cols[None, :] < n_cols)
    x = tl.load(x_ptr + offsets, mask=mask)
    y = tl.load(y_ptr + offsets, mask=mask)
    tl.store(out_ptr + offsets, x + y, mask=mask)


def vec_add(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """x + y for contiguous tensors of the same shape and type."""
    out = torch.empty_like(x)
    n = x.numel()
    vec_add_kernel[(triton.cdiv(n, 1024),)](x, y, out, n, BLOCK=1024)
    return out


def vec_add_2d(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """x + y for contiguous matrices of the same shape and type."""
    out = torch.empty_like(x)
    rows, cols = x.shape
    grid = (triton.cdiv(rows, 4), triton.cdiv(cols, 1024))
    vec_add_2d_kernel[grid](x, y, out, rows, cols, BLOCK_ROWS=4, BLOCK_COLS=1024)
    return out


if __name__ == "__main__":
    x, y = torch.randn(64, 16384), torch.randn(64, 16384)
    torch.testing.assert_close(vec_add(x, y), x + y)
    torch.testing.assert_close(vec_add_2d(x, y), x + y)
    print("vec_add: 64 x 16384 f32 equals torch, flat and in tiles")
