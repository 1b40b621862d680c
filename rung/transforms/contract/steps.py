"""Several steps of a loop around a contraction become one contraction of more terms."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

from torch_mlir import ir
from torch_mlir.dialects import arith, memref, scf

from ...ir.pointers import index
from ...ir.slicing import enclosing, is_inside
from .kept import Keep, find_kept, keep_steps, trip_count

Value = ir.Value[Any]
_VIEWS = ("memref.reinterpret_cast", "memref.subview")


@dataclass(frozen=True)
class Slots:
    """An operand for several steps."""

    buffer: Value
    """memref<slots x m x k>, or memref<slots x k x n>"""
    first: Value | None = None
    """The slot of the first step that a contraction sums over; None: 0."""
    kept: int = 0
    """Slots that stay for the next program."""


@dataclass(frozen=True)
class Steps:
    """What a contraction sums over: `count` steps, `most` at most."""

    a: Slots | None
    """None: the operand has no slots, but is that of one step."""
    b: Slots | None
    count: Value | int
    most: int


def gather_steps(op: ir.Operation, a: Value, b: Value, most: int, keep: Keep | None = None) -> Steps | None:
    """Run up to `most` steps of the loop around a contraction before it, each into a slot of its operands.

    before:
        scf.for %k = %lo to %hi step %s {
          linalg.generic ... outs(%a); linalg.generic ... outs(%b)
          linalg.matmul ins(%a, %b) outs(%c)
        }
    after:
        scf.for %k = %lo to %hi step %s * most {
          %end = min(%k + %s * most, %hi)
          %count = scf.for %step = %k to %end step %s iter_args(%slot = 0) {
            linalg.generic ... outs(%as[%slot]); linalg.generic ... outs(%bs[%slot])
            yield %slot + 1
          }
          linalg.matmul, still of the old operands: the caller puts the sum over all slots in its place
        }

    A tile of C is loaded and stored once for all these steps. The sum over one step more is in the same order as
    before. What one operand is kept in (`kept.py`) has slots of its own; then `most` may be 1.

    Left alone (None): loops that do anything else with C; operands that anything but nests of this loop
    touches, which may keep numbers from one step to the next; loops over numbers that are no `index`, which may wrap.
    """
    loop = _loop_around(op)
    if loop is None or a == b or op.name != "linalg.matmul":
        return None
    most = max(1, min(most, trip_count(loop) or most))
    if not all(_is_made_in(loop, operand, op) for operand in (a, b)) or not _is_left_alone(loop, op.operands[2], op):
        most = 1
    kept = None
    if keep is not None and _is_made_in(loop, (a, b)[keep.operand], op):
        kept = find_kept(loop, op, (a, b)[keep.operand], keep, most)
    if most < 2 and kept is None:
        return None
    with op.location:
        mined = _strip_mine(loop, op, most) if most > 1 else _Mined(loop, loop, 1, None)
        slots: dict[int, Slots] = {}
        if kept is not None:
            first, slot = keep_steps(kept, mined.outer, mined.inner, mined.slot)
            buffer = _slots((a, b)[kept.operand], slot, kept.slots + most, op, lasting=True)
            slots[kept.operand] = Slots(buffer, first, kept.slots)
        for number, operand in enumerate((a, b)):
            if number not in slots and mined.slot is not None:
                slots[number] = Slots(_slots(operand, mined.slot, most, op))
        return Steps(slots.get(0), slots.get(1), mined.count, most)


def _loop_around(op: ir.Operation) -> scf.ForOp | None:
    """With no attribute: those are decisions about what is in it."""
    parent = op.parent
    assert parent is not None
    loop = parent.operation
    if loop.name != "scf.for" or len(loop.attributes):
        return None
    view = loop.opview
    assert isinstance(view, scf.ForOp)
    return view if isinstance(view.induction_variable.type, ir.IndexType) else None


def _is_made_in(loop: scf.ForOp, buffer: Value, contraction: ir.Operation) -> bool:
    """Whether only nests in the loop, and the contraction, touch what was allocated outside of it."""
    owner = buffer.owner
    if isinstance(owner, ir.Block) or owner.name != "memref.alloca" or is_inside(buffer, loop.operation):
        return False
    kind = ir.MemRefType(buffer.type)
    if not kind.has_static_shape or not isinstance(kind.layout, ir.AffineMapAttr):
        return False
    for use in buffer.uses:
        user = use.owner.operation
        if user == contraction:
            continue
        users = [each.owner.operation for each in user.results[0].uses] if user.name in _VIEWS else [user]
        if not _is_in(user, loop) or any(each.name != "linalg.generic" for each in users):
            return False
    return True


def _is_in(op: ir.Operation, loop: scf.ForOp) -> bool:
    parent = op.parent
    while parent is not None:
        if parent.operation == loop.operation:
            return True
        parent = parent.operation.parent
    return False


def _is_left_alone(loop: scf.ForOp, view: Value, contraction: ir.Operation) -> bool:
    """Whether nothing else in the loop touches the buffer below a view."""
    while not isinstance(view.owner, ir.Block) and view.owner.name in _VIEWS:
        view = view.owner.operands[0]
    if isinstance(view.owner, ir.Block) or view.owner.name != "memref.alloca":
        return False
    pending = [view]
    while pending:
        for use in pending.pop().uses:
            user = use.owner.operation
            if user.name in _VIEWS:
                pending.append(user.results[0])
            elif user != contraction and _is_in(user, loop):
                return False
    return True


@dataclass(frozen=True)
class _Mined:
    """A loop over groups of steps, one over the steps of a group, how many these are, and the slot of one."""

    outer: scf.ForOp
    inner: scf.ForOp
    count: Value | int
    slot: Value | None


def _strip_mine(loop: scf.ForOp, op: ir.Operation, most: int) -> _Mined:
    lower, upper, step, *inits = loop.operands
    with ir.InsertionPoint(loop):
        stride = arith.MulIOp(step, index(most)).result
        zero, one = index(0), index(1)
        outer = scf.ForOp(lower, upper, stride, inits)
    with ir.InsertionPoint(outer.body):
        ahead = arith.AddIOp(outer.induction_variable, stride).result
        end = arith.MinSIOp(ahead, upper).result
        inner = scf.ForOp(outer.induction_variable, end, step, [*outer.inner_iter_args, zero])
        ended = scf.YieldOp(list(inner.results)[:-1])
    slot = inner.inner_iter_args[-1]
    arguments = [inner.induction_variable, *list(inner.inner_iter_args)[:-1]]
    for old, new in zip(loop.body.arguments, arguments, strict=True):
        old.replace_all_uses_with(new)
    *body, last = list(loop.body.operations)
    for each in body:
        inner.body.append(each.operation)
    with ir.InsertionPoint(inner.body):
        scf.YieldOp([*last.operands, arith.AddIOp(slot, one).result])
    for old, new in zip(loop.results, outer.results, strict=True):
        old.replace_all_uses_with(new)
    last.operation.erase()
    loop.operation.erase()
    op.move_before(ended.operation)
    return _Mined(outer, inner, inner.results[-1], slot)


def _slots(buffer: Value, slot: Value, most: int, contraction: ir.Operation, lasting: bool = False) -> Value:
    """A buffer of as many slots; what was in `buffer` is in one of them. lasting: it is the function's."""
    kind = ir.MemRefType(buffer.type)
    owner = buffer.owner
    assert not isinstance(owner, ir.Block)
    function = list(enclosing(contraction.block))[-1]
    with ir.InsertionPoint.at_block_begin(function.regions[0].blocks[0]) if lasting else ir.InsertionPoint(owner):
        wide = ir.MemRefType.get([most, *kind.shape], kind.element_type)
        slots = memref.AllocaOp(wide, [], [])
        if "alignment" in owner.attributes:
            slots.operation.attributes["alignment"] = owner.attributes["alignment"]
    with _behind(slot):
        base = arith.MulIOp(slot, index(prod(kind.shape))).result
        layout = ir.StridedLayoutAttr.get(_DYNAMIC, list(kind.get_strides_and_offset()[0]))
        whole = ir.MemRefType.get(kind.shape, kind.element_type, layout)
        strides = list(kind.get_strides_and_offset()[0])
        view = memref.ReinterpretCastOp(whole, slots.result, [base], [], [], [_DYNAMIC], kind.shape, strides).result
    for use in list(buffer.uses):
        user = use.owner.operation
        if user == contraction:
            continue
        if user.name == "memref.reinterpret_cast":
            _move(user, slots.result, base)
        elif user.name == "memref.subview":
            _retype(user, [view, *list(user.operands)[1:]], {})
        else:
            user.operands[use.operand_number] = view
    return slots.result


