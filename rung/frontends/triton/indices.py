"""Index arithmetic while building IR: constants fold, equal expressions are one value, scopes follow regions."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from torch_mlir import ir
from torch_mlir.dialects import arith

from ...ir.emit import signed
from . import total

_T = TypeVar("_T")

Index = int | ir.Value
"""A known integer, or an SSA value of type `index`."""


class Indices:
    """Builds index arithmetic at the insertion point. `constants` is where literals go: they dominate everything."""

    def __init__(self, constants: ir.Block) -> None:
        self._constants = constants
        self._literals: dict[tuple[str, str], ir.Value] = {}
        self._made: dict[tuple[object, ...], list[tuple[int, Any]]] = {}
        """What was made for a key, in the scopes that are open, with the number of each: outermost first."""
        self._scopes: list[list[tuple[object, ...]]] = [[]]
        """The keys of every open scope."""
        self._hidden: dict[object, list[int]] = {}
        """For a kind of keys, the scopes that hide it."""
        self._type = ir.IndexType.get()

    @contextmanager
    def scope(self, hiding: Sequence[str] = ()) -> Generator[None]:
        """Values made inside are forgotten at the end: enter with every region that is being built.

        hiding: kinds of keys, (kind, ...), that are not looked up further outside: inside, more is known.
        """
        for kind in hiding:
            self._hidden.setdefault(kind, []).append(len(self._scopes))
        self._scopes.append([])
        try:
            yield
        finally:
            for key in self._scopes.pop():
                self._made[key].pop()
            for kind in hiding:
                self._hidden[kind].pop()

    def once(self, key: tuple[object, ...], make: Callable[[], _T]) -> _T:
        """The value made for `key` in this or an enclosing scope, or a new one."""
        entries = self._made.setdefault(key, [])
        if entries and entries[-1][0] >= self._outermost(key):
            return entries[-1][1]
        made = make()
        entries.append((len(self._scopes) - 1, made))
        self._scopes[-1].append(key)
        return made

    def _outermost(self, key: tuple[object, ...]) -> int:
        """The scope beyond which `key` is not looked up."""
        hiding = self._hidden.get(key[0])
        return hiding[-1] if hiding else 0

    def literal(self, attribute: ir.Attribute, kind: ir.Type) -> ir.Value:
        """A constant, placed where it dominates the whole function."""
        key = str(attribute), str(kind)
        known = self._literals.get(key)
        if known is None:
            with ir.InsertionPoint.at_block_begin(self._constants):
                made = ir.Operation.create("arith.constant", results=[kind], attributes={"value": attribute})
            known = self._literals[key] = made.results[0]
        return known

    def zero(self, kind: ir.Type) -> ir.Value:
        """The literal 0 of a float or integer type."""
        return self.literal((ir.FloatAttr if isinstance(kind, ir.FloatType) else ir.IntegerAttr).get(kind, 0), kind)

    def value(self, index: Index) -> ir.Value:
        if isinstance(index, int):
            return self.literal(ir.IntegerAttr.get(self._type, signed(index, 64)), self._type)
        return index

    def add(self, a: Index, b: Index) -> Index:
        if isinstance(a, int) and isinstance(b, int):
            return a + b
        if a == 0:
            return b
        if b == 0:
            return a
        return self._binary(arith.AddIOp, a, b)

    def sub(self, a: Index, b: Index) -> Index:
        if isinstance(a, int) and isinstance(b, int):
            return a - b
        if b == 0:
            return a
        if a is b or (isinstance(a, ir.Value) and a == b):
            return 0
        return self._binary(arith.SubIOp, a, b)

    def mul(self, a: Index, b: Index) -> Index:
        if isinstance(a, int) and isinstance(b, int):
            return a * b
        if a == 0 or b == 0:
            return 0
        if a == 1:
            return b
        if b == 1:
            return a
        return self._binary(arith.MulIOp, a, b)

    def min(self, a: Index, b: Index) -> Index:
        if isinstance(a, int) and isinstance(b, int):
            return min(a, b)
        return a if same(a, b) else self._binary(arith.MinSIOp, a, b)

    def min_unsigned(self, a: Index, b: Index) -> Index:
        return a if same(a, b) else self._binary(arith.MinUIOp, a, b)

    def max(self, a: Index, b: Index) -> Index:
        if isinstance(a, int) and isinstance(b, int):
            return max(a, b)
        return a if same(a, b) else self._binary(arith.MaxSIOp, a, b)

    def rem(self, a: Index, b: Index) -> Index:
        if isinstance(a, int) and isinstance(b, int) and b > 0 and a >= 0:
            return a % b
        return self._divide("arith.remsi", a, b)

    def div(self, a: Index, b: Index) -> Index:
        if isinstance(a, int) and isinstance(b, int) and b > 0 and a >= 0:
            return a // b
        if b == 1:
            return a
        return self._divide("arith.divsi", a, b)

    def _divide(self, name: str, a: Index, b: Index) -> Index:
        left, right = self.value(a), self.value(b)
        return self.once((name, left, right), lambda: total.divide(name, left, right))

    def clamp(self, a: Index, high: Index) -> Index:
        """`a` limited to [0, high]."""
        return self.min(self.max(a, 0), high)

    def cast(self, value: ir.Value) -> ir.Value:
        """An integer of any width, sign-extended to `index`."""
        if isinstance(value.type, ir.IndexType):
            return value
        return self.once(("index", value), lambda: arith.IndexCastOp(self._type, value).result)

    def cast_unsigned(self, value: ir.Value) -> ir.Value:
        """An integer of any width, zero-extended to `index`."""
        return self.once(("unsigned", value), lambda: arith.IndexCastUIOp(self._type, value).result)

    def read(self, index: Index, kind: ir.Type, as_signed: bool = True) -> Index:
        """The number that the low bits of an index are, as many as `kind` has, read as a signed or an unsigned one."""
        width = ir.IntegerType(kind).width
        if isinstance(index, int):
            return signed(index, width) if as_signed else index % (1 << width)
        if width >= 64:
            return index
        bits = self.to_integer(index, kind)
        return self.cast(bits) if as_signed else self.cast_unsigned(bits)

    def to_integer(self, index: Index, kind: ir.Type) -> ir.Value:
        """An index as an integer of type `kind`."""
        if isinstance(index, int):
            return self.literal(ir.IntegerAttr.get(kind, signed(index, ir.IntegerType(kind).width)), kind)
        return self.once(("integer", index, str(kind)), lambda: arith.IndexCastOp(kind, index).result)

    def less(self, a: Index, b: Index) -> ir.Value:
        """The i1 value `a < b`, signed."""
        left, right = self.value(a), self.value(b)
        return self.once(("<", left, right), lambda: arith.CmpIOp(arith.CmpIPredicate.slt, left, right).result)

    def at_most(self, a: Index, b: Index) -> ir.Value:
        """The i1 value `a <= b`, signed."""
        left, right = self.value(a), self.value(b)
        return self.once(("<=", left, right), lambda: arith.CmpIOp(arith.CmpIPredicate.sle, left, right).result)

    def choose(self, condition: ir.Value, a: Index, b: Index) -> Index:
        if same(a, b):
            return a
        left, right = self.value(a), self.value(b)
        return self.once(("?", condition, left, right), lambda: arith.SelectOp(condition, left, right).result)

    def _binary(self, op: type, a: Index, b: Index) -> ir.Value:
        left, right = self.value(a), self.value(b)
        return self.once((op, left, right), lambda: op(left, right).result)


def same(a: Index | None, b: Index | None) -> bool:
    """Whether two indices are known to be equal: the same integer or the same SSA value."""
    if isinstance(a, int) or isinstance(b, int) or a is None or b is None:
        return a is b or (isinstance(a, int) and isinstance(b, int) and a == b)
    return a == b


def is_zero(index: Index) -> bool:
    """Whether an index is the known integer 0."""
    return isinstance(index, int) and index == 0
