"""A kernel of many operations in a row compiles: nothing in the compiler is as deep as Python's default stack."""

from __future__ import annotations

import sys

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
