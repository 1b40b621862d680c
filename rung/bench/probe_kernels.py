"""Small kernels, each of which does one thing only: their times are a machine's constants."""
# pyright: basic

import triton
import triton.language as tl


@triton.jit
def add_chain(x_ptr, out_ptr, steps):
    x = tl.load(x_ptr)
    total = x
    for _ in range(steps):
        total = total + x
    tl.store(out_ptr, total)


@triton.jit
def divisions(x_ptr, out_ptr, n, STEPS: tl.constexpr, BLOCK: tl.constexpr):
    offsets = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + offsets)
    total = x
    for step in tl.static_range(STEPS):
        total += (step + 1.0) / x
    tl.store(out_ptr + offsets, total)


@triton.jit
def read(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    offsets = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(out_ptr + tl.program_id(0), tl.sum(tl.load(x_ptr + offsets)))


@triton.jit
def copy(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    offsets = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(out_ptr + offsets, tl.load(x_ptr + offsets))


@triton.jit
def copy_rows(x_ptr, out_ptr, n, ROWS: tl.constexpr, COLS: tl.constexpr):
    programs = n // (ROWS * COLS)
    rows, cols = tl.arange(0, ROWS), tl.program_id(0) * COLS + tl.arange(0, COLS)
    places = rows[:, None] * (programs * COLS) + cols[None, :]
    tl.store(out_ptr + places, tl.load(x_ptr + places))
