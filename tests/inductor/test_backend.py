"""`torch.compile(model, backend="rung")`: what it takes, what it changes, and what it leaves alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.metadata import entry_points
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch._dynamo.exc import BackendCompilerFailed
from torch._inductor import config
from torch._inductor.utils import run_and_get_code
from torch.nn.attention.flex_attention import create_block_mask, flex_attention

from rung import torch_backend
from rung.torch_backend.settings import settings


@pytest.fixture(autouse=True)
def in_this_process() -> Iterator[None]:
    with config.patch(compile_threads=1, force_disable_caches=True):
        torch.compiler.reset()
        yield
    torch.compiler.reset()


def compiled(function: Any, **keywords: Any) -> Callable[..., Any]:
    return torch.compile(function, backend=torch_backend.rung, **keywords)


def test_it_is_known_by_name() -> None:
    (found,) = entry_points(group="torch_dynamo_backends", name="rung")
    assert found.load() is torch_backend.rung
    assert torch.equal(torch.compile(lambda x: x + 1, backend="rung")(torch.ones(3)), torch.full((3,), 2.0))


def test_kernels_are_triton_s_and_configuration_is_as_before() -> None:
    x, before = torch.randn(64, 100), config.get_config_copy()
    result, (code,) = run_and_get_code(compiled(lambda x: torch.softmax(x, -1)), x)
    assert "@triton.jit" in code
    assert config.get_config_copy() == before
    torch.testing.assert_close(result, torch.softmax(x, -1))


def test_another_compilation_keeps_its_own() -> None:
    x, y = torch.randn(64, 100), torch.randn(64, 100)
    ours, theirs = compiled(lambda x: x.sin() * 2), torch.compile(lambda x: x.cos() * 2)
    _, (first,) = run_and_get_code(ours, x)
    _, (second,) = run_and_get_code(theirs, x)
    assert "@triton.jit" in first and "@triton.jit" not in second
    torch.testing.assert_close(ours(y) + theirs(y), y.sin() * 2 + y.cos() * 2)


def test_backward_is_compiled_likewise() -> None:
    """It is compiled when it is first needed, when the call of the compiler is long over."""
    model = nn.Sequential(nn.LayerNorm(64), nn.Linear(64, 128), nn.GELU(), nn.Linear(128, 64))
    x, twin = (torch.randn(32, 64, generator=torch.Generator().manual_seed(0), requires_grad=True) for _ in range(2))
    function = compiled(model)
    _, codes = run_and_get_code(lambda: function(x).square().sum().backward())
    assert len(codes) == 2 and all("@triton.jit" in code for code in codes)
    ours = [p.grad.clone() for p in model.parameters() if p.grad is not None]
    model.zero_grad()
    model(twin).square().sum().backward()
    torch.testing.assert_close(x.grad, twin.grad)
    torch.testing.assert_close(ours, [p.grad for p in model.parameters()])


@pytest.mark.parametrize("dynamic", [None, True, False])
def test_shapes_may_change(dynamic: bool | None) -> None:
    function = compiled(lambda x: F.gelu(x).sum(-1), dynamic=dynamic, fullgraph=True)
    for n in (16, 33, 100):
        x = torch.randn(n, n + 1)
        torch.testing.assert_close(function(x), F.gelu(x).sum(-1))


@pytest.mark.parametrize(
    "keywords", [{"mode": "reduce-overhead"}, {"mode": "lite"}, {"options": {"epilogue_fusion": False}}]
)
def test_modes_and_options_are_inductor_s(keywords: dict[str, Any]) -> None:
    x = torch.randn(50, 70)
    torch.testing.assert_close(compiled(lambda x: (x @ x.T).relu(), **keywords)(x), (x @ x.T).relu())


@pytest.mark.parametrize(
    ("keywords", "words"),
    [
        ({"options": {"fallback-randoms": True}}, "no option `fallback-randoms`; did you mean `fallback_random`?"),
        ({"options": {"cpu_backend": "cpp"}}, "`cpu_backend` is 'triton' with backend=\"rung\"; leave it out"),
        ({"options": {"epilogue_fusion": "no"}}, "option `epilogue_fusion` is 'no'; a value of type bool"),
        ({"mode": "fast"}, "mode is `fast`; one of: default, lite, "),
    ],
    ids=str,
)
def test_what_inductor_does_not_know_is_refused(keywords: dict[str, Any], words: str) -> None:
    with pytest.raises(BackendCompilerFailed) as raised:
        compiled(lambda x: x + 1, **keywords)(torch.ones(3))
    assert words in str(raised.value)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int8], ids=str)
def test_the_sign_of_zero(dtype: torch.dtype) -> None:
    x = torch.tensor([-0.0, 0.0, 1.0, -1.0, float("inf"), -float("inf")]).nan_to_num(posinf=100, neginf=-100).to(dtype)
    x = torch.cat([x, -x])
    assert torch.equal(compiled(torch.signbit)(x), torch.signbit(x))


def test_templates_of_products_and_convolutions(capsys: pytest.CaptureFixture[str]) -> None:
    def function(
        a: torch.Tensor, b: torch.Tensor, image: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor
    ) -> Any:
        return (a @ b).relu(), F.conv2d(image, weight, bias, padding=1).relu()

    inputs = [torch.randn(shape) for shape in ((64, 48), (48, 80), (2, 3, 16, 16), (8, 3, 3, 3), (8,))]
    found = compiled(function, mode="max-autotune-no-cudagraphs")(*inputs)
    torch.testing.assert_close(found, function(*inputs), rtol=1e-4, atol=1e-4)
    assert "AUTOTUNE" not in capsys.readouterr().err


def test_a_table_of_timed_products_is_printed_where_it_is_asked_for() -> None:
    name = "autotune_num_choices_displayed"
    assert settings("max-autotune", {})[name] == 0
    assert settings("max-autotune", {name: 3})[name] == 3
    with config.patch({name: 5}):
        assert name not in settings("max-autotune", {})


def test_freezing_cannot_be_asked_for_so_late() -> None:
    with pytest.raises(BackendCompilerFailed, match=r"torch\._inductor\.config\.freezing = True before the first call"):
        compiled(torch.sin, options={"freezing": True})(torch.randn(4))


def _flex(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    mask = create_block_mask(lambda b, h, i, j: i >= j, None, None, q.shape[2], k.shape[2], device="cpu")
    return flex_attention(q, k, v, lambda s, b, h, i, j: s + bias[h] * (i - j), mask, enable_gqa=True)


def test_flex_attention() -> None:
    """A mask, a score that reads a tensor, fewer heads of keys than of queries. torch has no backward of it on CPUs."""
    given = [torch.randn(2, heads, n, 16) for heads, n in ((4, 100), (2, 130), (2, 130))]
    bias = torch.randn(4)
    torch.testing.assert_close(compiled(_flex)(*given, bias), _flex(*given, bias), rtol=1e-4, atol=1e-5)
