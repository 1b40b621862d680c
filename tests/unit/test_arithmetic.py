"""Folding of index arithmetic agrees with what the operations mean."""

from __future__ import annotations

import pytest
from torch_mlir import ir
from torch_mlir.dialects import arith

from rung.ir.arithmetic import evaluate


@pytest.mark.parametrize(
    ("name", "a", "b", "expected"),
    [
        ("divsi", -7, 2, -3),
        ("remsi", -7, 2, -1),
        ("divsi", (1 << 60) + 1, 1, (1 << 60) + 1),
        ("remsi", (1 << 60) + 1, 1 << 60, 1),
        ("ceildivsi", -7, 2, -3),
        ("divsi", 1, 0, None),
        ("divui", 7, 2, 3),
        ("divui", -7, 2, None),
        ("minui", -1, 2, None),
        ("minsi", -1, 2, -1),
        ("shrui", -1, 1, None),
    ],
)
def test_binary(name: str, a: int, b: int, expected: int | None) -> None:
    with ir.Context(), ir.Location.unknown():
        module = ir.Module.create()
        with ir.InsertionPoint(module.body):
            left, right = (arith.ConstantOp(ir.IndexType.get(), v).result for v in (a, b))
            op = ir.Operation.create(f"arith.{name}", results=[ir.IndexType.get()], operands=[left, right])
        assert evaluate(op, {left: a, right: b}) == expected


@pytest.mark.parametrize(("predicate", "expected"), [("slt", 1), ("sge", 0), ("ult", None), ("eq", 0)])
def test_comparison(predicate: str, expected: int | None) -> None:
    with ir.Context(), ir.Location.unknown():
        module = ir.Module.create()
        with ir.InsertionPoint(module.body):
            left, right = (arith.ConstantOp(ir.IndexType.get(), v).result for v in (-1, 2))
            op = arith.CmpIOp(getattr(arith.CmpIPredicate, predicate), left, right).operation
        assert evaluate(op, {left: -1, right: 2}) == expected


@pytest.mark.parametrize("held", [0, 1])
def test_negation(held: int) -> None:
    with ir.Context(), ir.Location.unknown():
        module = ir.Module.create()
        with ir.InsertionPoint(module.body):
            i1 = ir.IntegerType.get_signless(1)
            true, condition = (arith.ConstantOp(i1, v).result for v in (1, held))
            opposite = arith.XOrIOp(condition, true)
        known = {v: evaluate(v.owner, {}) for v in (true, condition)}
        assert known[true] == 1
        assert evaluate(opposite.operation, known) == 1 - held