def _behind(value: Value) -> ir.InsertionPoint:
    owner = value.owner
    return ir.InsertionPoint.at_block_begin(owner) if isinstance(owner, ir.Block) else ir.InsertionPoint.after(owner)


_DYNAMIC = ir.ShapedType.get_dynamic_stride_or_offset()


def _move(cast: ir.Operation, slots: Value, base: Value) -> None:
    """A `reinterpret_cast` says where it begins in the whole allocation."""
    static = list(ir.DenseI64ArrayAttr(cast.attributes["static_offsets"]))
    _, *rest = cast.operands
    with ir.InsertionPoint(cast):
        offset = rest.pop(0) if static[0] == _DYNAMIC else index(static[0])
        moved = arith.AddIOp(offset, base).result
    segments = list(ir.DenseI32ArrayAttr(cast.attributes["operandSegmentSizes"]))
    segments[1] = 1
    changed: dict[str, ir.Attribute] = {
        "static_offsets": ir.DenseI64ArrayAttr.get([_DYNAMIC]),
        "operandSegmentSizes": ir.DenseI32ArrayAttr.get(segments),
    }
    _retype(cast, [slots, moved, *rest], changed)


def _retype(view: ir.Operation, operands: list[Value], changed: dict[str, ir.Attribute]) -> None:
    """The same view of other memory, at an offset that is not known."""
    kind = ir.MemRefType(view.results[0].type)
    layout = ir.StridedLayoutAttr.get(_DYNAMIC, list(kind.get_strides_and_offset()[0]))
    moved = ir.MemRefType.get(kind.shape, kind.element_type, layout, kind.memory_space)
    attributes = {name: view.attributes[name] for name in view.attributes} | changed
    ip = ir.InsertionPoint(view)
    new = ir.Operation.create(view.name, [moved], operands, attributes, loc=view.location, ip=ip)
    view.results[0].replace_all_uses_with(new.result)
    view.erase()
