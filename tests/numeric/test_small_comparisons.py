"""A loop's number, compared in 32 bits with numbers of any size."""

from __future__ import annotations

import operator

import numpy as np
import pytest

from rung.passes import Pass
from tests.harness import jit
from tests.numeric.vectorize_nests import every_config, generic, line, module, vec

ORDERS = {"slt": operator.lt, "sle": operator.le, "sgt": operator.gt, "sge": operator.ge, "eq": operator.eq}
ORDERS["ne"] = operator.ne
BOUNDS = (0, 1, 7, 39, 40, -1, (1 << 31) - 1, 1 << 31, -1 << 31, (-1 << 31) - 1, 1 << 32, (1 << 32) + 7, (1 << 63) - 1)


@pytest.mark.parametrize("order", ORDERS)
@every_config
def test_against_any_bound(config: Pass, order: str) -> None:
    """%y[i] = (i < n) + 2 * (n < 3 * i)"""
    body = f"""^bb0(%old: i32):
    %i = linalg.index 0 : index
    %three = arith.constant 3 : index
    %triple = arith.muli %i, %three : index
    %a = arith.cmpi {order}, %i, %n : index
    %b = arith.cmpi {order}, %n, %triple : index
    %c = arith.extui %a : i1 to i32
    %d = arith.extui %b : i1 to i32
    %e = arith.addi %d, %d : i32
    %f = arith.addi %c, %e : i32
    linalg.yield %f : i32"""
    text = module(
        "%y0: memref<?xi32>, %size: index, %n: index",
        vec("y", "y0", "i32").replace("[%n]", "[%size]"),
        generic("i", "p", [], [("%y_", "i", line("i32"))], body),
    )
    call, i = jit(text, [config]), np.arange(40)
    for n in (*BOUNDS, -1 << 63):
        y = np.zeros(40, np.int32)
        call(y, 40, n)
        compared = ORDERS[order]
        np.testing.assert_array_equal(y, compared(i, n).astype(int) + 2 * compared(n, 3 * i), f"{order} {n}")
