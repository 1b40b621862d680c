"""Views of global memory, their footprints in a scratchpad buffer, and who touches them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

from torch_mlir import ir
from torch_mlir.dialects import arith, memref

from ..errors import ContractError
from .attributes import BOUNDS
from .pointers import index, is_memref_at

Value = ir.Value[Any]
Index = Value | int


@dataclass(frozen=True)
class Slab:
    """A strided piece of a memref: offset, sizes and strides in elements, of `base`'s first element."""

    base: Value
    offset: Index
    sizes: tuple[Index, ...]
    strides: tuple[Index, ...]
    bounds: tuple[int, ...] | None
    """Static upper bounds of the sizes, when they are known."""


@dataclass(frozen=True)
class View(Slab):
    """A `memref.reinterpret_cast` of a kernel argument: the structured form of an access to global memory."""

    cast: ir.Operation

    @property
    def value(self) -> Value:
        return self.cast.results[0]

    @property
    def element(self) -> ir.Type:
        return ir.MemRefType(self.value.type).element_type

    @cached_property
    def place(self) -> tuple[object, ...]:
        """Equal for views that hold the same elements in the same order, if their arguments are the same memory."""
        return self.offset, self.sizes, self.strides, self.element

    @property
    def extent(self) -> int | None:
        """Elements from the first to one past the last that the view may touch, when that is known."""
        if self.bounds is None or any(not isinstance(s, int) for s in self.strides):
            return None
        reach = (abs(s) * (b - 1) for s, b in zip(self.strides, self.bounds, strict=True) if isinstance(s, int))
        return 1 + sum(reach)


def slab_of(value: Value) -> Slab | None:
    """The slab that `value` is: a `memref.reinterpret_cast` or a buffer of static shape and layout."""
    owner = value.owner
    if not isinstance(owner, ir.Block) and owner.name == "memref.reinterpret_cast":
        op = owner.operation
        operands = iter(list(op.operands)[1:])
        offset, sizes, strides = (_mixed(op, f"static_{part}", operands) for part in ("offsets", "sizes", "strides"))
        return Slab(op.operands[0], offset[0], sizes, strides, _bounds(op, sizes))
    kind = ir.MemRefType(value.type)
    strides, offset = kind.get_strides_and_offset()
    if not kind.has_static_shape or ir.ShapedType.get_dynamic_size() in (offset, *strides):
        return None
    return Slab(value, offset, tuple(kind.shape), tuple(strides), tuple(kind.shape))


def view_of(value: Value) -> View | None:
    """The view that defines `value`, if it is one of global memory."""
    owner = value.owner
    if isinstance(owner, ir.Block) or owner.name != "memref.reinterpret_cast" or not _is_argument(owner.operands[0]):
        return None
    slab = slab_of(value)
    assert slab is not None
    return View(slab.base, slab.offset, slab.sizes, slab.strides, slab.bounds, owner.operation)


def view_below(value: Value) -> View | None:
    """The same, or the view whose memory `value` is in one dimension (`Emitter.flat`)."""
    metadata = _metadata_below(value)
    return view_of(value if metadata is None else metadata.operands[0])


def _metadata_below(value: Value) -> ir.Operation | None:
    if isinstance(value.owner, ir.Block) or value.owner.name != "memref.reinterpret_cast":
        return None
    source = value.owner.operands[0].owner
    if isinstance(source, ir.Block) or source.name != "memref.extract_strided_metadata":
        return None
    return source.operation


def strides_below(value: Value) -> Iterator[Value]:
    """The dynamic strides of the view below a memref of one dimension."""
    metadata = _metadata_below(value)
    if metadata is not None:
        yield from list(metadata.results)[2 + ir.MemRefType(metadata.operands[0].type).rank :]


def offset_of(cast: ir.Operation) -> Index:
    """The offset of any `memref.reinterpret_cast`."""
    return _mixed(cast, "static_offsets", iter(list(cast.operands)[1:]))[0]


def _is_argument(value: Value) -> bool:
    """Of a kernel, or what a context's task takes out of its frame."""
    owner = value.owner
    return owner.owner.operation.name == "func.func" if isinstance(owner, ir.Block) else is_memref_at(owner.operation)


def _mixed(op: ir.Operation, attribute: str, operands: Iterator[Value]) -> tuple[Index, ...]:
    dynamic = ir.ShapedType.get_dynamic_size()
    numbers = ir.DenseI64ArrayAttr(op.attributes[attribute])
    return tuple(next(operands) if n == dynamic else n for n in numbers)


