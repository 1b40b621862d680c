"""What makes whole models fast: products as kernels, orders of images, shared threads. And that it is right."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch._inductor import config
from torch._inductor.utils import run_and_get_code

from rung import torch_backend
from rung.runtime import _native
from rung.torch_backend.choices import of_matrices, of_row
from rung.torch_backend.layout import channels_last
from rung.torch_backend.threads import share

TASKS = Path("/proc/self/task")


@pytest.fixture(autouse=True)
def in_this_process() -> Iterator[None]:
    with config.patch(compile_threads=1, force_disable_caches=True):
        torch.compiler.reset()
        yield
    torch.compiler.reset()


def compiled(function: Any, **keywords: Any) -> Callable[..., Any]:
    return torch.compile(function, backend=torch_backend.rung, **keywords)


def code_of(function: Any, *inputs: Any, **keywords: Any) -> str:
    """Also checks the result, against float64."""
    result, codes = run_and_get_code(compiled(function, **keywords), *inputs)
    wide = function(*(x.double() if x.is_floating_point() else x for x in inputs))
    close = {torch.float32: 1e-4, torch.bfloat16: 4e-2}.get(result.dtype, 1e-10)
    torch.testing.assert_close(result.double(), wide, rtol=close, atol=close)
    return "\n".join(codes)


def made(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape))).to(dtype) * shape[-1] ** -0.5


# ---- products


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize(("m", "n", "k"), [(64, 32, 16), (128, 192, 96), (250, 64, 128), (128, 60, 250)])
def test_a_product_and_what_follows_are_one_kernel(m: int, n: int, k: int, transposed: bool) -> None:
    a, b, bias, rest = made(m, k), made(n, k).T if transposed else made(k, n), made(n), made(m, n)
    code = code_of(lambda a, b, c, r: F.gelu(torch.addmm(c, a, b), approximate="tanh") + r, a, b, bias, rest)
    assert "triton_tem" in code and "extern_kernels." not in code and code.count("@triton.jit") == 1


def test_a_left_operand_may_be_transposed() -> None:
    """As in the gradient of a weight."""
    assert "triton_tem" in code_of(lambda a, b: a.T @ b, made(128, 64), made(128, 96))


def test_batches_share_an_operand() -> None:
    code = code_of(lambda a, b: F.silu(torch.bmm(a.expand(3, -1, -1), b)), made(1, 64, 32), made(3, 32, 64))
    assert "triton_tem" in code and "extern_kernels.bmm" not in code


def test_scalars_of_addmm() -> None:
    assert "triton_tem" in code_of(
        lambda c, a, b: torch.addmm(c, a, b, beta=0.5, alpha=-2), made(64, 32), made(64, 16), made(16, 32)
    )


@pytest.mark.parametrize(("alpha", "beta"), [(1, 0), (0, 1)])
def test_what_is_multiplied_by_zero_may_be_anything(alpha: int, beta: int) -> None:
    x, nan = made(64, 64), torch.full((64, 64), torch.nan)
    summand, left = (nan, x) if beta == 0 else (x, nan)
    result = compiled(lambda c, a, b: torch.addmm(c, a, b, alpha=alpha, beta=beta))(summand, left, x)
    torch.testing.assert_close(result, x @ x if beta == 0 else x)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("n", "k"), [(64, 64), (100, 300), (777, 1500)])
def test_a_row_by_a_matrix(n: int, k: int, dtype: torch.dtype) -> None:
    inputs = (made(1, k, dtype=dtype), made(n, k, dtype=dtype), made(n, dtype=dtype))
    assert "triton_tem" in code_of(lambda x, w, b: F.relu(F.linear(x, w, b)), *inputs)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ((20, 64), (64, 128)),  # a third of whole blocks of rows would not be there
        ((64, 64), (64, 10)),
        ((1, 64), (64, 128)),  # columns of a matrix that lies in rows
    ],
)
def test_a_product_that_blocks_do_not_fit_is_aten_s(a: tuple[int, int], b: tuple[int, int]) -> None:
    assert "triton_tem" not in code_of(torch.mm, made(*a), made(*b))


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_other_types_are_aten_s(dtype: torch.dtype) -> None:
    assert "triton_tem" not in code_of(torch.mm, made(64, 64, dtype=dtype), made(64, 64, dtype=dtype))


def test_sizes_that_are_not_known_are_aten_s() -> None:
    assert "triton_tem" not in code_of(torch.mm, made(64, 64), made(64, 64), dynamic=True)


def test_products_are_left_to_aten_when_it_is_asked_for() -> None:
    options = {"max_autotune_gemm": True, "max_autotune_gemm_backends": "ATEN"}
    assert "triton_tem" not in code_of(lambda a, b: (a @ b).relu(), made(64, 64), made(64, 64), options=options)


def test_blocks_fit() -> None:
    f32, bf16 = torch.float32, torch.bfloat16
    assert of_matrices(128, 3072, 768, f32) == {"BLOCK_M": 128, "BLOCK_N": 128, "BLOCK_K": 256}
    assert of_matrices(784, 192, 384, f32) == {"BLOCK_M": 64, "BLOCK_N": 64, "BLOCK_K": 128}
    assert of_matrices(197, 192, 384, f32) == {"BLOCK_M": 16, "BLOCK_N": 64, "BLOCK_K": 128}
    assert of_matrices(20, 192, 384, f32) is None and of_matrices(128, 128, 128, bf16) is None
    assert of_row(768, 3072, (1, 3072), f32) == {"BLOCK_N": 1, "BLOCK_K": 1024}
    assert of_row(768, 200, (1, 200), bf16) == {"BLOCK_N": 64, "BLOCK_K": 256}
    assert of_row(768, 768, (768, 1), f32) is None


def test_choices_are_given_up_with_the_compilation() -> None:
    """Inductor's C++ cannot take our templates. A thread keeps the choices that it was first asked for."""
    from torch._inductor.virtualized import V

    a, b = made(64, 64), made(64, 64)
    assert "triton_tem" in code_of(torch.mm, a, b)
    assert not type(V.choices).__module__.startswith("rung")
    torch.compiler.reset()
    torch.testing.assert_close(torch.compile(lambda a, b: a @ b + 1)(a, b), a @ b + 1)


