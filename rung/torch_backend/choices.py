"""Which product and attention of a graph become kernels of ours, and with which blocks."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .products import matrices, row


@functools.cache
def uuid() -> str:
    """Of what decides and what is written, for the keys of Inductor's caches."""
    here = Path(__file__)
    return hashlib.sha256(b"".join(p.read_bytes() for p in (here, here.with_name("products.py")))).hexdigest()


def of_row(n: int, k: int, b_strides: Sequence[Any], dtype: Any) -> dict[str, int] | None:
    """Blocks of one row by k x n, or None. What counts is memory: ATen reads f32 at half of what it gives."""
    import torch

    if b_strides[0] != 1 or n < 64 or k < 64:
        return None
    found = {torch.float32: (1, 1024), torch.bfloat16: (64, 256)}.get(dtype)
    return found and {"BLOCK_N": found[0], "BLOCK_K": min(found[1], _power(k))}


def of_matrices(m: int, n: int, k: int, dtype: Any) -> dict[str, int] | None:
    """Blocks of m x k by k x n, or None where ATen's call is at least as fast: for other types, and where no blocks
    fit, since a block is computed whole. Of few rows there are narrow ones, so that a panel of B stays packed in the
    caches for all of them."""
    import torch

    rows = _fitting(m, (128, 64, 16))
    columns, terms = ((128, 64, 32), (256, 128, 64, 32, 16)) if rows > 16 else ((64, 32), (128, 64, 32, 16))
    found = [rows, _fitting(n, columns), _fitting(k, terms)]
    if dtype != torch.float32 or 0 in found:
        return None
    return dict(zip(("BLOCK_M", "BLOCK_N", "BLOCK_K"), found, strict=True))


def of_attention(queries: int | None, keys: int | None, width: int, dtype: Any) -> dict[str, int] | None:
    """Blocks of attention by `queries` over `keys`, or None where ATen's call is at least as fast. A width is computed
    as the next power of two, which eats up the gain of wide ones in f32.

    queries, keys: None where they are not static.
    """
    import torch

    if dtype not in (torch.float32, torch.bfloat16, torch.float16) or not 16 <= width <= 256:
        return None
    if dtype == torch.float32 and width > 64 and _power(width) * 5 > width * 8:
        return None
    found = {"BLOCK_N": _within(16, keys, 64), "BLOCK_D": _power(width)}
    return found if queries == 1 else {"BLOCK_M": _within(16, queries, 32), **found}


def _within(least: int, extent: int | None, most: int) -> int:
    """The smallest block that holds the extent, between the two."""
    return most if extent is None else min(most, max(least, _power(extent)))


def _fitting(extent: int, blocks: Sequence[int]) -> int:
    """The largest block of which whole ones have at most an eighth more than the extent, or 0."""
    return next((block for block in blocks if -(-extent // block) * block * 8 <= extent * 9), 0)


def _power(n: int) -> int:
    """Of two, at least n."""
    return 1 << (n - 1).bit_length()


@functools.cache
def choices() -> type:
    """The class, made when Inductor is there."""
    import torch._inductor.choices
    import torch._inductor.config

    config: Any = torch._inductor.config  # a module that makes its functions as it is imported

    class Choices(torch._inductor.choices.InductorChoices):
        def uuid(self) -> str:
            return uuid()

        def get_template_configs(
            self, kernel_inputs: Any, templates: list[Any], op_name: str, kwarg_overrides: Any = None
        ) -> list[Any]:
            """Ours alone, where Inductor would call ATen and has not been asked to measure."""
            given: dict[str, Any] = kwarg_overrides or {}
            by_aten = any(template.uid == f"aten::{op_name}" for template in templates)
            searching = config.max_autotune or config.max_autotune_gemm
            if by_aten and not searching and not any(given.values()):
                found = _product(kernel_inputs, op_name)
                if found is not None:
                    return [found]
            return super().get_template_configs(kernel_inputs, templates, op_name, kwarg_overrides)

    return Choices


def _product(inputs: Any, name: str) -> Any:
    """A kernel for `mm`, `addmm` or `bmm`, or None."""
    if name not in ("mm", "addmm", "bmm") or inputs.device_type != "cpu":
        return None
    extents = inputs.mnk_symbolic()
    dtype = inputs.out_dtype()
    if not all(extent.is_Integer for extent in extents) or {x.get_dtype() for x in inputs.nodes()} != {dtype}:
        return None
    m, n, k = map(int, extents)
    by_row = m == 1 and name != "bmm"
    found = of_row(n, k, inputs.nodes()[-1].get_stride(), dtype) if by_row else of_matrices(m, n, k, dtype)
    # What is multiplied by zero is not looked at, whatever is in it: ATen knows, an epilogue multiplies.
    if found is None or (name == "addmm" and 0 in (inputs.get_scalar("alpha"), inputs.get_scalar("beta"))):
        return None
    nodes, layout = list(inputs.nodes()), inputs.output_layout(flexible=False)
    keywords: dict[str, Any] = {"num_stages": 1, "num_warps": 1, "BATCHED": name == "bmm", **found}
    if name == "addmm":
        nodes[0] = _expanded(nodes[0], [m, n])
        keywords |= _summand(dtype, inputs.get_scalar("alpha"), inputs.get_scalar("beta"))
    return (row() if by_row else matrices()).choice_or_none(input_nodes=tuple(nodes), layout=layout, **keywords)


def _expanded(x: Any, size: list[int]) -> Any:
    """What is added, in the size of the product: a view."""
    import torch._inductor.ir
    import torch._inductor.lowering
    import torch._inductor.select_algorithm

    ir, lowering, algorithm = torch._inductor.ir, torch._inductor.lowering, torch._inductor.select_algorithm
    if not isinstance(x, ir.TensorBox):
        x = ir.TensorBox(x if isinstance(x, ir.BaseView | ir.StorageBox) else ir.StorageBox(x))
    views: Any = lowering
    realized: Any = algorithm
    return realized.realize_inputs(views.expand(x, size))


def _summand(dtype: Any, alpha: float, beta: float) -> dict[str, Any]:
    """A template's first argument is added behind the product, as Inductor's own templates do it."""
    import torch._inductor.kernel.mm_common

    common: Any = torch._inductor.kernel.mm_common
    return {
        "epilogue_fn": common.addmm_epilogue(dtype, alpha, beta),
        "epilogue_fn_hash": str(["addmm_epilogue", dtype, alpha, beta]),
        "prefix_args": 1,
    }
