"""Whoever runs a kernel's machine code holds it, however many threads launch the kernel first."""

from __future__ import annotations

import ctypes
import gc
import subprocess
import sys
import threading
import weakref
from pathlib import Path
from typing import Any

import overlap_kernels as kernels
import pytest
import torch
import triton
import triton.language as tl

import rung.compile
from rung.machine import host
from rung.runtime import _native
from rung.schedule import Schedule
from rung.targets.loaded import Function

THREADS = 4


def test_code_lives_as_long_as_its_address() -> None:
    signature = {"x_ptr": "*fp32", "o_ptr": "*fp32", "n": "i32", "BLOCK": "constexpr"}
    executable: Any = rung.compile.compile_kernel(
        kernels.softmax, signature, {"BLOCK": 128}, machine=host(), schedule=Schedule()
    )
    code, address = weakref.ref(executable.loaded.code), executable.loaded.address
    del executable
    gc.collect()
    assert code() is not None
    x, out = torch.randn(3, 100), torch.empty(3, 100)
    bound = _native.bind(address, "PPi", (x, out, 100), (3, 1, 1))
    del address
    bound()
    torch.testing.assert_close(out, torch.softmax(x, 1))
    del bound
    assert code() is None


class Code:
    """Of a kernel that says that it runs, and runs until it may end."""

    def __init__(self) -> None:
        self.runs, self.may_end = threading.Event(), threading.Event()
        runs, may_end = self.runs, self.may_end

        def run(_slots: int | None) -> None:
            runs.set()
            may_end.wait(30)

        self._entry = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(run)

    def function(self) -> Function:
        return Function(ctypes.cast(self._entry, ctypes.c_void_p).value or 0, self)


@pytest.mark.parametrize("way", ["launcher", "bound", "packed"])
def test_a_launch_holds_its_code_until_it_ends(way: str) -> None:
    """The caller may lose it meanwhile: Triton replaces a kernel's function when a second thread has loaded it."""
    code = Code()
    alive, runs, may_end = weakref.ref(code), code.runs, code.may_end
    functions = [code.function()]
    del code
    launcher = _native.Launcher("", ())

    def launch() -> None:
        if way == "launcher":
            launcher(1, 1, 1, None, functions.pop(), None, None, None, None)
        elif way == "bound":
            _native.bind(functions.pop(), "", (), (1, 1, 1))()
        else:
            _native.call_packed(functions.pop(), bytearray(24))

    thread = threading.Thread(target=launch)
    thread.start()
    assert runs.wait(30) and not functions
    gc.collect()
    assert alive() is not None
    may_end.set()
    thread.join()
    assert alive() is None


FIRST_LAUNCHES = """
import threading, torch, triton, triton.language as tl
import rung.targets.loaded

@triton.jit
def slow(x, o, n, trips, B: tl.constexpr):
    i = tl.program_id(0) * B + tl.arange(0, B)
    a = tl.load(x + i, mask=i < n)
    for _ in range(trips):
        a = a * 0.5 + 1.0
    tl.store(o + i, a, mask=i < n)

loads, link = [], rung.targets.loaded.link
rung.targets.loaded.link = lambda code: loads.append(1) or link(code)
x, outs = torch.randn(1000), [torch.empty(1000) for _ in range(THREADS)]
slow.warmup(x, outs[0], 1000, 100000, B=256, grid=(4,))  # compiled, and not loaded
start = threading.Barrier(THREADS)

def launch(out):
    start.wait()
    slow[(4,)](x, out, 1000, 100000, B=256)

threads = [threading.Thread(target=launch, args=(out,)) for out in outs]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(len(loads), all(torch.allclose(out, torch.full((1000,), 2.0)) for out in outs))
"""


def test_several_threads_launch_a_kernel_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a process of its own, which would die where code is freed that a thread is running."""
    program = tmp_path / "program.py"
    program.write_text(FIRST_LAUNCHES.replace("THREADS", str(THREADS)))
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    done = subprocess.run([sys.executable, program], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (0, "1 True\n"), done.stderr


@triton.jit
def _reverse(x_ptr, y_ptr, N: tl.constexpr):
    i = tl.arange(0, N)
    tl.store(y_ptr + N - 1 - i, tl.load(x_ptr + i))


def test_several_threads_need_the_version_for_overlaps_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    compiled: list[bool] = []
    compile_ttir = rung.compile.compile_ttir

    def counted(ttir: Any, *, distinct: bool = True, **options: Any) -> Any:
        compiled.append(distinct)
        return compile_ttir(ttir, distinct=distinct, **options)

    monkeypatch.setattr(rung.compile, "compile_ttir", counted)
    kernel = triton.JITFunction(_reverse.fn)
    kernel[(1,)](torch.randn(16), torch.empty(16), 16)
    xs = [torch.randn(16) for _ in range(THREADS)]
    expected = [x.flip(0) for x in xs]
    start = threading.Barrier(THREADS)

    def launch(x: torch.Tensor) -> None:
        start.wait()
        kernel[(1,)](x, x, 16)

    threads = [threading.Thread(target=launch, args=(x,)) for x in xs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert compiled == [True, False]
    for x, y in zip(xs, expected, strict=True):
        torch.testing.assert_close(x, y)
