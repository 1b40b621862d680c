"""Attention as kernels of ours: which becomes one, and that it computes what torch defines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch._inductor import config
from torch._inductor.utils import run_and_get_code

from rung import compile as compiler
from rung import torch_backend
from rung.errors import FallbackWarning, UnsupportedError, UsageError
from rung.torch_backend.choices import of_attention

Tensors = tuple[torch.Tensor, ...]
CLOSE = {torch.float32: 1e-5, torch.bfloat16: 2e-2, torch.float16: 2e-3}
ATEN = "_scaled_dot_product_flash_attention_for_cpu.default("


@pytest.fixture(autouse=True)
def in_this_process() -> Iterator[None]:
    with config.patch(compile_threads=1, force_disable_caches=True):
        torch.compiler.reset()
        yield
    torch.compiler.reset()


def attend(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, **keywords: Any) -> torch.Tensor:
    return F.scaled_dot_product_attention(q, k, v, enable_gqa=q.shape[1] != k.shape[1], **keywords)


def compiled(function: Any, **keywords: Any) -> Callable[..., Any]:
    return torch.compile(function, backend=torch_backend.rung, **keywords)


def code_of(function: Any, *inputs: torch.Tensor, **keywords: Any) -> str:
    """Without gradients. Also checks the result, against float64 and in its strides."""
    with torch.no_grad():
        result, codes = run_and_get_code(compiled(function, **keywords), *inputs)
        right = function(*(x.double() if x.is_floating_point() else x for x in inputs))
    close = CLOSE[result.dtype]
    torch.testing.assert_close(result.double(), right, rtol=close, atol=close)
    steps = [zip(x.shape, x.stride(), strict=True) for x in (result, function(*inputs))]
    first, second = ([step for extent, step in pairs if extent > 1] for pairs in steps)
    assert first == second
    return "\n".join(codes)


def is_ours(code: str) -> bool:
    assert ("triton_tem" in code) != (ATEN in code)
    return "triton_tem" in code


def made(
    batch: int, heads: int, groups: int, queries: int, keys: int, width: int, dtype: Any = torch.float32
) -> Tensors:
    """As models give them: heads side by side, so that q, k and v are transposed."""
    draw = torch.Generator().manual_seed(queries + keys)
    sizes = ((queries, heads), (keys, groups), (keys, groups))
    return tuple(torch.randn(batch, n, h, width, generator=draw).to(dtype).transpose(1, 2) for n, h in sizes)


SHAPES = [
    (1, 2, 2, 64, 64, 64),  # whole blocks
    (2, 4, 2, 37, 70, 40),  # nothing divides; two heads on one group of keys
    (2, 3, 3, 70, 37, 16),  # later queries than keys
    (1, 2, 1, 5, 3, 256),
    (2, 4, 2, 1, 130, 40),  # a query against a cache
]


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_shapes(shape: tuple[int, ...], causal: bool) -> None:
    """Causal is from the top left: query i sees keys 0 to i, however many keys there are."""
    assert is_ours(code_of(lambda q, k, v: attend(q, k, v, is_causal=causal), *made(*shape)))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("queries", [1, 45])
def test_types_of_two_bytes(queries: int, dtype: torch.dtype) -> None:
    assert is_ours(code_of(lambda q, k, v: attend(q, k, v, scale=0.2), *made(1, 4, 2, queries, 77, 72, dtype)))


@pytest.mark.parametrize("queries", [1, 33])
def test_a_mask_that_leaves_some_rows_nothing(queries: int) -> None:
    q, k, v = made(2, 4, 4, queries, 70, 32)
    mask = torch.rand(2, 1, queries, 70, generator=torch.Generator().manual_seed(0)) > 0.5
    mask[1, :, queries // 2 :] = False
    assert is_ours(code_of(lambda q, k, v, mask: attend(q, k, v, attn_mask=mask), q, k, v, mask))
    with torch.no_grad():
        result = compiled(lambda q, k, v, mask: attend(q, k, v, attn_mask=mask))(q, k, v, mask)
    assert not result[1, :, queries // 2 :].any()


@pytest.mark.parametrize("shape", [(33, 70), (1, 3, 1, 70), (1, 3, 33, 1), (2, 1, 33, 70)])
def test_a_bias_of_scores_is_broadcast(shape: tuple[int, ...]) -> None:
    bias = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    assert is_ours(code_of(lambda q, k, v, b: attend(q, k, v, attn_mask=b), *made(2, 3, 3, 33, 70, 32), bias))


def test_parts_of_one_product_are_read_where_they_are() -> None:
    """And what follows joins the heads without a copy: one kernel in all."""

    def function(x: torch.Tensor) -> torch.Tensor:
        q, k, v = x.view(2, 50, 3, 4, 32).permute(2, 0, 3, 1, 4)
        return attend(q, k, v, is_causal=True).transpose(1, 2).reshape(2, 50, 128)

    code = code_of(function, torch.randn(2, 50, 384, generator=torch.Generator().manual_seed(0)))
    assert is_ours(code) and code.count("@triton.jit") == 1


def test_a_cache_that_grows() -> None:
    """Lengths become symbols with the second call."""
    function = compiled(attend)
    for keys in (20, 21, 90):
        q, k, v = made(1, 2, 2, 1, keys, 32)
        with torch.no_grad():
            result, codes = run_and_get_code(function, q, k, v)
        assert all(map(is_ours, codes))
        torch.testing.assert_close(result.double(), attend(q.double(), k.double(), v.double()), rtol=1e-5, atol=1e-5)


def test_in_cpp() -> None:
    inputs = made(1, 2, 2, 20, 30, 32)
    assert "triton_tem" in code_of(lambda q, k, v: attend(q, k, v), *inputs, options={"cpp_wrapper": True})


# ---- what stays ATen's


def test_gradients() -> None:
    given = made(1, 2, 2, 20, 30, 32)
    ours, theirs = ([x.detach().clone().requires_grad_() for x in given] for _ in range(2))
    result, codes = run_and_get_code(compiled(lambda q, k, v: attend(q, k, v)), *ours)
    result.square().sum().backward()
    attend(*theirs).square().sum().backward()
    assert ATEN in codes[0] and "triton_tem" not in codes[0]
    torch.testing.assert_close([x.grad for x in ours], [x.grad for x in theirs])


@pytest.mark.parametrize(
    ("width", "dtype", "options"),
    [(8, torch.float32, {}), (72, torch.float32, {}), (64, torch.float32, {"attention": False})],
)
def test_what_aten_is_for(width: int, dtype: torch.dtype, options: dict[str, Any]) -> None:
    assert not is_ours(code_of(lambda q, k, v: attend(q, k, v), *made(1, 2, 2, 20, 30, width, dtype), options=options))


def test_another_compilation_has_aten_s() -> None:
    given = made(1, 2, 2, 20, 30, 64)
    with torch.no_grad():
        compiled(lambda q, k, v: attend(q, k, v))(*given)
        _, (code,) = run_and_get_code(torch.compile(lambda q, k, v: attend(q, k, v) * 2), *given)
    assert ATEN in code or "flash_attention_for_cpu" in code
    assert "rung" not in code


def test_a_kernel_that_is_refused_runs_in_aten(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise UnsupportedError("operation `tt.dot`")

    monkeypatch.setattr(compiler, "compile_ttir", broken)
    given = made(1, 2, 2, 20, 30, 64)
    with pytest.warns(FallbackWarning, match=r"in ATen instead: .*attention.* \(test_attention.py"):
        code = code_of(lambda q, k, v: attend(q, k, v), *given)
    assert ATEN in code[code.rindex("def call(") :]  # of the last attempt


def test_options_are_true_or_false() -> None:
    with pytest.raises(Exception, match="option `attention` is 3; a value of type bool") as found:
        compiled(lambda x: x + 1, options={"attention": 3})(torch.ones(3))
    assert isinstance(getattr(found.value, "inner_exception", found.value), UsageError)


def test_blocks_fit_short_lengths() -> None:
    assert of_attention(5, 3, 40, torch.float32) == {"BLOCK_M": 16, "BLOCK_N": 16, "BLOCK_D": 64}
    assert of_attention(None, None, 64, torch.bfloat16) == {"BLOCK_M": 32, "BLOCK_N": 64, "BLOCK_D": 64}
    assert of_attention(5, 3, 64, torch.float64) is None
