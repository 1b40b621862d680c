"""Kernels and operators of users, called inside compiled functions; eager takes torch's own functions."""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl


@triton.jit
def _scaled_sum(x, y, out, n, BLOCK: tl.constexpr):
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = at < n
    tl.store(out + at, tl.load(x + at, inside) * 2 + tl.load(y + at, inside), inside)


@triton.jit
def _double(x, n, BLOCK: tl.constexpr):
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(x + at, tl.load(x + at, at < n) * 2, at < n)


_tuned = triton.autotune([triton.Config({"BLOCK": 32}), triton.Config({"BLOCK": 128})], key=["n"])(_scaled_sum)


def scaled_sum(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """2 x + y."""
    out = torch.empty_like(x)
    if not torch.compiler.is_compiling():
        return x * 2 + y
    _scaled_sum[(triton.cdiv(x.numel(), 64),)](x, y, out, x.numel(), BLOCK=64)
    return out


def tuned(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """2 x + y, by the faster of two kernels."""
    if not torch.compiler.is_compiling():
        return x * 2 + y
    out = torch.empty_like(x)
    _tuned[lambda meta: (triton.cdiv(x.numel(), meta["BLOCK"]),)](x, y, out, x.numel())
    return out


def doubled(x: torch.Tensor) -> torch.Tensor:
    """In place."""
    if not torch.compiler.is_compiling():
        return x.mul_(2) + 1
    _double[(triton.cdiv(x.numel(), 64),)](x, x.numel(), BLOCK=64)
    return x + 1


@torch.library.triton_op("rung_corpus::operator", mutates_args={})
def operator(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    out = torch.empty_like(x)
    torch.library.wrap_triton(_scaled_sum)[(triton.cdiv(x.numel(), 64),)](x, y, out, x.numel(), BLOCK=64)
    return out


def operated(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """2 x + y, by a kernel that is an operator of torch."""
    return operator(x, y) if torch.compiler.is_compiling() else x * 2 + y


@torch.library.custom_op("rung_corpus::opaque", mutates_args=())
def opaque(x: torch.Tensor) -> torch.Tensor:
    return x.sin()


@opaque.register_fake
def _(x: torch.Tensor) -> torch.Tensor:
    return torch.empty_like(x)


@torch.library.custom_op("rung_corpus::incremented", mutates_args={"x"})
def incremented(x: torch.Tensor) -> None:
    x.add_(1)


class Cube(torch.autograd.Function):
    """With a derivative of its own."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx: Any, *upstream: torch.Tensor) -> torch.Tensor:
        (x,) = ctx.saved_tensors
        return 3 * x * x * upstream[0]
