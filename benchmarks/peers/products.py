"""Rows of products: matrices of several types, batches, fused epilogues, vectors. Blocks by `@triton.autotune`."""
# pyright: basic

from __future__ import annotations

import torch
import torch.nn.functional as F
import triton
import triton.language as tl
from elementwise import NAMES, blocks_of
from row import Launch, Row, integers, normal

CONFIGS = [
    triton.Config({"BLOCK_M": m, "BLOCK_N": n, "BLOCK_K": k})
    for m, n, k in (
        *((64, 64, 32), (128, 128, 32), (128, 128, 256), (256, 128, 256), (128, 256, 512), (256, 256, 256)),
        *((256, 256, 1024), (256, 512, 512), (1, 512, 32), (1, 256, 64)),
    )
]
GPU_BLOCKS = {"BLOCK_M": 128, "BLOCK_N": 128, "BLOCK_K": 32}


@triton.jit
def matmul_kernel(
    a_ptr, b_ptr, bias_ptr, c_ptr, M, N, K,
    EPILOGUE: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr,
):  # fmt: skip
    batch = tl.program_id(2)
    a_ptr, b_ptr, c_ptr = a_ptr + batch * M * K, b_ptr + batch * K * N, c_ptr + batch * M * N
    rows = tl.program_id(0) * BLOCK_M + tl.arange(0, BLOCK_M)
    columns = tl.program_id(1) * BLOCK_N + tl.arange(0, BLOCK_N)
    ACC: tl.constexpr = tl.int32 if a_ptr.dtype.element_ty == tl.int8 else tl.float32
    total = tl.zeros((BLOCK_M, BLOCK_N), ACC)
    for start in range(0, K, BLOCK_K):
        k = start + tl.arange(0, BLOCK_K)
        a = tl.load(a_ptr + rows[:, None] * K + k[None, :], mask=(rows[:, None] < M) & (k[None, :] < K), other=0)
        b = tl.load(b_ptr + k[:, None] * N + columns[None, :], mask=(k[:, None] < K) & (columns[None, :] < N), other=0)
        total = tl.dot(a, b, total, input_precision="ieee", out_dtype=ACC)
    if EPILOGUE:
        total += tl.load(bias_ptr + columns, mask=columns < N, other=0.0)[None, :]
        total = total * tl.sigmoid(1.5957691216057308 * (total + 0.044715 * total * total * total))
    mask = (rows[:, None] < M) & (columns[None, :] < N)
    tl.store(c_ptr + rows[:, None] * N + columns[None, :], total.to(c_ptr.dtype.element_ty), mask=mask)


def worth_trying(configs, arguments, **_):
    """Blocks of one row for a matrix of one row, and for no other."""
    return [config for config in configs if (config.kwargs["BLOCK_M"] == 1) == (arguments["M"] == 1)]


tuned_matmul_kernel = triton.autotune(
    CONFIGS, key=["M", "N", "K"], prune_configs_by={"early_config_prune": worth_trying}
)(matmul_kernel)


@triton.jit
def matvec_kernel(a_ptr, x_ptr, out_ptr, m, n, ROWS: tl.constexpr, BLOCK: tl.constexpr):
    row, i = tl.program_id(0) * ROWS + tl.arange(0, ROWS), tl.arange(0, BLOCK)
    total = tl.zeros((ROWS,), tl.float32)
    for start in range(0, n, BLOCK):
        at = start + i
        a = tl.load(a_ptr + row[:, None] * n + at[None, :], mask=(row[:, None] < m) & (at[None, :] < n), other=0.0)
        x = tl.load(x_ptr + at, mask=at < n, other=0.0)
        total += tl.sum(a.to(tl.float32) * x.to(tl.float32)[None, :], 1)
    tl.store(out_ptr + row, total.to(out_ptr.dtype.element_ty), mask=row < m)


def product(a, b, bias=None, out_type=None, gpu_blocks=False) -> Launch:
    """a (batch x) M x K times b; a bias asks for bias and GELU behind it."""
    *batch, M, K = a.shape
    N = b.shape[-1]
    c = torch.empty(*batch, M, N, dtype=out_type or a.dtype)
    kernel = matmul_kernel if gpu_blocks else tuned_matmul_kernel
    meta = {"EPILOGUE": bias is not None, **(GPU_BLOCKS if gpu_blocks else {})}

    def grid(meta):
        return triton.cdiv(M, meta["BLOCK_M"]), triton.cdiv(N, meta["BLOCK_N"]), batch[0] if batch else 1

    return Launch(kernel, grid, (a, b, a if bias is None else bias, c, M, N, K), c, meta)


