"""`scf.for`, `scf.if`, `scf.while`. Blocks that are carried live in scratch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from torch_mlir import ir
from torch_mlir.dialects import builtin, func, scf

from ...ir.pointers import declare, pointer_type
from ...ir.waits import YIELD
from .affine import Affine
from .bases import Base, either, start_of
from .blocks import BlockConverter
from .carried import (
    Carried,
    CarriedAddresses,
    CarriedBlock,
    CarriedForm,
    CarriedOffset,
    CarriedScalar,
    assign,
    bind_form,
    bind_offset,
    classify,
    counted_from,
    final_offset,
    keep_addresses,
    moved_by_while,
    put_addresses,
)
from .indices import Index
from .lasting import lasting_base
from .meanings import Addresses, Formed, Scalar, Stored
from .scratch import Buffer
from .ttir import element, is_block, is_pointer, pointee, shape
from .waits import waits

# ---- scf.for


def convert_for(blocks: BlockConverter, op: ir.Operation) -> None:
    program, ix = blocks.program, blocks.ix
    body = op.regions[0].blocks[0]
    final = list(body.operations)[-1].operation.operands
    low, high, step = (_index(blocks, v) for v in op.operands[:3])
    divisor: Index = step
    if not isinstance(step, int):  # a loop that does not count upwards is not run: it would never end
        high, divisor = ix.choose(ix.less(0, step), high, low), ix.max(step, 1)
    arguments = list(body.arguments)
    carried = [
        classify(blocks, op, a, i, y, counted=True)
        for a, i, y in zip(arguments[1:], op.operands[3:], final, strict=True)
    ]
    initial = [_initial(blocks, c) for c in carried]
    loop = scf.ForOp(ix.value(low), ix.value(high), ix.value(step), [v for v in initial if v is not None])
    with ir.InsertionPoint(loop.body), blocks.region():
        induction = loop.induction_variable
        program.set_scalar(arguments[0], ix.to_integer(induction, arguments[0].type))
        iteration: Index = ix.div(ix.sub(induction, low), divisor)
        _enter(blocks, op, carried, list(loop.inner_iter_args), iteration)
        saved = blocks.in_place
        # A contraction whose result replaces a block that the loop carries.
        blocks.in_place = {
            **saved,
            **{c.final: c.buffer for c in carried if isinstance(c, CarriedBlock)},
        }
        blocks.convert(body)
        blocks.in_place = saved
        scf.YieldOp(_leave(blocks, carried))
    results = iter(loop.results)
    trips: Index | None = None
    for entry, result in zip(carried, op.results, strict=True):
        if isinstance(entry, CarriedForm):
            if trips is None:
                span = ix.sub(high, low)
                trips = ix.max(ix.div(ix.add(span, ix.sub(divisor, 1)), divisor), 0)
            bind_form(blocks, entry, result, entry.at(ix, trips), op)
        else:
            _bind(blocks, entry, result, results, op)


def _index(blocks: BlockConverter, value: ir.Value) -> Index:
    affine = blocks.program.pointers.affine(value)
    return affine.offset if affine is not None else blocks.ix.cast(blocks.program.scalar(value))


def _initial(blocks: BlockConverter, entry: Carried) -> ir.Value | None:
    """The iter_arg's initial value, if the entry has one."""
    if isinstance(entry, CarriedOffset):
        return blocks.ix.value(entry.affine.offset)
    return blocks.program.scalar(entry.initial) if type(entry) is CarriedScalar else None


def _enter(
    blocks: BlockConverter, loop: ir.Operation, carried: Sequence[Carried], values: list[ir.Value], iteration: Index
) -> None:
    """Inside the body: what each carried argument means."""
    remaining = iter(values)
    for entry in carried:
        if isinstance(entry, CarriedForm):
            bind_form(blocks, entry, entry.argument, entry.at(blocks.ix, iteration), loop)
        else:
            _bind(blocks, entry, entry.argument, remaining, loop)


def _bind(blocks: BlockConverter, entry: Carried, value: ir.Value, ssa: Iterator[ir.Value], loop: ir.Operation) -> None:
    """Give `value` the meaning of a carried entry; `ssa` yields the loop's values in order."""
    program = blocks.program
    if isinstance(entry, CarriedOffset):
        bind_offset(blocks, entry, value, next(ssa), loop)
    elif isinstance(entry, CarriedBlock):
        program.meanings[value] = Stored(entry.buffer)
    elif isinstance(entry, CarriedAddresses):
        program.meanings[value] = Addresses(entry.base, entry.buffer)
    else:
        program.set_scalar(value, next(ssa))


