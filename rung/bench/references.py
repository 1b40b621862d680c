"""The study's kernels in torch. On float64 tensors they are the references; Inductor compiles them in the
study's types."""

from __future__ import annotations

from typing import Any


def add(x: Any, y: Any) -> Any:
    return x + y


def gelu_tanh(x: Any) -> Any:
    import torch

    return torch.nn.functional.gelu(x, approximate="tanh")


def gelu_erf(x: Any) -> Any:
    import torch

    return torch.nn.functional.gelu(x)


def silu(x: Any) -> Any:
    import torch

    return torch.nn.functional.silu(x)


def exp_series(x: Any, degree: int = 16) -> Any:
    """1 + x + ... + x^degree / degree!"""
    total = x * 0 + 1
    for k in range(degree, 0, -1):
        total = total * (x / k) + 1
    return total


def softmax(x: Any) -> Any:
    import torch

    return torch.softmax(x, dim=-1)


def rms_norm(x: Any, weight: Any) -> Any:
    import torch

    return torch.nn.functional.rms_norm(x, (x.shape[-1],), weight, eps=1e-6)


def rms_norm_plain(x: Any) -> Any:
    import torch

    return torch.nn.functional.rms_norm(x, (x.shape[-1],), eps=1e-6)


def layer_norm(x: Any, weight: Any, bias: Any) -> Any:
    import torch

    return torch.nn.functional.layer_norm(x, (x.shape[-1],), weight, bias, eps=1e-5)


def row_sum(x: Any) -> Any:
    return x.sum(dim=-1)


def matmul(a: Any, b: Any) -> Any:
    return a @ b


def attention(q: Any, k: Any, v: Any) -> Any:
    """Causal, of one head."""
    import torch

    length, width = q.shape
    later = torch.ones(length, length, dtype=torch.bool, device=q.device).triu(1)
    scores = (q @ k.T * width**-0.5).masked_fill(later, -torch.inf)
    return torch.softmax(scores, dim=-1) @ v
