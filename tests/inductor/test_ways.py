"""Ways to a compiled function: exported graphs, caches, artifacts, worker processes, threads, other back ends."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch._dynamo.utils import counters
from torch._inductor import config

from rung import torch_backend
from rung.errors import DeviceAssertError


@pytest.fixture(autouse=True)
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Caches of its own; kernels compiled in this process."""
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "inductor"))
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path / "triton"))
    with config.patch(compile_threads=1):
        torch.compiler.reset()
        yield
    torch.compiler.reset()


def model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(12, 20), nn.LayerNorm(20), nn.GELU(), nn.Linear(20, 5))


def test_exported_graphs() -> None:
    """`torch.export`, with a dimension that changes, then compiled."""
    module, x = model(), torch.randn(7, 12)
    rows = torch.export.Dim("rows", min=2, max=100)
    exported = torch.export.export(module, (x,), dynamic_shapes=({0: rows},)).module()
    compiled = torch.compile(exported, backend=torch_backend.rung, dynamic=True)
    for n in (7, 31):
        x = torch.randn(n, 12)
        torch.testing.assert_close(compiled(x), module(x))


def test_graphs_with_breaks() -> None:
    def function(x: torch.Tensor) -> torch.Tensor:
        y = x.sin()
        torch._dynamo.graph_break()
        return y.softmax(-1) + x

    x = torch.randn(9, 33)
    torch.testing.assert_close(torch.compile(function, backend=torch_backend.rung)(x), function(x))
    torch.compiler.reset()
    with pytest.raises(torch._dynamo.exc.Unsupported):
        torch.compile(function, backend=torch_backend.rung, fullgraph=True)(x)


def test_the_graph_caches() -> None:
    """AOTAutograd's and Inductor's: what was compiled once is loaded, forward and backward."""
    x = torch.randn(7, 12, requires_grad=True)
    results: list[torch.Tensor] = []
    with config.patch(fx_graph_cache=True), torch._functorch.config.patch(enable_autograd_cache=True):
        for _ in range(2):
            torch.compiler.reset()
            counters.clear()
            x.grad = None
            torch.compile(model(), backend=torch_backend.rung)(x).square().sum().backward()
            assert x.grad is not None
            results.append(x.grad.clone())
        assert counters["aot_autograd"]["autograd_cache_hit"] == 1, dict(counters["aot_autograd"])
    assert torch.equal(*results)
    x.grad = None
    model()(x).square().sum().backward()
    torch.testing.assert_close(results[0], x.grad)


PROGRAM = """
    import sys, torch
    from torch._dynamo.utils import counters
    from torch._inductor import config
    config.compile_threads = 1
    torch._functorch.config.enable_autograd_cache = True
    def function(x, y):
        return torch.softmax(x * y, -1).cumsum(-1)
    x, y = torch.linspace(-2, 2, 360).reshape(12, 30), torch.linspace(1, 3, 30)
    if sys.argv[1] == "load":
        torch.compiler.load_cache_artifacts(open(sys.argv[2], "rb").read())
    torch.testing.assert_close(torch.compile(function, backend="rung")(x, y), function(x, y))
    if sys.argv[1] == "save":
        data, _ = torch.compiler.save_cache_artifacts()
        open(sys.argv[2], "wb").write(data)
    else:
        assert counters["aot_autograd"]["autograd_cache_hit"] == 1, counters
"""


def test_artifacts_in_a_fresh_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for what in ("save", "load"):
        monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / what / "inductor"))
        monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path / what / "triton"))
        _run(PROGRAM, what, str(tmp_path / "artifacts"))


def test_two_back_ends_of_one_process() -> None:
    def function(x: torch.Tensor) -> torch.Tensor:
        return F.gelu(x) + x.sum(-1, keepdim=True)

    first = torch.compile(function, backend=torch_backend.rung)
    others = [torch.compile(function, backend=name) for name in ("aot_eager", "eager")]
    for n in (3, 8):
        x = torch.randn(n, 40)
        for each in (first, *others):
            torch.testing.assert_close(each(x), function(x))


WORKERS = """
    import torch
    from torch._inductor import config
    config.compile_threads, config.force_disable_caches = 2, True
    from torch._inductor.async_compile import AsyncCompile
    AsyncCompile.wait_pool_ready()
    def function(x, i):
        return x[i].softmax(-1), x.sum(0), x.t().exp().contiguous()
    compiled = torch.compile(function, backend="rung")
    x, i = torch.randn(50, 40), torch.arange(20)
    torch.testing.assert_close(compiled(x, i), function(x, i))
    i[3] = 99
    try:
        compiled(x, i)
    except Exception as error:
        assert "index out of bounds" in str(error), error
    else:
        raise SystemExit("nothing raised")
    i[3] = 2
    torch.testing.assert_close(compiled(x, i), function(x, i))
"""


def test_worker_processes() -> None:
    """Kernels come from them, and a kernel that fails raises; the next call is right."""
    _run(WORKERS)


def test_a_failing_kernel_raises() -> None:
    compiled = torch.compile(lambda x, i: x[i] * 2, backend=torch_backend.rung)
    x = torch.randn(9, 5)
    with pytest.raises(DeviceAssertError, match="index out of bounds"):
        compiled(x, torch.tensor([1, 9]))
    assert torch.equal(compiled(x, torch.tensor([1, 8])), x[[1, 8]] * 2)


def test_threads_that_compile_and_launch_at_once() -> None:
    """Each its own function, and all of them one that nobody has launched before."""
    shared = torch.compile(lambda x: x.cos() + x.sum(0), backend=torch_backend.rung, dynamic=False)
    start, wrong = threading.Barrier(4), []

    def work(number: int) -> None:
        def own(x: torch.Tensor) -> torch.Tensor:
            return (x * number).sin().softmax(-1)

        x = torch.randn(20, 30, generator=torch.Generator().manual_seed(number))
        start.wait()
        try:
            torch.testing.assert_close(torch.compile(own, backend=torch_backend.rung, dynamic=False)(x), own(x))
            torch.testing.assert_close(shared(x), x.cos() + x.sum(0))
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong, wrong


@pytest.mark.parametrize("optimizer", ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "NAdam"])
def test_optimizers(optimizer: str) -> None:
    """Steps of torch's optimizers, compiled as one function."""
    moved: list[list[torch.Tensor]] = []
    for compiles in (True, False):
        module, data = model(), torch.randn(30, 12, generator=torch.Generator().manual_seed(1))
        steps: Any = getattr(torch.optim, optimizer)(module.parameters(), lr=torch.tensor(0.01))
        step = torch.compile(steps.step, backend=torch_backend.rung) if compiles else steps.step
        for _ in range(3):
            steps.zero_grad()
            module(data).square().mean().backward()
            step()
        moved.append([parameter.detach().clone() for parameter in module.parameters()])
    torch.testing.assert_close(*moved, rtol=1e-4, atol=1e-5)


def _run(program: str, *arguments: str) -> None:
    run = [sys.executable, "-W", "ignore", "-c", textwrap.dedent(program), *arguments]
    done = subprocess.run(run, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
