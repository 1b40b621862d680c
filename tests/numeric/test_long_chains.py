"""Kernels of many operations in a row, and of many loops in loops, compile: nothing in the compiler is as deep as
Python's default stack, and nothing is done once per way through the loops."""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from rung import machine
from rung.bench.suite import find
from rung.compile import compile_kernel
from rung.frontends.triton.loader import load_kernel
from rung.schedule import Schedule


def test_four_hundred_degrees() -> None:
    limit = sys.getrecursionlimit()
    signature = {"x_ptr": "*fp32", "out_ptr": "*fp32", "n": "i32", "DEGREE": "constexpr", "BLOCK": "constexpr"}
    constants = {"DEGREE": 400, "BLOCK": 256}
    kernel = load_kernel(find("exp-series").kernel)
    compiled = compile_kernel(kernel, signature, constants, machine=machine.host(), schedule=Schedule())
    x, out = torch.rand(1000), torch.empty(1000)
    compiled.run((x, out, 1000), (4, 1, 1))
    torch.testing.assert_close(out, torch.exp(x), rtol=1e-6, atol=0)
    assert sys.getrecursionlimit() == limit


def test_sixteen_loops_in_loops(tmp_path: Path) -> None:
    lines = ["import triton, triton.language as tl", "@triton.jit", "def kernel(o, two):", "    r = 0"]
    lines += ["    " * (k + 1) + f"for i{k} in range(two):" for k in range(16)]
    (tmp_path / "loops.py").write_text("\n".join([*lines, "    " * 17 + "r += 1", "    tl.store(o, r)"]))
    kernel = load_kernel(str(tmp_path / "loops.py"))
    signature = {"o": "*i32", "two": "i32"}
    compiled = compile_kernel(kernel, signature, {}, machine=machine.host(), schedule=Schedule())
    out = torch.zeros(1, dtype=torch.int32)
    compiled.run((out, 2), (1, 1, 1))
    assert out.item() == 2**16
