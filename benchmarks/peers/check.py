"""What a row's result is checked against."""
# pyright: basic

from __future__ import annotations

import torch
from contenders import Contender
from row import Row


def expected(row: Row, inputs: tuple[torch.Tensor, ...]) -> torch.Tensor:
    """In float64, whatever the inputs' type."""
    if row.exact is not None:
        return row.exact(*inputs)
    return row.torch(*(x.double() if x.is_floating_point() else x for x in inputs))


def wrong(contender: Contender, row: Row, right: torch.Tensor) -> str:
    """Why a result is refused, or nothing."""
    contender.call()
    found, right = contender.result().double(), right.double()
    if found.shape != right.shape:
        return f"shape {tuple(found.shape)}, not {tuple(right.shape)}"
    error = (found - right).abs().max().item()
    limit = row.tolerance * right.abs().max().item()
    return "" if error <= limit else f"off by {error:.2g}, {limit:.2g} allowed"
