"""A new process runs machine code that is stored without MLIR or the compiler, and only code for its own processor."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import triton
import triton.language as tl

import rung.compile
from rung import processor
from rung.triton_backend.fingerprint import fingerprint

PROGRAM = """
import sys, torch, triton, triton.language as tl
from triton.tools.tensor_descriptor import TensorDescriptor

@triton.jit
def plain(x, o, n, B: tl.constexpr):
    i = tl.program_id(0) * B + tl.arange(0, B)
    tl.store(o + i, tl.exp(tl.load(x + i, mask=i < n)), mask=i < n)

@triton.autotune([triton.Config({"B": b}) for b in (64, 128)], key=["n"])
@triton.jit
def tuned(x, o, n, B: tl.constexpr):
    i = tl.program_id(0) * B + tl.arange(0, B)
    tl.store(o + i, tl.load(x + i, mask=i < n) + 1, mask=i < n)

@triton.jit
def of_tuples(pair, o, n, B: tl.constexpr):
    i = tl.program_id(0) * B + tl.arange(0, B)
    tl.store(o + i, tl.load(pair[0] + i, mask=i < n) * pair[1], mask=i < n)

@triton.jit
def of_descriptors(x, o, B: tl.constexpr):
    o.store([tl.program_id(0) * B], x.load([tl.program_id(0) * B]) * 3)

@triton.jit
def checked(x, o, n, B: tl.constexpr):
    i = tl.program_id(0) * B + tl.arange(0, B)
    tl.device_assert(i < 4096, "far")
    tl.store(o + i, tl.load(x + i, mask=i < n) - 1, mask=i < n)

x, out = torch.randn(1000), torch.empty(1000)

def launched(launch, expected):
    out.zero_()
    launch()
    torch.testing.assert_close(out, expected)

launched(lambda: plain[(8,)](x, out, 1000, B=128), x.exp())
launched(lambda: tuned[lambda meta: (triton.cdiv(1000, meta["B"]),)](x, out, 1000), x + 1)
launched(lambda: of_tuples[(8,)]((x, 2.0), out, 1000, B=128), x * 2)
launched(lambda: of_descriptors[(8,)](*(TensorDescriptor(t, [1000], [1], [128]) for t in (x, out)), B=128), x * 3)
launched(lambda: checked[(8,)](x, out, 1000, B=128, debug=True), x - 1)
heavy = {"torch_mlir", "llvmlite", "pydantic", "scipy", "typer", "rung.compile", "rung.pipelines", "rung.machine"}
print(sorted(heavy & set(sys.modules)))
"""


def run(program: Path, cache: Path) -> list[str]:
    """The heavy modules that a process has imported in the end."""
    done = subprocess.run(
        [sys.executable, str(program)],
        env=os.environ | {"TRITON_CACHE_DIR": str(cache)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return eval(done.stdout)


def test_a_process_with_a_warm_cache_imports_no_compiler(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    cold = run(program, tmp_path / "cache")
    assert {"torch_mlir", "rung.compile"} <= set(cold) and not {"llvmlite", "scipy", "typer"} & set(cold)
    assert run(program, tmp_path / "cache") == []


@triton.jit
def _twice(x_ptr, o_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(o_ptr + i, tl.load(x_ptr + i, mask=i < n) * 2, mask=i < n)


@pytest.fixture
def launches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Launches as a new process would, with nothing in memory; returns how often machine code was made."""
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    made: list[Any] = []
    host_object = rung.compile.host_object
    monkeypatch.setattr(rung.compile, "host_object", lambda compiled: made.append(compiled) or host_object(compiled))

    def launch() -> int:
        x, out = torch.randn(100), torch.zeros(100)
        triton.JITFunction(_twice.fn)[(2,)](x, out, 100, BLOCK=64)
        assert torch.equal(out, x * 2)
        return len(made)

    return launch


OTHERS: dict[str, Callable[[processor.Processor], processor.Processor]] = {
    "an extension less": lambda p: p._replace(flags=p.flags - {sorted(p.flags)[0]}),
    "an extension more": lambda p: p._replace(flags=p.flags | {"avx1024"}),
    "another model": lambda p: p._replace(identity=(*p.identity[:-1], "7")),
    "another architecture": lambda p: p._replace(arch="riscv64"),
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
def test_code_for_another_processor_is_never_run(
    launches: Callable[[], int], monkeypatch: pytest.MonkeyPatch, other: Callable[..., processor.Processor]
) -> None:
    """A cache may lie on a disk that several machines have."""
    assert (launches(), launches()) == (1, 1)
    here = processor.detect()
    monkeypatch.setattr(processor, "detect", lambda: other(here))
    assert (launches(), launches()) == (2, 2)
    monkeypatch.setattr(processor, "detect", lambda: here)
    assert launches() == 2


@pytest.mark.parametrize("knob", ["TRITON_DISABLE_LINE_INFO", "RUNG_DEBUG_DMA", "RUNG_NUM_THREADS"])
def test_code_that_a_knob_changes_is_another_entry(
    launches: Callable[[], int], monkeypatch: pytest.MonkeyPatch, knob: str
) -> None:
    assert launches() == 1
    before = fingerprint()
    monkeypatch.setenv(knob, "1")
    assert fingerprint() != before and launches() == 2
    monkeypatch.delenv(knob)
    assert launches() == 2
