"""Gathers, scatters, and what reads or writes by an index."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from tests.inductor.cases import ALL, FLOATS, NUMBERS, WIDE, B, I, M, Mask, N, T, table

X = T(N, M)
ROWS, COLUMNS = I(11, below=17), I(N, 6, below=20)


def index_put(x: torch.Tensor, rows: torch.Tensor, y: torch.Tensor, accumulate: bool = False) -> torch.Tensor:
    return torch.index_put(x, (rows,), y, accumulate)


def scattered(reduce: str, include: bool = True) -> object:
    return lambda x, at, y: torch.scatter_reduce(x, 0, at, y, reduce, include_self=include)


CASES = [
    *table(
        "gather",
        ALL,
        {
            "gather": (lambda x, at: x.gather(1, at), X, COLUMNS),
            "gather of rows": (lambda x, at: x.gather(0, at), X, I(5, M, below=17)),
            "take_along_dim": (lambda x, at: torch.take_along_dim(x, at, 1), X, COLUMNS),
            "take": (lambda x, at: x.take(at), X, I(7, 3, below=300)),
            "index_select": (lambda x, at: x.index_select(0, at), X, ROWS),
            "index of rows": (lambda x, at: x[at], X, ROWS),
            "index of columns": (lambda x, at: x[:, at], X, I(9, below=20)),
            "negative indices": (lambda x, at: x[at], X, I(11, below=17, low=-17)),
            "two indices": (lambda x, i, j: x[i, j], X, ROWS, I(11, below=20)),
            "indices that broadcast": (lambda x, i, j: x[i, j], X, I(5, 1, below=17), I(4, below=20)),
            "index with a slice between": (lambda x, i, j: x[i, :, j], T(6, N, 7), I(5, below=6), I(5, below=7)),
            "index of i32": (lambda x, at: x[at], X, I(11, below=17, kind="i32")),
            "index of u8 and bytes": (lambda x, at: x[at.long()], X, I(11, below=17, kind="u8")),
            "select and slice": (lambda x: (x[3], x[:, 2:9:3], x[-1:]), T(N, 20)),
            "select of a computed row": (lambda x, at: x[at[0]], X, ROWS),
            "where of indices": (lambda x, at: torch.where(at[:, None] > 5, x[at], 0), X, ROWS),
        },
    ),
    *table(
        "scatter",
        ALL,
        {
            "scatter": (lambda x, at, y: x.scatter(0, at, y), X, I(1, 20, below=17), T(1, 20)),
            "scatter of a scalar": (lambda x, at: x.scatter(1, at, 1), X, COLUMNS),
            "index_fill": (lambda x, at: x.index_fill(0, at, 1), X, ROWS),
            "index_copy": (lambda x, y: x.index_copy(0, torch.tensor([4, 1, 9]), y), X, T(3, M)),
            "index_put": (lambda x, y: index_put(x, torch.tensor([4, 1, 9]), y), X, T(3, M)),
            "index_put of a mask": (
                lambda x, mask: torch.index_put(x, (mask,), torch.ones((), dtype=x.dtype)),
                X,
                Mask(N, M),
            ),
            "masked_scatter": (lambda x, mask, y: x.masked_scatter(mask, y), X, Mask(N, M), T(N, M)),
            "select_scatter": (lambda x, y: x.select_scatter(y, 0, 3), X, T(M)),
            "slice_scatter": (lambda x, y: x.slice_scatter(y, 1, 2, 8, 2), T(N, 20), T(N, 3)),
            "diagonal_scatter": (lambda x, y: x.diagonal_scatter(y, 1), T(9, 12), T(9)),
            "assignment": (lambda x, y: _assigned(x, y), T(N, 20), T(N, 4)),
        },
    ),
    *table(
        "scatter of numbers",
        NUMBERS,
        {
            "scatter_add": (lambda x, at, y: x.scatter_add(0, at, y), X, I(9, 20, below=17), T(9, 20)),
            "index_add": (lambda x, at, y: x.index_add(0, at, y, alpha=2), X, ROWS, T(11, M)),
            "index_put accumulated": (lambda x, at, y: index_put(x, at, y, True), X, ROWS, T(11, M)),
            "scatter_reduce sum": (scattered("sum"), X, I(9, 20, below=17), T(9, 20)),
            "scatter_reduce amax": (scattered("amax"), X, I(9, 20, below=17), T(9, 20)),
            "scatter_reduce amin alone": (scattered("amin", False), X, I(9, 20, below=17), T(9, 20)),
            "scatter_reduce prod": (scattered("prod"), X, I(9, 20, below=17), T(9, 20)),
        },
        close=4,
    ),
    *table(
        "scatter of floats",
        FLOATS,
        {
            "scatter_reduce mean": (scattered("mean"), X, I(9, 20, below=17), T(9, 20)),
            "index_reduce": (lambda x, at, y: x.index_reduce(0, at, y, "amax"), X, ROWS, T(11, M)),
        },
        close=4,
    ),
    *table(
        "embedding",
        FLOATS,
        {
            "embedding": (lambda w, at: F.embedding(at, w), T(20, 12), I(B, N, below=20)),
            "embedding with padding": (lambda w, at: F.embedding(at, w, padding_idx=3), T(20, 12), I(B, N, below=20)),
            "embedding_bag": (lambda w, at: F.embedding_bag(at, w, mode="mean"), T(20, 12), I(B, 7, below=20)),
            "embedding and sum": (lambda w, at: F.embedding(at, w).sum(1).relu(), T(20, 12), I(B, N, below=20)),
        },
        close=4,
    ),
    *table(
        "one hot",
        ("i64",),
        {
            "one_hot": (lambda at: F.one_hot(at, 9), I(N, below=9)),
            "one hot by comparison": (lambda at: (at[:, None] == torch.arange(9)).float(), I(N, below=9)),
            "tril_indices": (lambda at: torch.tril_indices(5, 7) + at, I(1, below=9)),
            "unravel_index": (lambda at: torch.unravel_index(at, (4, 5)), I(N, below=20)),
        },
    ),
    *table(
        "grid_sample",
        WIDE,
        {
            f"{mode} {padding}": (
                lambda x, at, m=mode, p=padding: F.grid_sample(x, at, mode=m, padding_mode=p, align_corners=False),
                T(2, 3, 9, 11),
                T(2, 6, 5, 2, low=-1.3, high=1.3),
            )
            for mode, padding in (
                ("bilinear", "zeros"),
                ("bilinear", "border"),
                ("bilinear", "reflection"),
                ("nearest", "zeros"),
                ("bicubic", "zeros"),
                ("bicubic", "border"),
            )
        },
        close=10,
    ),
    *table(
        "affine_grid",
        WIDE,
        {
            "affine_grid": (lambda t: F.affine_grid(t, [2, 3, 5, 7], align_corners=True), T(2, 2, 3)),
            "grid_sample of volumes": (
                lambda x, at: F.grid_sample(x, at, align_corners=True),
                T(1, 2, 5, 6, 4),
                T(1, 3, 4, 2, 3, low=-1, high=1),
            ),
        },
        close=4,
    ),
]


def _assigned(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    x = x.clone()
    x[:, 2:6] = y
    x[0] = 1
    x[..., -1] += 1 if x.dtype != torch.bool else x[..., 0]
    return x
