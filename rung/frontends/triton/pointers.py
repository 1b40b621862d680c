"""Structured pointer analysis: which blocks of pointers or integers are affine in their position.

`base + offset + sum(stride[d] * i[d])` covers splat, addptr, make_range, broadcast, expand_dims, transposition, sums,
products with a uniform value and loop-carried increments; one wrap-around `(start + i) % modulus` per dimension is kept
as a Wrap. Whatever else there is becomes a gather or a scatter.

A block of N-bit numbers has this form up to multiples of 2^N: sums and products wrap, index arithmetic does not. Where
it matters what number it is (it is extended, compared, divided, added to a pointer), the form is `read`: it must be
that number, from what is known of its range, or under conditions that are asked at run time.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from torch_mlir import ir

from .affine import Affine
from .indices import Indices
from .meanings import Meanings
from .operation import find
from .ranges import Known
from .ttir import constant_int, element, is_block, is_pointer, owner, shape
from .wrapping import numbers


class PointerAnalysis:
    """Answers `affine(value)` and remembers it. Index arithmetic is built where the question is first asked."""

    def __init__(self, indices: Indices, meanings: Meanings, ranges: Known) -> None:
        """meanings: facts from outside, such as kernel arguments and loop-carried pointers."""
        self.ix, self.meanings, self.ranges = indices, meanings, ranges
        self._granted: frozenset[ir.Value] = frozenset()

    def affine(self, value: ir.Value) -> Affine | None:
        """The form of `value`, if it has one here."""
        return self._here(self.form(value))

    def read(self, value: ir.Value, signed: bool = True) -> Affine | None:
        """The form of the numbers of `value`, if they have one here."""
        return self._here(self.reading(value, signed))

    def _here(self, form: Affine | None) -> Affine | None:
        return form if form is not None and all(self.grants(c) for c in form.conditions) else None

    def grants(self, condition: ir.Value) -> bool:
        """Whether a condition is known to hold here."""
        return condition in self._granted

    @contextmanager
    def granting(self, conditions: Sequence[ir.Value]) -> Generator[None]:
        """Where `conditions` hold."""
        saved, self._granted = self._granted, self._granted | frozenset(conditions)
        yield
        self._granted = saved

    def form(self, value: ir.Value) -> Affine | None:
        """The form of `value` under its conditions; of integers, up to multiples of 2^width."""
        known = self.meanings.form(value)
        return known if known is not None else self.ix.once(("affine", value), lambda: self._analyse(value))

    def _analyse(self, value: ir.Value) -> Affine | None:
        constant = constant_int(value)
        if constant is not None:
            return Affine(None, constant, (0,) * len(shape(value) or ()), multiple=self.ranges.multiple(value))
        if not is_block(value) and not is_pointer(value):
            return self._scalar(value)
        op = owner(value)
        if op is None or (not is_pointer(value) and is_narrow(element(value))):
            return None
        meaning = find(op)
        return None if meaning is None else meaning.affine(self, op)

    def _scalar(self, value: ir.Value) -> Affine | None:
        known = self.meanings.scalar(value)
        if known is None or not isinstance(known.type, ir.IntegerType | ir.IndexType):
            return None
        return Affine(None, self.ix.cast(known), multiple=self.ranges.multiple(value))

    def reading(self, value: ir.Value, signed: bool = True) -> Affine | None:
        """The form of the numbers of `value`, read as signed or as unsigned ones, under its conditions."""
        return self.ix.once(("affine", value, signed), lambda: self._reading(value, signed))

    def _reading(self, value: ir.Value, signed: bool) -> Affine | None:
        form = self.form(value)
        if form is None or form.base is not None or self.ranges.are_exact(value, signed):
            return form
        kind = ir.IntegerType(element(value))
        if form.uniform and (signed or kind.width <= 32):
            return replace(form, offset=self.ix.read(form.offset, kind, signed))
        if self.ranges.are_exact_at_launch(value, signed):
            return form
        return numbers(self.ix, form, kind, shape(value) or (), signed)


def is_narrow(kind: ir.Type) -> bool:
    """Integers in which nobody computes indices: their blocks are computed element by element."""
    return isinstance(kind, ir.IntegerType) and kind.width < 32
