"""Scaled products for every pair of formats that Triton takes, against products of f64 of what the codes mean.

What they mean is written down here by number: the sixteen of e2m1 as a table, powers of two for e8m0; e4m3 and e5m2 are
torch's.
"""

from __future__ import annotations

import pytest
import torch
import triton
import triton.language as tl

SCHEDULES = ["threads=1", "vectorize=off threads=1"]
FORMATS = ["e2m1", "e4m3", "e5m2", "bf16", "fp16"]
E2M1 = torch.tensor([0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, -0.0, -0.5, -1.0, -1.5, -2.0, -3.0, -4.0, -6.0]).double()
M, N, K = 32, 16, 64


@triton.jit
def product(
    a, a_scale, b, b_scale, c, steps,
    M: tl.constexpr, N: tl.constexpr, K: tl.constexpr, A: tl.constexpr, B: tl.constexpr,
    A_ALONG_K: tl.constexpr, B_ALONG_K: tl.constexpr, GROUP: tl.constexpr,
):  # fmt: skip
    """c += a b. Operands lie in memory as the steps' blocks, one after the other."""
    A_M: tl.constexpr = M // 2 if A == "e2m1" and not A_ALONG_K else M
    A_K: tl.constexpr = K // 2 if A == "e2m1" and A_ALONG_K else K
    B_N: tl.constexpr = N // 2 if B == "e2m1" and not B_ALONG_K else N
    B_K: tl.constexpr = K // 2 if B == "e2m1" and B_ALONG_K else K
    G: tl.constexpr = K // GROUP
    m, n, g = tl.arange(0, M)[:, None], tl.arange(0, N)[:, None], tl.arange(0, G)[None, :]
    at = m * N + tl.arange(0, N)[None, :]
    acc = tl.load(c + at)
    for step in range(steps):
        left = tl.load(a + step * A_M * A_K + tl.arange(0, A_M)[:, None] * A_K + tl.arange(0, A_K)[None, :])
        right = tl.load(b + step * B_K * B_N + tl.arange(0, B_K)[:, None] * B_N + tl.arange(0, B_N)[None, :])
        left_scale, right_scale = None, None
        if a_scale is not None:
            left_scale = tl.load(a_scale + step * M * G + m * G + g)
        if b_scale is not None:
            right_scale = tl.load(b_scale + step * N * G + n * G + g)
        acc = tl.dot_scaled(left, left_scale, A, right, right_scale, B, acc, lhs_k_pack=A_ALONG_K, rhs_k_pack=B_ALONG_K)
    tl.store(c + at, acc)


