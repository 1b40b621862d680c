"""Operations that Inductor's Triton back end gets wrong on CPUs, said by others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


def decompositions(configuration: Mapping[str, Any]) -> dict[Any, Callable[..., Any]]:
    """Inductor's own table under a configuration, and ours."""
    import torch
    import torch._inductor.config
    from torch._inductor.decomposition import select_decomp_table

    config: Any = torch._inductor.config  # a module that makes its functions as it is imported
    with config.patch(dict(configuration)):
        return {**select_decomp_table(), torch.ops.aten.signbit.default: _signbit}


def _signbit(x: Any) -> Any:
    """Of the bits: what Triton computes loses the sign of zero in f64."""
    import torch

    widths = {8: torch.int64, 4: torch.int32, 2: torch.int16, 1: torch.int8}
    return x.view(widths[x.element_size()]) < 0 if x.is_floating_point() else x < 0
