"""Kernels captured from Inductor can be compiled again, with any schedule."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest
import torch

import rung.runtime
import rung.targets.loaded
import rung.triton_backend.careful  # before there are stubs
from rung.bench import generated, suite
from rung.errors import UsageError
from rung.frontends.inductor import capture, copy_arguments
from rung.frontends.triton.capture import make_ttir


@pytest.fixture(autouse=True)
def nothing_is_compiled_or_run(monkeypatch):
    def compile_ttir(ttir, **settings):
        return SimpleNamespace(
            binary=b"", stages={"linalg": "", "llvm": ""}, metadata={"name": "kernel", "assumed": [], "fits": False}
        )

    load = lambda code, kernel: SimpleNamespace(address=1)  # noqa: E731 (Triton's idiom)
    launcher = lambda *signature: lambda *args: None  # noqa: E731 (Triton's idiom)
    compiler = SimpleNamespace(compile_ttir=compile_ttir, host_object=lambda compiled: compiled.binary)
    monkeypatch.setitem(sys.modules, "rung.compile", compiler)
    monkeypatch.setattr(rung.targets.loaded, "load", load)
    native = SimpleNamespace(**vars(rung.runtime._native) | {"Launcher": launcher})
    monkeypatch.setattr(rung.runtime, "_native", native)


def test_capture_keeps_all_that_a_compilation_needs():
    x = torch.randn(64, 200)
    kernels = capture(lambda t: torch.softmax(t, -1).cumsum(-1), x)
    assert kernels
    for kernel in kernels:
        assert kernel.launches == 1 and min(kernel.grid) >= 1
        assert len(kernel.args) == len(kernel.signature)
        assert f"def {kernel.fn.__name__}(" in kernel.fn.src
        ttir = make_ttir(kernel.fn, kernel.signature, kernel.constexprs, kernel.attrs, kernel.options)
        assert "tt.func public" in str(ttir)
    (copy,) = (a for a in kernels[0].args if isinstance(a, torch.Tensor) and torch.equal(a, x))
    assert copy.data_ptr() != x.data_ptr()


def test_equal_launches_are_counted():
    def layers(x):
        for _ in range(3):
            x = torch.relu(x @ x)
        return x

    (relu,) = capture(layers, torch.randn(8, 8))
    assert relu.launches == 3


def test_results_are_found_by_their_memory():
    """Whatever Inductor calls them, and in the order in which they are returned."""
    x = torch.randn(64, 200)
    (both,) = capture(lambda t: (t.sum(-1), [t.relu()]), x)
    assert [both.args[position].numel() for position in both.returned] == [64, 64 * 200]
    first, last = capture(lambda t: (t + 1).sum(), torch.randn(300, 4000))
    assert first.returned == () and len(last.returned) == 1


def test_a_case_of_inductor_s_kernel_writes_what_the_workload_writes():
    found = generated.case(suite.find("layer-norm"), (8, 512), "f32", 0)
    (output,) = found.problem.outputs
    assert found.problem.args[output].shape == (8, 512)
    assert found.problem.args[output].data_ptr() not in {a.data_ptr() for a in found.problem.args[:output]}


def test_a_function_without_kernels_is_refused():
    with pytest.raises(UsageError, match="Inductor made no Triton kernel of `view`"):

        def view(x):
            return x.view(-1)

        capture(view, torch.randn(4, 4))


def test_copies_share_what_the_originals_shared():
    x = torch.arange(12.0).reshape(3, 4)
    a, b, n = copy_arguments((x, x[1:, ::2], 7))
    assert torch.equal(b, x[1:, ::2]) and n == 7
    a.zero_()
    assert b.count_nonzero() == 0 and x.count_nonzero() == 11
