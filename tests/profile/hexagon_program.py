"""A program written for hexagon-mlir: its driver, its launch keywords, its libdevice; nothing of rung's.

`--big` has the sizes at which that compiler is measured. Every kernel is checked against torch; the number of kernels
is printed.
"""

import sys

import torch
import triton
import triton.language as tl
from triton.backends.qcom_hexagon_backend.driver import HexagonDriver
from triton.language.extra import libdevice

triton.runtime.driver.set_active(HexagonDriver())

BIG = "--big" in sys.argv
ALL_ON = {
    "enableVectorization": True,
    "enableVTCMTiling": True,
    "enableMultiThreading": True,
    "enableDoubleBuffering": True,
    "enableConvertToHexagonmem": True,
    "enableHexagonmemCopyToDMA": True,
}
IN_MEMORY = {"enableVTCMTiling": False, "enableConvertToHexagonmem": False}


def named_for(dtype):
    """One name for each type: names of object files, there."""

    def rename(function):
        function.__name__ += "_" + str(dtype).removeprefix("torch.")
        return function

    return rename


def check(found, expected, tolerance):
    error = (found.double() - expected.double()).abs().max().item()
    assert error <= tolerance, f"off by {error}"


@triton.jit
def tanh_by_exp(x):
    e = tl.exp((-2 * x).to(tl.float32)).to(x.dtype)
    return (1 - e) / (1 + e)


@triton.jit
def gelu_whole(x_ptr, out_ptr, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i)
    tl.store(out_ptr + i, 0.5 * x * (1 + tanh_by_exp(0.7978845608 * x + 0.0356774081 * x * x * x)))


def one_program():
    """The whole tensor is one program's block."""
    x = torch.rand(1 << 20 if BIG else 1 << 15)
    out = torch.empty_like(x)
    gelu_whole[(1,)](x, out, BLOCK=x.numel(), iterations=1, **ALL_ON)
    check(out, torch.nn.functional.gelu(x, approximate="tanh"), 1e-5)


def libdevice_functions(dtype):
    @triton.jit
    @named_for(dtype)
    def silu_and_tanh(x_ptr, silu_ptr, tanh_ptr, BLOCK: tl.constexpr):
        i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
        x = tl.load(x_ptr + i)
        tl.store(silu_ptr + i, x * libdevice.sigmoid(x))
        tl.store(tanh_ptr + i, libdevice.tanh(x))

    x = torch.randn(8192).to(dtype)
    silu, tanh = torch.empty_like(x), torch.empty_like(x)
    silu_and_tanh[(4,)](x, silu, tanh, BLOCK=2048, enableThreadedDispatch=True, enableLWP=False, **IN_MEMORY)
    tolerance = 1e-2 if dtype == torch.float16 else 1e-5
    check(silu, torch.nn.functional.silu(x), tolerance)
    check(tanh, torch.tanh(x), tolerance)


def rows_in_turn(dtype):
    """Programs that take every so many rows, as many programs as threads; columns that are no power of two."""

    @triton.jit
    @named_for(dtype)
    def rms_norm(x_ptr, weight_ptr, out_ptr, eps, ROWS: tl.constexpr, COLUMNS: tl.constexpr, BLOCK: tl.constexpr):
        column = tl.arange(0, BLOCK)
        inside = column < COLUMNS
        weight = tl.load(weight_ptr + column, mask=inside)
        for row in range(tl.program_id(0), ROWS, tl.num_programs(0)):
            x = tl.load(x_ptr + row * COLUMNS + column, mask=inside, other=0.0).to(tl.float32)
            scale = tl.rsqrt(tl.sum(x * x, axis=0) / COLUMNS + eps)
            tl.store(out_ptr + row * COLUMNS + column, (x * scale).to(weight.dtype) * weight, mask=inside)

    rows, columns = 13, 513
    x, weight = torch.randn(rows, columns).to(dtype), torch.randn(columns).to(dtype)
    out = torch.empty_like(x)
    rms_norm[(4,)](
        x, weight, out, 1e-6, ROWS=rows, COLUMNS=columns, BLOCK=1024,
        enableThreadedDispatch=True, num_threads=4, **IN_MEMORY,
    )  # fmt: skip
    normal = x.double() * torch.rsqrt((x.double() ** 2).mean(1, keepdim=True) + 1e-6)
    check(out, normal * weight.double(), 2e-2 if dtype == torch.float16 else 1e-4)


