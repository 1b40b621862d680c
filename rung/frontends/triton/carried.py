"""Values that control flow carries: scalars, pointers in closed form or as offsets, and blocks in scratch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from torch_mlir import ir
from torch_mlir.dialects import memref

from .absolute import offset_from
from .addresses import Place
from .affine import Affine
from .bases import Base, same_base
from .blocks import BlockConverter
from .expression import Expressions
from .indices import Index, Indices
from .lasting import lasting_base
from .meanings import Addresses, Formed, Meaning, Origin
from .nest_sinks import Effect, Keep, Sink
from .pointers import is_narrow
from .positions import Position
from .ranges import Recurrence
from .scratch import Buffer
from .traversal import cone
from .ttir import defined_in, element, is_block, is_integer, is_pointer, owner, pointee, shape


@dataclass(frozen=True)
class CarriedScalar:
    """An SSA value."""

    argument: ir.Value
    """Of the loop's body."""
    initial: ir.Value
    final: ir.Value
    """What the body yields."""


@dataclass(frozen=True)
class CarriedForm(CarriedScalar):
    """`initial + iteration * increments`: nothing is handed on."""

    affine: Affine
    """Of `initial`."""
    increments: tuple[Affine, ...]
    steps: tuple[ir.Value, ...]
    """What `increments` are of."""

    def at(self, ix: Indices, iteration: Index) -> Affine:
        """The form in an iteration."""
        offset, multiple = self.affine.offset, self.affine.multiple
        for step in self.increments:
            offset = ix.add(offset, ix.mul(iteration, step.offset))
            multiple = min(multiple, step.multiple)
        return replace(self.affine, offset=offset, multiple=multiple)


@dataclass(frozen=True)
class CarriedOffset(CarriedScalar):
    """An affine pointer, or a block of pointers or numbers that are moved as one, by its offset."""

    affine: Affine
    """Of `initial`. A pointer that does not stay in its argument is counted from `anywhere`."""
    steps: tuple[ir.Value, ...] = ()
    """What is added to it, if it is a block."""


@dataclass(frozen=True)
class CarriedBlock(CarriedScalar):
    """A block in scratch."""

    buffer: Buffer


@dataclass(frozen=True)
class CarriedAddresses(CarriedScalar):
    """A block of pointers: a base, and i64 offsets in scratch."""

    base: Base
    buffer: Buffer


Carried = CarriedScalar | CarriedForm | CarriedOffset | CarriedBlock | CarriedAddresses


def increments(loop: ir.Operation, argument: ir.Value, final: ir.Value) -> list[ir.Value] | None:
    """The values that are added to `argument` to give `final`, or None if it is not a sum."""
    known = {argument: True}

    def is_sum(value: ir.Value) -> bool:
        """Of `argument` and others. The sums below are a graph, not a tree: each is looked at once."""
        if value not in known:
            op = owner(value)
            adds = op is not None and op.name in ("tt.addptr", "arith.addi") and defined_in(value, loop)
            known[value] = op is not None and adds and any(is_sum(v) for v in op.operands)
        return known[value]

    found: list[ir.Value] = []
    current = final
    while current != argument:
        op = owner(current)
        if op is None or not is_sum(current):
            return None
        first, second = op.operands
        if is_sum(first):
            current, step = first, second
        elif op.name == "arith.addi" and is_sum(second):
            current, step = second, first
        else:
            return None
        found.append(step)
    return found


def classify(
    blocks: BlockConverter,
    loop: ir.Operation,
    argument: ir.Value,
    initial: ir.Value,
    final: ir.Value,
    counted: bool,
) -> Carried:
    """Decide how a value is carried; build what stands before the loop. `counted`: the iteration number is known."""
    values = argument, initial, final
    pointer = is_pointer(argument)
    if not is_block(argument) and not pointer and not (counted and is_integer(element(argument))):
        return CarriedScalar(*values)
    indexing = pointer or (is_integer(element(argument)) and not is_narrow(element(argument)))
    affine = blocks.program.pointers.form(initial) if indexing or not is_block(argument) else None
    steps = increments(loop, argument, final) if affine is not None else None
    uniform = _uniform(blocks, loop, steps)
    if affine is not None and uniform is not None and counted:
        return CarriedForm(*values, affine, tuple(uniform), tuple(steps or ()))
    if not is_block(argument) and not pointer:
        return CarriedScalar(*values)
    moved = moved_as_one(blocks, loop, *values)
    if moved is not None:
        return moved
    if not pointer:
        return CarriedBlock(*values, copy_of(blocks, initial, like=final))
    base = lasting_base(blocks.program, [initial, final]) or blocks.program.anywhere(pointee(argument))
    if not is_block(argument):
        return CarriedOffset(*values, counted_from(blocks, initial, base))
    return CarriedAddresses(*values, base, keep_addresses(blocks, initial, base))


