"""Own kernels of floats of eight bits: their arrays are drawn, come from files, and are compared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
import torch

from rung import machine
from rung.bench import adhoc
from rung.bench.given import Given
from rung.bench.group import Case
from rung.bench.problem import compare
from rung.compile import compile_kernel
from rung.dtypes import SMALL_FLOATS
from rung.errors import UsageError
from rung.schedule import Schedule

FILE = """
import triton, triton.language as tl
@triton.jit
def scale(x_ptr, y_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i, mask=i < n).to(tl.float32)
    tl.store(y_ptr + i, (x * 0.5).to(y_ptr.dtype.element_ty), mask=i < n)

def halves(x, y, n):
    return x / 2
"""
TYPES = {dtype.triton: dtype for dtype in SMALL_FLOATS if dtype.torch}


def case(folder: Path, kind: str, **given: Any) -> Case:
    file = folder / "own.py"
    file.write_text(FILE)
    told = Given(**given, reference=f"{file}::halves")
    return adhoc.case(f"{file}::scale", (500,), "f32", 0, f"*{kind}, *{kind}, i32", {"BLOCK": 64}, None, told)


@pytest.mark.parametrize("kind", TYPES)
def test_arrays_are_drawn_and_compared(tmp_path: Path, kind: str) -> None:
    made = case(tmp_path, kind)
    problem, own = made.problem, TYPES[kind]
    assert made.dtype == kind and {str(x.dtype) for x in problem.args[:2]} == {f"torch.{own.torch}"}
    compiled = compile_kernel(
        made.kernel, made.signature, problem.constexprs, machine=machine.host(), schedule=Schedule()
    )
    compiled.run(problem.args, problem.grid)
    assert problem.expected is not None
    assert compare([problem.args[1]], problem.expected(), made.tolerance).within
    wrong = (problem.expected()[0] * 1.6).float().to(problem.args[1].dtype)
    assert not compare([wrong], problem.expected(), made.tolerance).within


@pytest.mark.parametrize("stored", ["codes", "ml_dtypes", "floats"])
def test_files(tmp_path: Path, stored: str) -> None:
    numbers = np.linspace(-3, 3, 500).astype(ml_dtypes.float8_e4m3fn)
    file = tmp_path / "x.npy"
    np.save(file, {"codes": numbers.view(np.uint8), "floats": numbers.astype(np.float32)}.get(stored, numbers))
    x = case(tmp_path, "fp8e4nv", files={"x_ptr": file}).problem.args[0]
    assert x.dtype == torch.float8_e4m3fn and x.float().tolist() == numbers.astype(np.float32).tolist()


def test_what_is_no_such_array_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros(500, np.int16))
    with pytest.raises(UsageError, match=r"`x_ptr` an array of int16, but it is \*fp8e5"):
        case(tmp_path, "fp8e5", files={"x_ptr": tmp_path / "x.npy"})
    with pytest.raises(UsageError, match=r"`x_ptr` is \*fp8e4b15; pointers may be: .*\*fp8e5"):
        case(tmp_path, "fp8e4b15")
