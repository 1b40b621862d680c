"""Emitter: building loops and arithmetic with direct bindings, constants folded and kept in one place."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np
from torch_mlir import ir

Index = int | ir.Value
"""An index that is either known now or an SSA value of type `index`."""

DYNAMIC = ir.ShapedType.get_dynamic_size()
_STRIDE_DYNAMIC = ir.ShapedType.get_dynamic_stride_or_offset()


def bits(type_: ir.Type) -> int:
    """Width of a scalar type in bits; `index` counts as 64."""
    if isinstance(type_, ir.IndexType):
        return 64
    assert isinstance(type_, ir.IntegerType | ir.FloatType), f"{type_} is not a scalar type"
    return type_.width


def signed(number: int, width: int) -> int:
    """The number that the low bits of another are, as many as `width`."""
    return (number + (1 << (width - 1))) % (1 << width) - (1 << (width - 1))


def is_float(type_: ir.Type) -> bool:
    return isinstance(type_, ir.FloatType)


def vector_of(type_: ir.Type, lanes: int) -> ir.Type:
    """`vector<lanes x type>`, or the type itself for one lane."""
    return type_ if lanes == 1 else ir.VectorType.get([lanes], type_)


def constant(value: ir.Value) -> ir.Attribute | None:
    """What an `arith.constant` is; None for anything else."""
    owner = value.owner
    return None if isinstance(owner, ir.Block) or owner.name != "arith.constant" else owner.attributes["value"]


class Emitter:
    """Creates operations at `ip`, at first the point before `anchor`. What holds for the
    whole of `anchor` goes to
    the head, before everything else that is emitted. Call `finish` at the end."""

    def __init__(self, anchor: ir.Operation) -> None:
        self.context = anchor.context
        self.loc = anchor.location
        self.index_type = ir.IndexType.get(self.context)
        self.ip = ir.InsertionPoint(anchor)
        zero = ir.IntegerAttr.get(self.index_type, 0)
        self._marker = self.op("arith.constant", [self.index_type], [], {"value": zero})
        self.head = ir.InsertionPoint(self._marker)
        self.i1 = ir.IntegerType.get_signless(1, self.context)
        self._constants: dict[object, ir.Value] = {}
        self._flat: dict[ir.Value, tuple[ir.Value, list[Index]]] = {}

    def finish(self) -> None:
        """Remove the marker between the head and the rest."""
        self._marker.erase()

    def op(
        self,
        name: str,
        results: Sequence[ir.Type],
        operands: Sequence[ir.Value],
        attributes: Mapping[str, ir.Attribute] | None = None,
        regions: int = 0,
    ) -> ir.Operation:
        return ir.Operation.create(
            name, results, operands, attributes, None, regions, self.loc, self.ip, infer_type=False
        )

    def value(
        self,
        name: str,
        type_: ir.Type,
        operands: Sequence[ir.Value],
        attributes: Mapping[str, ir.Attribute] | None = None,
    ) -> ir.Value:
        """An operation with one result: that result."""
        return self.op(name, [type_], operands, attributes).result

    @contextmanager
    def at(self, ip: ir.InsertionPoint) -> Generator[None, None, None]:
        """Emit at `ip` for a while."""
        before, self.ip = self.ip, ip
        try:
            yield
        finally:
            self.ip = before

    # Constants, at the head.

    def constant(self, attribute: ir.Attribute) -> ir.Value:
        value = self._constants.get(attribute)
        if value is None:
            with self.at(self.head):
                value = self.value("arith.constant", attribute.type, [], {"value": attribute})
            self._constants[attribute] = value
        return value

    def index(self, number: Index) -> ir.Value:
        if not isinstance(number, int):
            return number
        value = self._constants.get(number)
        if value is None:
            value = self._constants[number] = self.constant(ir.IntegerAttr.get(self.index_type, number))
        return value

    def number(self, type_: ir.Type, number: float) -> ir.Value:
        """A constant of a scalar type; an integer that the type does not hold wraps, as its arithmetic does."""
        if is_float(type_):
            return self.constant(ir.FloatAttr.get(type_, number))
        return self.constant(ir.IntegerAttr.get(type_, signed(int(number), bits(type_))))

    def zero(self, type_: ir.Type) -> ir.Value:
        return self.number(type_, 0)

    def iota(self, type_: ir.Type, lanes: int, step: int = 1) -> ir.Value:
        """`dense<[0, step, 2 * step, ...]>`"""
        key = ("iota", type_, lanes, step)
        if key not in self._constants:
            width = bits(type_)
            array = np.array([signed(lane * step, width) for lane in range(lanes)], dtype=f"int{width}")
            attribute = ir.DenseElementsAttr.get(array, type=ir.VectorType.get([lanes], type_))
            self._constants[key] = self.constant(attribute)
        return self._constants[key]

    def all_true(self, lanes: int) -> ir.Value:
        key = ("true", lanes)
        if key not in self._constants:
            true = ir.IntegerAttr.get(self.i1, 1)
            attribute = ir.DenseElementsAttr.get_splat(ir.VectorType.get([lanes], self.i1), true)
            self._constants[key] = self.constant(attribute)
        return self._constants[key]

    def broadcast(self, value: ir.Value, lanes: int) -> ir.Value:
        """`value` in every lane, at `ip`."""
        return value if lanes == 1 else self.value("vector.broadcast", vector_of(value.type, lanes), [value])

    def head_broadcast(self, value: ir.Value, lanes: int) -> ir.Value:
        """`value`, which is defined outside the anchor, in every lane; at the head, once."""
        if lanes == 1:
            return value
        key = (value, lanes)
        if key not in self._constants:
            known = constant(value)
            if known is not None:
                splat = ir.DenseElementsAttr.get_splat(vector_of(value.type, lanes), known)
                self._constants[key] = self.constant(splat)
            else:
                with self.at(self.head):
                    self._constants[key] = self.broadcast(value, lanes)
        return self._constants[key]

    def shuffle(self, left: ir.Value, right: ir.Value, lanes: Sequence[int]) -> ir.Value:
        """The lanes of `left`, then those of `right`, in the order of `lanes`."""
        type_ = vector_of(ir.VectorType(left.type).element_type, len(lanes))
        return self.value(
            "vector.shuffle", type_, [left, right], {"mask": ir.DenseI64ArrayAttr.get(lanes, self.context)}
        )

    def extract(self, vector: ir.Value, lane: Index) -> ir.Value:
        """One lane as a scalar."""
        known = isinstance(lane, int)
        position = {"static_position": ir.DenseI64ArrayAttr.get([lane if known else DYNAMIC], self.context)}
        element = ir.VectorType(vector.type).element_type
        return self.value("vector.extract", element, [vector] if known else [vector, lane], position)

    # Index arithmetic, folded as it is built.

    def add(self, a: Index, b: Index) -> Index:
        if isinstance(a, int) and isinstance(b, int):
            return a + b
        if a == 0 or b == 0:
            return b if a == 0 else a
        return self.value("arith.addi", self.index_type, [self.index(a), self.index(b)])

    def sub(self, a: Index, b: Index) -> Index:
        if isinstance(a, int) and isinstance(b, int):
            return a - b
        if b == 0:
            return a
        return self.value("arith.subi", self.index_type, [self.index(a), self.index(b)])

    def mul(self, a: Index, b: Index) -> Index:
        if isinstance(a, int) and isinstance(b, int):
            return a * b
        if isinstance(a, int):
            a, b = b, a
        if isinstance(b, int) and b in (0, 1):
            return a if b else 0
        return self.value("arith.muli", self.index_type, [self.index(a), self.index(b)])

    def floor_to(self, a: Index, multiple: int) -> Index:
        """The largest multiple that is at most `a`; `a` is not negative."""
        if isinstance(a, int):
            return a - a % multiple
        if multiple == 1:
            return a
        rest = self.value("arith.remui", self.index_type, [a, self.index(multiple)])
        return self.sub(a, rest)

    # Control flow.

    def loop(
        self,
        lower: Index,
        upper: Index,
        step: Index,
        inits: Sequence[ir.Value],
        body: Callable[[ir.Value, list[ir.Value]], Sequence[ir.Value]],
        attributes: Mapping[str, ir.Attribute] | None = None,
    ) -> list[ir.Value]:
        """`scf.for` whose body is emitted by `body(iv, carried) -> yielded`; returns the results."""
        types = [v.type for v in inits]
        operands = [self.index(lower), self.index(upper), self.index(step), *inits]
        for_op = self.op("scf.for", types, operands, attributes, regions=1)
        block = ir.Block.create_at_start(for_op.regions[0], [self.index_type, *types], [self.loc] * (1 + len(types)))
        with self.at(ir.InsertionPoint(block)):
            arguments: list[ir.Value] = list(block.arguments)
            self.op("scf.yield", [], body(arguments[0], arguments[1:]))
        return list(for_op.results)

    # Views.

    def _first_after(self, view: ir.Value) -> ir.InsertionPoint:
        """Where what is made of `view` can be: the head, unless `view` itself is emitted behind it."""
        if isinstance(view.owner, ir.Block):
            return self.head
        outer = view.owner.operation
        while (parent := outer.parent) is not None and outer.block != self._marker.block:
            outer = parent.operation
        if parent is None or outer.is_before_in_block(self._marker):
            return self.head
        return ir.InsertionPoint.after(view.owner)

    def as_integers(self, view: ir.Value) -> ir.Value:
        """The same memory with bfloat16 elements seen as 16-bit integers.

        LLVM turns masked accesses of bfloat16 into scalar code that calls a conversion routine of its
        runtime library.
        Both memrefs have one form in the llvm dialect, so the cast disappears with
        `reconcile-unrealized-casts`.
        """
        key = ("integers", view)
        if key not in self._constants:
            old = ir.MemRefType(view.type)
            i16 = ir.IntegerType.get_signless(16, self.context)
            new = ir.MemRefType.get(old.shape, i16, old.layout, old.memory_space, loc=self.loc)
            with self.at(self._first_after(view)):
                self._constants[key] = self.value("builtin.unrealized_conversion_cast", new, [view])
        return self._constants[key]

    def flat(self, view: ir.Value) -> tuple[ir.Value, list[Index]]:
        """The memory of `view` as a rank-1 view with unit stride from the same first element,
        and `view`'s strides."""
        if view in self._flat:
            return self._flat[view]
        type_ = ir.MemRefType(view.type)
        rank, element = type_.rank, type_.element_type
        strides, _ = type_.get_strides_and_offset()
        dynamic = ir.StridedLayoutAttr.get(_STRIDE_DYNAMIC, [1], self.context)
        space = type_.memory_space
        flat_type = ir.MemRefType.get([DYNAMIC], element, dynamic, space, loc=self.loc)
        scalar_type = ir.MemRefType.get([], element, None, space, loc=self.loc)
        with self.at(self._first_after(view)):
            parts = self.op(
                "memref.extract_strided_metadata",
                [scalar_type, *[self.index_type] * (1 + 2 * rank)],
                [view],
            ).results
            flat = self.value(
                "memref.reinterpret_cast",
                flat_type,
                [parts[0], parts[1], self.index(1)],
                {
                    "operandSegmentSizes": ir.DenseI32ArrayAttr.get([1, 1, 1, 0], self.context),
                    "static_offsets": ir.DenseI64ArrayAttr.get([_STRIDE_DYNAMIC], self.context),
                    "static_sizes": ir.DenseI64ArrayAttr.get([DYNAMIC], self.context),
                    "static_strides": ir.DenseI64ArrayAttr.get([1], self.context),
                },
            )
        values: list[Index] = [parts[2 + rank + i] if s == _STRIDE_DYNAMIC else s for i, s in enumerate(strides)]
        self._flat[view] = flat, values
        return flat, values