def moved_as_one(
    blocks: BlockConverter, loop: ir.Operation, argument: ir.Value, initial: ir.Value, final: ir.Value
) -> CarriedOffset | None:
    """A pointer, or a block of pointers or numbers, if the loop adds the same to all of its elements."""
    pointer, kind = is_pointer(argument), element(argument)
    if not pointer and (not is_block(argument) or not is_integer(kind) or is_narrow(kind)):
        return None
    affine = blocks.program.pointers.form(initial)
    if affine is None or (affine.base is not None) is not pointer:
        return None
    steps = increments(loop, argument, final)
    if steps is None or not _all_uniform(steps):
        return None
    return CarriedOffset(argument, initial, final, affine, tuple(steps))


def moved_by_while(blocks: BlockConverter, loop: ir.Operation) -> dict[ir.Value, CarriedOffset]:
    """The blocks that an `scf.while` moves as one, by the arguments of both regions: the condition's hands them on."""
    before, after = (region.blocks[0] for region in loop.regions)
    forwarded = list(list(before.operations)[-1].operation.operands)[1:]
    final = list(after.operations)[-1].operation.operands
    found: dict[ir.Value, CarriedOffset] = {}
    for head, first, last in zip(before.arguments, loop.operands, final, strict=True):
        tails = [t for t, value in zip(after.arguments, forwarded, strict=True) if value == head and is_block(t)]
        entries = [moved_as_one(blocks, loop, tail, first, last) for tail in tails]
        entry = next((e for e in entries if e is not None), None)
        if entry is not None:
            found |= dict.fromkeys((head, *tails), entry)
    return found


def _uniform(blocks: BlockConverter, loop: ir.Operation, steps: Sequence[ir.Value] | None) -> list[Affine] | None:
    """The increments, when all are loop-invariant and the same for every element."""
    if steps is None:
        return None
    found: list[Affine] = []
    for step in steps:
        source = step
        op = owner(step)
        while op is not None and op.name == "tt.splat" and defined_in(source, loop):
            source = op.operands[0]
            op = owner(source)
        constant = op is not None and op.name == "arith.constant"
        if defined_in(source, loop) and not constant:
            return None
        affine = blocks.program.pointers.read(source)
        if affine is None or not affine.uniform or affine.base is not None:
            return None
        found.append(affine)
    return found


def _all_uniform(steps: Sequence[ir.Value]) -> bool:
    """Whether every increment is a splat: the strides of the carried pointer never change."""
    for step in steps:
        op = owner(step)
        if is_block(step) and (op is None or op.name not in ("tt.splat", "arith.constant")):
            return False
    return True


def bind_form(blocks: BlockConverter, carried: CarriedForm, value: ir.Value, form: Affine, loop: ir.Operation) -> None:
    """Make a form the meaning of `value`, the argument or the result of `loop` for `carried`."""
    program = blocks.program
    program.ranges.recurrences[value] = Recurrence(loop, carried.initial, carried.steps)
    if is_block(value) or is_pointer(value):
        program.meanings[value] = Formed(form, Origin(carried.initial, carried.affine.offset, form.offset))
    else:
        program.set_scalar(value, blocks.ix.to_integer(form.offset, value.type))


def bind_offset(
    blocks: BlockConverter, carried: CarriedOffset, value: ir.Value, offset: Index, loop: ir.Operation
) -> None:
    """Make what `carried` was, moved to `offset`, the meaning of `value`."""
    moved, origin = replace(carried.affine, offset=offset), None
    if is_block(value):
        blocks.program.ranges.recurrences[value] = Recurrence(loop, carried.initial, carried.steps)
        origin = Origin(carried.initial, carried.affine.offset, offset)
    blocks.program.meanings[value] = Formed(moved, origin)