def _leave(blocks: BlockConverter, carried: Sequence[Carried]) -> list[ir.Value]:
    """At the end of the body: write buffers, and return what is yielded."""
    program = blocks.program
    results: list[ir.Value] = []
    for entry in carried:
        if isinstance(entry, CarriedOffset):
            results.append(blocks.ix.value(final_offset(blocks, entry, entry.final)))
        elif type(entry) is CarriedScalar:
            results.append(program.scalar(entry.final))
    moved = [(e, keep_addresses(blocks, e.final, e.base)) for e in carried if isinstance(e, CarriedAddresses)]
    assign(blocks, [(e.buffer, e.final) for e in carried if isinstance(e, CarriedBlock)])
    for entry, temporary in moved:
        put_addresses(blocks, entry.final, temporary, entry.buffer)
    return results


# ---- scf.if


def convert_if(blocks: BlockConverter, op: ir.Operation) -> None:
    program = blocks.program
    condition = program.scalar(op.operands[0])
    results: list[ir.Value] = list(op.results)
    buffers: dict[ir.Value, Buffer] = {r: result_buffer(blocks, r) for r in results if is_block(r)}
    regions = [r.blocks[0] if len(r.blocks) else None for r in op.regions]
    yields = [list(b.operations)[-1].operation.operands for b in regions if b is not None]
    kinds = [ir.IndexType.get() if is_pointer(r) else r.type for r in results if r not in buffers]
    starts = [pointer_type() for r in results if is_pointer(r)]
    branch = scf.IfOp(condition, [*kinds, *starts], has_else=len(yields) == 2 and regions[1] is not None)
    bases: dict[ir.Value, list[Base]] = {r: [] for r in results if is_pointer(r)}
    for region, block in zip(regions, (branch.then_block, branch.else_block), strict=True):
        if region is None or block is None:
            continue
        with ir.InsertionPoint(block), blocks.region():
            final = blocks.convert(region).operands
            scf.YieldOp(leave_branch(blocks, results, list(final), buffers, bases, op))
    if regions[1] is None and branch.else_block is not None:
        with ir.InsertionPoint(branch.else_block):
            scf.YieldOp([])
    values, raw = list(branch.results)[: len(kinds)], list(branch.results)[len(kinds) :]
    chosen = {r: either(bases[r][0], bases[r][1], start) for r, start in zip(bases, raw, strict=True)}
    bind_values(blocks, results, values, buffers, {r: Affine(base, 0) for r, base in chosen.items()})


def result_buffer(blocks: BlockConverter, result: ir.Value) -> Buffer:
    kind = ir.IntegerType.get_signless(64) if is_pointer(result) else element(result)
    return blocks.program.scratch.allocate(shape(result) or (), kind)


def leave_branch(
    blocks: BlockConverter,
    results: Sequence[ir.Value],
    final: Sequence[ir.Value],
    buffers: Mapping[ir.Value, Buffer],
    bases: dict[ir.Value, list[Base]],
    op: ir.Operation,
) -> list[ir.Value]:
    """At the end of a branch: write buffers, and return what is yielded: scalars, then the starts of the pointers.

    `bases` collects the bases of the pointers.
    """
    scalars: list[ir.Value] = []
    starts: list[ir.Value] = []
    for result, value in zip(results, final, strict=True):
        if is_pointer(result):
            base = blocks.program.base(value) or blocks.program.anywhere(pointee(value))
            bases[result].append(base)
            starts.append(start_of(base))
            if result in buffers:
                keep_addresses(blocks, value, base, buffers[result])
            else:
                scalars.append(blocks.ix.value(blocks.program.pointer(value).offset))
        elif result not in buffers:
            scalars.append(blocks.program.scalar(value))
    assign(
        blocks,
        [(buffers[r], v) for r, v in zip(results, final, strict=True) if r in buffers and not is_pointer(r)],
    )
    return [*scalars, *starts]


# ---- scf.while


