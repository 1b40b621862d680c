"""`options={"cpp_wrapper": True}`: graphs in C++ around rung's kernels, in a process that has rung."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import nn
from torch._inductor import config
from torch._inductor.utils import run_and_get_code

from rung import torch_backend

pytestmark = pytest.mark.skipif(shutil.which("g++") is None, reason="Inductor's wrapper is compiled by g++")


@pytest.fixture(autouse=True)
def in_this_process() -> Iterator[None]:
    with config.patch(compile_threads=1):
        torch.compiler.reset()
        yield
    torch.compiler.reset()


def compiled(function: Any, **options: Any) -> Callable[..., Any]:
    return torch.compile(function, backend=torch_backend.rung, options={"cpp_wrapper": True, **options})


def changed(x: torch.Tensor, y: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    x.add_(y.sin())
    return torch.softmax(x * y, -1)[rows]


def test_shapes_one_memory_and_an_index_out_of_bounds() -> None:
    function, before = compiled(changed), config.get_config_copy()
    for n in (20, 33):
        for same in (False, True):
            x, y, rows = torch.randn(n, n + 1), torch.randn(n, n + 1), torch.tensor([3, 0, n - 1])
            mine, theirs = x.clone(), x.clone()
            found, (code, *_) = run_and_get_code(function, mine, mine if same else y, rows)
            torch.testing.assert_close(found, changed(theirs, theirs if same else y, rows))
            torch.testing.assert_close(mine, theirs)
            assert not code or "rung::Kernel" in code
    with pytest.raises(RuntimeError, match="index out of bounds"):
        function(x, y, torch.tensor([0, 0, 33]))
    assert config.get_config_copy() == before


@pytest.mark.slow
def test_gradients_and_templates() -> None:
    model = nn.Sequential(nn.Linear(50, 20), nn.GELU(), nn.LayerNorm(20))
    x = torch.randn(37, 50)
    compiled(model)(x).sin().sum().backward()
    found = [p.grad.clone() for p in model.parameters() if p.grad is not None]
    model.zero_grad()
    model(x).sin().sum().backward()
    torch.testing.assert_close(found, [p.grad for p in model.parameters()], rtol=1e-4, atol=1e-5)

    def product(x: torch.Tensor, scale: float) -> torch.Tensor:
        return torch.relu(x @ x.T) * scale

    function = compiled(product, max_autotune=True, coordinate_descent_tuning=True)
    for scale in (0.25, 0.5, 0.7):  # a number that becomes an argument
        torch.testing.assert_close(function(x, scale), product(x, scale), rtol=1e-4, atol=1e-4)
