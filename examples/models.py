"""Three small models with random weights, for `rung ladder --inductor` and `rung capture` (docs/pytorch.md).

`name_inputs()` says what `name` is called on; all that is random is drawn with --seed.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class GptLayer(nn.Module):
    """Attention and a perceptron, each behind a norm (Radford et al., 2019)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        batch, length, width = x.shape
        parts = self.qkv(self.first(x)).view(batch, length, 3 * self.heads, width // self.heads).transpose(1, 2)
        q, k, v = parts.chunk(3, 1)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2)
        x = x + self.out(y.reshape(batch, length, width))
        return x + self.down(F.gelu(self.up(self.second(x)), approximate="tanh"))


def gpt(layers: int = 6, width: int = 256, heads: int = 4) -> nn.Module:
    return nn.Sequential(*(GptLayer(width, heads) for _ in range(layers)), nn.LayerNorm(width))


def gpt_inputs() -> Tensor:
    return torch.randn(1, 256, 256)


class Residual(nn.Module):
    """Two convolutions with their norms, and what came in added (He et al., 2016)."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.second = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.norms = nn.ModuleList([nn.BatchNorm2d(outputs), nn.BatchNorm2d(outputs)])
        self.aside = nn.Conv2d(inputs, outputs, 1, stride) if stride > 1 else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.norms[0](self.first(x)))
        return F.relu(self.norms[1](self.second(y)) + self.aside(x))


def resnet() -> nn.Module:
    stem = [nn.Conv2d(3, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    body = [Residual(a, b, s) for a, b, s in ((32, 32, 1), (32, 64, 2), (64, 64, 1), (64, 128, 2), (128, 128, 1))]
    return nn.Sequential(*stem, *body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(128, 10))


def resnet_inputs() -> Tensor:
    return torch.randn(4, 3, 64, 64)


class Experts(nn.Module):
    """Every token is sent to two of eight experts (Shazeer et al., 2017)."""

    def __init__(self, width: int = 128, inner: int = 256, experts: int = 8) -> None:
        super().__init__()
        self.norm, self.router = nn.LayerNorm(width), nn.Linear(width, experts)
        self.up = nn.Parameter(torch.randn(experts, width, inner) * width**-0.5)
        self.down = nn.Parameter(torch.randn(experts, inner, width) * inner**-0.5)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(x)
        weights, chosen = self.router(y).softmax(-1).topk(2, -1)
        mixed = torch.zeros(y.shape[0], self.up.shape[0]).scatter(1, chosen, weights)
        each = torch.bmm(F.silu(torch.bmm(y.expand(self.up.shape[0], -1, -1), self.up)), self.down)
        return x + torch.einsum("end,ne->nd", each, mixed)


def Experts_inputs() -> Tensor:
    return torch.randn(256, 128)
