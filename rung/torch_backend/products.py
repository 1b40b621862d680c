"""Products of matrices as Triton templates, written for what rung makes of them: masks that are prefixes, no wrapping
of rows, operands rounded nowhere. Inductor puts what follows a product, its epilogue, into the same kernel."""

from __future__ import annotations

import functools
from typing import Any

MATRICES = r"""
{{def_kernel("A", "B")}}
    {% if BATCHED %}
    M = {{size("A", 1)}}
    N = {{size("B", 2)}}
    K = {{size("A", 2)}}
    batch = tl.program_id(2).to(INDEX_DTYPE)
    a_ptr = A + batch * {{stride("A", 0)}}
    b_ptr = B + batch * {{stride("B", 0)}}
    stride_am = {{stride("A", 1)}}
    stride_ak = {{stride("A", 2)}}
    stride_bk = {{stride("B", 1)}}
    stride_bn = {{stride("B", 2)}}
    {% else %}
    M = {{size("A", 0)}}
    N = {{size("B", 1)}}
    K = {{size("A", 1)}}
    a_ptr = A
    b_ptr = B
    stride_am = {{stride("A", 0)}}
    stride_ak = {{stride("A", 1)}}
    stride_bk = {{stride("B", 0)}}
    stride_bn = {{stride("B", 1)}}
    {% endif %}
    rm = tl.program_id(0).to(INDEX_DTYPE) * BLOCK_M + tl.arange(0, BLOCK_M).to(INDEX_DTYPE)
    rn = tl.program_id(1).to(INDEX_DTYPE) * BLOCK_N + tl.arange(0, BLOCK_N).to(INDEX_DTYPE)
    acc = tl.zeros((BLOCK_M, BLOCK_N), dtype=tl.float32)
    for start in range(0, K, BLOCK_K):
        rk = start + tl.arange(0, BLOCK_K).to(INDEX_DTYPE)
        a_mask = (rm[:, None] < M) & (rk[None, :] < K)
        b_mask = (rk[:, None] < K) & (rn[None, :] < N)
        a = tl.load(a_ptr + rm[:, None] * stride_am + rk[None, :] * stride_ak, mask=a_mask, other=0.0)
        b = tl.load(b_ptr + rk[:, None] * stride_bk + rn[None, :] * stride_bn, mask=b_mask, other=0.0)
        acc = tl.dot(a, b, acc=acc, input_precision="ieee")
    idx_m = rm[:, None]
    idx_n = rn[None, :]
    mask = (idx_m < M) & (idx_n < N)
    {% if BATCHED %}
    idx_b = batch
    {{store_output(("idx_b", "idx_m", "idx_n"), "acc", "mask", val_shape=("BLOCK_M", "BLOCK_N"))}}
    {% else %}
    {{store_output(("idx_m", "idx_n"), "acc", "mask", val_shape=("BLOCK_M", "BLOCK_N"))}}
    {% endif %}
"""

ROW = r"""
{{def_kernel("A", "B")}}
    N = {{size("B", 1)}}
    K = {{size("A", 1)}}
    rn = tl.program_id(0).to(INDEX_DTYPE) * BLOCK_N + tl.arange(0, BLOCK_N).to(INDEX_DTYPE)
    sums = tl.zeros((BLOCK_N, BLOCK_K), dtype=tl.float32)
    for start in range(0, K, BLOCK_K):
        rk = start + tl.arange(0, BLOCK_K).to(INDEX_DTYPE)
        a = tl.load(A + rk * {{stride("A", 1)}}, mask=rk < K, other=0.0).to(tl.float32)
        b_mask = (rn[:, None] < N) & (rk[None, :] < K)
        b = tl.load(B + rn[:, None] * {{stride("B", 1)}} + rk[None, :] * {{stride("B", 0)}}, mask=b_mask, other=0.0)
        sums += a[None, :] * b.to(tl.float32)
    acc = tl.sum(sums, 1)[None, :]
    idx_m = tl.zeros((1, 1), INDEX_DTYPE)
    idx_n = rn[None, :]
    mask = idx_n < N
    {{store_output(("idx_m", "idx_n"), "acc", "mask", val_shape=("1", "BLOCK_N"))}}
"""
"""One row by a matrix: every number of the matrix is read once, so its rows, or columns, are read in their order."""


@functools.cache
def matrices() -> Any:
    """Inductor's registry of templates knows it from then on."""
    from torch._inductor.select_algorithm import SymbolicGridFn, TritonTemplate

    def grid(*sizes: Any, cdiv: Any) -> tuple[Any, Any, Any]:
        *batch, m, n, meta = sizes
        return cdiv(m, meta["BLOCK_M"]), cdiv(n, meta["BLOCK_N"]), batch[0] if batch else 1

    return TritonTemplate(name="rung_matrices", grid=SymbolicGridFn(grid), source=MATRICES)


@functools.cache
def row() -> Any:
    from torch._inductor.select_algorithm import SymbolicGridFn, TritonTemplate

    def grid(_: Any, n: Any, meta: Any, *, cdiv: Any) -> tuple[Any, Any, Any]:
        return cdiv(n, meta["BLOCK_N"]), 1, 1

    return TritonTemplate(name="rung_row", grid=SymbolicGridFn(grid), source=ROW)
