"""Integers that are known for a launch: index arithmetic is computed, everything else is unknown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch_mlir import ir

Value = ir.Value[Any]
_COPIES = frozenset(
    ("arith.index_cast", "arith.index_castui", "arith.extsi", "arith.extui", "arith.trunci", "memref.cast")
)
_BINARY: Mapping[str, Callable[[int, int], int]] = {
    "arith.addi": lambda a, b: a + b,
    "arith.subi": lambda a, b: a - b,
    "arith.muli": lambda a, b: a * b,
    "arith.divsi": lambda a, b: _quotient(a, b),
    "arith.divui": lambda a, b: _quotient(a, b),
    "arith.remsi": lambda a, b: a - b * _quotient(a, b),
    "arith.remui": lambda a, b: a - b * _quotient(a, b),
    "arith.ceildivsi": lambda a, b: -(-a // b) if b else 0,
    "arith.ceildivui": lambda a, b: -(-a // b) if b else 0,
    "arith.floordivsi": lambda a, b: a // b if b else 0,
    "arith.maxsi": max,
    "arith.maxui": max,
    "arith.minsi": min,
    "arith.minui": min,
    "arith.andi": lambda a, b: a & b,
    "arith.ori": lambda a, b: a | b,
    "arith.xori": lambda a, b: a ^ b,
    "arith.shli": lambda a, b: a << min(b, 64) if b >= 0 else 0,
    "arith.shrsi": lambda a, b: a >> b if b >= 0 else 0,
    "arith.shrui": lambda a, b: a >> b if b >= 0 else 0,
}
_ORDERS: tuple[Callable[[int, int], bool], ...] = (
    lambda a, b: a == b,
    lambda a, b: a != b,
    lambda a, b: a < b,
    lambda a, b: a <= b,
    lambda a, b: a > b,
    lambda a, b: a >= b,
)
"""By MLIR's number of the predicate; those without a sign follow."""


def evaluate(op: ir.Operation, known: Mapping[Value, int]) -> int | None:
    """The integer that an operation of one result computes, where its operands are known. Nothing wraps."""
    name = op.name
    if name == "arith.constant":
        attribute = op.attributes["value"]
        return int(ir.IntegerAttr(attribute).value) if isinstance(attribute, ir.IntegerAttr) else None
    if not name.startswith(("arith.", "memref.cast")):
        return None
    operands = [known.get(operand) for operand in op.operands]
    if name == "arith.select":
        condition, yes, no = operands
        return None if condition is None else yes if condition else no
    if name in ("arith.andi", "arith.muli") and 0 in operands:
        return 0
    if None in operands:
        return None
    numbers = [number for number in operands if number is not None]
    if name in _COPIES:
        return numbers[0]
    if name == "arith.cmpi":
        predicate = ir.IntegerAttr(op.attributes["predicate"]).value
        return int(_ORDERS[predicate if predicate < len(_ORDERS) else predicate - 4](*numbers))
    binary = _BINARY.get(name)
    return binary(*numbers) if binary is not None else None


def _quotient(a: int, b: int) -> int:
    """Towards zero; 0 where the divisor is."""
    if b == 0:
        return 0
    found = abs(a) // abs(b)
    return found if (a < 0) == (b < 0) else -found