def operand(name: str, steps: int, rows: int, columns: int, packed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """In memory, and the numbers (steps, rows, columns). packed: the dimension along which neighbours share a byte."""
    extents = (steps, rows, columns)
    if name == "e2m1":
        code = torch.randint(0, 16, extents, dtype=torch.uint8)
        first, second = (code.index_select(packed, torch.arange(k, extents[packed], 2)) for k in (0, 1))
        return first | second << 4, E2M1[code.int()]
    kind = {"e4m3": torch.float8_e4m3fn, "e5m2": torch.float8_e5m2, "bf16": torch.bfloat16, "fp16": torch.float16}[name]
    number = torch.randn(extents).to(kind)
    return number, number.double()


def scales(steps: int, rows: int, groups: int) -> tuple[torch.Tensor, torch.Tensor]:
    code = torch.randint(119, 136, (steps, rows, groups), dtype=torch.uint8)
    return code, 2.0 ** (code.double() - 127)


def run(
    a_format: str,
    b_format: str,
    scaled: tuple[bool, bool],
    along_k: tuple[bool, bool] = (True, True),
    steps: int = 2,
    schedule: str = "threads=1",
) -> None:
    torch.manual_seed(0)
    a, left = operand(a_format, steps, M, K, 2 if along_k[0] else 1)
    b, right = operand(b_format, steps, K, N, 1 if along_k[1] else 2)
    a_scale = b_scale = None
    if scaled[0]:
        a_scale, factor = scales(steps, M, K // 32)
        left = left * factor.repeat_interleave(32, 2)
    if scaled[1]:
        b_scale, factor = scales(steps, N, K // 32)
        right = right * factor.repeat_interleave(32, 2).mT
    c = torch.randn(M, N)
    expected = c.double() + (left @ right).sum(0)
    size = c.double().abs() + (left.abs() @ right.abs()).sum(0)
    product[(1,)](
        a, a_scale, b, b_scale, c, steps, M, N, K, a_format, b_format, *along_k, 32, schedule=schedule
    )  # fmt: skip
    assert ((c.double() - expected).abs() <= 1e-6 * size).all()


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("b", FORMATS)
@pytest.mark.parametrize("a", FORMATS)
def test_every_pair_of_formats(a: str, b: str, schedule: str) -> None:
    run(a, b, (True, True), schedule=schedule)


@pytest.mark.parametrize("scaled", [(False, False), (True, False), (False, True)])
@pytest.mark.parametrize(("a", "b"), [("e2m1", "e2m1"), ("e4m3", "e2m1"), ("e2m1", "bf16"), ("e5m2", "fp16")])
def test_without_scales(a: str, b: str, scaled: tuple[bool, bool]) -> None:
    run(a, b, scaled)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("along_k", [(False, False), (True, False), (False, True)])
@pytest.mark.parametrize(("a", "b"), [("e2m1", "e2m1"), ("e4m3", "e2m1"), ("e2m1", "bf16")])
def test_packed_along_m_and_n(a: str, b: str, along_k: tuple[bool, bool], schedule: str) -> None:
    packed = tuple(along or name != "e2m1" for name, along in zip((a, b), along_k, strict=True))
    run(a, b, (True, True), (packed[0], packed[1]), schedule=schedule)


@triton.jit
def of_bytes(a, s, b, c, M: tl.constexpr, K: tl.constexpr, G: tl.constexpr, FAST: tl.constexpr):
    i, k, g = tl.arange(0, M), tl.arange(0, K), tl.arange(0, G)
    left, right = tl.load(a + i[:, None] * K + k[None, :]), tl.load(b + k[:, None] * M + i[None, :])
    scale = tl.load(s + i[:, None] * G + g[None, :])
    tl.store(c + i[:, None] * M + i[None, :], tl.dot_scaled(left, scale, "e4m3", right, None, "fp16", fast_math=FAST))


@pytest.mark.parametrize("fast", [False, True])
def test_the_ends_of_the_scales(fast: bool) -> None:
    """2^-127, which is subnormal in f32, 2^127, and 255, which is NaN."""
    codes = torch.tensor([0, 1, 127, 254, 255, 64, 191, 128], dtype=torch.uint8)
    a, b = torch.ones(8, 32, dtype=torch.float8_e4m3fn), torch.full((32, 8), 2.0**-5, dtype=torch.float16)
    found = torch.zeros(8, 8)
    of_bytes[(1,)](a.view(torch.uint8), codes, b, found, 8, 32, 1, fast)
    assert torch.equal(
        found[codes != 255], (2.0 ** (codes[codes != 255].double() - 127)).float()[:, None].expand(-1, 8)
    )
    assert fast or found[codes == 255].isnan().all()


def test_scales_that_are_floats_of_eight_bits() -> None:
    """For every sixteen elements, as NVIDIA's own format has them."""
    torch.manual_seed(1)
    a, b = torch.randn(16, 64).to(torch.float8_e4m3fn), torch.randn(64, 16).half()
    scale = torch.rand(16, 4).to(torch.float8_e4m3fn)
    found = torch.zeros(16, 16)
    of_bytes[(1,)](a, scale, b, found, 16, 64, 4, False)
    right = (a.double() * scale.double().repeat_interleave(16, 1)) @ b.double()
    assert torch.allclose(found.double(), right, rtol=1e-5, atol=1e-5)


@triton.jit
def batches(a, s, b, c, M: tl.constexpr, K: tl.constexpr):
    t, m, n = tl.arange(0, 2)[:, None, None], tl.arange(0, M)[None, :, None], tl.arange(0, M)[None, None, :]
    j, i = tl.arange(0, K // 2)[None, None, :], tl.arange(0, K // 2)[None, :, None]
    left = tl.load(a + t * M * K // 2 + m * K // 2 + j)
    right = tl.load(b + t * M * K // 2 + i * M + n)
    scale = tl.load(s + t * M * (K // 32) + m * (K // 32) + tl.arange(0, K // 32)[None, None, :])
    tl.store(c + t * M * M + m * M + n, tl.dot_scaled(left, scale, "e2m1", right, scale, "e2m1"))


def test_batches() -> None:
    torch.manual_seed(2)
    (a, left), (b, right) = operand("e2m1", 2, 16, 64, 2), operand("e2m1", 2, 64, 16, 1)
    s, factor = scales(2, 16, 2)
    found = torch.zeros(2, 16, 16)
    batches[(1,)](a, s, b, found, 16, 64)
    wide = factor.repeat_interleave(32, 2)
    assert torch.allclose(found.double(), (left * wide) @ (right * wide.mT), rtol=1e-5, atol=1e-4)


@triton.jit
def wrong_group(a, c, G: tl.constexpr):
    i = tl.arange(0, 32)
    left = tl.load(a + i[:, None] * 32 + i[None, :])
    scale = tl.load(a + i[:, None] * G + tl.arange(0, G)[None, :])
    tl.store(c + i[:, None] * 32 + i[None, :], tl.dot_scaled(left, scale, "e5m2", left, None, "e5m2"))


def test_triton_refuses_scales_of_another_shape() -> None:
    with pytest.raises(triton.CompilationError, match="lhs_scale must be a tensor of shape"):
        wrong_group[(1,)](torch.zeros(32, 32, dtype=torch.uint8), torch.zeros(32, 32), 2)
