"""Losses, products and what of linear algebra decomposes."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from tests.inductor.cases import FLOATS, INTEGERS, WIDE, B, I, K, M, N, P, T, table

X, Y = T(N, M), T(N, M, grad=False)
PROBABILITIES = T(N, M, low=0.05, high=0.95)
TARGETS = T(N, M, low=0.05, high=0.95, grad=False)
SIGNS = T(N, low=1, high=1, grad=False)
A, W = T(N, K), T(K, M)

CASES = [
    *table(
        "loss",
        FLOATS,
        {
            "mse_loss": (F.mse_loss, X, Y),
            "l1_loss": (F.l1_loss, X, Y),
            "smooth_l1_loss": (lambda x, y: F.smooth_l1_loss(x, y, beta=0.7), X, Y),
            "huber_loss": (lambda x, y: F.huber_loss(x, y, delta=0.7), X, Y),
            "cross_entropy": (F.cross_entropy, T(N, 20), I(N, below=20)),
            "cross_entropy smoothed": (
                lambda x, y: F.cross_entropy(x, y, label_smoothing=0.1),
                T(N, 20),
                I(N, below=20),
            ),
            "cross_entropy ignoring": (lambda x, y: F.cross_entropy(x, y, ignore_index=3), T(N, 5), I(N, below=5)),
            "cross_entropy weighted": (
                lambda x, y, w: F.cross_entropy(x, y, w),
                T(N, 20),
                I(N, below=20),
                P(20, grad=False),
            ),
            "cross_entropy of probabilities": (lambda x, y: F.cross_entropy(x, y.softmax(1)), X, Y),
            "cross_entropy of images": (F.cross_entropy, T(2, 5, 6, 7), I(2, 6, 7, below=5)),
            "nll_loss": (lambda x, y: F.nll_loss(x.log_softmax(1), y, reduction="sum"), T(N, 20), I(N, below=20)),
            "binary_cross_entropy": (F.binary_cross_entropy, PROBABILITIES, TARGETS),
            "binary_cross_entropy_with_logits": (
                lambda x, y, w: F.binary_cross_entropy_with_logits(x, y, pos_weight=w),
                X,
                TARGETS,
                P(M, grad=False),
            ),
            "kl_div": (lambda x, y: F.kl_div(x.log_softmax(1), y.softmax(1), reduction="batchmean"), X, Y),
            "poisson_nll_loss": (F.poisson_nll_loss, X, P(N, M, grad=False)),
            "gaussian_nll_loss": (F.gaussian_nll_loss, X, Y, P(N, M)),
            "hinge_embedding_loss": (lambda x, y: F.hinge_embedding_loss(x, y.sign()), X, Y),
            "margin_ranking_loss": (lambda x, y: F.margin_ranking_loss(x, y, torch.ones_like(x), 0.3), X, Y),
            "soft_margin_loss": (lambda x, y: F.soft_margin_loss(x, y.sign()), X, Y),
            "triplet_margin_loss": (F.triplet_margin_loss, T(N, M), T(N, M), T(N, M)),
            "cosine_embedding_loss": (F.cosine_embedding_loss, T(N, M), T(N, M), SIGNS),
            "cosine_similarity": (F.cosine_similarity, X, T(N, M)),
            "pairwise_distance": (F.pairwise_distance, X, T(N, M)),
        },
        close=4,
    ),
    *table(
        "rare loss",
        WIDE,
        {
            "multi_margin_loss": (F.multi_margin_loss, T(N, 9), I(N, below=9)),
            "multilabel_margin_loss": (F.multilabel_margin_loss, T(5, 9), I(5, 9, below=9, low=-1)),
            "multilabel_soft_margin_loss": (F.multilabel_soft_margin_loss, X, TARGETS),
            "ctc_loss": (
                lambda x, y: F.ctc_loss(x.log_softmax(-1), y, torch.tensor([12, 9]), torch.tensor([4, 3])),
                T(12, 2, 6),
                I(2, 4, below=6, low=1),
            ),
            "pdist": (F.pdist, T(9, 5)),
        },
        close=4,
    ),
    *table(
        "product",
        ("f32", "bf16", "f64"),
        {
            "mm": (lambda a, w: (a @ w).relu(), A, W),
            "mm transposed": (lambda a, w: (a.t() @ w) * 2, T(K, N), T(K, M)),
            "linear": (lambda a, w, b: F.gelu(F.linear(a, w, b)), A, T(M, K), T(M)),
            "bmm": (lambda a, w: torch.bmm(a, w) + 1, T(B, N, K), T(B, K, M)),
            "matmul that broadcasts": (lambda a, w: a @ w, T(B, 1, N, 8), T(4, 8, M)),
            "mv": (lambda a, v: (a @ v).tanh(), A, T(K)),
            "dot": (lambda a, v: torch.dot(a, v) * 2, T(M), T(M)),
            "outer": (lambda a, v: torch.outer(a, v) + 1, T(N), T(M)),
            "addmm": (lambda c, a, w: torch.addmm(c, a, w, beta=0.5, alpha=2).relu(), T(M), A, W),
            "baddbmm": (lambda c, a, w: torch.baddbmm(c, a, w, beta=0.5), T(B, N, M), T(B, N, K), T(B, K, M)),
            "addbmm": (torch.addbmm, T(N, M), T(B, N, K), T(B, K, M)),
            "addmv": (torch.addmv, T(N), A, T(K)),
            "addr": (torch.addr, T(N, M), T(N), T(M)),
            "einsum": (
                lambda a, b: torch.einsum("bik,bjk->bij", a, b).exp(),
                T(B, N, 5, low=-1, high=1),
                T(B, M, 5, low=-1, high=1),
            ),
            "einsum of three": (lambda a, b, c: torch.einsum("ik,kj,j->i", a, b, c), A, W, T(M)),
            "tensordot": (lambda a, b: torch.tensordot(a, b, 2), T(N, 4, 5), T(4, 5, M)),
            "inner": (torch.inner, A, T(M, K)),
            "chain": (lambda a, b, c: torch.linalg.multi_dot([a, b, c]), A, W, T(M, 5)),
            "one row": (lambda a, w: F.silu(a @ w), T(1, K), W),
            "one column": (lambda a, w: a @ w + 1, A, T(K, 1)),
            "matrix_power": (lambda a: torch.linalg.matrix_power(a, 3), T(B, 6, 6, low=-1, high=1)),
            "two layers": (lambda x, w, v: F.silu(x @ w) @ v, A, W, T(M, 5)),
        },
        close=10,
    ),
    *table(
        "product of integers",
        INTEGERS,
        {
            "mm of integers": (lambda a, w: a @ w, T(17, 24), T(24, 9)),
            "products summed": (lambda a, w: (a[:, :, None] * w).sum(1), T(17, 24), T(24, 9)),
        },
    ),
    *table(
        "linear algebra",
        WIDE,
        {
            "cross": (lambda a, b: torch.linalg.cross(a, b), T(N, 3), T(N, 3)),
            "det": (lambda a: torch.linalg.det(a + 3 * torch.eye(4)), T(B, 4, 4)),
            "inv": (lambda a: torch.linalg.inv(a + 5 * torch.eye(4)), T(B, 4, 4)),
            "solve": (lambda a, b: torch.linalg.solve(a + 5 * torch.eye(4), b) * 2, T(B, 4, 4), T(B, 4, 2)),
            "cholesky": (lambda a: torch.linalg.cholesky(a @ a.mT + torch.eye(4)), T(B, 4, 4)),
            "triangular": (
                lambda a, b: torch.linalg.solve_triangular(a.tril() + 5 * torch.eye(4), b, upper=False),
                T(B, 4, 4),
                T(B, 4, 2),
            ),
            "matrix_exp": (lambda a: torch.linalg.matrix_exp(a) + 1, T(B, 4, 4, low=-0.5, high=0.5)),
            "householder": (lambda a, t: torch.linalg.householder_product(a, t), T(5, 3), T(3)),
            "vecdot": (lambda a, b: torch.linalg.vecdot(a, b), T(N, M), T(N, M)),
            "singular values": (lambda a: torch.linalg.svdvals(a).sum(), T(5, 4)),
            "eigenvalues": (lambda a: torch.linalg.eigvalsh(a + a.mT).sum(), T(5, 5)),
        },
        close=100,
    ),
]