def _bounds(op: ir.Operation, sizes: tuple[Index, ...]) -> tuple[int, ...] | None:
    if BOUNDS in op.attributes:
        given: list[Index] = list(ir.DenseI64ArrayAttr(op.attributes[BOUNDS]))
    else:
        given = list(sizes)
    bounds = [size if isinstance(size, int) else bound for size, bound in zip(sizes, given, strict=True)]
    return None if any(not isinstance(b, int) for b in bounds) else tuple(b for b in bounds if isinstance(b, int))


@dataclass(frozen=True)
class Layout:
    """How a view lies in a buffer: its dimensions from the outermost to the innermost, packed.

    Dimensions of stride 0 repeat the same elements and are left out. The innermost one is contiguous in
    global memory.
    """

    order: tuple[int, ...]
    """The view's dimensions that the buffer stores, outermost first."""
    bounds: tuple[int, ...]
    """The buffer's shape."""

    @property
    def elements(self) -> int:
        return prod(self.bounds)


def layout_of(view: View) -> Layout | str:
    """The buffer layout of `view`, or the reason why it has none."""
    if view.bounds is None:
        return "its size has no static bound"
    stored = [d for d, stride in enumerate(view.strides) if not (isinstance(stride, int) and stride == 0)]
    wide = [d for d in stored if view.bounds[d] != 1 or not isinstance(view.sizes[d], int)]
    if not wide:
        return "it is a single element"
    if any(isinstance(s, int) and s < 0 for s in (view.strides[d] for d in wide)):
        return "a stride is negative"

    def outermost_first(d: int) -> float:
        stride = view.strides[d]
        return -stride if isinstance(stride, int) else float("-inf")

    wide.sort(key=outermost_first)
    innermost = view.strides[wide[-1]]
    if not isinstance(innermost, int) or innermost != 1:
        return "no dimension is contiguous"
    return Layout(tuple(wide), tuple(view.bounds[d] for d in wide))


def element_bytes(kind: ir.Type) -> int:
    """Bytes of one element in memory."""
    if isinstance(kind, ir.IndexType):
        return 8
    if isinstance(kind, ir.VectorType):
        return prod(kind.shape) * element_bytes(kind.element_type)
    if isinstance(kind, ir.IntegerType | ir.FloatType):
        return -(-kind.width // 8)
    raise ContractError(f"a buffer of {kind} has no known size")


def reinterpret(
    source: Value,
    offset: Index,
    sizes: tuple[Index, ...],
    strides: tuple[Index, ...],
    bounds: tuple[int, ...],
) -> Value:
    """`memref.reinterpret_cast %source` with mixed static and dynamic parts, carrying `rung.bounds`."""
    kind = ir.MemRefType(source.type)
    dynamic = ir.ShapedType.get_dynamic_size()

    def split(parts: tuple[Index, ...]) -> tuple[list[Value], list[int]]:
        values = [part for part in parts if not isinstance(part, int)]
        return values, [part if isinstance(part, int) else dynamic for part in parts]

    (offsets, static_offset), (dims, static_sizes), (steps, static_strides) = map(split, ((offset,), sizes, strides))
    layout = ir.StridedLayoutAttr.get(static_offset[0], static_strides)
    result = ir.MemRefType.get(static_sizes, kind.element_type, layout, kind.memory_space)
    cast = memref.ReinterpretCastOp(result, source, offsets, dims, steps, static_offset, static_sizes, static_strides)
    cast.operation.attributes[BOUNDS] = ir.DenseI64ArrayAttr.get(list(bounds))
    return cast.result


def materialize(part: Index) -> Value:
    """`part` as an SSA value at the insertion point."""
    return index(part) if isinstance(part, int) else part


def add(left: Index, right: Index) -> Index:
    """`left + right`, folded where it is known."""
    if isinstance(left, int) and isinstance(right, int):
        return left + right
    if isinstance(left, int):
        left, right = right, left
    if isinstance(right, int) and right == 0:
        return left
    return arith.AddIOp(materialize(left), materialize(right)).result


def times(left: Index, right: Index) -> Index:
    """`left * right`, folded where it is known."""
    if isinstance(left, int) and isinstance(right, int):
        return left * right
    if isinstance(left, int):
        left, right = right, left
    if isinstance(right, int) and right in (0, 1):
        return left if right else 0
    return arith.MulIOp(materialize(left), materialize(right)).result


def buffer_view(buffer: Value, view: View, layout: Layout, offset: Index = 0) -> Value:
    """`view`'s footprint in `buffer`: the same sizes, with the strides of the packed layout."""
    pitch: Index = 1
    strides: list[Index] = [0 if isinstance(stride, int) and stride == 0 else 1 for stride in view.strides]
    for d in reversed(layout.order):
        strides[d] = pitch
        pitch = times(pitch, view.sizes[d])
    return reinterpret(buffer, offset, view.sizes, tuple(strides), view.bounds or ())
