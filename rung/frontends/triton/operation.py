"""One class for each operation of Triton's IR: it answers, in one place, all that is asked about the operation.

The classes are in `ops/`. What they have in common is here, and the registry by which everybody else asks.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, ClassVar, TypeVar

from torch_mlir import ir

from ...errors import UnsupportedError
from .locations import source_line
from .positions import Axis, Position
from .ttir import is_pointer, shape

if TYPE_CHECKING:
    from .addresses import Either, ElementAddresses, Place
    from .affine import Affine
    from .blocks import BlockConverter
    from .expression import Expressions, Leaf
    from .layout import StepAnalysis, Steps
    from .pointers import PointerAnalysis
    from .ranges import Range, Ranges
    from .reach import Reach, Walk

SUPPORTED = "see docs/triton.md for the operations that rung compiles"
_T = TypeVar("_T")
Sources = list[tuple[ir.Value, tuple[_T, ...] | None]]
"""Operands, and where in each; None for anywhere."""


class TtirOp(ABC):
    """What an operation means. Questions about blocks are asked of its results, which are `op`'s."""

    names: ClassVar[tuple[str, ...]]
    """Of the operations that the class answers for."""
    virtual: ClassVar[bool] = False
    """Whether its blocks are computed where they are used; else, they are in scratch when it has been converted."""
    elementwise: ClassVar[bool] = False
    """Whether an element of the result is computed, by `elementwise.build`, from the operands' at the same place."""
    reindexes: ClassVar[bool] = False
    """Whether its elements are those of one operand, in a place that depends on their own alone."""
    passes: ClassVar[bool] = False
    """Whether each of its numbers is one of its operands'."""
    free: ClassVar[bool] = False
    """Whether it costs nothing for an element."""
    follows: ClassVar[bool] = False
    """Whether index arithmetic, which does not wrap, gives its N-bit numbers if it gave the operands'."""
    overflows: ClassVar[bool] = False
    """Whether its numbers may be more than their type holds, of operands that are not."""

    # ---- the conversion

    @abstractmethod
    def convert(self, blocks: BlockConverter, op: ir.Operation) -> None:
        """Build what is to be done where the operation stands."""

    @abstractmethod
    def element(self, expressions: Expressions, op: ir.Operation, leaf: Leaf) -> ir.Value:
        """Build one element of a virtual block, `leaf`, in the body of a nest."""

    def plan(self, expressions: Expressions, op: ir.Operation, leaf: Leaf) -> list[Leaf]:
        """Of what other blocks `element` needs elements. Views of memory that it reads are made here."""
        return self.leaves(op, leaf, expressions.constant)

    def place(self, addresses: ElementAddresses, op: ir.Operation, position: Position) -> Place | Either:
        """Where an element of a block of pointers points, that has no affine form."""
        sources = addresses.sources(op, position)
        if len(sources) != 1:
            where, supported = source_line(op), "argument + offsets, select, broadcast, expand_dims, trans"
            raise UnsupportedError(f"a pointer computed by `{op.name}`", where, supported)
        return addresses.of(*sources[0])

    # ---- what an element is made of

    @abstractmethod
    def sources(
        self, result: ir.Value, op: ir.Operation, at: tuple[_T, ...], constant: Callable[[int], _T]
    ) -> Sources[_T] | None:
        """What the element `at` of `result`, one of `op`'s, is computed from; None where it is in scratch.

        at: a coordinate for each dimension of the result; scalars have none. constant: the coordinate that is a number.
        """

    def leaves(self, op: ir.Operation, leaf: Leaf, constant: Callable[[int], Axis]) -> list[Leaf]:
        """`sources`, without those that lie in scratch; an error where there is no such rule."""
        found = self.sources(leaf[0], op, leaf[1], constant)
        if found is None:
            raise UnsupportedError(f"`{op.name}` in this place", source_line(op), SUPPORTED)
        return [(value, position) for value, position in found if position is not None]

    # ---- what is known of its numbers

    @abstractmethod
    def affine(self, forms: PointerAnalysis, op: ir.Operation) -> Affine | None:
        """The affine form of a block or pointer that is the result; of integers, up to multiples of 2^width."""

    @abstractmethod
    def steps(self, steps: StepAnalysis, op: ir.Operation) -> Steps:
        """Elements of memory from one element of the result to the next, per dimension, from the operations alone."""

    @abstractmethod
    def bounds(self, ranges: Ranges, op: ir.Operation) -> Range | None:
        """The least and the greatest of the integers that are the result, if it does not overflow."""

    @abstractmethod
    def reach(self, walk: Walk, op: ir.Operation, number: int, operands: Sequence[Reach]) -> Reach:
        """How far the result moves for each 1 that a number grows by, which was loaded and went into it."""


_REGISTRY: dict[str, TtirOp] = {}


def register(kind: type[TtirOp]) -> type[TtirOp]:
    """Class decorator. A class that leaves a question without an answer cannot be registered: TypeError."""
    answers = kind()
    for name in kind.names:
        if _REGISTRY.setdefault(name, answers) is not answers:
            raise TypeError(f"two classes for `{name}`: {type(_REGISTRY[name]).__name__} and {kind.__name__}")
    _find.cache_clear()
    return kind


def find(op: ir.Operation) -> TtirOp | None:
    """The class for an operation: that of its name, or of its dialect (`arith.*`)."""
    return _find(op.name)


@cache
def _find(name: str) -> TtirOp | None:
    # Whoever asks first has the classes registered: which they are must not depend on what was imported before.
    import_module(f"{__package__}.ops")
    return _REGISTRY.get(name) or _REGISTRY.get(f"{name.partition('.')[0]}.*")


def meaning(op: ir.Operation) -> TtirOp:
    """The class for an operation that must have one; UnsupportedError names those that have none."""
    found = find(op)
    if found is None:
        raise UnsupportedError(f"the operation `{op.name}`", source_line(op), SUPPORTED)
    return found


def is_virtual(op: ir.Operation) -> bool:
    """Whether `op`'s block results are computed where they are used."""
    found = find(op)
    return found is not None and found.virtual


def is_elementwise(op: ir.Operation) -> bool:
    """Whether an element of the result is computed from the operands' elements at the same place."""
    found = find(op)
    return found is not None and found.elementwise


def is_free(op: ir.Operation) -> bool:
    """Whether `op` costs nothing for an element."""
    found = find(op)
    return found is not None and found.free


def pointer_operands(op: ir.Operation) -> list[ir.Value]:
    """What a virtual pointer, or block of pointers, is derived from; nothing where it was made otherwise."""
    return [v for v in op.operands if is_pointer(v)] if is_virtual(op) else []


def rank(op: ir.Operation) -> int:
    """Of the first result."""
    return len(shape(op.results[0]) or ())
