"""What numbers are known to divide an index, or the place in memory of an element of a buffer."""

from __future__ import annotations

from collections.abc import Mapping
from math import gcd
from typing import Any

from torch_mlir import ir
from torch_mlir.dialects import scf

from .footprints import element_bytes

Value = ir.Value[Any]
_SUMS = frozenset(("arith.addi", "arith.subi", "arith.minsi", "arith.maxsi", "arith.minui", "arith.maxui"))
_REMAINDERS = frozenset(("arith.remsi", "arith.remui"))
_CASTS = frozenset(("arith.index_cast", "arith.index_castui", "arith.extsi", "arith.extui"))
_SAME_PLACE = frozenset(("memref.cast", "memref.memory_space_cast"))
_DYNAMIC = ir.ShapedType.get_dynamic_stride_or_offset()


class Divisibility:
    """Answers for values of one module, which stays as it is meanwhile: each is found out once."""

    def __init__(self, assumed: Mapping[Value, int] | None = None) -> None:
        """assumed: divisors that are known from elsewhere, or asked for when the code runs."""
        self._divisors: dict[Value, int] = dict(assumed or {})

    def divisor(self, value: Value) -> int:
        """A number that divides `value` whenever it is computed; 0 for the constant 0.

        Wrap-around keeps its powers of two.
        """
        if value not in self._divisors:
            self._divisors[value] = self._divisor(value)
        return self._divisors[value]

    def _divisor(self, value: Value) -> int:
        owner = value.owner
        if isinstance(owner, ir.Block):
            loop = owner.owner.opview
            if isinstance(loop, scf.ForOp) and value == loop.induction_variable:
                return gcd(self.divisor(loop.lowerBound), self.divisor(loop.step))
            return 1
        name, operands = owner.name, list(owner.operands)
        if name == "arith.constant":
            attribute = owner.attributes["value"]
            return abs(ir.IntegerAttr(attribute).value) if isinstance(attribute, ir.IntegerAttr) else 1
        if name in _SUMS or name in _REMAINDERS:
            return gcd(self.divisor(operands[0]), self.divisor(operands[1]))
        if name == "arith.select":
            return gcd(self.divisor(operands[1]), self.divisor(operands[2]))
        if name == "arith.muli":
            return self.divisor(operands[0]) * self.divisor(operands[1])
        return self.divisor(operands[0]) if name in _CASTS else 1

    def element_alignment(self, memory: Value, indices: list[Value]) -> tuple[Value | None, int]:
        """(the buffer below every view, a number of bytes that divides the distance of an element from its start).

        The buffer is None where a view is not understood.
        """
        kind = ir.MemRefType(memory.type)
        strides, offset = kind.get_strides_and_offset()
        size = element_bytes(kind.element_type)
        steps, start = [_known(s) for s in strides], _known(offset)
        owner = memory.owner
        if isinstance(owner, ir.Block):
            return memory, self._linear(indices, steps, start) * size
        name = owner.name
        if name == "memref.reinterpret_cast":
            # Offset, sizes and strides start afresh from the buffer's aligned pointer.
            start, steps = (
                self._parts(owner.operation, "static_offsets", 1)[0],
                self._parts(owner.operation, "static_strides", 3),
            )
            base, _ = self.element_alignment(owner.operands[0], [])
            return base, self._linear(indices, steps, start) * size
        if name == "memref.subview":
            # Its type counts from where the source's does.
            base, _ = self.element_alignment(owner.operands[0], [])
            return base, self._linear(indices, steps, start) * size
        if name in _SAME_PLACE:
            return self.element_alignment(owner.operands[0], indices)
        if name == "memref.alloca":
            return memory, self._linear(indices, steps, start) * size
        return None, 1

    def _linear(self, indices: list[Value], strides: list[int], offset: int) -> int:
        """A divisor of offset + sum(index * stride)."""
        found = offset
        for at, stride in zip(indices, strides, strict=False):
            found = gcd(found, self.divisor(at) * stride)
        return found

    def _parts(self, cast: ir.Operation, static: str, segment: int) -> list[int]:
        """Divisors of the offsets (segment 1), sizes (2) or strides (3) of a reinterpret_cast."""
        counts = [int(n) for n in ir.DenseI32ArrayAttr(cast.attributes["operandSegmentSizes"])]
        start = sum(counts[:segment])
        dynamic = iter(list(cast.operands)[start : start + counts[segment]])
        numbers = [int(n) for n in ir.DenseI64ArrayAttr(cast.attributes[static])]
        return [self.divisor(next(dynamic)) if n == _DYNAMIC else abs(n) for n in numbers]


def _known(number: int) -> int:
    return 1 if number == _DYNAMIC else abs(number)
