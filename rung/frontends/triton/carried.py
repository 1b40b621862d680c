"""Values that control flow carries: scalars, pointers in closed form or as offsets, and blocks in scratch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from torch_mlir import ir
from torch_mlir.dialects import arith, memref

from .bases import base_of
from .expression import Expressions
from .indices import Index
from .nest_sinks import Effect, Keep, Sink
from .pointers import Affine, Base, is_narrow
from .positions import Position
from .program import Origin
from .ranges import Recurrence
from .scratch import Buffer
from .traversal import cone
from .ttir import defined_in, element, is_block, is_integer, is_pointer, owner, shape

if TYPE_CHECKING:
    from .blocks import BlockConverter


@dataclass
class Carried:
    """One loop-carried value. kind:

    `scalar`: an SSA value; `closed`: `initial + iteration * increment`; `offset`: an affine pointer, by its offset;
    `buffer`: a block in scratch; `addresses`: a block of pointers, as a base and a block of i64 offsets in scratch.
    """

    kind: str
    argument: ir.Value
    initial: ir.Value
    final: ir.Value
    """What the body yields."""
    affine: Affine | None = None
    increments: list[Affine] = field(default_factory=list[Affine])
    buffer: Buffer | None = None
    base: Base | None = None
    steps: list[ir.Value] = field(default_factory=list[ir.Value])
    """What `increments` are of."""


def increments(loop: ir.Operation, argument: ir.Value, final: ir.Value) -> list[ir.Value] | None:
    """The values that are added to `argument` to give `final`, or None if it is not a sum."""
    found: list[ir.Value] = []
    current = final
    while current != argument:
        op = owner(current)
        if op is None or op.name not in ("tt.addptr", "arith.addi") or not defined_in(current, loop):
            return None
        first, second = op.operands
        if _reaches(first, argument, loop):
            current, step = first, second
        elif op.name == "arith.addi" and _reaches(second, argument, loop):
            current, step = second, first
        else:
            return None
        found.append(step)
    return found


def _reaches(value: ir.Value, argument: ir.Value, loop: ir.Operation) -> bool:
    while value != argument:
        op = owner(value)
        if op is None or op.name not in ("tt.addptr", "arith.addi") or not defined_in(value, loop):
            return False
        value = op.operands[0] if _is_sum_of(op.operands[0], argument, loop) else op.operands[1]
    return True


def _is_sum_of(value: ir.Value, argument: ir.Value, loop: ir.Operation) -> bool:
    if value == argument:
        return True
    op = owner(value)
    if op is None or op.name not in ("tt.addptr", "arith.addi") or not defined_in(value, loop):
        return False
    return any(_is_sum_of(v, argument, loop) for v in op.operands)


def classify(
    blocks: BlockConverter,
    loop: ir.Operation,
    argument: ir.Value,
    initial: ir.Value,
    final: ir.Value,
    counted: bool,
) -> Carried:
    """Decide how a value is carried; build what stands before the loop. `counted`: the iteration number is known."""
    made = Carried("scalar", argument, initial, final)
    pointer = is_pointer(argument)
    if not is_block(argument) and not pointer and not (counted and is_integer(element(argument))):
        return made
    indexing = pointer or (is_integer(element(argument)) and not is_narrow(element(argument)))
    affine = _affine(blocks, initial) if indexing or not is_block(argument) else None
    steps = increments(loop, argument, final) if affine is not None else None
    uniform = _uniform(blocks, loop, steps)
    if affine is not None and uniform is not None and counted:
        return replace(made, kind="closed", affine=affine, increments=uniform, steps=steps or [])
    if not is_block(argument) and not pointer:
        return made
    if affine is not None and affine.base is not None and steps is not None and _all_uniform(steps):
        return replace(made, kind="offset", affine=affine)
    if pointer:
        if not is_block(argument):
            return replace(made, kind="offset", affine=blocks.program.pointer(initial))
        base = base_of(blocks.program, initial)
        buffer = keep_addresses(blocks, initial)
        return replace(made, kind="addresses", buffer=buffer, base=base)
    return replace(made, kind="buffer", buffer=copy_of(blocks, initial, like=final))


def _affine(blocks: BlockConverter, value: ir.Value) -> Affine | None:
    return blocks.program.pointers.form(value)


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


def closed_form(blocks: BlockConverter, carried: Carried, iteration: Index) -> Affine:
    """`initial + iteration * increment`"""
    assert carried.affine is not None
    ix, offset, multiple = blocks.ix, carried.affine.offset, carried.affine.multiple
    for step in carried.increments:
        offset = ix.add(offset, ix.mul(iteration, step.offset))
        multiple = min(multiple, step.multiple)
    return replace(carried.affine, offset=offset, multiple=multiple)


def bind_closed(blocks: BlockConverter, carried: Carried, value: ir.Value, affine: Affine, loop: ir.Operation) -> None:
    """Make a closed form the meaning of `value`, the argument or the result of `loop` for `carried`."""
    program, start = blocks.program, carried.affine
    assert start is not None
    program.ranges.recurrences[value] = Recurrence(loop, carried.initial, tuple(carried.steps))
    if is_block(value) or is_pointer(value):
        program.pointers.known[value] = affine
        program.origins[value] = Origin(carried.initial, start.offset, affine.offset)
    else:
        program.scalars[value] = blocks.ix.to_integer(affine.offset, value.type)


def copy_of(blocks: BlockConverter, value: ir.Value, like: ir.Value | None = None) -> Buffer:
    """A new buffer that holds the value of a block, laid out for what `like` is computed from."""
    return blocks.keep(value, blocks.allocate(value, like), record=False)


def keep_addresses(blocks: BlockConverter, pointer: ir.Value, into: Buffer | None = None) -> Buffer:
    """The element offsets of a block of pointers, as a block of i64 in scratch."""
    i64 = ir.IntegerType.get_signless(64)
    buffer = into or blocks.program.scratch.allocate(shape(pointer) or (), i64)

    def emit(expressions: Expressions, position: Position) -> None:
        _, index = expressions.addresses.only(pointer, position)
        memref.StoreOp(arith.IndexCastOp(i64, index).result, buffer.memref, expressions.place(buffer, position))

    blocks.nests.emit(shape(pointer) or (), [Effect((pointer,), None, emit)])
    return buffer


def assign(blocks: BlockConverter, pairs: Sequence[tuple[Buffer, ir.Value]]) -> None:
    """Give all buffers their new values at once: every value is computed from the old contents."""
    program = blocks.program
    targets = [b for b, v in pairs if program.stored.get(v) != b]
    work = [(b, v) for b, v in pairs if program.stored.get(v) != b]
    together: dict[tuple[int, ...], list[Sink]] = {}
    late: list[tuple[Buffer, ir.Value]] = []
    for buffer, value in work:
        if _reads_elsewhere(blocks, value, targets, shape(value) or ()):
            temporary = copy_of(blocks, value)
            program.stored[value] = temporary
            late.append((buffer, value))
        else:
            together.setdefault(shape(value) or (), []).append(Keep(value, buffer))
    for extents, sinks in together.items():
        blocks.nests.emit(extents, sinks)
    for buffer, value in late:
        blocks.keep(value, buffer, record=False)


def _reads_elsewhere(
    blocks: BlockConverter, value: ir.Value, targets: Sequence[Buffer], extents: tuple[int, ...]
) -> bool:
    """Whether computing `value` reads a target other than element for element in a nest of the same shape."""
    for read, dims in cone(blocks.program, [value]).buffers:
        buffer = blocks.program.stored[read]
        if buffer in targets and (dims != tuple(range(len(extents))) or buffer.extents != extents):
            return True
    return False
