"""Pooling, interpolation, convolutions, normalisations, attention and recurrent layers."""

from __future__ import annotations

from functools import partial

import torch
import torch.nn.functional as F
from torch import nn

from tests.inductor.cases import FLOATS, WIDE, B, M, Mask, N, P, T, table

LINE, IMAGE, VOLUME = T(2, 4, 19), T(2, 4, 9, 11), T(1, 2, 5, 6, 7)
LAST = T(2, 4, 9, 11, view=lambda x: x.contiguous(memory_format=torch.channels_last))
Q = T(2, 3, N, 8)
COUNTED = ("i64", "f32", "f64")


def interpolated(mode: str, **how: object) -> object:
    return lambda x: F.interpolate(x, mode=mode, **how)


def attention(mask: str = "", **how: object) -> object:
    if mask:
        return lambda q, k, v, m: F.scaled_dot_product_attention(q, k, v, attn_mask=m, **how)
    return lambda q, k, v: F.scaled_dot_product_attention(q, k, v, **how)


def attention_by_hand(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    scores = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5
    future = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)
    return scores.masked_fill(future, float("-inf")).softmax(-1) @ v


def rotary(x: torch.Tensor) -> torch.Tensor:
    angles = torch.arange(x.shape[-2], dtype=x.dtype)[:, None] * 0.01 ** torch.linspace(0, 1, x.shape[-1] // 2)
    first, second = x.chunk(2, -1)
    return torch.cat([first * angles.cos() - second * angles.sin(), second * angles.cos() + first * angles.sin()], -1)


CASES = [
    *table(
        "pooling",
        FLOATS,
        {
            "max_pool1d": (lambda x: F.max_pool1d(x, 3, 2), LINE),
            "max_pool2d": (lambda x: F.max_pool2d(x, 3, 2, 1), IMAGE),
            "max_pool2d dilated": (lambda x: F.max_pool2d(x, 2, 1, dilation=2, ceil_mode=True), IMAGE),
            "max_pool2d with indices": (lambda x: F.max_pool2d(x, 3, 2, 1, return_indices=True), IMAGE),
            "max_pool2d channels last": (lambda x: F.max_pool2d(x, 3, 2, 1), LAST),
            "max_pool3d": (lambda x: F.max_pool3d(x, 2, 1), VOLUME),
            "avg_pool1d": (lambda x: F.avg_pool1d(x, 3, 2, 1), LINE),
            "avg_pool2d": (lambda x: F.avg_pool2d(x, 3, 2, 1), IMAGE),
            "avg_pool2d without padding": (lambda x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False), IMAGE),
            "avg_pool2d ceil": (lambda x: F.avg_pool2d(x, (2, 3), ceil_mode=True, divisor_override=5), IMAGE),
            "avg_pool3d": (lambda x: F.avg_pool3d(x, 2), VOLUME),
            "lp_pool2d": (lambda x: F.lp_pool2d(x.abs() + 0.1, 2, 3, 2), IMAGE),
            "adaptive_avg_pool1d": (lambda x: F.adaptive_avg_pool1d(x, 5), LINE),
            "adaptive_avg_pool2d": (lambda x: F.adaptive_avg_pool2d(x, (4, 3)), IMAGE),
            "adaptive_avg_pool2d to one": (lambda x: F.adaptive_avg_pool2d(x, 1), IMAGE),
            "adaptive_max_pool2d": (lambda x: F.adaptive_max_pool2d(x, (4, 3)), IMAGE),
        },
    ),
    *table(
        "rare pooling",
        WIDE,
        {
            "fractional_max_pool2d": (
                lambda x: F.fractional_max_pool2d(
                    x, 2, output_size=(4, 5), _random_samples=torch.full((2, 4, 2), 0.3).to(x)
                ),
                IMAGE,
            ),
            "adaptive_avg_pool3d": (lambda x: F.adaptive_avg_pool3d(x, (2, 3, 4)), VOLUME),
            "adaptive_max_pool1d": (lambda x: F.adaptive_max_pool1d(x, 5, return_indices=True), LINE),
            "max_unpool2d": (
                lambda x, at: F.max_unpool2d(x, at, 2),
                T(2, 3, 4, 5),
                T(
                    2,
                    3,
                    4,
                    5,
                    kind="i64",
                    low=0,
                    high=79,
                    grad=False,
                    view=lambda at: torch.arange(20).reshape(4, 5) * 4 + at % 4,
                ),
            ),
            "max_unpool2d of its pool": (
                lambda x: F.max_unpool2d(*F.max_pool2d(x, 2, return_indices=True), 2),
                T(2, 3, 8, 10),
            ),
            "max_unpool1d": (
                lambda x, at: F.max_unpool1d(x, at, 2),
                T(2, 3, 9),
                T(2, 3, 9, kind="i64", low=0, high=1, grad=False, view=lambda at: 2 * torch.arange(9) + at),
            ),
        },
    ),
    *table(
        "interpolation",
        FLOATS,
        {
            "nearest": (interpolated("nearest", scale_factor=1.7), IMAGE),
            "nearest to size": (interpolated("nearest", size=(5, 20)), IMAGE),
            "nearest-exact": (interpolated("nearest-exact", scale_factor=2.3), IMAGE),
            "nearest 1d": (interpolated("nearest", scale_factor=2), LINE),
            "nearest 3d": (interpolated("nearest", scale_factor=2), VOLUME),
            "linear": (interpolated("linear", size=31), LINE),
            "bilinear": (interpolated("bilinear", size=(20, 7)), IMAGE),
            "bilinear aligned": (interpolated("bilinear", size=(20, 7), align_corners=True), IMAGE),
            "bilinear scaled": (interpolated("bilinear", scale_factor=1.7, recompute_scale_factor=False), IMAGE),
            "bicubic": (interpolated("bicubic", size=(20, 7)), IMAGE),
            "bicubic aligned": (interpolated("bicubic", size=(20, 7), align_corners=True), IMAGE),
            "trilinear": (interpolated("trilinear", size=(3, 8, 9)), VOLUME),
            "area": (interpolated("area", size=(3, 4)), IMAGE),
        },
        close=4,
    ),
    *table(
        "antialiased interpolation",
        WIDE,
        {
            "bilinear antialiased": (interpolated("bilinear", size=(5, 7), antialias=True), IMAGE),
            "bicubic antialiased": (interpolated("bicubic", size=(5, 7), antialias=True), IMAGE),
        },
        close=4,
    ),
    *table(
        "convolution",
        ("f32", "bf16", "f64"),
        {
            "conv1d": (F.conv1d, LINE, T(6, 4, 3), T(6)),
            "conv2d": (lambda x, w, b: F.conv2d(x, w, b, padding=1).relu(), IMAGE, T(6, 4, 3, 3), T(6)),
            "conv2d strided": (lambda x, w: F.conv2d(x, w, stride=2, dilation=2).sigmoid(), IMAGE, T(6, 4, 3, 3)),
            "conv2d same": (lambda x, w, b: F.conv2d(x, w, b, padding="same"), IMAGE, T(6, 4, 3, 2), T(6)),
            "conv2d of one": (lambda x, w: F.gelu(F.conv2d(x, w)), IMAGE, T(6, 4, 1, 1)),
            "depthwise": (lambda x, w: F.relu6(F.conv2d(x, w, padding=1, groups=4)), IMAGE, T(4, 1, 3, 3)),
            "grouped": (lambda x, w: F.conv2d(x, w, groups=2), IMAGE, T(6, 2, 3, 3)),
            "conv2d channels last": (lambda x, w: F.conv2d(x, w, padding=1) * 2, LAST, T(6, 4, 3, 3)),
            "conv3d": (F.conv3d, VOLUME, T(3, 2, 2, 3, 3)),
            "conv_transpose1d": (lambda x, w: F.conv_transpose1d(x, w, stride=2), LINE, T(4, 6, 3)),
            "conv_transpose2d": (
                lambda x, w, b: F.conv_transpose2d(x, w, b, stride=2, padding=1, output_padding=1) + 1,
                IMAGE,
                T(4, 6, 3, 3),
                T(6),
            ),
            "conv_transpose3d": (F.conv_transpose3d, VOLUME, T(2, 3, 2, 2, 2)),
        },
        close=10,
    ),
    *table(
        "normalisation",
        FLOATS,
        {
            "layer_norm": (lambda x, w, b: F.layer_norm(x, (33,), w, b), T(N, 33), T(33), T(33)),
            "layer_norm of two dimensions": (lambda x: F.layer_norm(x, (5, 12)), T(B, 5, 12)),
            "layer_norm of long rows": (lambda x: F.layer_norm(x, (5000,)), T(3, 5000)),
            "rms_norm": (lambda x, w: F.rms_norm(x, (33,), w, 1e-5), T(N, 33), T(33)),
            "group_norm": (lambda x, w, b: F.group_norm(x, 2, w, b), IMAGE, T(4), T(4)),
            "instance_norm": (lambda x: F.instance_norm(x), IMAGE),
            "batch_norm training": (
                lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True),
                IMAGE,
                T(4),
                T(4),
            ),
            "batch_norm": (
                lambda x, m, v, w: F.batch_norm(x, m, v, w),
                IMAGE,
                T(4, grad=False),
                P(4, grad=False),
                T(4),
            ),
            "local_response_norm": (lambda x: F.local_response_norm(x, 3), IMAGE),
            "normalize": (lambda x: F.normalize(x, dim=1), T(N, M)),
            "weight_norm": (lambda x, v, g: x @ torch._weight_norm(v, g, 0).t(), T(N, 12), T(5, 12), P(5, 1)),
            "residual and layer_norm": (lambda x, y, w: F.layer_norm(x + y, (33,), w), T(N, 33), T(N, 33), T(33)),
        },
        close=10,
    ),
    *table(
        "attention",
        ("f32", "bf16", "f64"),
        {
            "sdpa": (attention(), Q, Q, Q),
            "sdpa causal": (attention(is_causal=True), Q, Q, Q),
            "sdpa with a mask": (attention("bool"), *[T(2, 3, 17, 8)] * 3, Mask(17, 17)),
            "sdpa with a bias": (
                attention("add"),
                T(2, 3, 17, 8),
                T(2, 3, 17, 8),
                T(2, 3, 17, 8),
                T(17, 17, grad=False),
            ),
            "sdpa with groups": (attention(enable_gqa=True), T(2, 4, N, 8), T(2, 2, N, 8), T(2, 2, N, 8)),
            "by hand": (attention_by_hand, Q, Q, Q),
            "rotary": (rotary, Q),
            "alibi": (
                lambda q, k: (q @ k.mT - (torch.arange(17)[:, None] - torch.arange(17)).abs() * 0.1).softmax(-1),
                T(2, 3, 17, 8),
                T(2, 3, 17, 8),
            ),
            "linear attention": (lambda q, k, v: (F.elu(q) + 1) @ ((F.elu(k) + 1).mT @ v), Q, Q, Q),
        },
        modes=("static", "backward", "dynamic"),
        close=10,
    ),
    *table(
        "module",
        WIDE,
        {
            "LSTM": (partial(nn.LSTM, 6, 7, batch_first=True), T(B, 5, 6)),
            "GRU": (partial(nn.GRU, 6, 7, num_layers=2), T(5, 3, 6)),
            "RNN": (partial(nn.RNN, 6, 7, bidirectional=True), T(5, 3, 6)),
            "LSTMCell": (partial(nn.LSTMCell, 6, 7), T(B, 6)),
            "GRUCell": (partial(nn.GRUCell, 6, 7), T(B, 6)),
            "MultiheadAttention": (partial(nn.MultiheadAttention, 12, 3, batch_first=True), *[T(2, N, 12)] * 3),
            "TransformerEncoderLayer": (
                partial(nn.TransformerEncoderLayer, 12, 3, 24, dropout=0.0, batch_first=True),
                T(2, N, 12),
            ),
            "TransformerDecoderLayer": (
                partial(nn.TransformerDecoderLayer, 12, 3, 24, dropout=0.0, batch_first=True),
                T(2, 5, 12),
                T(2, 7, 12),
            ),
            "BatchNorm2d": (partial(nn.BatchNorm2d, 4), IMAGE),
            "BatchNorm1d and Linear": (lambda: nn.Sequential(nn.Linear(12, 9), nn.BatchNorm1d(9), nn.Mish()), T(N, 12)),
            "Bilinear": (partial(nn.Bilinear, 5, 6, 4), T(N, 5), T(N, 6)),
            "convolutions": (
                lambda: nn.Sequential(
                    nn.Conv2d(4, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 4, 1)
                ),
                IMAGE,
            ),
            "PReLU and GroupNorm": (lambda: nn.Sequential(nn.GroupNorm(2, 4), nn.PReLU(4)), IMAGE),
            "Embedding and Linear": (
                lambda: nn.Sequential(nn.Linear(6, 12), nn.Hardswish(), nn.Linear(12, 3)),
                T(N, 6),
            ),
            "AdaptiveLogSoftmax": (lambda: _Adaptive(), T(N, 8)),
        },
        build=True,
        close=10,
        modes=("static", "backward"),
    ),
]


class _Adaptive(nn.Module):
    """Logarithms of the probabilities of all classes."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.AdaptiveLogSoftmaxWithLoss(8, 20, [5, 12])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.inner.log_prob(x)