def loop_over_rows(dtype):
    @triton.jit
    @named_for(dtype)
    def softmax(x_ptr, out_ptr, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
        column = tl.arange(0, COLUMNS)
        for start in range(0, ROWS * COLUMNS, COLUMNS):
            x = tl.load(x_ptr + start + column)
            e = tl.exp((x - tl.max(x, 0)).to(tl.float32)).to(x.dtype)
            tl.store(out_ptr + start + column, e / tl.sum(e, axis=0))

    x = torch.rand(4, 65536 if BIG else 2048).to(dtype)
    out = torch.empty_like(x)
    softmax[(1,)](x, out, ROWS=4, COLUMNS=x.shape[1], enableSCFThreading=True, enableSplitReduction=True, **IN_MEMORY)
    check(out, x.double().softmax(1), 1e-3 if dtype == torch.float16 else 1e-5)


@triton.jit
def gelu_blocks(x_ptr, out_ptr, N: tl.constexpr, H: tl.constexpr, W: tl.constexpr, C: tl.constexpr):
    x_block = tl.make_block_ptr(x_ptr, (N, H, W, C), (H * W * C, W * C, C, 1), (0, 0, 0, 0), (N, H, W, C), (3, 2, 1, 0))
    out_block = tl.make_block_ptr(
        out_ptr, (N, H, W, C), (H * W * C, W * C, C, 1), (0, 0, 0, 0), (N, H, W, C), (3, 2, 1, 0)
    )
    x = tl.load(x_block)
    tl.store(out_block, (0.5 * x * (1 + tanh_by_exp(0.797885 * x + 0.035677 * x * x * x))).to(tl.float16))


def block_pointers():
    x = torch.rand(8, 4, 32, 2, dtype=torch.float16)
    out = torch.empty_like(x)
    gelu_blocks[(1,)](x, out, *x.shape)
    check(out, torch.nn.functional.gelu(x.double(), approximate="tanh"), 1e-2)


def rotary(dtype, programs):
    """Every number is combined with its neighbours: the block of the one before begins before the tensor, that of the
    one behind ends behind it. What is read there is not used."""

    @triton.jit
    @named_for(dtype)
    def rope(x_ptr, out_ptr, B: tl.constexpr, S: tl.constexpr, H: tl.constexpr, F: tl.constexpr, BLOCK: tl.constexpr):
        first = tl.program_id(0) * BLOCK
        here = tl.make_block_ptr(
            x_ptr, (B, S, H, F), (S * H * F, H * F, F, 1), (first, 0, 0, 0), (BLOCK, S, H, F), (3, 2, 1, 0)
        )
        before = tl.make_block_ptr(
            x_ptr, (B, S, H, F), (S * H * F, H * F, F, 1), (first, 0, 0, -1), (BLOCK, S, H, F), (3, 2, 1, 0)
        )
        behind = tl.make_block_ptr(
            x_ptr, (B, S, H, F), (S * H * F, H * F, F, 1), (first, 0, 0, 1), (BLOCK, S, H, F), (3, 2, 1, 0)
        )
        out = tl.make_block_ptr(
            out_ptr, (B, S, H, F), (S * H * F, H * F, F, 1), (first, 0, 0, 0), (BLOCK, S, H, F), (3, 2, 1, 0)
        )
        feature = tl.arange(0, F)
        even = feature % 2 == 0
        step = tl.where(even, feature, feature - 1)
        angle = tl.arange(0, S)[:, None] * (1.0 / tl.exp(tl.log(10000.0) * (step / F)))
        cos = tl.cos(angle).reshape(1, S, 1, F)
        sin = tl.sin(angle).reshape(1, S, 1, F)
        x = tl.load(here)
        turned = tl.where(even.reshape(1, 1, 1, F), -tl.load(behind), tl.load(before))
        tl.store(out, (x * cos + turned * sin).to(x.dtype))

    batches, positions, heads, features = 4, 8, 4, 32
    x = torch.rand(batches, positions, heads, features).to(dtype)
    out = torch.empty_like(x)
    alone = programs == 1
    rope[(programs,)](
        x, out, B=batches, S=positions, H=heads, F=features, BLOCK=batches // programs, enableMultiThreading=alone,
        enableVTCMTiling=alone, enableConvertToHexagonmem=alone, enableHexagonmemCopyToDMA=alone,
    )  # fmt: skip
    pairs = torch.view_as_complex(x.double().unflatten(-1, (-1, 2)))
    rates = 10000.0 ** (-torch.arange(0, features, 2, dtype=torch.float64) / features)
    turns = torch.polar(
        torch.ones(positions, features // 2, dtype=torch.float64), torch.outer(torch.arange(positions), rates)
    )
    check(out, torch.view_as_real(pairs * turns[None, :, None, :]).flatten(-2), 1e-3)


@triton.jit
def attention(
    q_ptr, k_ptr, v_ptr, out_ptr,
    SCALE: tl.constexpr, N: tl.constexpr, D: tl.constexpr, M: tl.constexpr, STEP: tl.constexpr,
):  # fmt: skip
    first = tl.program_id(0) * M
    q_block = tl.make_block_ptr(q_ptr, (N, D), (D, 1), (first, 0), (M, D), (1, 0))
    k_block = tl.make_block_ptr(k_ptr, (N, D), (D, 1), (0, 0), (STEP, D), (1, 0))
    v_block = tl.make_block_ptr(v_ptr, (N, D), (D, 1), (0, 0), (STEP, D), (1, 0))
    out_block = tl.make_block_ptr(out_ptr, (N, D), (D, 1), (first, 0), (M, D), (1, 0))
    q = tl.load(q_block)
    most = tl.full([M], -1e30, tl.float32)
    total = tl.zeros([M], tl.float32)
    acc = tl.zeros([M, D], tl.float32)
    for _ in range(0, N, STEP):
        scores = tl.dot(q, tl.trans(tl.load(k_block))) * (SCALE * 1.44269504)
        more = tl.maximum(most, tl.max(scores, 1))
        p = tl.math.exp2(scores - more[:, None])
        fade = tl.math.exp2(most - more)
        total = total * fade + tl.sum(p, 1)
        acc = tl.dot(p, tl.load(v_block), acc * fade[:, None])
        most = more
        k_block = tl.advance(k_block, (STEP, 0))
        v_block = tl.advance(v_block, (STEP, 0))
    tl.store(out_block, acc / total[:, None])


def flash_attention():
    n, d = (1024, 64) if BIG else (128, 32)
    q, k, v = torch.rand(n, d), torch.rand(n, d), torch.rand(n, d)
    out = torch.zeros_like(q)
    attention[(4,)](
        q_ptr=q, k_ptr=k, v_ptr=v, out_ptr=out, SCALE=0.5, N=n, D=d, M=n // 4, STEP=32, **IN_MEMORY
    )  # fmt: skip
    check(out, torch.nn.functional.scaled_dot_product_attention(q, k, v, scale=0.5), 1e-4)


@triton.jit
def add(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    total = tl.load(x_ptr + i, mask=i < n) + tl.load(y_ptr + i, mask=i < n)
    tl.store(out_ptr + i, total, mask=i < n)


def memory_of_its_own():
    x, y = torch.rand(16384), torch.rand(16384)
    out = torch.empty_like(x)
    add[(2,)](x, y, out, 16384, BLOCK=8192, enableHexagonmemCopyToDMA=False, scratch=1 << 20)
    check(out, x + y, 0.0)


one_program()
block_pointers()
flash_attention()
memory_of_its_own()
for dtype in (torch.float32, torch.float16):
    libdevice_functions(dtype)
    rows_in_turn(dtype)
    loop_over_rows(dtype)
    for programs in (1, 4):
        rotary(dtype, programs)
print("all right")
