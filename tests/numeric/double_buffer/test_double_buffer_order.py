# ruff: noqa: E501
"""Loads and stores of promoted and pipelined loops keep their order, whatever the copy engine's timing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from dma_harness import run, schedule

from tests.numeric.double_buffer.loops import CASES, DOUBLE, F, V, case_name, kernel, nest, random, view


def recurrence(shift: int) -> str:
    """x[64 (i + 1) + shift ...] = 2 x[64 i ...], one block after the other."""
    return kernel(
        f"%x: {F}, %n: index",
        f"""%shift = arith.constant {shift} : index
        scf.for %q = %c0 to %n step %c64 {{
          %to0 = arith.addi %q, %c64 : index
          %to = arith.addi %to0, %shift : index
        """
        + view("xv", "%x", "%q", "64", 64).replace("<?xf32, strided<[1], offset: ?>>", "<64xf32, strided<[1], offset: ?>>")
        + view("yv", "%x", "%to", "64", 64).replace("<?xf32, strided<[1], offset: ?>>", "<64xf32, strided<[1], offset: ?>>")
        + nest("#a, #a", "parallel", "%xv : memref<64xf32, strided<[1], offset: ?>>",
               "%yv : memref<64xf32, strided<[1], offset: ?>>", DOUBLE)
        + "}",
    )  # fmt: skip


@pytest.mark.parametrize("shift", [0, 7])
def test_shifted_loads_of_the_same_array_stay_in_order(engine: Path, depth: int, shift: int) -> None:
    x = random(512)
    expected = x.copy()
    for q in range(0, 256, 64):
        expected[q + 64 + shift : q + 128 + shift] = 2 * expected[q : q + 64]
    result = run(recurrence(shift), schedule(depth), engine, x, 256, 0, 1, 1)
    np.testing.assert_array_equal(x, expected)
    assert "rung.pipelined" not in result.text


def test_running_in_place_in_an_inner_loop(engine: Path, depth: int) -> None:
    """Blocks of an inner loop that are proven to lie apart are pipelined in place."""
    text = kernel(
        f"%x: {F}, %n: index",
        """scf.for %q = %c0 to %n step %c64 {
          %left = arith.subi %n, %q : index
          %s = arith.minsi %left, %c64 : index
        """
        + view("xv", "%x", "%q", "%s", 64)
        + nest("#a, #a", "parallel", f"%xv : {V}", f"%xv : {V}", DOUBLE)
        + "}",
    )
    x = random(300)
    expected = 2 * x
    result = run(text, schedule(depth), engine, x, 300, 0, 1, 1)
    np.testing.assert_array_equal(x, expected)
    assert depth < 2 or "rung.pipelined = 2" in result.text


@pytest.mark.parametrize("programs", [1, 6])
@pytest.mark.parametrize("case", [c for c in CASES if c[0] != "unordered"], ids=case_name, indirect=True)
def test_stores_that_overlap_keep_their_order(engine: Path, case: tuple[str, int], programs: int) -> None:
    """Every iteration overwrites half of what the one before it wrote: a queue serves stores in order.

    Compiled code relies on that order (runtime.h), so an engine without it is left out.
    """
    text = kernel(
        f"%x: {F}, %y: {F}, %n: index",
        """%half = arith.constant 32 : index
           %o = arith.muli %p, %c64 : index
           %t = arith.muli %p, %half : index
           %s = arith.addi %c64, %c0 : index
        """
        + view("xv", "%x", "%o", "%s", 64)
        + view("yv", "%y", "%t", "%s", 64)
        + nest("#a, #a", "parallel", f"%xv : {V}", f"%yv : {V}", DOUBLE),
    ).replace("{rung.grid_loop}", "")
    x, y = random(400), np.zeros(400, np.float32)
    run(text, schedule(case[1]), engine, x, y, 0, 0, programs, 1)
    expected = np.zeros_like(y)
    for p in range(programs):
        expected[32 * p : 32 * p + 64] = 2 * x[64 * p : 64 * p + 64]
    np.testing.assert_array_equal(y, expected)
