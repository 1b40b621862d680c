"""Attention, softmax(scale Q K^T + mask) V, as Triton templates: FlashAttention's online softmax (Dao et al., 2022).

Q is (batch, heads, queries, width), K and V are (batch, groups, keys, width), of any strides; a group of keys serves
heads / groups heads in a row. Sums are f32. A row that the mask leaves nothing of is zero, as torch has it.
"""

from __future__ import annotations

import functools
from typing import Any

PLACES = r"""
{% if MASKED %}
{{def_kernel("Q", "K", "V", "MASK")}}
{% else %}
{{def_kernel("Q", "K", "V")}}
{% endif %}
    M = {{size("Q", 2)}}
    N = {{size("K", 2)}}
    D = {{size("Q", 3)}}
    head = tl.program_id(1).to(INDEX_DTYPE)
    batch = tl.program_id(2).to(INDEX_DTYPE)
    group = head // {{HEADS_PER_GROUP}}
    q_ptr = Q + batch * {{stride("Q", 0)}} + head * {{stride("Q", 1)}}
    k_ptr = K + batch * {{stride("K", 0)}} + group * {{stride("K", 1)}}
    v_ptr = V + batch * {{stride("V", 0)}} + group * {{stride("V", 1)}}
    {% if MASKED %}
    mask_ptr = MASK + batch * {{stride("MASK", 0)}} + head * {{stride("MASK", 1)}}
    {% endif %}
    stride_kn = {{stride("K", 2)}}
    stride_kd = {{stride("K", 3)}}
    stride_vn = {{stride("V", 2)}}
    stride_vd = {{stride("V", 3)}}
    rd = tl.arange(0, BLOCK_D).to(INDEX_DTYPE)
"""

BLOCKS = (
    PLACES
    + r"""
    first = tl.program_id(0) * BLOCK_M
    rm = first.to(INDEX_DTYPE) + tl.arange(0, BLOCK_M).to(INDEX_DTYPE)
    q_mask = (rm[:, None] < M) & (rd[None, :] < D)
    q = tl.load(q_ptr + rm[:, None] * {{stride("Q", 2)}} + rd[None, :] * {{stride("Q", 3)}}, mask=q_mask, other=0.0)
    most = tl.full((BLOCK_M,), -float("inf"), tl.float32)
    total = tl.zeros((BLOCK_M,), tl.float32)
    acc = tl.zeros((BLOCK_M, BLOCK_D), tl.float32)
    stop = {% if CAUSAL %}tl.minimum(first + BLOCK_M, N){% else %}N{% endif %}

    for start in range(0, stop, BLOCK_N):
        rn = start + tl.arange(0, BLOCK_N).to(INDEX_DTYPE)
        kv_mask = (rn[:, None] < N) & (rd[None, :] < D)
        k = tl.load(k_ptr + rn[:, None] * stride_kn + rd[None, :] * stride_kd, mask=kv_mask, other=0.0)
        v = tl.load(v_ptr + rn[:, None] * stride_vn + rd[None, :] * stride_vd, mask=kv_mask, other=0.0)
        scores = tl.dot(q, tl.trans(k), input_precision="ieee") * SCALE
        {% if MASKED %}
        mask_place = rm[:, None] * {{stride("MASK", 2)}} + rn[None, :] * {{stride("MASK", 3)}}
        scores += tl.load(mask_ptr + mask_place, mask=(rm[:, None] < M) & (rn[None, :] < N), other=0.0).to(tl.float32)
        {% endif %}
        {% if CAUSAL %}
        seen = rn[None, :] <= tl.minimum(rm[:, None], N - 1)
        {% else %}
        seen = rn[None, :] < N
        {% endif %}
        scores = tl.where(seen, scores, -float("inf"))
        larger = tl.maximum(most, tl.max(scores, 1))
        {% if MASKED %}
        base = tl.where(larger == -float("inf"), 0.0, larger)
        {% else %}
        base = larger
        {% endif %}
        p = tl.exp(scores - base[:, None])
        decay = tl.exp(most - base)
        total = total * decay + tl.sum(p, 1)
        acc = tl.dot(p.to(v.dtype), v, acc * decay[:, None], input_precision="ieee")
        most = larger
    {% if MASKED %}
    total = tl.where(total == 0.0, 1.0, total)
    {% endif %}
    acc = acc / total[:, None]
    idx_b = batch
    idx_h = head
    idx_m = rm[:, None]
    idx_d = rd[None, :]
    mask = (idx_m < M) & (idx_d < D)
    {{store_output(("idx_b", "idx_h", "idx_m", "idx_d"), "acc", "mask", val_shape=("BLOCK_M", "BLOCK_D"))}}
"""
)
"""A block of queries per program, a loop over the blocks of keys that they may see."""

