"""`read-in-place`: a product reads A where it is, if a whole block of it is there, instead of a copy."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Annotated, Any, ClassVar

from torch_mlir import ir
from torch_mlir.dialects import arith, memref, scf

from ..ir.accesses import effect
from ..ir.allocations import VIEWS, allocation_of
from ..ir.attributes import IN_PLACE, KEPT
from ..ir.footprints import Index, View, slab_of, view_of
from ..ir.packing import rows_are_factors
from ..ir.pointers import index
from ..ir.slicing import collect, is_pure
from ..passes import Pass
from ..passes.options import Limits, OneOf
from ..targets.isa import INTRINSICS

Value = ir.Value[Any]
_A = 0
_DYNAMIC = ir.ShapedType.get_dynamic_stride_or_offset()


@dataclass(frozen=True)
class ReadInPlace(Pass):
    """Fill the block of A only where a mask leaves some of it out, and read it where it is otherwise.

    before:
        linalg.generic ins(%x : [%r, %c] of argument 0) outs(%a[0, 0] : [%r, %c])     // a copy
        linalg.generic outs(%a[0, %c] : [%r, 32 - %c]) { 0 }
        linalg.generic outs(%a[%r, 0] : [64 - %r, 32]) { 0 }
        linalg.matmul ins(%a, %b : memref<64x32xf32>, memref<32x64xf32>) outs(%c)
    after:
        %whole = %r == 64 and %c == 32, and there is nothing to be done for the rest
        scf.if not %whole { the three nests }
        %from = arith.select %whole, %x as memref<64x32xf32, strided<[?, 1], offset: ?>>, %a as the same
        linalg.matmul ins(%from, %b) outs(%c) {rung.in_place = true}

    Without a mask there is no question, and no copy. A's elements are broadcast one by one, so their rows need not be
    near each other; B's rows become vectors, and are packed.

    Left alone: A that is kept for other programs (`mark-kept`); blocks of fewer than `least_terms` columns, which a
    copy brings together, and of which `tile-contractions` gathers several; A that is packed for products in other
    elements; copies that compute anything, or out of rows that are not contiguous; blocks that anything else
    touches; and kernels that may write, between the copy and the product, to what was copied.
    """

    name: ClassVar[str] = "read-in-place"
    least_terms: Annotated[int, Limits(1, 1 << 20)] = 64
    """Columns of A."""
    byte_dot: Annotated[str, OneOf(("", *INTRINSICS))] = ""
    """What products of bytes are computed with."""
    bf16_dot: Annotated[str, OneOf(("", *INTRINSICS))] = ""
    """What products of bf16 are computed with."""

    def run(self, module: ir.Module) -> None:
        for op in collect(module.operation):
            if op.name == "linalg.matmul" and self._may_be(op):
                filling = _filling(op)
                if filling is not None:
                    with op.location:
                        op.operands[_A] = _read(op, filling)
                        op.attributes[IN_PLACE] = ir.UnitAttr.get()

    def _may_be(self, op: ir.Operation) -> bool:
        kept = ir.IntegerAttr(op.attributes[KEPT]).value if KEPT in op.attributes else None
        terms = ir.MemRefType(op.operands[_A].type).shape[-1]
        return kept != _A and terms >= self.least_terms and rows_are_factors(op, (self.byte_dot, self.bf16_dot))


@dataclass(frozen=True)
class _Filling:
    """Of a block: the nest that copies `view` to its beginning, and those that set other parts to something."""

    view: View
    nests: list[ir.Operation]
    """In order."""
    rest: list[tuple[Index, ...]]
    """Sizes of what is set after the copy."""


def _filling(op: ir.Operation) -> _Filling | None:
    block = op.operands[_A]
    if isinstance(block.owner, ir.Block) or block.owner.name != "memref.alloca":
        return None
    nests = _nests_of(block, op)
    if nests is None:
        return None
    copies = [nest for nest in nests if len(nest.operands) == 2]
    if len(copies) != 1 or any(len(nest.operands) > 2 for nest in nests):
        return None
    view = _copied(copies[0], op)
    if view is None or not _is_undisturbed(copies[0], op):
        return None
    rest = [slab_of(nest.operands[0]) for nest in nests[nests.index(copies[0]) + 1 :]]
    sizes = [slab.sizes for slab in rest if slab is not None]
    return _Filling(view, nests, sizes) if len(sizes) == len(rest) else None


def _nests_of(block: Value, reader: ir.Operation) -> list[ir.Operation] | None:
    """What fills a block before `reader`, which is all else that touches it, in order."""
    found: set[ir.Operation] = set()
    pending = [block]
    while pending:
        for use in pending.pop().uses:
            user = use.owner.operation
            if user.name in VIEWS:
                pending.append(user.results[0])
            elif user == reader and use.operand_number == _A:
                continue
            elif _fills(user, use.operand_number) and user.block == reader.block:
                found.add(user)
            else:
                return None
    before = [each.operation for each in reader.block.operations]
    ordered = [each for each in before[: before.index(reader)] if each in found]
    return ordered if len(ordered) == len(found) else None


def _fills(op: ir.Operation, number: int) -> bool:
    return op.name == "linalg.generic" and effect(op, number) == (False, True)


def _copied(nest: ir.Operation, op: ir.Operation) -> View | None:
    """What a nest moves as it is to the beginning of A: rows of an argument, or of other memory that is no buffer."""
    source, target = nest.operands
    body = nest.regions[0].blocks[0]
    maps = [ir.AffineMapAttr(each).value for each in ir.ArrayAttr(nest.attributes["indexing_maps"])]
    view, slab = view_of(source), slab_of(target)
    plain = all(each == ir.AffineMap.get_identity(2) for each in maps)
    if not plain or len(list(body.operations)) != 1 or body.operations[0].operands[0] != body.arguments[0]:
        return None
    if view is None or slab is None or slab.sizes != view.sizes or slab.offset != 0:
        return None
    strides = tuple(ir.MemRefType(op.operands[_A].type).get_strides_and_offset()[0])
    return view if slab.strides == strides and view.strides[-1] == 1 else None


def _is_undisturbed(copy: ir.Operation, op: ir.Operation) -> bool:
    """Whether nothing from a copy to its reader writes to memory that is no buffer."""
    between = False
    for each in op.block.operations:
        inner = each.operation
        if inner == op:
            break
        if between and not all(map(_writes_only_buffers, collect(inner))):
            return False
        between = between or inner == copy
    return True


def _writes_only_buffers(op: ir.Operation) -> bool:
    if op.name in VIEWS or op.name in ("memref.alloca", "memref.load", "scf.yield", "linalg.yield", "linalg.index"):
        return True
    if op.name in ("memref.store", "linalg.generic", "linalg.matmul", "linalg.batch_matmul"):
        written = (memory for n, memory in enumerate(op.operands) if _is_written(op, n))
        return all(_is_buffer(memory) for memory in written)
    return op.name in ("scf.for", "scf.if") or is_pure(op)


def _is_written(op: ir.Operation, number: int) -> bool:
    return isinstance(op.operands[number].type, ir.MemRefType) and (op.name == "memref.store" or effect(op, number)[1])


def _is_buffer(memory: Value) -> bool:
    root = allocation_of(memory)
    return not isinstance(root.owner, ir.Block) and root.owner.name == "memref.alloca"


def _read(op: ir.Operation, filling: _Filling) -> Value:
    """The rows in memory where they are a whole block, and the block where they are not, which is filled then."""
    block, view = op.operands[_A], filling.view
    kind = ir.MemRefType(block.type)
    stride = view.strides[0]
    at = [stride if isinstance(stride, int) else _DYNAMIC, 1]
    with ir.InsertionPoint(op):
        whole = _is_whole(filling, kind.shape)
        if whole is None:
            for nest in filling.nests:
                nest.erase()
            return _cast(view.base, view.offset, stride, kind, at)
        missing = scf.IfOp(arith.XOrIOp(whole, _truth(True)).result)
        with ir.InsertionPoint(missing.then_block):
            end = scf.YieldOp([])
        for nest in filling.nests:
            nest.move_before(end.operation)
        at[0] = _DYNAMIC
        base = arith.SelectOp(whole, _flat(view.base, kind), _flat(block, kind)).result
        offset = arith.SelectOp(whole, _value(view.offset), index(0)).result
        rows = arith.SelectOp(whole, _value(stride), index(kind.get_strides_and_offset()[0][0])).result
        return _cast(base, offset, rows, kind, at)


def _flat(memory: Value, kind: ir.MemRefType) -> Value:
    """All of an argument or a buffer, in one dimension of unknown size."""
    flat = ir.MemRefType.get([_DYNAMIC], kind.element_type, None, kind.memory_space)
    if memory.type == flat:
        return memory
    size = ir.MemRefType.get([prod(kind.shape)], kind.element_type, None, kind.memory_space)
    whole = memref.ReinterpretCastOp(size, memory, [], [], [], [0], size.shape, [1]).result
    return ir.Operation.create("memref.cast", [flat], [whole]).result


def _value(number: Index) -> Value:
    return index(number) if isinstance(number, int) else number


def _is_whole(filling: _Filling, shape: list[int]) -> Value | None:
    """Whether all of the block is copied and nothing of it set afterwards; None where that is so in any case."""
    found: Value | None = None
    for size, all_of_it in zip(filling.view.sizes, shape, strict=True):
        if size != all_of_it:
            found = _both(found, _is(size, all_of_it))
    for sizes in filling.rest:
        nothing: Value | None = None
        for size in sizes:
            if not isinstance(size, int):
                empty = _is(size, 0)
                nothing = empty if nothing is None else arith.OrIOp(nothing, empty).result
        found = _both(found, _truth(False) if nothing is None else nothing)
    return found


def _is(size: Index, number: int) -> Value:
    if isinstance(size, int):
        return _truth(size == number)
    return arith.CmpIOp(arith.CmpIPredicate.eq, size, index(number)).result


def _both(a: Value | None, b: Value) -> Value:
    return b if a is None else arith.AndIOp(a, b).result


def _cast(base: Value, offset: Index, stride: Index, kind: ir.MemRefType, at: list[int]) -> Value:
    """A block of rows of `base`; its offset is not known to its type."""
    layout = ir.StridedLayoutAttr.get(_DYNAMIC, at)
    whole = ir.MemRefType.get(kind.shape, kind.element_type, layout, kind.memory_space)
    dynamic = [stride] if not isinstance(stride, int) else []
    return memref.ReinterpretCastOp(whole, base, [_value(offset)], [], dynamic, [_DYNAMIC], kind.shape, at).result


def _truth(value: bool) -> Value:
    return arith.ConstantOp(ir.IntegerType.get_signless(1), int(value)).result
