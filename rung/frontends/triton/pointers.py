"""Structured pointer analysis: which blocks of pointers or integers are affine in their position.

`base + offset + sum(stride[d] * i[d])` covers splat, addptr, make_range, broadcast, expand_dims, transposition, sums,
products with a uniform value and loop-carried increments; one wrap-around `(start + i) % modulus` per dimension is kept
as a Wrap. Whatever else there is becomes a gather or a scatter.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar

from torch_mlir import ir
from torch_mlir.dialects import llvm

from ...errors import UnsupportedError
from ...ir.pointers import memref_at, pointer_of
from .indices import Index, Indices, same
from .locations import source_line
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
    """`base[offset + sum(strides[d] * i[d]) + wraps]`, in elements. Integers have no base, scalars no strides."""

    base: Base | None
    offset: Index
    strides: tuple[Index, ...] = ()
    wraps: tuple[Wrap, ...] = ()

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

    def __init__(self, indices: Indices, scalars: dict[ir.Value, ir.Value]) -> None:
        self._ix = indices
        self._scalars = scalars
        self.known: dict[ir.Value, Affine | None] = {}
        """Facts from outside: kernel arguments, loop-carried pointers, results of control flow."""

    def affine(self, value: ir.Value) -> Affine | None:
        if value in self.known:
            return self.known[value]
        key = ("affine", value)
        return self._ix.once(key, lambda: self._analyse(value))

    def _analyse(self, value: ir.Value) -> Affine | None:
        constant = constant_int(value)
        rank = len(shape(value) or ())
        if constant is not None:
            return Affine(None, constant, (0,) * rank)
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
        return Affine(None, self._ix.cast(known))

    # ---- one rule per operation

    def _splat(self, op: ir.Operation) -> Affine | None:
        inner = self.affine(op.operands[0])
        rank = len(shape(op.results[0]) or ())
        return inner and replace(inner, strides=(0,) * rank)

    def _make_range(self, op: ir.Operation) -> Affine:
        return Affine(None, int_attr(op, "start"), (1,))

    def _same(self, op: ir.Operation) -> Affine | None:
        return self.affine(op.operands[0])

    def _sum(self, op: ir.Operation) -> Affine | None:
        a, b = self.affine(op.operands[0]), self.affine(op.operands[1])
        if a is None or b is None:
            return None
        return Affine(
            a.base or b.base,
            self._ix.add(a.offset, b.offset),
            tuple(self._ix.add(s, t) for s, t in zip(a.strides, b.strides, strict=True)),
            _sum_of_wraps(self._ix, a.wraps + b.wraps),
        )

    def _difference(self, op: ir.Operation) -> Affine | None:
        a, b = self.affine(op.operands[0]), self.affine(op.operands[1])
        if a is None or b is None or b.wraps:
            return None
        return Affine(
            a.base,
            self._ix.sub(a.offset, b.offset),
            tuple(self._ix.sub(s, t) for s, t in zip(a.strides, b.strides, strict=True)),
            a.wraps,
        )

    def _product(self, op: ir.Operation) -> Affine | None:
        a, b = self.affine(op.operands[0]), self.affine(op.operands[1])
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
        )

    def _remainder(self, op: ir.Operation) -> Affine | None:
        """`(offset + i) % modulus`: of values that are not negative, as Triton users write it to stay in bounds."""
        a, b = self.affine(op.operands[0]), self.affine(op.operands[1])
        if a is None or b is None or not b.uniform or a.wraps or a.base is not None:
            return None
        moving = [d for d, s in enumerate(a.strides) if not (isinstance(s, int) and s == 0)]
        extents = shape(op.results[0]) or ()
        if not moving:
            return Affine(None, self._ix.rem(a.offset, b.offset), a.strides)
        if len(moving) != 1 or a.strides[moving[0]] != 1:
            return None
        dim = moving[0]
        start = self._ix.rem(a.offset, b.offset)
        if _contiguity(op) >= extents[dim]:  # the author states that the block never wraps
            return Affine(None, start, a.strides)
        return Affine(None, 0, (0,) * len(extents), (Wrap(dim, a.offset, start, b.offset, 1),))

    def _bitcast(self, op: ir.Operation) -> Affine | None:
        """The same addresses seen as another type: offsets are counted in elements of that type."""
        inner, result = self.affine(op.operands[0]), op.results[0]
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

        return Affine(
            recast(inner.base, new),
            counted(inner.offset),
            tuple(counted(s) for s in strides),
            tuple(replace(w, scale=counted(w.scale)) for w in inner.wraps),
        )

    def _int_to_ptr(self, op: ir.Operation) -> Affine | None:
        """An address from memory: it may be anything, so it may alias everything."""
        if is_block(op.results[0]) or op.operands[0] not in self._scalars:
            return None
        return Affine(Base(memref_of_address(self._scalars[op.operands[0]], pointee(op.results[0])), None), 0)

    def _expand_dims(self, op: ir.Operation) -> Affine | None:
        inner, axis = self.affine(op.operands[0]), int_attr(op, "axis")
        if inner is None:
            return None
        strides = (*inner.strides[:axis], 0, *inner.strides[axis:])
        return replace(
            inner, strides=strides, wraps=tuple(replace(w, dim=w.dim + (w.dim >= axis)) for w in inner.wraps)
        )

    def _broadcast(self, op: ir.Operation) -> Affine | None:
        inner, extents = self.affine(op.operands[0]), shape(op.operands[0]) or ()
        if inner is None or any(extents[w.dim] == 1 for w in inner.wraps):
            return None
        return replace(inner, strides=tuple(0 if n == 1 else s for n, s in zip(extents, inner.strides, strict=True)))

    def _trans(self, op: ir.Operation) -> Affine | None:
        inner = self.affine(op.operands[0])
        if inner is None:
            return None
        order = list(ir.DenseI32ArrayAttr(op.attributes["order"]))
        strides = tuple(inner.strides[d] for d in order)
        return replace(inner, strides=strides, wraps=tuple(replace(w, dim=order.index(w.dim)) for w in inner.wraps))

    def _reshape(self, op: ir.Operation) -> Affine | None:
        inner, old, new = self.affine(op.operands[0]), shape(op.operands[0]) or (), shape(op.results[0]) or ()
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
        "arith.extsi": _same,
        "arith.extui": _same,
        "arith.trunci": _same,
        "tt.addptr": _sum,
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
    """Integers that kernels let overflow; wider ones are taken to hold every index that is computed in them."""
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


def _sum_of_wraps(indices: Indices, wraps: tuple[Wrap, ...]) -> tuple[Wrap, ...]:
    """One term for each different remainder."""
    scales: dict[Wrap, Index] = {}
    for wrap in wraps:
        remainder = replace(wrap, scale=1)
        scales[remainder] = indices.add(scales.get(remainder, 0), wrap.scale)
    return tuple(replace(remainder, scale=scale) for remainder, scale in scales.items())


def _contiguity(op: ir.Operation) -> int:
    """The value of `tl.max_contiguous` on this operation, 0 without one."""
    if "tt.contiguity" not in op.attributes:
        return 0
    attribute = op.attributes["tt.contiguity"]
    if isinstance(attribute, ir.IntegerAttr):
        return attribute.value
    return min(int(v) for v in ir.DenseIntElementsAttr(attribute))
