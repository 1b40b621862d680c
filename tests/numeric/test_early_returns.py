"""Kernels that return early, from anywhere: values against a plain loop, and every block is converted once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import triton
import triton.language as tl
from torch_mlir import ir

from rung import machine
from rung.compile import compile_kernel, lower_kernel
from rung.frontends.triton.loader import load_kernel
from rung.schedule import Schedule

BLOCK = 32


@triton.jit
def meets(x, o, out, a, b, BLOCK: tl.constexpr):
    """Scalars, a block and a pointer come to where ways meet; memory has changed on one of them."""
    i = tl.arange(0, BLOCK)
    v = tl.load(x + i)
    r = a * 2
    p = o
    if a > 0:
        tl.store(x + i, v + 100)
        if b == 1:
            return
        r += b
        if b == 2:
            tl.store(out, r)
            return
        v = v * 3 + tl.load(x + BLOCK - 1 - i)
        p = o + BLOCK
    elif a == -1:
        return
    else:
        v = v + a
    if b > 5:
        if a == 3:
            return
        r = r * 7
        if r > 100:
            p = p + 2 * BLOCK
            if a == 4:
                return
    tl.store(p + i, v + tl.load(x + i) + r)
    tl.store(out + 1, r)


def expected(a: int, b: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    x, o, out = np.arange(BLOCK, dtype=np.float32), np.zeros(4 * BLOCK, np.float32), np.zeros(2, np.int32)
    v, r, p = x.copy(), a * 2, 0
    if a > 0:
        x[:] = v + 100
        if b == 1:
            return x, o, out
        r += b
        if b == 2:
            out[0] = r
            return x, o, out
        v = v * 3 + x[::-1]
        p = BLOCK
    elif a == -1:
        return x, o, out
    else:
        v = v + a
    if b > 5:
        if a == 3:
            return x, o, out
        r *= 7
        if r > 100:
            p += 2 * BLOCK
            if a == 4:
                return x, o, out
    o[p : p + BLOCK] = v + x + r
    out[1] = r
    return x, o, out


@pytest.mark.parametrize("schedule", ["threads=1", "vectorize=off"])
def test_ways_that_meet(schedule: str) -> None:
    signature = {"x": "*fp32", "o": "*fp32", "out": "*i32", "a": "i32", "b": "i32", "BLOCK": "constexpr"}
    compiled = compile_kernel(
        meets, signature, {"BLOCK": BLOCK}, machine=machine.host(), schedule=Schedule.parse(schedule)
    )
    for a in (-5, -1, 0, 1, 3, 4, 9):
        for b in (0, 1, 2, 6, 11):
            x, o, out = torch.arange(BLOCK).float(), torch.zeros(4 * BLOCK), torch.zeros(2, dtype=torch.int32)
            compiled.run((x, o, out, a, b), (1, 1, 1))
            for got, want in zip((x, o, out), expected(a, b), strict=True):
                np.testing.assert_array_equal(got.numpy(), want, err_msg=f"a={a} b={b}")


@triton.jit
def either_pointer(x, y, o, a, b):
    p = x
    if a > 0:
        if b == 0:
            return
        p = y
    elif b == 1:
        return
    tl.store(o, tl.load(p + b))


def test_pointers_to_different_arguments_meet() -> None:
    signature = {"x": "*fp32", "y": "*fp32", "o": "*fp32", "a": "i32", "b": "i32"}
    compiled = compile_kernel(either_pointer, signature, {}, machine=machine.host(), schedule=Schedule())
    x, y = torch.arange(4).float(), torch.arange(4).float() + 10
    for a in (0, 1):
        for b in range(4):
            o = torch.full((1,), -1.0)
            compiled.run((x, y, o, a, b), (1, 1, 1))
            returned = b == 0 if a else b == 1
            assert o.item() == (-1 if returned else (y if a else x)[b].item()), (a, b)


def many(folder: Path, count: int) -> Any:
    lines = ["import triton, triton.language as tl", "@triton.jit", "def kernel(o, n):", "    r = n"]
    for k in range(count):
        lines += [f"    if n > {k}:", f"        if n == {10 * k + 5}:", "            return", f"        r += {k + 1}"]
    path = folder / f"returns{count}.py"
    path.write_text("\n".join([*lines, "    tl.store(o, r)"]))
    return load_kernel(str(path))


def operations(kernel: Any) -> int:
    compiled = lower_kernel(kernel, {"o": "*i32", "n": "i32"}, {}, machine=machine.host(), schedule=Schedule())
    with ir.Context(), ir.Location.unknown():
        module = ir.Module.parse(compiled.stages["linalg"])
    count = 0

    def visit(op: ir.Operation) -> ir.WalkResult:
        nonlocal count
        count += 1
        return ir.WalkResult.ADVANCE

    module.operation.walk(visit)
    return count


def test_what_follows_is_converted_once(tmp_path: Path) -> None:
    """Not once per way to it: of these, every branch that may return would double the number."""
    few, more, most = (operations(many(tmp_path, n)) for n in (2, 4, 8))
    assert most - more == pytest.approx(2 * (more - few), rel=0.2)


def test_many_returns(tmp_path: Path) -> None:
    kernel = many(tmp_path, 8)
    compiled = compile_kernel(kernel, {"o": "*i32", "n": "i32"}, {}, machine=machine.host(), schedule=Schedule())
    for n in (-1, 0, 3, 5, 12, 15, 65, 200):
        o = torch.full((1,), -7, dtype=torch.int32)
        compiled.run((o, n), (1, 1, 1))
        returned = any(n > k and n == 10 * k + 5 for k in range(8))
        assert o.item() == (-7 if returned else n + sum(k + 1 for k in range(8) if n > k)), n
