"""Reductions, cumulative functions, sorts and selections."""

from __future__ import annotations

import torch

from tests.inductor.cases import ALL, FLOATS, NUMBERS, WIDE, B, I, K, M, N, P, T, table

X = T(N, M)
XYZ = T(B, N, M)
SMALL = T(N, M, low=-1, high=1)

CASES = [
    *table(
        "reduction",
        NUMBERS,
        {
            "sum": (torch.sum, X),
            "sum of rows": (lambda x: x.sum(-1), X),
            "sum of columns": (lambda x: x.sum(0), X),
            "sum in the middle": (lambda x: x.sum(1, keepdim=True), XYZ),
            "sum of two dimensions": (lambda x: x.sum((0, 2)), XYZ),
            "sum of many": (lambda x: x.sum(), T(5, 4099)),
            "sum to f64": (lambda x: x.sum(0, dtype=torch.float64), X),
            "prod": (lambda x: x.prod(1), T(N, 7)),
            "amax and amin": (lambda x: (x.amax(-1), x.amin(0)), X),
            "aminmax": (lambda x: torch.aminmax(x, dim=1), X),
            "max with indices": (lambda x: torch.max(x * 3, 1), X),
            "min with indices": (lambda x: torch.min(x * 3, 0), X),
            "argmax": (lambda x: (x.argmax(1), x.argmax()), X),
            "argmin": (lambda x: (x.argmin(0, keepdim=True), x.argmin()), X),
            "count_nonzero": (lambda x: torch.count_nonzero(x.trunc() if x.is_floating_point() else x, 1), X),
            "any and all": (lambda x: ((x > 1).any(1), (x > -2).all(0), (x > 0).all()), X),
            "sum of a product": (lambda x, y: (x * y).sum(-1), X, T(N, M)),
        },
    ),
    *table(
        "reduction of bool",
        ("bool", "u8"),
        {
            "any": (lambda x: (x.any(), x.any(0), x.any(1, keepdim=True)), X),
            "all": (lambda x: (x.all(), x.all(0), x.all(1, keepdim=True)), X),
            "sum of bool": (lambda x: x.sum(1), X),
            "argmax of bool": (lambda x: x.to(torch.int32).argmax(1), X),
        },
    ),
    *table(
        "reduction of floats",
        FLOATS,
        {
            "mean": (lambda x: (x.mean(), x.mean(0), x.mean(-1, keepdim=True)), X),
            "var": (lambda x: (x.var(), x.var(0), x.var(-1, correction=0)), X),
            "std": (lambda x: (x.std(1), x.std()), X),
            "var_mean": (lambda x: torch.var_mean(x, (0, 2), keepdim=True), XYZ),
            "var of many": (lambda x: x.var(-1), T(3, 5003)),
            "norm 2": (lambda x: (torch.linalg.vector_norm(x), x.norm(dim=1)), X),
            "norm 1": (lambda x: torch.linalg.vector_norm(x, 1, dim=0), X),
            "norm 3": (lambda x: torch.linalg.vector_norm(x, 3, dim=1), X),
            "norm inf": (lambda x: torch.linalg.vector_norm(x, float("inf"), dim=1), X),
            "norm 0": (lambda x: torch.linalg.vector_norm(x.trunc(), 0, dim=1), X),
            "frobenius": (lambda x: torch.linalg.matrix_norm(x), XYZ),
            "renorm": (lambda x: x.renorm(2, 0, 3.0), X),
            "logsumexp": (lambda x: (x.logsumexp(1), x.logsumexp((0, 1))), X),
            "nansum and nanmean": (lambda x: (x.log().nansum(1), x.log().nanmean(1)), X),
            "mean of a mask": (lambda x: (x * (x > 0)).sum(1) / (x > 0).sum(1), X),
            "two passes": (lambda x: ((x - x.mean(1, keepdim=True)) ** 2).mean(1), X),
            "sum of columns of many": (lambda x: x.sum(0), T(3001, 5)),
        },
    ),
    *table(
        "median",
        ("f32", "f64", "i32", "i64"),
        {
            "median": (lambda x: x.median(1), X),
            "kthvalue": (lambda x: x.kthvalue(3, 1).values, X),
            "nanmedian": (lambda x: x.nanmedian(), X),
        },
    ),
    *table(
        "quantile",
        WIDE,
        {
            "quantile": (lambda x: x.quantile(0.3, dim=1), X),
            "nanquantile": (lambda x: x.nanquantile(0.5), X),
        },
    ),
    *table("mode", ("i32", "i64"), {"mode": (lambda x: x.mode(1).values, X)}),
    *table(
        "cumulative",
        NUMBERS,
        {
            "cumsum": (lambda x: x.cumsum(1), X),
            "cumsum of columns": (lambda x: x.cumsum(0), SMALL),
            "cumsum of many": (lambda x: x.cumsum(-1), T(2, 3001, low=-1, high=1)),
            "cumprod": (lambda x: x.cumprod(1), P(N, 9, high=1.5)),
            "cummax": (lambda x: x.cummax(1), X),
            "cummin": (lambda x: x.cummin(0), X),
            "diff": (lambda x: (x.diff(dim=1), x.diff(n=2, dim=0)), X),
            "cumsum of a product": (lambda x, y: (x * y).cumsum(1) + x, SMALL, T(N, M, low=0, high=1)),
        },
        close=4,
    ),
    *table(
        "cumulative of floats",
        FLOATS,
        {
            "logcumsumexp": (lambda x: x.logcumsumexp(1), X),
            "trapezoid": (lambda x: torch.trapezoid(x, dx=0.5), X),
            "cumulative_trapezoid": (lambda x: torch.cumulative_trapezoid(x), X),
        },
        close=4,
    ),
    *table(
        "sort",
        ALL,
        {
            "sort": (lambda x: torch.sort(x, stable=True), X),
            "sort descending": (lambda x: torch.sort(x, 0, descending=True, stable=True), X),
            "sort of many": (lambda x: torch.sort(x, -1, stable=True), T(2, 1500, low=-100, high=100)),
            "argsort": (lambda x: torch.argsort(x, 1, stable=True), X),
        },
    ),
    *table(
        "topk",
        NUMBERS,
        {
            "topk": (lambda x: x.topk(5, 1).values, X),
            "smallest": (lambda x: x.topk(3, 0, largest=False).values, X),
            "msort": (torch.msort, X),
        },
        modes=("static", "dynamic"),  # which of equal numbers is taken, and so has a gradient, is nobody's to say
    ),
    *table(
        "search",
        ("f32", "f64", "i32", "i64", "f16", "bf16"),
        {
            "searchsorted": (lambda x, y: torch.searchsorted(x.sort(1).values, y), X, T(N, 5)),
            "bucketize": (lambda x, y: torch.bucketize(x, y.sort().values), X, T(9)),
            "bucketize right": (lambda x, y: torch.bucketize(x, y.sort().values, right=True, out_int32=True), X, T(9)),
        },
    ),
    *table(
        "histogram",
        WIDE,
        {
            "histc": (lambda x: torch.histc(x, 8, -2, 2), X),
        },
    ),
    *table(
        "bincount",
        ("i64", "i32"),
        {"bincount": (lambda x: torch.bincount(x, minlength=9), I(40, below=9))},
    ),
    *table(
        "covariance",
        WIDE,
        {
            "cov": (torch.cov, T(5, M)),
            "corrcoef": (torch.corrcoef, T(5, M)),
            "gradient": (lambda x: torch.gradient(x, dim=1)[0], T(N, K)),
        },
        close=4,
    ),
]
