"""torch.compile with Inductor's Triton back end on CPUs agrees with eager: models run through rung unchanged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
import torch._inductor.config as inductor
from torch import nn
from torch.nn import functional as F

from rung.errors import DeviceAssertError

MODELS: dict[str, tuple[Callable[..., Any], tuple[tuple[int, ...], ...]]] = {
    "gelu-tanh": (lambda x: F.gelu(x, approximate="tanh"), ((100, 1003),)),
    "gelu-erf": (F.gelu, ((100, 1003),)),
    "vec-add": (lambda x, y: x + y, ((64, 1000), (64, 1000))),
    "broadcast-add": (lambda x, y: x.t() + y, ((300, 200), (200, 1))),
    "silu": (F.silu, ((100, 1003),)),
    "softmax": (lambda x: torch.softmax(x, -1), ((64, 1000),)),
    "long-softmax": (lambda x: torch.softmax(x, -1), ((4, 20000),)),
    "layer-norm": (lambda x, w, b: F.layer_norm(x, (768,), w, b), ((64, 768), (768,), (768,))),
    "rms-norm": (lambda x, w: F.rms_norm(x, (1000,), w, 1e-5), ((64, 1000), (1000,))),
    "sum-of-columns": (lambda x: x.sum(0), ((500, 300),)),
    "variance-of-columns": (lambda x: torch.var(x, 0), ((900, 33),)),
    "argmax": (lambda x: x.argmax(-1), ((64, 3000),)),
    "cumsum": (lambda x: x.cumsum(-1), ((32, 500),)),
    "cross-entropy": (lambda x: F.cross_entropy(x, torch.arange(64)), ((64, 1000),)),
    "mlp": (
        nn.Sequential(nn.LayerNorm(64), nn.Linear(64, 128), nn.GELU(), nn.Linear(128, 64), nn.SiLU()),
        ((32, 64),),
    ),
}


@pytest.fixture(autouse=True)
def triton_on_cpu(tmp_path: Any) -> Iterator[None]:
    """In this process and uncached, so that every kernel is compiled by the code under test."""
    settings = {"cpu_backend": "triton", "compile_threads": 1, "force_disable_caches": True}
    with inductor.patch(settings):
        torch.compiler.reset()
        yield
    torch.compiler.reset()


@pytest.mark.parametrize("name", MODELS)
def test_forward(name: str) -> None:
    model, shapes = MODELS[name]
    torch.manual_seed(0)
    inputs = [torch.randn(shape) for shape in shapes]
    with torch.no_grad():
        torch.testing.assert_close(torch.compile(model, dynamic=False)(*inputs), model(*inputs), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_narrow_types(dtype: torch.dtype) -> None:
    x, y = (torch.randn(64, 500, dtype=dtype) for _ in range(2))
    compiled = torch.compile(lambda a, b: F.silu(a) * b, dynamic=False)(x, y)
    torch.testing.assert_close(compiled, F.silu(x) * y, rtol=1e-2, atol=1e-2)


def test_an_index_out_of_bounds_is_an_exception() -> None:
    """Inductor writes assertions for indices that it does not know, and asks for them."""
    table, rows = torch.randn(100, 64), torch.arange(50)
    pick = torch.compile(lambda t, i: t[i] * 2, dynamic=False)
    torch.testing.assert_close(pick(table, rows), table[rows] * 2)
    rows[7] = 1000
    with pytest.raises(DeviceAssertError, match=r"index out of bounds: 0 <= tmp. < 100"):
        pick(table, rows)
    rows[7] = -1
    torch.testing.assert_close(pick(table, rows), table[rows] * 2)


def test_backward() -> None:
    torch.manual_seed(0)
    x = torch.randn(32, 200, requires_grad=True)
    torch.compile(lambda v: torch.softmax(F.gelu(v), -1).square().sum(), dynamic=False)(x).backward()
    compiled, x.grad = x.grad, None
    torch.softmax(F.gelu(x), -1).square().sum().backward()
    torch.testing.assert_close(compiled, x.grad, rtol=1e-4, atol=1e-5)