def matmul(m: int, n: int, k: int, dtype: torch.dtype = torch.float32, gpu_blocks: bool = False) -> Row:
    return Row(
        f"matmul {NAMES[dtype]}" + (", GPU blocks" if gpu_blocks else ""),
        f"{m} x {k} x {n}",
        normal((m, k), (k, n), dtype=dtype),
        lambda a, b: product(a, b, gpu_blocks=gpu_blocks),
        torch.mm,
        lambda jnp, a, b: a @ b,
        {torch.float32: 1e-4, torch.float16: 2e-3, torch.bfloat16: 1e-2}[dtype],
        bytes=dtype.itemsize * (m * k + k * n + m * n),
        operations=2 * m * n * k,
        out=lambda out, a, b: torch.mm(a, b, out=out),
    )


def matmul_i8(n: int, gpu_blocks: bool = False) -> Row:
    def in_jax(jnp, a, b):
        import jax

        return jax.lax.dot(a, b, preferred_element_type=jnp.int32)

    return Row(
        "matmul i8" + (", GPU blocks" if gpu_blocks else ""),
        f"{n} x {n} x {n}",
        integers((n, n), (n, n), low=-128, high=128, dtype=torch.int8),
        lambda a, b: product(a, b, out_type=torch.int32, gpu_blocks=gpu_blocks),
        torch._int_mm,
        in_jax,
        0.0,
        bytes=6 * n * n,
        operations=2 * n**3,
        out=lambda out, a, b: torch._int_mm(a, b, out=out),
        exact=lambda a, b: a.double() @ b.double(),
    )


def fused(n: int) -> Row:
    def in_jax(jnp, a, b, bias):
        y = a @ b + bias
        return 0.5 * y * (1 + jnp.tanh(0.7978845608028654 * (y + 0.044715 * y * y * y)))

    return Row(
        "matmul + bias + GELU",
        f"{n} x {n} x {n}",
        normal((n, n), (n, n), (n,)),
        product,
        lambda a, b, bias: F.gelu(torch.addmm(bias, a, b), approximate="tanh"),
        in_jax,
        1e-4,
        bytes=12 * n * n,
        operations=2 * n**3,
    )


def batched(batch: int, n: int) -> Row:
    return Row(
        "batched matmul",
        f"{batch} x {n} x {n} x {n}",
        normal((batch, n, n), (batch, n, n)),
        product,
        torch.bmm,
        lambda jnp, a, b: jnp.einsum("bmk,bkn->bmn", a, b),
        1e-4,
        bytes=12 * batch * n * n,
        operations=2 * batch * n**3,
        out=lambda out, a, b: torch.bmm(a, b, out=out),
    )


def matvec(n: int, dtype: torch.dtype = torch.float32) -> Row:
    def launch(a, x):
        out = x.new_empty(n)
        return Launch(matvec_kernel, blocks_of(n, "ROWS"), (a, x, out, n, n), out, {"ROWS": 8, "BLOCK": 1024})

    return Row(
        f"matrix x vector {NAMES[dtype]}",
        f"{n} x {n}",
        normal((n, n), (n,), dtype=dtype),
        launch,
        torch.mv,
        lambda jnp, a, x: a @ x,
        {torch.float32: 1e-4, torch.bfloat16: 1e-2}[dtype],
        bytes=dtype.itemsize * n * n,
        operations=2 * n * n,
        out=lambda out, a, x: torch.mv(a, x, out=out),
    )


ROWS = (
    *(matmul(n, n, n) for n in (512, 1024, 2048)),
    matmul(1024, 1024, 1024, gpu_blocks=True),
    *(matmul(n, n, n, torch.bfloat16) for n in (512, 1024, 2048)),
    *(matmul_i8(n) for n in (512, 1024, 2048)),
    matmul(4096, 4096, 64),
    matmul(1, 4096, 4096),
    fused(1024),
    batched(32, 256),
    matvec(4096),
    matvec(4096, torch.bfloat16),
)