def test_gradients_of_products() -> None:
    model = nn.Sequential(nn.Linear(64, 128), nn.GELU(), nn.Linear(128, 64))
    x, twin = (made(64, 64).requires_grad_() for _ in range(2))
    function = compiled(model)
    for y, input in ((function(x), x), (model(twin), twin)):
        model.zero_grad()
        y.square().sum().backward()
        found = [input.grad, *(p.grad.clone() for p in model.parameters() if p.grad is not None)]
        if input is x:
            ours = found
    for mine, theirs in zip(ours, found, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-4)


# ---- convolutions


def graph_of(model: nn.Module, *inputs: torch.Tensor) -> torch.fx.GraphModule:
    graphs: list[torch.fx.GraphModule] = []

    def keep(graph: torch.fx.GraphModule, _: Any) -> Callable[..., Any]:
        graphs.append(graph)
        return graph.forward

    torch.compile(model, backend=keep, dynamic=False)(*inputs)
    return graphs[0]


@pytest.mark.parametrize(
    ("model", "shape", "expected"),
    [
        (nn.Conv2d(8, 8, 3), (1, 8, 64, 64), True),
        (nn.Conv2d(64, 64, 3), (1, 64, 8, 8), False),  # more weights than pixels
        (nn.Conv2d(64, 64, 1), (1, 64, 8, 8), True),  # whose weights stay as they are
        (nn.ConvTranspose2d(8, 8, 2, 2), (1, 8, 32, 32), True),
        (nn.Linear(8, 8), (8, 8), False),
    ],
)
def test_channels_last_where_there_are_few_weights(model: nn.Module, shape: tuple[int, ...], expected: bool) -> None:
    assert channels_last(graph_of(model, made(*shape))) is expected


def test_a_convolution_of_one_pixel_is_a_product_with_its_epilogue() -> None:
    model = nn.Sequential(nn.Conv2d(32, 64, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU6()).eval()
    x = made(1, 32, 16, 16)
    with torch.no_grad():
        result, (code,) = run_and_get_code(compiled(model), x)
        torch.testing.assert_close(result, model(x), rtol=1e-4, atol=1e-5)
    assert "triton_tem" in code and "convolution(" not in code


# ---- threads


@pytest.mark.skipif(not TASKS.exists(), reason="torch's packages for Linux have libgomp")
def test_kernels_run_on_torch_s_threads() -> None:
    _native.reset_counters()
    before = len(list(TASKS.iterdir()))
    torch.ones(1 << 20).exp()  # torch has its threads by now
    with_torch = max(before, len(list(TASKS.iterdir())))
    x = torch.randn(1 << 20)
    torch.testing.assert_close(compiled(lambda x: x.sin() * 2)(x), x.sin() * 2)
    assert len(list(TASKS.iterdir())) <= with_torch
    assert _native.counters()["forks"] > 0
    share(False)


REGION = """
import ctypes, threading, torch
from rung.runtime import _native
from rung.torch_backend.threads import _team

torch.set_num_threads(2)
torch.set_grad_enabled(False)
_native.set_contexts(2)
plain = lambda x: (x * 1.5).softmax(0).softmax(1)
function = torch.compile(plain, backend="rung")
function(torch.randn(300, 700))
wrong, threads = [], set()

def body(_):
    with torch.no_grad():  # a thread's own
        for _ in range(10):
            x = torch.randn(300, 700)
            threads.add(threading.get_native_id())
            if not torch.allclose(function(x), plain(x), atol=1e-6):
                wrong.append(x)

BODY = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
parallel = ctypes.CFUNCTYPE(None, BODY, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint)(_team()[0])
parallel(BODY(body), None, 2, 0)
assert len(threads) == 2 and not wrong
"""


@pytest.mark.skipif(not TASKS.exists(), reason="torch's packages for Linux have libgomp")
def test_launches_within_a_parallel_region_of_torch() -> None:
    """As in `at::parallel_for`: the threads that kernels want are those that launch."""
    subprocess.run([sys.executable, "-c", REGION], check=True, timeout=300)


FORKED = """
import os, torch
from rung.runtime import _native
from rung.torch_backend.threads import share
_native.set_contexts(2)
torch.set_num_threads(2)
torch.ones(1 << 20).exp()
share()
_native.empty_fork(2, 3)
child = os.fork()
if child == 0:
    share()
    _native.empty_fork(2, 3)
    os._exit(7)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
"""


@pytest.mark.skipif(not TASKS.exists(), reason="torch's packages for Linux have libgomp")
def test_a_forked_child_has_threads_of_its_own() -> None:
    """libgomp's are gone there, and it would wait for them."""
    subprocess.run([sys.executable, "-c", FORKED], check=True, timeout=120)


@pytest.mark.skipif(_native.contexts() < 2, reason="one context has nothing to share")
def test_kernels_use_as_many_threads_as_torch_is_told_to() -> None:
    compiled, x, before = torch.compile(lambda x: F.gelu(x) * 2, backend="rung"), made(1 << 20), torch.get_num_threads()
    compiled(x)
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            _native.reset_counters()
            compiled(x)
            counters = _native.counters()
            assert counters["contexts_ran"] >= 2 and counters["threads_ran"] <= threads
    finally:
        torch.set_num_threads(before)
