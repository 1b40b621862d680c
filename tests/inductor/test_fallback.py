"""What cannot be compiled runs in ATen, with one warning that names it; `fallback=False` makes it an error."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch._dynamo.exc import BackendCompilerFailed
from torch._inductor import config
from torch._inductor.lowering import lowerings

import rung.compile
from rung import torch_backend
from rung.errors import FallbackWarning, UnsupportedError


@pytest.fixture(autouse=True)
def in_this_process() -> Iterator[None]:
    with config.patch(compile_threads=1, force_disable_caches=True):
        torch.compiler.reset()
        yield
    torch.compiler.reset()


def compiled(function: Any, **keywords: Any) -> Callable[..., Any]:
    return torch.compile(function, backend=torch_backend.rung, **keywords)


def ours(found: Any) -> list[str]:
    return [str(warning.message) for warning in found if issubclass(warning.category, FallbackWarning)]


@pytest.fixture
def no_erfinv(monkeypatch: pytest.MonkeyPatch) -> None:
    """Inductor cannot lower one operation."""

    def broken(*_: object) -> None:
        raise NotImplementedError("out of order")

    monkeypatch.setitem(lowerings, torch.ops.aten.erfinv.default, broken)


@pytest.fixture
def no_erf(monkeypatch: pytest.MonkeyPatch) -> None:
    """rung refuses kernels with one function."""
    whole = rung.compile.compile_ttir

    def broken(ttir: Any, **keywords: Any) -> Any:
        if "math.erf" in str(ttir):
            raise UnsupportedError("operation `math.erf`")
        return whole(ttir, **keywords)

    monkeypatch.setattr(rung.compile, "compile_ttir", broken)


def inverse(x: torch.Tensor) -> torch.Tensor:
    return torch.erfinv(x.sin()) * 2


@pytest.mark.usefixtures("no_erfinv")
@pytest.mark.parametrize("dynamic", [None, True])
def test_a_node_that_is_not_lowered(dynamic: bool | None) -> None:
    x = torch.rand(20, 30)
    with pytest.warns(FallbackWarning) as found:
        torch.testing.assert_close(compiled(inverse, dynamic=dynamic)(x), inverse(x))
    (words,) = ours(found)
    line = inverse.__code__.co_firstlineno + 1
    place = f"(test_fallback.py:{line})"
    assert words == (
        f"Inductor cannot lower a node, in ATen instead: aten.erfinv.default {place}. "
        "Reason: NotImplementedError: out of order"
    )
    assert [(w.filename, w.lineno) for w in found if w.category is FallbackWarning] == [(__file__, line)]


@pytest.mark.usefixtures("no_erfinv")
def test_without_fallback_it_is_an_error() -> None:
    with pytest.raises(
        BackendCompilerFailed, match=r"with fallback=False it may not run in ATen: aten\.erfinv\.default"
    ):
        compiled(inverse, options={"fallback": False})(torch.rand(20, 30))


def test_fallback_is_true_or_false() -> None:
    with pytest.raises(BackendCompilerFailed, match="option `fallback` is 'never'; a value of type bool"):
        compiled(inverse, options={"fallback": "never"})(torch.rand(20, 30))


def two(x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.softmax(torch.erf(x) + 1, -1) @ y, torch.sin(x @ y).sum(0)


@pytest.mark.usefixtures("no_erf")
def test_a_kernel_that_rung_refuses(capfd: pytest.CaptureFixture[str]) -> None:
    """One warning for it, no traceback; what is in other kernels stays there."""
    x, y = torch.randn(10, 12), torch.randn(12, 7)
    with pytest.warns(FallbackWarning) as found:
        torch.testing.assert_close(compiled(two)(x, y), two(x, y))
    (words,) = ours(found)
    assert words.startswith("kernel `triton_per_fused__softmax_add_erf_0` cannot be compiled, in ATen instead: ")
    assert "aten.erf.default (test_fallback.py:" in words and "aten.sin" not in words
    assert words.endswith("Reason: UnsupportedError: operation `math.erf` is not supported")
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.usefixtures("no_erf")
def test_a_backward_kernel_that_rung_refuses() -> None:
    def function(x: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.gelu(x).sum()

    x = torch.randn(30, requires_grad=True)
    twin = x.detach().clone().requires_grad_()
    with pytest.warns(FallbackWarning) as found:
        compiled(function)(x).backward()
    function(twin).backward()
    torch.testing.assert_close(x.grad, twin.grad)
    assert len(ours(found)) == 2


@pytest.mark.usefixtures("no_erf")
def test_the_rest_of_the_process_is_not_asked() -> None:
    """Neither the other compilation's own error, nor a way out that it did not ask for."""
    with pytest.raises(Exception, match=r"math\.erf"), config.patch(cpu_backend="triton"):
        torch.compile(lambda x: torch.erf(x) + 1)(torch.randn(30))


def test_what_compiles_is_not_told_of() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", FallbackWarning)
        x = torch.randn(10, 12)
        torch.testing.assert_close(compiled(torch.sin, options={"fallback": False})(x), x.sin())


PROGRAM = """
import torch

def function(x, y):
    return torch.softmax(x.sin() + 1, -1) @ y

torch.compile(function, backend="rung")(torch.randn(8, 9), torch.randn(9, 4))
"""


def logged(tmp_path: Path, **settings: str) -> str:
    (tmp_path / "program.py").write_text(PROGRAM)
    environment = {**os.environ, **settings, "TORCHINDUCTOR_COMPILE_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "program.py"], cwd=tmp_path, capture_output=True, text=True, env=environment, timeout=200
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


def test_torch_logs(tmp_path: Path) -> None:
    """Twice: what is in caches is told of as well."""
    for _ in range(2):
        lines = logged(tmp_path, TORCH_LOGS="rung").splitlines()
        (kernel,) = (line for line in lines if "graph 0: kernel: " in line)
        assert "aten.sin.default (program.py:5)" in kernel and "aten.exp.default (program.py:5)" in kernel
        (product,) = (line for line in lines if "graph 0: ATen: " in line)
        assert "aten.mm" in product and "(program.py:5)" in product
        assert any(line.endswith("graph 0: 1 x kernel, 1 x ATen") for line in lines)
    assert "graph 0" not in logged(tmp_path)
