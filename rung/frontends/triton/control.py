"""`scf.for`, `scf.if`, `scf.while`. Blocks that are carried live in scratch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from torch_mlir import ir
from torch_mlir.dialects import scf

from ...errors import UnsupportedError
from ...ir.pointers import pointer_type
from .bases import base_of
from .carried import Carried, assign, bind_closed, classify, closed_form, copy_of, keep_addresses
from .functions import convert_call
from .indices import Index
from .locations import source_line
from .pointers import Affine, Base, either, same_base, start_of
from .program import SUPPORTED
from .scratch import Buffer
from .ttir import element, is_block, is_pointer, shape

if TYPE_CHECKING:
    from .blocks import BlockConverter


def convert_control(blocks: BlockConverter, op: ir.Operation) -> None:
    """Convert a `for`, `if`, `while` or call. Pending stores come first, and what must be read before."""
    blocks.keep_for_region(op)
    {"scf.for": _for, "scf.if": _if, "scf.while": _while, "tt.call": convert_call}[op.name](blocks, op)


# ---- scf.for


def _for(blocks: BlockConverter, op: ir.Operation) -> None:
    program, ix = blocks.program, blocks.ix
    body = op.regions[0].blocks[0]
    final = list(body.operations)[-1].operation.operands
    low, high, step = (_index(blocks, v) for v in op.operands[:3])
    arguments = list(body.arguments)
    carried = [
        classify(blocks, op, a, i, y, counted=True)
        for a, i, y in zip(arguments[1:], op.operands[3:], final, strict=True)
    ]
    initial = [_initial(blocks, c) for c in carried]
    loop = scf.ForOp(ix.value(low), ix.value(high), ix.value(step), [v for v in initial if v is not None])
    with ir.InsertionPoint(loop.body), blocks.region():
        induction = loop.induction_variable
        program.scalars[arguments[0]] = ix.to_integer(induction, arguments[0].type)
        iteration: Index = ix.div(ix.sub(induction, low), step)
        _enter(blocks, carried, list(loop.inner_iter_args), iteration)
        saved = blocks.in_place
        # A contraction whose result replaces a block that the loop carries.
        blocks.in_place = {**saved, **{c.final: c.buffer for c in carried if c.buffer is not None}}
        blocks.convert(body)
        blocks.in_place = saved
        scf.YieldOp(_leave(blocks, carried))
    results = iter(loop.results)
    trips: Index | None = None
    for entry, result in zip(carried, op.results, strict=True):
        if entry.kind == "closed":
            if trips is None:
                span = ix.sub(high, low)
                trips = ix.max(ix.div(ix.add(span, ix.sub(step, 1)), step), 0)
            bind_closed(blocks, result, closed_form(blocks, entry, trips))
        else:
            _bind(blocks, entry, result, results)


def _index(blocks: BlockConverter, value: ir.Value) -> Index:
    affine = blocks.program.pointers.affine(value)
    return affine.offset if affine is not None else blocks.ix.cast(blocks.program.scalar(value))


def _initial(blocks: BlockConverter, entry: Carried) -> ir.Value | None:
    """The iter_arg's initial value, if the entry has one."""
    if entry.kind == "scalar":
        return blocks.program.scalar(entry.initial)
    if entry.kind == "offset":
        assert entry.affine is not None
        return blocks.ix.value(entry.affine.offset)
    return None


def _enter(blocks: BlockConverter, carried: Sequence[Carried], values: list[ir.Value], iteration: Index) -> None:
    """Inside the body: what each carried argument means."""
    remaining = iter(values)
    for entry in carried:
        if entry.kind == "closed":
            bind_closed(blocks, entry.argument, closed_form(blocks, entry, iteration))
        else:
            _bind(blocks, entry, entry.argument, remaining)


def _bind(blocks: BlockConverter, entry: Carried, value: ir.Value, ssa: Iterator[ir.Value]) -> None:
    """Give `value` the meaning of a carried entry; `ssa` yields the loop's values in order."""
    program = blocks.program
    if entry.kind == "scalar":
        program.scalars[value] = next(ssa)
    elif entry.kind == "offset":
        assert entry.affine is not None
        program.pointers.known[value] = replace(entry.affine, offset=next(ssa))
    elif entry.kind == "buffer":
        assert entry.buffer is not None
        program.stored[value] = entry.buffer
    elif entry.kind == "addresses":
        assert entry.buffer is not None and entry.base is not None
        # The pointers themselves stand for the block of i64, which is found in scratch under their name.
        program.stored[value] = entry.buffer
        program.offsets[value] = (entry.base, value)


def _leave(blocks: BlockConverter, carried: Sequence[Carried]) -> list[ir.Value]:
    """At the end of the body: write buffers, and return what is yielded."""
    results: list[ir.Value] = []
    for entry in carried:
        if entry.kind == "scalar":
            results.append(blocks.program.scalar(entry.final))
        elif entry.kind == "offset":
            results.append(blocks.ix.value(_final_affine(blocks, entry).offset))
    moved = [(e, keep_addresses(blocks, e.final)) for e in carried if e.kind == "addresses"]
    assign(blocks, [(e.buffer, e.final) for e in carried if e.kind == "buffer" and e.buffer is not None])
    for entry, temporary in moved:
        assert entry.buffer is not None
        blocks.program.stored[entry.final] = temporary
        blocks.keep(entry.final, entry.buffer, record=False)
    return results


def _final_affine(blocks: BlockConverter, entry: Carried) -> Affine:
    affine = blocks.program.pointers.affine(entry.final)
    start = entry.affine
    if (
        affine is None
        or affine.base is None
        or start is None
        or start.base is None
        or not same_base(affine.base, start.base)
    ):
        raise UnsupportedError("a loop that changes which argument a pointer belongs to", "", "one argument + offsets")
    return affine


