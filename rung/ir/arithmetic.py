"""Index arithmetic on known numbers."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

from torch_mlir import ir

Value = ir.Value[Any]

_BINARY: dict[str, Callable[[int, int], int]] = {
    "arith.addi": lambda a, b: a + b,
    "arith.subi": lambda a, b: a - b,
    "arith.muli": lambda a, b: a * b,
    "arith.minsi": min,
    "arith.minui": min,
    "arith.maxsi": max,
    "arith.maxui": max,
    "arith.andi": lambda a, b: a & b,
    "arith.ori": lambda a, b: a | b,
    "arith.xori": lambda a, b: a ^ b,
    "arith.shli": lambda a, b: a << b,
    "arith.shrui": lambda a, b: a >> b,
}
_DIVISIONS: dict[str, Callable[[int, int], int]] = {
    "arith.divui": lambda a, b: a // b,
    "arith.divsi": lambda a, b: _truncated(a, b),
    "arith.remui": lambda a, b: a % b,
    "arith.remsi": lambda a, b: a - b * _truncated(a, b),
    "arith.ceildivui": lambda a, b: -(-a // b),
    "arith.ceildivsi": lambda a, b: -(-a // b),
}
# In the order of arith.cmpi's predicate numbers.
_COMPARISONS: tuple[Callable[[int, int], bool], ...] = (
    operator.eq,
    operator.ne,
    *(operator.lt, operator.le, operator.gt, operator.ge) * 2,
)
_UNSIGNED_PREDICATES = range(6, 10)
_CASTS = ("arith.index_cast", "arith.index_castui", "arith.extsi", "arith.extui", "arith.trunci")


def _truncated(a: int, b: int) -> int:
    """The quotient rounded towards zero, as `arith.divsi` has it."""
    quotient = abs(a) // abs(b)
    return quotient if (a < 0) == (b < 0) else -quotient


def _is_unsigned(op: ir.Operation) -> bool:
    if op.name == "arith.cmpi":
        return ir.IntegerAttr(op.attributes["predicate"]).value in _UNSIGNED_PREDICATES
    return op.name.endswith("ui") and op.name != "arith.extui"


def evaluate(op: ir.Operation, known: Mapping[Value, int | None]) -> int | None:
    """The integer that the only result of `op` has, from those of its operands; None where it is not
    known.
    """
    if op.name == "arith.constant":
        value = op.attributes["value"]
        return int(value.value) if isinstance(value, ir.IntegerAttr | ir.BoolAttr) else None
    operands = [known.get(operand) for operand in op.operands]
    if op.name == "arith.select":
        condition, yes, no = operands
        return None if condition is None else yes if condition else no
    if not operands or any(operand is None for operand in operands):
        return None
    numbers = [operand for operand in operands if operand is not None]
    if _is_unsigned(op) and min(numbers) < 0:
        return None  # what a negative number is as an unsigned one depends on the width
    if op.name in _CASTS:
        return numbers[0]
    if op.name in _BINARY:
        return _BINARY[op.name](*numbers)
    if op.name in _DIVISIONS:
        return _DIVISIONS[op.name](*numbers) if numbers[1] else None
    if op.name == "arith.cmpi":
        return int(_COMPARISONS[ir.IntegerAttr(op.attributes["predicate"]).value](*numbers))
    return None
