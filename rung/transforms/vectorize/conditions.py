"""`scf.if` in a nest's body: a branch where the lanes agree, masks where they do not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch_mlir import ir

from ...ir.body import Body, Instr
from ...ir.emit import vector_of
from .values import Masks, Val

if TYPE_CHECKING:
    from .body import BodyEmitter


def emit_if(body: BodyEmitter, instr: Instr, masks: Masks) -> None:
    """Emit one `scf.if` for all active copies."""
    if body.analysis.of(instr.operands[0]) == 0:
        _branch(body, instr, masks)
    elif body.lanes == 1:
        _branch_per_copy(body, instr, masks)
    else:
        _predicate(body, instr, masks)


def _branch(body: BodyEmitter, instr: Instr, masks: Masks) -> None:
    """A condition that is the same in all lanes stays an `scf.if`."""
    shared = [body.analysis.of(r) == 0 for r in instr.results]
    types: list[ir.Type] = []
    for result, same in zip(instr.results, shared, strict=True):
        types += [result.type] if same else [vector_of(result.type, body.lanes)] * len(body.copies)
    condition = body.scalar(body.get(instr.operands[0], body.copies[0]))
    made = _emit_branches(body, instr, condition, types, masks, shared)
    results = list(made.results)
    for result, same in zip(instr.results, shared, strict=True):
        if same:
            body.env[result] = [Val(0, scalar=results.pop(0))] * body.width
            continue
        for copy in body.copies:
            body.define([result], copy, [results.pop(0)])


def _branch_per_copy(body: BodyEmitter, instr: Instr, masks: Masks) -> None:
    """Scalar code: every copy has its own condition and its own `scf.if`."""
    all_copies = body.copies
    for copy in all_copies:
        body.copies = range(copy, copy + 1)
        types = [r.type for r in instr.results]
        condition = body.vector(body.get(instr.operands[0], copy))
        made = _emit_branches(body, instr, condition, types, masks, [False] * len(types))
        body.define(instr.results, copy, list(made.results))
    body.copies = all_copies


def _emit_branches(
    body: BodyEmitter,
    instr: Instr,
    condition: ir.Value,
    types: list[ir.Type],
    masks: Masks,
    shared: list[bool],
) -> ir.Operation:
    made = body.e.op("scf.if", types, [condition], None, regions=2)
    body.nested += 1
    for region, target in zip(instr.regions, made.regions, strict=False):
        block = target.blocks.append()
        with body.e.at(ir.InsertionPoint(block)):
            body.run(region, masks)
            yields: list[ir.Value] = []
            for value, same in zip(region.yields, shared, strict=True):
                if same:
                    yields.append(body.scalar(body.get(value, body.copies[0])))
                else:
                    yields += [body.vector(body.get(value, copy)) for copy in body.copies]
            body.e.op("scf.yield", [], yields)
    body.nested -= 1
    return made


def _predicate(body: BodyEmitter, instr: Instr, masks: Masks) -> None:
    """If-conversion: both sides run under masks, `else` first, so that guarded loads take its values as
    pass-through."""
    conditions = [body.vector(body.get(instr.operands[0], copy)) for copy in body.copies]
    other: Body | None = instr.regions[1] if len(instr.regions) > 1 else None
    if other is not None and other.instrs:
        inverted = [invert(body, c) for c in conditions]
        body.run(other, _conjoin(body, masks, inverted))
    inside = _conjoin(body, masks, conditions)
    then = instr.regions[0]
    direct: dict[ir.Value, list[Val]] = {}
    if other is not None:
        for value, alternative in zip(then.yields, other.yields, strict=True):
            direct[value] = [body.get(alternative, copy) for copy in body.copies]
    taken = _run_then(body, then, inside, direct)
    for i, result in enumerate(instr.results):
        assert other is not None
        if then.yields[i] in taken:
            body.env[result] = body.env[then.yields[i]]
            continue
        for copy in body.copies:
            x = body.vector(body.get(then.yields[i], copy))
            y = body.vector(body.get(other.yields[i], copy))
            body.define([result], copy, [body.e.value("arith.select", x.type, [conditions[copy], x, y])])


def _run_then(body: BodyEmitter, then: Body, masks: Masks, direct: dict[ir.Value, list[Val]]) -> set[ir.Value]:
    """Emit `then`; returns the loads that took their `else` value as pass-through."""
    taken: set[ir.Value] = set()
    repeated = len(set(then.yields)) != len(then.yields)
    for instr in then.instrs:
        body.e.loc = instr.op.location
        result = instr.results[0] if instr.results else None
        if instr.name == "memref.load" and result in direct and not repeated:
            body.load(instr, masks, direct)
            assert result is not None
            taken.add(result)
        else:
            body.instr(instr, masks)
    return taken


def _conjoin(body: BodyEmitter, masks: Masks, conditions: list[ir.Value]) -> Masks:
    values: list[ir.Value | None] = []
    for mask, condition in zip(masks.values, conditions, strict=True):
        both = condition if mask is None else body.e.value("arith.andi", mask.type, [mask, condition])
        values.append(both)
    return Masks(values, tail=False)


def invert(body: BodyEmitter, condition: ir.Value) -> ir.Value:
    """The lanes where a condition does not hold."""
    true = body.e.all_true(body.lanes)
    return body.e.value("arith.xori", condition.type, [condition, true])
