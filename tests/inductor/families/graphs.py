"""Control flow, mutation, aliases, shapes from data, types of a region, and operators of other people."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from functorch.experimental.control_flow import cond
from functorch.experimental.control_flow import map as map_over
from torch._higher_order_ops import associative_scan, scan, while_loop

from tests.inductor import kernels
from tests.inductor.cases import ALL, FLOATS, NUMBERS, WIDE, I, K, M, Mask, N, P, T, table

X, Y = T(N, M), T(N, M)
FORWARD = ("static", "dynamic")


def doubling(x: torch.Tensor) -> torch.Tensor:
    return while_loop(lambda i, y: i < 5, lambda i, y: (i + 1, y * 2 + 1), (torch.tensor(0), x))[1]


def until_small(x: torch.Tensor) -> Any:
    return while_loop(lambda i, y: y.abs().sum() > 1, lambda i, y: (i + 1, y / 2), (torch.tensor(0), x))


def chosen(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return cond(x.sum() > 0, lambda x, y: x.sin() + y, lambda x, y: x * y - 1, (x, y))


def running(x: torch.Tensor) -> Any:
    return scan(lambda c, x: (c * 0.5 + x, (c + x).tanh()), x[0] * 0, x)


def linear_recurrence(a: torch.Tensor, b: torch.Tensor) -> Any:
    return associative_scan(lambda l, r: (l[0] * r[0], r[0] * l[1] + r[1]), (a, b), 0, combine_mode="generic")


def in_place(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    x.mul_(2).add_(y)
    return x.sum(0)


def rows_in_place(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    x[2:5] = 7
    x[:, 0] += y[:, 0]
    x.t()[1].copy_(y[:, 1])
    return x + y


def aliased(x: torch.Tensor, y: torch.Tensor) -> Any:
    x.add_(1)
    return x, x.view(-1), x[1:], y.t(), y


def shared(x: torch.Tensor, y: torch.Tensor) -> Any:
    z = x + y
    return z, z, z[0], z.t()


def overlapping(x: torch.Tensor) -> torch.Tensor:
    x = x.clone()
    x[1:] = x[:-1].clone() + x[1:]
    x[:, :-1].copy_(x[:, 1:].flip(1))
    return x


def scattered_in_place(x: torch.Tensor, at: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    x.index_add_(0, at, y)
    x.scatter_(0, at[:1, None].expand(1, x.shape[1]), 3)
    return x * 2


def cache(kept: torch.Tensor, x: torch.Tensor, at: torch.Tensor) -> torch.Tensor:
    kept[:, at] = x
    return (kept * 2).sum(1)


def under_autocast(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    with torch.autocast("cpu", torch.bfloat16):
        return F.gelu(x @ w).float().softmax(-1)


def foreach(x: torch.Tensor, y: torch.Tensor, z: torch.Tensor) -> Any:
    sums = torch._foreach_add([x, y, z], [y, x, z], alpha=2)
    products = torch._foreach_addcmul(sums, [x, y, z], [x, x, x], value=0.5)
    return torch._foreach_sqrt(torch._foreach_abs(products)), torch._foreach_norm(products)


def quantised(x: torch.Tensor) -> torch.Tensor:
    scale = x.abs().amax(-1, keepdim=True).clamp(min=1e-3) / 127
    return (x / scale).round().clamp(-128, 127).to(torch.int8).to(x.dtype) * scale


def per_tensor(x: torch.Tensor) -> torch.Tensor:
    codes = torch.ops.quantized_decomposed.quantize_per_tensor(x, 0.05, 10, 0, 255, torch.uint8)
    return torch.ops.quantized_decomposed.dequantize_per_tensor(codes, 0.05, 10, 0, 255, torch.uint8) * 2


def nonzero_rows(x: torch.Tensor) -> torch.Tensor:
    return x[x.sum(1) > 0] * 2


CASES = [
    *table(
        "control",
        WIDE,
        {
            "while_loop": (doubling, X),
            "while_loop on data": (until_small, X),
            "cond": (chosen, X, Y),
            "map": (lambda x, y: map_over(lambda row, y: row.sin() * y, x, y), X, T(M)),
            "scan": (running, T(9, 5)),
        },
        modes=FORWARD,
    ),
    *table(
        "associative scan",
        WIDE,
        {
            "sum": (lambda x: associative_scan(lambda a, b: a + b, x, 0, combine_mode="generic"), T(40, 5)),
            "maximum": (lambda x: associative_scan(torch.maximum, x, 1, combine_mode="generic"), X),
            "reversed": (
                lambda x: associative_scan(lambda a, b: a + b, x, 0, reverse=True, combine_mode="generic"),
                T(40, 5),
            ),
            "recurrence": (linear_recurrence, T(40, 5, low=0.2, high=0.9), T(40, 5)),
        },
        modes=("static",),
        close=10,
    ),
    *table(
        "mutation",
        NUMBERS,
        {
            "in place": (in_place, X, Y),
            "rows in place": (rows_in_place, X, Y),
            "aliases": (aliased, X, Y),
            "one result twice": (shared, X, Y),
            "overlapping copies": (overlapping, X),
            "scattered in place": (scattered_in_place, X, I(5, below=17), T(5, M)),
            "into a cache": (cache, T(3, 12, 5), T(3, 2, 5), I(2, below=12)),
            "the input as it is": (lambda x: (x, x.t(), x + 0), X),
            "of a view": (lambda x: x[2:].fill_(3) + x[:-2], X),
            "zero and copy": (lambda x, y: (x.zero_(), x.copy_(y), x + 1)[-1], X, Y),
        },
        modes=FORWARD,
    ),
    *table(
        "shapes from data",
        ("f32", "i64"),
        {
            "nonzero": (lambda x: torch.nonzero(x > 0), X),
            "masked_select": (lambda x: torch.masked_select(x, x > 0) * 2, X),
            "rows where": (nonzero_rows, X),
            "unique": (lambda x: torch.unique(x.to(torch.int64)), X),
            "item": (lambda x: x[0, 0].item() + x, X),
            "repeat_interleave of counts": (lambda x, n: torch.repeat_interleave(x, n, 0), T(N, 5), I(N, below=4)),
        },
        modes=FORWARD,
    ),
    *table(
        "autocast",
        ("f32",),
        {"products in bf16": (under_autocast, T(N, K), T(K, M))},
        close=3000,
    ),
    *table("foreach", FLOATS, {"lists": (foreach, X, T(N, M), T(N, M))}, modes=FORWARD),
    *table(
        "quantised",
        ("f32",),
        {
            "per row": (quantised, X),
            "per tensor": (per_tensor, X),
            "fake": (lambda x: torch.fake_quantize_per_tensor_affine(x, 0.05, 3, -128, 127), X),
            "products of bytes": (
                lambda a, b: torch._int_mm(a, b).float() * 0.1,
                T(32, 24, kind="i8"),
                T(24, 16, kind="i8"),
            ),
        },
        modes=FORWARD,
    ),
    *table(
        "user kernel",
        ("f32", "f16", "i32"),
        {
            "a kernel": (kernels.scaled_sum, X, Y),
            "a kernel between": (lambda x, y: kernels.scaled_sum(x + 1, y * 2) - 3, X, Y),
            "a kernel in place": (kernels.doubled, X),
            "an operator of a kernel": (lambda x, y: kernels.operated(x, y) * 2, X, Y),
            "autotuned": (kernels.tuned, X, Y),
        },
        modes=FORWARD,
    ),
    *table(
        "custom operator",
        WIDE,
        {
            "opaque": (lambda x: kernels.opaque(x + 1) * 2, X),
            "opaque in place": (lambda x: (kernels.incremented(x), x * 2)[-1], X),
            "a function of autograd": (lambda x: kernels.Cube.apply(x.sin()) + 1, X),
        },
        modes=("static", "dynamic"),
    ),
    *table(
        "complex",
        ("c64",),
        {
            "arithmetic": (lambda x, y: x * y + x / (y + 3) - 2, X, Y),
            "conjugate": (lambda x: x.conj() * x, X),
            "parts": (lambda x: (x.real * 2, x.imag + 1, x.abs(), x.angle()), X),
            "view": (lambda x: torch.view_as_real(x).sum(-1), X),
            "exp": (lambda x: x.exp() + x.sin(), X),
            "product": (lambda a, b: a @ b, T(5, 7), T(7, 4)),
            "sum": (lambda x: (x.sum(0), x.mean()), X),
            "comparison": (lambda x, y: x == y, X, Y),
        },
        close=10,
    ),
    *table(
        "from complex",
        WIDE,
        {
            "polar": (lambda x, y: torch.polar(x.abs(), y).real, X, Y),
            "fft": (lambda x: torch.fft.rfft(x).abs(), X),
            "inverse fft": (lambda x: torch.fft.irfft(torch.fft.rfft(x) * 2), T(N, 32)),
            "stft": (lambda x: torch.stft(x, 16, window=torch.ones(16).to(x), return_complex=True).abs(), T(3, 80)),
            "complex": (lambda x, y: torch.view_as_real(torch.complex(x, y) * 2), X, Y),
        },
        close=10,
    ),
    *table(
        "fused",
        FLOATS,
        {
            "several results": (lambda x, y: (x + y, (x * y).sum(0), (x - y).amax(1), x.t() * 2), X, Y),
            "gated normalisation": (lambda x, y: F.layer_norm(x * y.sigmoid(), (x.shape[-1],)) + x, X, Y),
            "softmax and mask": (lambda x, m: x.masked_fill(m, -1e4).softmax(-1) * 2, X, Mask(N, M)),
            "reduction of a reduction": (lambda x: (x / x.norm(dim=1, keepdim=True)).sum(0).tanh(), X),
            "transpose between": (lambda x, y: (x.t() + y.softmax(-1)).sum(0), X, T(M, N)),
            "concatenation of functions": (lambda x, y: torch.cat([x.sin(), y.relu(), x + y], 1).sum(1), X, Y),
            "variance of a sum": (lambda x, y: torch.var_mean(x + y, -1), X, Y),
            "log of probabilities": (lambda x, y: -(y.softmax(-1) * x.log_softmax(-1)).sum(-1).mean(), X, Y),
            "positive pieces": (lambda x, y: torch.where(x > 0, x.sqrt(), y).clamp(max=1), P(N, M), Y),
        },
        close=4,
    ),
    *table("anything", ALL, {"a copy": (lambda x: (x.clone(), x.t().clone(), x[::2].clone()), X)}),
]
