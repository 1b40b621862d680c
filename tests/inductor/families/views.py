"""Views, strides, concatenations, padding, and tensors made from nothing."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from tests.inductor.cases import ALL, FLOATS, TYPES, B, K, M, N, T, table

X, XYZ = T(N, M), T(B, N, 12)
IMAGE = T(2, 3, 9, 11)


def padded(mode: str, *by: int) -> object:
    return lambda x: F.pad(x, by, mode=mode)


CASES = [
    *table(
        "view",
        ALL,
        {
            "transpose": (lambda x: x.t().contiguous(), X),
            "permute": (lambda x: x.permute(2, 0, 1).contiguous(), XYZ),
            "permute and reshape": (lambda x: x.permute(0, 2, 1).reshape(x.shape[0], -1), XYZ),
            "reshape": (
                lambda x: x.reshape(-1, 4) ^ x.reshape(-1, 4) if not x.is_floating_point() else x.reshape(-1, 4) * 2,
                XYZ,
            ),
            "flatten and unflatten": (lambda x: x.flatten(1).unflatten(1, (-1, 6)).clone(), XYZ),
            "squeeze and unsqueeze": (lambda x: x[None].squeeze(0).unsqueeze(-1).clone(), X),
            "expand": (lambda x: x[:, None].expand(-1, 5, -1).clone(), X),
            "broadcast_to": (lambda x: torch.broadcast_to(x, (4, 17, 8)).clone(), T(17, 1)),
            "repeat": (lambda x: x.repeat(2, 3), X),
            "repeat_interleave": (lambda x: x.repeat_interleave(3, 0), X),
            "tile": (lambda x: x.tile(2, 1, 2), X),
            "flip": (lambda x: x.flip(0, 1), X),
            "rot90": (lambda x: torch.rot90(x), X),
            "roll": (lambda x: x.roll((3, -2), (0, 1)), X),
            "movedim": (lambda x: x.movedim(0, -1).clone(), XYZ),
            "diagonal": (lambda x: x.diagonal(1).clone(), T(9, 12)),
            "diag_embed": (lambda x: torch.diag_embed(x, 1), T(3, 7)),
            "tril and triu": (lambda x: (x.tril(1), x.triu(-2)), X),
            "trace": (lambda x: x.to(torch.int64).trace(), T(12, 9)),
            "as_strided": (lambda x: x.as_strided((5, 4), (3, 2), 1).clone(), T(60)),
            "unfold": (lambda x: x.unfold(1, 5, 3).clone(), T(N, 20)),
            "split": (lambda x: [part.clone() for part in x.split([3, 4, 5], -1)], XYZ),
            "chunk": (lambda x: torch.cat(x.chunk(3, -1)[::-1], -1), XYZ),
            "unbind": (lambda x: torch.stack(x.unbind(-1)[::2]), XYZ),
            "cat": (lambda x, y: torch.cat([x, y, x], 0), X, T(5, M)),
            "cat of columns": (lambda x, y: torch.cat([x, y.logical_not().to(x.dtype)], 1), X, T(N, K)),
            "stack": (lambda x, y: torch.stack([x, y, x], 1), X, T(N, M)),
            "hstack and vstack": (lambda x, y: (torch.hstack([x, y]), torch.vstack([x, y])), X, T(N, M)),
            "block_diag": (lambda x, y: torch.block_diag(x, y), T(3, 4), T(5, 2)),
            "pixel_shuffle": (lambda x: F.pixel_shuffle(x.clone(), 2), T(2, 8, 5, 6)),
            "pixel_unshuffle": (lambda x: F.pixel_unshuffle(x.clone(), 2), T(2, 3, 6, 8)),
            "channel_shuffle": (lambda x: torch.channel_shuffle(x.clone(), 3), T(2, 6, 5, 4)),
            "channels last": (lambda x: x.contiguous(memory_format=torch.channels_last), IMAGE),
            "kron": (lambda x, y: torch.kron(x, y), T(3, 4), T(5, 2)),
            "meshgrid": (lambda x, y: torch.meshgrid(x, y, indexing="ij")[0].clone(), T(N), T(M)),
            "cartesian_prod": (lambda x, y: torch.cartesian_prod(x, y), T(5), T(7)),
            "vander": (lambda x: torch.vander(x.to(torch.int64), 4), T(9)),
        },
    ),
    *table(
        "strides",
        ALL,
        {
            "of a transposed input": (lambda x: x.logical_not() | (x > 0), T(N, M, view=lambda x: x.t())),
            "of every other element": (lambda x: x.logical_not() | (x > 0), T(20, 30, view=lambda x: x[::2, 1::3])),
            "of an expanded input": (lambda x: torch.where(x > 0, x, 0), T(1, 12, view=lambda x: x.expand(9, 12))),
            "of an input behind an offset": (lambda x: torch.where(x > 0, x, 0), T(20, 12, view=lambda x: x[3:])),
            "of a channels-last input": (
                lambda x: torch.where(x > 0, x, 0),
                T(2, 3, 9, 11, view=lambda x: x.contiguous(memory_format=torch.channels_last)),
            ),
            "of a diagonal": (lambda x: torch.where(x > 0, x, 0), T(12, 12, view=lambda x: x.diagonal())),
            "sum of a transposed input": (lambda x: x.to(torch.int64).sum(1), T(N, M, view=lambda x: x.t())),
        },
    ),
    *table(
        "padding",
        FLOATS,
        {
            "constant": (lambda x: F.pad(x, (2, 3, 1, 0), value=1.5), IMAGE),
            "negative": (lambda x: F.pad(x, (-2, 3, 1, -4)), IMAGE),
            "reflect": (padded("reflect", 2, 3, 1, 2), IMAGE),
            "replicate": (padded("replicate", 2, 3, 1, 2), IMAGE),
            "circular": (padded("circular", 2, 3, 1, 2), IMAGE),
            "reflect 1d": (padded("reflect", 4, 3), T(2, 3, 9)),
            "replicate 3d": (padded("replicate", 1, 1, 2, 1, 0, 2), T(1, 2, 4, 5, 6)),
            "constant_pad of rows": (lambda x: torch.constant_pad_nd(x, [0, 0, 3, 2], 2.0), X),
            "im2col": (lambda x: F.unfold(x, 3, padding=1, stride=2), IMAGE),
            "col2im": (lambda x: F.fold(x, (6, 8), 3, padding=1, stride=2), T(2, 27, 12)),
        },
    ),
    *table(
        "padding of anything",
        ALL,
        {"constant of anything": (lambda x: F.pad(x, (2, 1), value=1), X)},
    ),
    *table(
        "made",
        tuple(TYPES)[:-2],
        {
            "arange": (lambda x: torch.arange(3, 40, 2).to(x.dtype) + x, T(1)),
            "linspace": (lambda x: torch.linspace(0, 9, 10) + x, T(1)),
            "logspace": (lambda x: torch.logspace(0, 2, 5) + x, T(1)),
            "eye": (lambda x: torch.eye(7, 9, dtype=x.dtype) * x, T(1)),
            "full": (lambda x: torch.full((3, 5), 7, dtype=x.dtype) + x, T(1)),
            "iota by two": (lambda x: (torch.arange(12)[:, None] * torch.arange(5)).to(x.dtype) + x, T(1)),
            "window": (lambda x: torch.hann_window(16) * x, T(1)),
        },
    ),
    *table(
        "empty",
        ALL,
        {
            "no elements": (lambda x: (x + x, x.to(torch.int64).sum(0), torch.cat([x, x])), T(0, 5)),
            "sum of nothing": (lambda x: x.to(torch.float64).sum(1), T(5, 0)),
            "one number": (lambda x: (x + x, x.to(torch.float32).exp(), x[None].expand(5).clone()), T()),
            "one number and rows": (lambda x, y: torch.where(x > y, x, y), T(), T(N, M)),
            "one element": (lambda x: x.to(torch.float32).softmax(-1), T(1, 1)),
        },
    ),
]
