"""Torch functions and modules as users have them in files, for the ladder of a function and for `rung capture`."""

from __future__ import annotations

import torch
from torch import nn


class Layers(nn.Module):
    """Three layers: one kernel is launched three times, each time before a product."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(32, 32) / 32**0.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for _ in range(3):
            x = torch.sigmoid(x) @ self.weight
        return x


def Layers_inputs() -> torch.Tensor:
    return torch.randn(8, 32)


layers = Layers()
layers_inputs = (torch.ones(4, 32),)


def made(width: int = 32) -> nn.Module:
    return Layers()


made_inputs = {"x": torch.ones(2, 32)}


def scaled(x: torch.Tensor, factor: float = 2.0) -> torch.Tensor:
    return (x * factor).sigmoid()


def total(x: torch.Tensor) -> torch.Tensor:
    """Two kernels, the second of which reads what the first one wrote."""
    return (x + 1).sigmoid().sum()


def in_place(x: torch.Tensor) -> torch.Tensor:
    return x.sigmoid_()


def cut(x: torch.Tensor) -> torch.Tensor:
    y = x.sigmoid()
    torch._dynamo.graph_break()
    return y.cos()


def dropped(x: torch.Tensor) -> torch.Tensor:
    return nn.functional.dropout(x, 0.5) * 2


_steps = [0]


def counting(x: torch.Tensor) -> torch.Tensor:
    _steps[0] += 1
    return x.sigmoid() * _steps[0]


def gradient(x: torch.Tensor) -> torch.Tensor:
    leaf = x.detach().requires_grad_()
    leaf.sigmoid().square().sum().backward()
    assert leaf.grad is not None
    return leaf.grad


def viewed(x: torch.Tensor) -> torch.Tensor:
    return x.view(-1)


def picked(table: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    return table[rows] * 2


def fails(x: torch.Tensor) -> torch.Tensor:
    return x @ x


number = 3
