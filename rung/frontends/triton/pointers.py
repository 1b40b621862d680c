"""Structured pointer analysis: which blocks of pointers or integers are affine in their position.

`base + offset + sum(stride[d] * i[d])` covers splat, addptr, make_range, broadcast, expand_dims, transposition, sums,
products with a uniform value and loop-carried increments; one wrap-around `(start + i) % modulus` per dimension is kept
as a Wrap. Whatever else there is becomes a gather or a scatter.

A block of N-bit numbers has this form up to multiples of 2^N: sums and products wrap, index arithmetic does not. Where
it matters what number it is (it is extended, compared, divided, added to a pointer), the form is `read`: it must be
that number, from what is known of its range, or under conditions that are asked at run time.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import ClassVar

from torch_mlir import ir
from torch_mlir.dialects import llvm

from ...errors import UnsupportedError
from ...ir.pointers import memref_at, pointer_of
from .conditions import numbers, union
from .indices import Index, Indices, same
from .locations import source_line
from .ranges import Known, power_of_two
from .ttir import constant_int, element, element_bytes, int_attr, is_block, is_pointer, owner, pointee, shape


@dataclass(frozen=True)
class Base:
    """What a pointer is derived from: a rank-1 memref."""

    memref: ir.Value
    key: int | None
    """The number of the kernel argument; None for an address that was computed or loaded."""


def same_base(a: Base, b: Base) -> bool:
    """Whether two pointers are known to be derived from one argument, or from one address."""
    return a.memref == b.memref if a.key is None or b.key is None else a.key == b.key


@dataclass(frozen=True)
class Wrap:
    """The term `scale * ((first + i[dim]) mod modulus)`; `start` is `first mod modulus`."""

    dim: int
    first: Index
    start: Index
    modulus: Index
    scale: Index


@dataclass(frozen=True)
class Affine:
    """`base[offset + sum(strides[d] * i[d]) + wraps]`, in elements, where all of `conditions` (i1) hold.

    Integers have no base, scalars no strides. `multiple`: a power of two that divides `offset`.
    """

    base: Base | None
    offset: Index
    strides: tuple[Index, ...] = ()
    wraps: tuple[Wrap, ...] = ()
    conditions: tuple[ir.Value, ...] = ()
    multiple: int = 1

    @property
    def uniform(self) -> bool:
        return not self.wraps and all(isinstance(s, int) and s == 0 for s in self.strides)


def equal(a: Affine | None, b: Affine | None) -> bool:
    """Whether two accesses are known to touch the same elements in the same order."""
    if a is None or b is None or a.base is None or b.base is None or len(a.strides) != len(b.strides):
        return False
    return (
        same_base(a.base, b.base)
        and _element_size(a.base) == _element_size(b.base)
        and same(a.offset, b.offset)
        and all(same(s, t) for s, t in zip(a.strides, b.strides, strict=True))
        and a.wraps == b.wraps
    )


def _element_size(base: Base) -> int:
    return element_bytes(ir.MemRefType(base.memref.type).element_type)


class PointerAnalysis:
    """Answers `affine(value)` and remembers it. Index arithmetic is built where the question is first asked."""

    def __init__(self, indices: Indices, scalars: dict[ir.Value, ir.Value], ranges: Known) -> None:
        self._ix = indices
        self._scalars = scalars
        self.ranges = ranges
        self._granted: frozenset[ir.Value] = frozenset()
        self.known: dict[ir.Value, Affine | None] = {}
        """Facts from outside: kernel arguments, loop-carried pointers, results of control flow."""

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
        if value in self.known:
            return self.known[value]
        key = ("affine", value)
        return self._ix.once(key, lambda: self._analyse(value))

    def _analyse(self, value: ir.Value) -> Affine | None:
        constant = constant_int(value)
        rank = len(shape(value) or ())
        if constant is not None:
            return Affine(None, constant, (0,) * rank, multiple=self.ranges.multiple(value))
        op = owner(value)
        if op is None or op.name not in self._RULES:
            return self._scalar(value)
        if not is_block(value) and not is_pointer(value):
            return self._scalar(value)
        if not is_pointer(value) and is_narrow(element(value)):
            return None
        return self._RULES[op.name](self, op)

    def _scalar(self, value: ir.Value) -> Affine | None:
        if is_block(value) or is_pointer(value) or value not in self._scalars:
            return None
        known = self._scalars[value]
        if not isinstance(known.type, ir.IntegerType | ir.IndexType):
            return None
        return Affine(None, self._ix.cast(known), multiple=self.ranges.multiple(value))

    # ---- numbers

    def reading(self, value: ir.Value, signed: bool = True) -> Affine | None:
        """The form of the numbers of `value`, read as signed or as unsigned ones, under its conditions."""
        return self._ix.once(("affine", value, signed), lambda: self._reading(value, signed))

    def _reading(self, value: ir.Value, signed: bool) -> Affine | None:
        form = self.form(value)
        if form is None or form.base is not None or self.ranges.are_exact(value, signed):
            return form
        kind = ir.IntegerType(element(value))
        if form.uniform and (signed or kind.width <= 32):
            return replace(form, offset=self._ix.read(form.offset, kind, signed))
        if self.ranges.are_exact_at_launch(value, signed):
            return form
        return numbers(self._ix, form, kind, shape(value) or (), signed)

    # ---- one rule per operation

    def _splat(self, op: ir.Operation) -> Affine | None:
        inner = self.form(op.operands[0])
        rank = len(shape(op.results[0]) or ())
        return inner and replace(inner, strides=(0,) * rank)

    def _make_range(self, op: ir.Operation) -> Affine:
        start = int_attr(op, "start")
        return Affine(None, start, (1,), multiple=power_of_two(start))

    def _sign_extended(self, op: ir.Operation) -> Affine | None:
        return self.reading(op.operands[0])

    def _zero_extended(self, op: ir.Operation) -> Affine | None:
        return self.reading(op.operands[0], signed=False)

    def _truncated(self, op: ir.Operation) -> Affine | None:
        return self.form(op.operands[0])

    def _moved(self, op: ir.Operation) -> Affine | None:
        """A pointer and an offset, which is a signed number; one of 64 bits wraps as addresses do."""
        pointer, offset = op.operands
        wide = isinstance(kind := element(offset), ir.IntegerType) and kind.width >= 64
        return self._added(self.form(pointer), self.form(offset) if wide else self.reading(offset))

    def _sum(self, op: ir.Operation) -> Affine | None:
        return self._added(*(self.form(v) for v in op.operands))

    def _added(self, a: Affine | None, b: Affine | None) -> Affine | None:
        if a is None or b is None:
            return None
        return Affine(
            a.base or b.base,
            self._ix.add(a.offset, b.offset),
            tuple(self._ix.add(s, t) for s, t in zip(a.strides, b.strides, strict=True)),
            a.wraps + b.wraps,
            union(a.conditions, b.conditions),
            min(a.multiple, b.multiple),
        )

    def _difference(self, op: ir.Operation) -> Affine | None:
        a, b = self.form(op.operands[0]), self.form(op.operands[1])
        if a is None or b is None or b.wraps:
            return None
        return Affine(
            a.base,
            self._ix.sub(a.offset, b.offset),
            tuple(self._ix.sub(s, t) for s, t in zip(a.strides, b.strides, strict=True)),
            a.wraps,
            union(a.conditions, b.conditions),
            min(a.multiple, b.multiple),
        )

    def _product(self, op: ir.Operation) -> Affine | None:
        a, b = self.form(op.operands[0]), self.form(op.operands[1])
        if a is None or b is None:
            return None
        if not b.uniform:
            a, b = b, a
        if not b.uniform:
            return None
        factor = b.offset
        return Affine(
            None,
            self._ix.mul(a.offset, factor),
            tuple(self._ix.mul(s, factor) for s in a.strides),
            tuple(replace(w, scale=self._ix.mul(w.scale, factor)) for w in a.wraps),
            union(a.conditions, b.conditions),
            a.multiple * b.multiple,
        )

    def _remainder(self, op: ir.Operation) -> Affine | None:
        """`(offset + i) % modulus`, of numbers that are not negative: that of a negative number is negative.

        Hints (`tl.max_contiguous`) are not looked at: where a block ends inside of a row, they are not true.
        """
        signed = op.name == "arith.remsi"
        a, b = (self.reading(v, signed) for v in op.operands)
        if a is None or b is None or not b.uniform or a.wraps or a.base is not None:
            return None
        moving = [d for d, s in enumerate(a.strides) if not (isinstance(s, int) and s == 0)]
        extents = shape(op.results[0]) or ()
        conditions, modulus = union(a.conditions, b.conditions), b.offset
        start = self._ix.rem(a.offset, modulus)
        if not moving:
            return Affine(None, start, a.strides, conditions=conditions)
        if len(moving) != 1 or a.strides[moving[0]] != 1:
            return None
        dim = moving[0]
        if signed and not self.ranges.not_negative(op.operands[0]):
            conditions = union(conditions, (self._ix.less(-1, a.offset),))
        if isinstance(modulus, int) and modulus > 0 and min(a.multiple, power_of_two(modulus)) >= extents[dim]:
            return Affine(None, start, a.strides, conditions=conditions)  # a multiple of it is not inside
        wrap = Wrap(dim, a.offset, start, modulus, 1)
        return Affine(None, 0, (0,) * len(extents), (wrap,), conditions)

    def _bitcast(self, op: ir.Operation) -> Affine | None:
        """The same addresses seen as another type: offsets are counted in elements of that type."""
        inner, result = self.form(op.operands[0]), op.results[0]
        if inner is None or inner.base is None or not is_pointer(result):
            return None
        old, new = pointee(op.operands[0]), pointee(result)
        extents = shape(result) or ()
        strides = tuple(0 if n == 1 else s for n, s in zip(extents, inner.strides, strict=True))
        for step in (inner.offset, *strides, *(w.scale for w in inner.wraps)):
            if isinstance(step, int) and step * element_bytes(old) % element_bytes(new):
                what = f"pointers to {new} that are not a multiple of {element_bytes(new)} bytes apart"
                raise UnsupportedError(what, source_line(op), "aligned addresses")

        def counted(index: Index) -> Index:
            return recount(self._ix, index, old, new)

        wraps = tuple(replace(w, scale=counted(w.scale)) for w in inner.wraps)
        base, offset = recast(inner.base, new), counted(inner.offset)
        return Affine(base, offset, tuple(counted(s) for s in strides), wraps, inner.conditions)

    def _int_to_ptr(self, op: ir.Operation) -> Affine | None:
        """An address from memory: it may be anything, so it may alias everything."""
        if is_block(op.results[0]) or op.operands[0] not in self._scalars:
            return None
        return Affine(Base(memref_of_address(self._scalars[op.operands[0]], pointee(op.results[0])), None), 0)

    def _expand_dims(self, op: ir.Operation) -> Affine | None:
        inner, axis = self.form(op.operands[0]), int_attr(op, "axis")
        if inner is None:
            return None
        strides = (*inner.strides[:axis], 0, *inner.strides[axis:])
        return replace(
            inner, strides=strides, wraps=tuple(replace(w, dim=w.dim + (w.dim >= axis)) for w in inner.wraps)
        )

    def _broadcast(self, op: ir.Operation) -> Affine | None:
        inner, extents = self.form(op.operands[0]), shape(op.operands[0]) or ()
        if inner is None or any(extents[w.dim] == 1 for w in inner.wraps):
            return None
        return replace(inner, strides=tuple(0 if n == 1 else s for n, s in zip(extents, inner.strides, strict=True)))

    def _trans(self, op: ir.Operation) -> Affine | None:
        inner = self.form(op.operands[0])
        if inner is None:
            return None
        order = list(ir.DenseI32ArrayAttr(op.attributes["order"]))
        strides = tuple(inner.strides[d] for d in order)
        return replace(inner, strides=strides, wraps=tuple(replace(w, dim=order.index(w.dim)) for w in inner.wraps))

    def _reshape(self, op: ir.Operation) -> Affine | None:
        inner, old, new = self.form(op.operands[0]), shape(op.operands[0]) or (), shape(op.results[0]) or ()
        if inner is None or [n for n in old if n != 1] != [n for n in new if n != 1]:
            return None
        kept = iter([d for d, n in enumerate(old) if n != 1])
        source = [next(kept) if n != 1 else None for n in new]
        if any(w.dim not in source for w in inner.wraps):
            return None
        strides = tuple(0 if d is None else inner.strides[d] for d in source)
        return replace(inner, strides=strides, wraps=tuple(replace(w, dim=source.index(w.dim)) for w in inner.wraps))

    _RULES: ClassVar[dict[str, Callable[[PointerAnalysis, ir.Operation], Affine | None]]] = {
        "tt.splat": _splat,
        "tt.make_range": _make_range,
        "arith.extsi": _sign_extended,
        "arith.extui": _zero_extended,
        "arith.trunci": _truncated,
        "tt.addptr": _moved,
        "arith.addi": _sum,
        "arith.subi": _difference,
        "arith.muli": _product,
        "arith.remsi": _remainder,
        "arith.remui": _remainder,
        "tt.expand_dims": _expand_dims,
        "tt.bitcast": _bitcast,
        "tt.int_to_ptr": _int_to_ptr,
        "tt.broadcast": _broadcast,
        "tt.trans": _trans,
        "tt.reshape": _reshape,
    }


def is_narrow(kind: ir.Type) -> bool:
    """Integers in which nobody computes indices: their blocks are computed element by element."""
    return isinstance(kind, ir.IntegerType) and kind.width < 32


def recast(base: Base, element: ir.Type) -> Base:
    """The same memory with another element type, made beside `base`: what is known of a pointer outlives its region."""
    if ir.MemRefType(base.memref.type).element_type == element:
        return base
    kind = ir.MemRefType.get([ir.ShapedType.get_dynamic_size()], element)
    made = base.memref.owner
    beside = ir.InsertionPoint.at_block_begin(made) if isinstance(made, ir.Block) else ir.InsertionPoint.after(made)
    with beside:
        return Base(memref_at(pointer_of(base.memref), kind), base.key)


def recount(indices: Indices, index: Index, old: ir.Type, new: ir.Type) -> Index:
    """An index of elements of type `old`, in elements of type `new`: a pointer to those is a multiple of their size."""
    before, after = element_bytes(old), element_bytes(new)
    if before >= after:
        return indices.mul(index, before // after)
    return indices.div(index, after // before)


def start_of(base: Base) -> ir.Value:
    """The raw pointer of a base, to choose between two of them."""
    return pointer_of(base.memref)


def either(a: Base, b: Base, chosen: ir.Value) -> Base:
    """The base that is `a` or `b`: what begins at the raw pointer that was chosen between their starts.

    Of two arguments it may be either, so it may alias everything.
    """
    if a.memref == b.memref:
        return a
    return Base(memref_at(chosen, ir.MemRefType(a.memref.type)), a.key if same_base(a, b) else None)


def memref_of_address(address: ir.Value, element: ir.Type) -> ir.Value:
    """A rank-1 memref that starts at an address (i64)."""
    pointer = llvm.IntToPtrOp(llvm.PointerType.get(), address).result
    return memref_at(pointer, ir.MemRefType.get([ir.ShapedType.get_dynamic_size()], element))
