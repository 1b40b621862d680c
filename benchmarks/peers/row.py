"""A row of the table: one computation, as a user of each system writes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

SMALL = 65_536
"""Elements of a row's largest array up to which the dispatch of a launch is worth a column of its own."""


@dataclass(frozen=True)
class Launch:
    """One launch of a Triton kernel. `grid` is a tuple, or a function of the constants, of which `@triton.autotune` may
    choose some; `output` is the tensor that the kernel writes."""

    kernel: Any
    grid: Any
    args: tuple[Any, ...]
    output: Tensor
    meta: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def in_blocks(self, blocks: Mapping[str, int]) -> Launch:
        """The same, with other constants."""
        return replace(self, meta={**self.meta, **blocks})


@dataclass(frozen=True)
class Row:
    """`inputs(generator)`: the tensors of all systems. `launch(*inputs)`: rung's. `torch(*inputs)`: as eager torch and
    Inductor are given it; `out(output, *inputs)`: with an output that was allocated before, where torch has one.
    `jax(jnp, *inputs)`: for JAX and IREE; None where they cannot say it.

    `tolerance`: largest difference from `exact` (or from `torch` in float64), as a part of the largest result.
    `bytes` and `operations` of one call, for the bounds.
    """

    name: str
    size: str
    inputs: Callable[[torch.Generator], tuple[Tensor, ...]]
    launch: Callable[..., Launch]
    torch: Callable[..., Any]
    jax: Callable[..., Any] | None
    tolerance: float
    bytes: int
    operations: int = 0
    out: Callable[..., Any] | None = None
    exact: Callable[..., Any] | None = None

    @property
    def title(self) -> str:
        return f"{self.name} {self.size}"


def normal(
    *shapes: tuple[int, ...], dtype: torch.dtype = torch.float32
) -> Callable[[torch.Generator], tuple[Any, ...]]:
    """Inputs of normally distributed numbers."""
    return lambda generator: tuple(torch.randn(shape, generator=generator).to(dtype) for shape in shapes)


def integers(*shapes: tuple[int, ...], low: int, high: int, dtype: torch.dtype) -> Callable[[torch.Generator], Any]:
    """Inputs of whole numbers, low to high - 1."""
    return lambda generator: tuple(torch.randint(low, high, shape, generator=generator).to(dtype) for shape in shapes)