def convert_while(blocks: BlockConverter, op: ir.Operation) -> None:
    """Blocks are carried by their offsets, or in two sets of buffers: those of the condition's region and those of the
    body."""
    program = blocks.program
    before, after = op.regions[0].blocks[0], op.regions[1].blocks[0]
    condition = list(before.operations)[-1].operation
    heads: list[ir.Value] = list(before.arguments)
    tails: list[ir.Value] = list(after.arguments)
    initial: list[ir.Value] = list(op.operands)
    forwarded: list[ir.Value] = list(condition.operands)[1:]
    moved = moved_by_while(blocks, op)
    bases = {
        a: lasting_base(program, [a]) or program.anywhere(pointee(a))
        for a in (*heads, *tails)
        if is_pointer(a) and a not in moved
    }
    first = {a: result_buffer(blocks, a) for a in heads if is_block(a) and a not in moved}
    second = {a: result_buffer(blocks, a) for a in tails if is_block(a) and a not in moved}
    to_heads, to_tails = _Carriers(first, bases, moved, op), _Carriers(second, bases, moved, op)
    handed = _hand_over(blocks, heads, initial, to_heads)
    kinds = [ir.IndexType.get() if is_pointer(a) or a in moved else a.type for a in tails if a not in second]
    loop = scf.WhileOp(kinds, handed)
    head = loop.operation.regions[0].blocks.append(*(v.type for v in handed))
    tail = loop.operation.regions[1].blocks.append(*kinds)
    with ir.InsertionPoint(head), blocks.region():
        _receive(blocks, heads, heads, list(head.arguments), to_heads)
        blocks.convert(before)
        go_on = program.scalar(condition.operands[0])
        scf.ConditionOp(go_on, _hand_over(blocks, tails, forwarded, to_tails))
    with ir.InsertionPoint(tail), blocks.region():
        if waits(op, program.cooperative):
            _let_others_run(blocks.module)
        _receive(blocks, tails, tails, list(tail.arguments), to_tails)
        final = list(blocks.convert(after).operands)
        scf.YieldOp(_hand_over(blocks, heads, final, to_heads))
    _receive(blocks, tails, list(op.results), list(loop.results), to_tails)


@dataclass(frozen=True)
class _Carriers:
    """In what the arguments of a region of `loop` are carried; scalars are values."""

    buffers: dict[ir.Value, Buffer]
    bases: dict[ir.Value, Base]
    """Of pointers, and of blocks of them whose offsets are in a buffer."""
    moved: dict[ir.Value, CarriedOffset]
    loop: ir.Operation


def _hand_over(
    blocks: BlockConverter, arguments: Sequence[ir.Value], values: Sequence[ir.Value], into: _Carriers
) -> list[ir.Value]:
    """Give a region's arguments their values: blocks through buffers; returns scalars and offsets."""
    buffers, bases = into.buffers, into.bases
    ssa: list[ir.Value] = []
    kept: list[tuple[Buffer, ir.Value, Buffer]] = []
    for argument, value in zip(arguments, values, strict=True):
        if argument in into.moved:
            ssa.append(blocks.ix.value(final_offset(blocks, into.moved[argument], value)))
        elif is_pointer(argument) and argument in buffers:
            # All are read before any is written.
            kept.append((buffers[argument], value, keep_addresses(blocks, value, bases[argument])))
        elif is_pointer(argument):
            ssa.append(blocks.ix.value(counted_from(blocks, value, bases[argument]).offset))
        elif argument not in buffers:
            ssa.append(blocks.program.scalar(value))
    assign(
        blocks,
        [(buffers[a], v) for a, v in zip(arguments, values, strict=True) if a in buffers and not is_pointer(a)],
    )
    for buffer, value, temporary in kept:
        put_addresses(blocks, value, temporary, buffer)
    return ssa


def _receive(
    blocks: BlockConverter,
    arguments: Sequence[ir.Value],
    values: Sequence[ir.Value],
    ssa: Sequence[ir.Value],
    carriers: _Carriers,
) -> None:
    """Give `values` the meaning that a region's `arguments` have there; ssa: what is not in a buffer."""
    remaining = iter(ssa)
    for argument, value in zip(arguments, values, strict=True):
        if argument in carriers.moved:
            bind_offset(blocks, carriers.moved[argument], value, next(remaining), carriers.loop)
            continue
        passed = [] if argument in carriers.buffers else [next(remaining)]
        buffers = {value: carriers.buffers[argument]} if argument in carriers.buffers else {}
        pointers = {value: Affine(carriers.bases[argument], 0)} if argument in carriers.bases else {}
        bind_values(blocks, [value], passed, buffers, pointers)


def _let_others_run(module: ir.Block) -> None:
    """A call of the runtime, in every turn of a loop that waits."""
    whole = module.owner
    assert isinstance(whole, builtin.ModuleOp)
    func.CallOp(declare(whole, YIELD, []), [])


def bind_values(
    blocks: BlockConverter,
    values: Sequence[ir.Value],
    ssa: Sequence[ir.Value],
    buffers: Mapping[ir.Value, Buffer],
    pointers: Mapping[ir.Value, Affine],
) -> None:
    """Give `values` their meaning: a buffer, or with the next of `ssa` a pointer or a scalar.

    pointers: what pointers are derived from, and blocks of them whose offsets are in a buffer.
    """
    meanings, remaining = blocks.program.meanings, iter(ssa)
    for value in values:
        base = pointers[value].base if value in pointers else None
        if value in buffers:
            meanings[value] = Stored(buffers[value]) if base is None else Addresses(base, buffers[value])
        elif value in pointers:
            meanings[value] = Formed(replace(pointers[value], offset=next(remaining)))
        else:
            meanings[value] = Scalar(next(remaining))