def final_offset(blocks: BlockConverter, carried: CarriedOffset, value: ir.Value) -> Index:
    """The offset of `value`, which is `carried` in its next iteration."""
    base = carried.affine.base
    if base is not None and not is_block(value):
        return counted_from(blocks, value, base).offset
    form = blocks.program.pointers.form(value)  # the initial one, moved as a whole
    assert form is not None
    return form.offset


def copy_of(blocks: BlockConverter, value: ir.Value, like: ir.Value | None = None) -> Buffer:
    """A new buffer that holds the value of a block, laid out for what `like` is computed from."""
    return blocks.keep(value, blocks.allocate(value, like), record=False)


def counted_from(blocks: BlockConverter, pointer: ir.Value, base: Base) -> Affine:
    """A scalar pointer by its offset from `base`: its own, or `anywhere`."""
    affine = blocks.program.pointer(pointer)
    assert affine.base is not None
    if same_base(affine.base, base):
        return affine
    return Affine(base, offset_from(blocks.program, Place(affine.base, affine.offset), base))


def pointer_meaning(blocks: BlockConverter, value: ir.Value) -> Meaning:
    """What a pointer, or a block of them, is to those who get it under another name: its form, or a copy of its
    offsets."""
    form = blocks.program.pointers.form(value)
    if form is not None and form.base is not None:
        return Formed(form, Origin(value, 0, 0))
    base = blocks.program.base(value) or blocks.program.anywhere(pointee(value))
    return Addresses(base, keep_addresses(blocks, value, base))


def keep_addresses(blocks: BlockConverter, pointer: ir.Value, base: Base, into: Buffer | None = None) -> Buffer:
    """The element offsets of a block of pointers from `base`, its own or `anywhere`, as a block of i64 in scratch."""
    i64 = ir.IntegerType.get_signless(64)
    buffer = into or blocks.program.scratch.allocate(shape(pointer) or (), i64)

    def emit(expressions: Expressions, position: Position) -> None:
        index = offset_from(blocks.program, expressions.addresses.of(pointer, position), base)
        number = blocks.ix.to_integer(index, i64)
        memref.StoreOp(number, buffer.memref, expressions.place(buffer, position))

    blocks.nests.emit(shape(pointer) or (), [Effect((pointer,), None, emit)])
    return buffer


def put_addresses(blocks: BlockConverter, pointer: ir.Value, kept: Buffer, into: Buffer) -> None:
    """Copy the offsets of a block of pointers that are in `kept`. What the block means to others stays."""
    before = blocks.program.meanings.get(pointer)
    blocks.program.meanings.store(pointer, kept)
    blocks.keep(pointer, into, record=False)
    blocks.program.meanings.restore(pointer, before)


def assign(blocks: BlockConverter, pairs: Sequence[tuple[Buffer, ir.Value]]) -> None:
    """Give all buffers their new values at once: every value is computed from the old contents."""
    program = blocks.program
    work = [(b, v) for b, v in pairs if not b.is_at(program.meanings.buffer(v))]
    targets = [b for b, _ in work]
    together: dict[tuple[int, ...], list[Sink]] = {}
    late: list[tuple[Buffer, ir.Value]] = []
    for buffer, value in work:
        if _reads_elsewhere(blocks, value, targets, shape(value) or ()):
            temporary = copy_of(blocks, value)
            program.meanings.store(value, temporary)
            late.append((buffer, value))
        else:
            together.setdefault(shape(value) or (), []).append(Keep(value, buffer))
    for extents, sinks in together.items():
        blocks.nest(extents, sinks)
    for buffer, value in late:
        blocks.keep(value, buffer, record=False)


def _reads_elsewhere(
    blocks: BlockConverter, value: ir.Value, targets: Sequence[Buffer], extents: tuple[int, ...]
) -> bool:
    """Whether computing `value` reads the memory of a target other than element for element in the nest that writes
    it, which is the one for all targets of a shape."""
    for read, dims in cone(blocks.program, [value]).buffers:
        buffer = blocks.program.buffer(read)
        for target in targets:
            if buffer.shares(target) and not (target.extents == extents and buffer.follows(dims, target)):
                return True
    return False