ROW = (
    PLACES
    + r"""
    q = tl.load(q_ptr + rd * {{stride("Q", 3)}}, mask=rd < D, other=0.0).to(tl.float32) * SCALE
    most = -float("inf")
    total = 0.0
    sums = tl.zeros((BLOCK_D,), tl.float32)
    stop = {% if CAUSAL %}1{% else %}N{% endif %}

    for start in range(0, stop, BLOCK_N):
        rn = start + tl.arange(0, BLOCK_N).to(INDEX_DTYPE)
        kv_mask = (rn[:, None] < stop) & (rd[None, :] < D)
        k = tl.load(k_ptr + rn[:, None] * stride_kn + rd[None, :] * stride_kd, mask=kv_mask, other=0.0)
        scores = tl.sum(k.to(tl.float32) * q[None, :], 1)
        {% if MASKED %}
        scores += tl.load(mask_ptr + rn * {{stride("MASK", 3)}}, mask=rn < stop, other=0.0).to(tl.float32)
        {% endif %}
        scores = tl.where(rn < stop, scores, -float("inf"))
        larger = tl.maximum(most, tl.max(scores, 0))
        {% if MASKED %}
        base = tl.where(larger == -float("inf"), 0.0, larger)
        {% else %}
        base = larger
        {% endif %}
        p = tl.exp(scores - base)
        decay = tl.exp(most - base)
        total = total * decay + tl.sum(p, 0)
        v = tl.load(v_ptr + rn[:, None] * stride_vn + rd[None, :] * stride_vd, mask=kv_mask, other=0.0)
        sums = sums * decay + tl.sum(p[:, None] * v.to(tl.float32), 0)
        most = larger
    {% if MASKED %}
    total = tl.where(total == 0.0, 1.0, total)
    {% endif %}
    acc = (sums / total)[None, :]
    idx_b = batch
    idx_h = head
    idx_m = tl.zeros((1, 1), INDEX_DTYPE)
    idx_d = rd[None, :]
    mask = idx_d < D
    {{store_output(("idx_b", "idx_h", "idx_m", "idx_d"), "acc", "mask", val_shape=("1", "BLOCK_D"))}}
"""
)
"""One query against a cache: what counts is memory, and a head is one program. Causal, it sees the first key alone."""


@functools.cache
def blocks() -> Any:
    from torch._inductor.select_algorithm import SymbolicGridFn, TritonTemplate

    def grid(batch: Any, heads: Any, queries: Any, _: Any, meta: Any, *, cdiv: Any) -> tuple[Any, Any, Any]:
        return cdiv(queries, meta["BLOCK_M"]), heads, batch

    return TritonTemplate(name="rung_attention", grid=SymbolicGridFn(grid), source=BLOCKS)


@functools.cache
def row() -> Any:
    from torch._inductor.select_algorithm import SymbolicGridFn, TritonTemplate

    def grid(batch: Any, heads: Any, queries: Any, width: Any, meta: Any, *, cdiv: Any) -> tuple[Any, Any, Any]:
        return 1, heads, batch

    return TritonTemplate(name="rung_attention_row", grid=SymbolicGridFn(grid), source=ROW)


@functools.cache
def operation() -> Any:
    """`rung::attention`, an operation of ours in Inductor's graphs, with its lowering: registered once, and in no graph
    that was not compiled for us."""
    import torch
    import torch._inductor.lowering

    lowering: Any = torch._inductor.lowering
    library: Any = torch.library.Library("rung", "DEF")
    library.define("attention(Tensor q, Tensor k, Tensor v, Tensor? mask, bool causal, float scale) -> Tensor")
    library.impl("attention", _by_aten, "CompositeExplicitAutograd")
    _libraries.append(library)
    found: Any = torch.ops.rung.attention.default
    lowering.register_lowering(found, type_promotion_kind=None)(_lowered)
    return found


_libraries: list[Any] = []
"""An operation is gone with its library."""


def _by_aten(q: Any, k: Any, v: Any, mask: Any, causal: bool, scale: float) -> Any:
    """What the operation means, and its shapes and strides where nothing is computed."""
    import torch

    by_aten = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu.default
    return by_aten(q, k, v, 0.0, causal, attn_mask=mask, scale=scale)[0]


def _lowered(q: Any, k: Any, v: Any, mask: Any, causal: bool, scale: float) -> Any:
    """A template's output. Heads stand side by side in memory, as ATen leaves them: what follows joins them."""
    import torch._inductor.ir
    import torch._inductor.lowering
    import torch._inductor.select_algorithm

    from .choices import of_attention

    ir: Any = torch._inductor.ir
    views: Any = torch._inductor.lowering
    algorithm: Any = torch._inductor.select_algorithm
    batch, heads, queries, width = size = q.get_size()
    _, groups, keys, _ = k.get_size()
    given = [q, k, v] if mask is None else [q, k, v, views.expand(mask, [batch, heads, queries, keys])]
    found = of_attention(_known(queries), _known(keys), int(width), q.get_dtype())
    assert found is not None, "the pass has asked before"
    stride = [queries * heads * width, width, heads * width, 1]
    choice = (row() if _known(queries) == 1 else blocks()).generate(
        input_nodes=tuple(algorithm.realize_inputs(x) for x in given),
        layout=ir.FixedLayout(q.get_device(), q.get_dtype(), size, stride),
        num_stages=1,
        num_warps=1,
        MASKED=mask is not None,
        CAUSAL=causal,
        SCALE=scale,
        HEADS_PER_GROUP=int(heads) // int(groups),
        **found,
    )
    return choice.output_node()


def _known(extent: Any) -> int | None:
    """None: a symbol."""
    return int(extent) if isinstance(extent, int) or extent.is_Integer else None