# ---- scf.if


def _if(blocks: BlockConverter, op: ir.Operation) -> None:
    program = blocks.program
    condition = program.scalar(op.operands[0])
    results: list[ir.Value] = list(op.results)
    buffers: dict[ir.Value, Buffer] = {r: _result_buffer(blocks, r) for r in results if is_block(r)}
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
            scf.YieldOp(_leave_branch(blocks, results, list(final), buffers, bases, op))
    if regions[1] is None and branch.else_block is not None:
        with ir.InsertionPoint(branch.else_block):
            scf.YieldOp([])
    values, raw = list(branch.results)[: len(kinds)], list(branch.results)[len(kinds) :]
    chosen = {r: either(bases[r][0], bases[r][1], start) for r, start in zip(bases, raw, strict=True)}
    _bind_values(blocks, results, values, buffers, {r: Affine(base, 0) for r, base in chosen.items()})
    program.offsets.update((r, (chosen[r], r)) for r in buffers if is_pointer(r))


def _result_buffer(blocks: BlockConverter, result: ir.Value) -> Buffer:
    kind = ir.IntegerType.get_signless(64) if is_pointer(result) else element(result)
    return blocks.program.scratch.allocate(shape(result) or (), kind)


def _leave_branch(
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
            base = base_of(blocks.program, value)
            if base is None:
                raise UnsupportedError("a choice of pointers", source_line(op), SUPPORTED)
            bases[result].append(base)
            starts.append(start_of(base))
            if result in buffers:
                keep_addresses(blocks, value, buffers[result])
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


def _while(blocks: BlockConverter, op: ir.Operation) -> None:
    """Blocks are carried in two sets of buffers: those of the condition's region and those of the body."""
    program, ix = blocks.program, blocks.ix
    before, after = op.regions[0].blocks[0], op.regions[1].blocks[0]
    condition_op = list(before.operations)[-1].operation
    forwarded = list(condition_op.operands)[1:]
    for value in (*before.arguments, *after.arguments):
        if is_pointer(value) and is_block(value):
            raise UnsupportedError("a block of pointers carried by `while`", source_line(op), "carry integer offsets")
    first: dict[ir.Value, Buffer] = {
        a: copy_of(blocks, i) for a, i in zip(before.arguments, op.operands, strict=True) if is_block(a)
    }
    second: dict[ir.Value, Buffer] = {a: _result_buffer(blocks, a) for a in after.arguments if is_block(a)}
    starts: dict[ir.Value, Affine] = {
        a: program.pointer(i) for a, i in zip(before.arguments, op.operands, strict=True) if is_pointer(a)
    }
    initial = [
        ix.value(starts[a].offset) if a in starts else program.scalar(i)
        for a, i in zip(before.arguments, op.operands, strict=True)
        if a not in first
    ]
    kinds = [ir.IndexType.get() if is_pointer(a) else a.type for a in after.arguments if a not in second]
    loop = scf.WhileOp(kinds, initial)
    head = loop.operation.regions[0].blocks.append(*(v.type for v in initial))
    tail = loop.operation.regions[1].blocks.append(*kinds)
    bases: dict[ir.Value, Affine] = {}
    with ir.InsertionPoint(head), blocks.region():
        _bind_values(blocks, list(before.arguments), list(head.arguments), first, starts)
        blocks.convert(before)
        go_on = program.scalar(condition_op.operands[0])
        scalars: list[ir.Value] = []
        for a, v in zip(after.arguments, forwarded, strict=True):
            if is_pointer(a):
                bases[a] = program.pointer(v)
                scalars.append(ix.value(bases[a].offset))
            elif a not in second:
                scalars.append(program.scalar(v))
        assign(blocks, [(second[a], v) for a, v in zip(after.arguments, forwarded, strict=True) if a in second])
        scf.ConditionOp(go_on, scalars)
    with ir.InsertionPoint(tail), blocks.region():
        _bind_values(blocks, list(after.arguments), list(tail.arguments), second, bases)
        final = list(blocks.convert(after).operands)
        scalars = []
        for a, v in zip(before.arguments, final, strict=True):
            if is_pointer(a):
                moved = program.pointer(v)
                start = starts[a].base
                if moved.base is None or start is None or not same_base(moved.base, start):
                    raise UnsupportedError("a pointer that changes its argument in `while`", source_line(op), SUPPORTED)
                scalars.append(ix.value(moved.offset))
            elif a not in first:
                scalars.append(program.scalar(v))
        assign(blocks, [(first[a], v) for a, v in zip(before.arguments, final, strict=True) if a in first])
        scf.YieldOp(scalars)
    by_position: dict[ir.Value, ir.Value] = dict(zip(after.arguments, op.results, strict=True))
    _bind_values(
        blocks,
        list(op.results),
        list(loop.results),
        {by_position[a]: b for a, b in second.items()},
        {by_position[a]: p for a, p in bases.items()},
    )


def _bind_values(
    blocks: BlockConverter,
    values: Sequence[ir.Value],
    ssa: Sequence[ir.Value],
    buffers: Mapping[ir.Value, Buffer],
    pointers: Mapping[ir.Value, Affine],
) -> None:
    """Give `values` their meaning: a buffer, or with the next of `ssa` a pointer or a scalar."""
    remaining = iter(ssa)
    for value in values:
        if value in buffers:
            blocks.program.stored[value] = buffers[value]
        elif value in pointers:
            blocks.program.pointers.known[value] = replace(pointers[value], offset=next(remaining))
        else:
            blocks.program.scalars[value] = next(remaining)
