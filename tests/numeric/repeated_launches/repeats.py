"""A kernel that is launched again and again, and who has launched it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import triton
import triton.language as tl

X, O = torch.arange(64.0), torch.zeros(64)
F16 = torch.arange(64).half()


@triton.jit
def scaled(x_ptr, o_ptr, n, factor, BLOCK: tl.constexpr = 64):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(o_ptr + i, tl.load(x_ptr + i, mask=i < n) * factor, mask=i < n)


def repeated(kernel: Any) -> int:
    return kernel.run.launches


def is_repeated(kernel: Any, launch: Callable[[], object]) -> bool:
    before = repeated(kernel)
    launch()
    return repeated(kernel) > before


def again(kernel: Any, *arguments: Any, **keywords: Any) -> Any:
    return kernel[(1,)](*(arguments or (X, O, 64, 2.5)), **keywords)


def by_triton(kernel: Any, *arguments: Any, **keywords: Any) -> Any:
    """A launch by Triton's own code."""
    return triton.JITFunction.run(kernel, *(arguments or (X, O, 64, 2.5)), grid=(1,), warmup=False, **keywords)
