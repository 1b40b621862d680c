"""Accumulators of a nest: outputs that leave out a dimension, grouped by what combines them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch_mlir import ir

from .attributes import COMBINER
from .body import Body, Instr, constant_int, count_uses, read_body

if TYPE_CHECKING:
    from .nest import Nest, Operand

COMBINERS = frozenset(
    {
        *("arith.addf", "arith.mulf", "arith.maximumf", "arith.minimumf", "arith.maxnumf", "arith.minnumf"),
        *("arith.addi", "arith.muli", "arith.andi", "arith.ori", "arith.xori"),
        *("arith.maxsi", "arith.minsi", "arith.maxui", "arith.minui"),
    }
)
"""Binary operations that may combine an accumulator with an element; each has an identity."""


@dataclass(eq=False)
class Group:
    """Accumulators that are combined together. `instr` is None when the body updates them in a way we do
    not know."""

    members: list[Operand]
    instr: Instr | None
    elements: list[ir.Value]
    callee: Body | None = None
    """The combiner that `instr` calls."""
    casts: tuple[Instr, ...] = ()
    """Conversions of a boolean that the body combines as `i1` and keeps as `i8`; it is combined as a byte."""
    scan: bool = False
    """Elements of the nest receive the accumulators as they are on the way: the order is that of the one
    dimension that the accumulators leave out."""

    @property
    def combined(self) -> list[ir.Operation]:
        """Operations of the body that the accumulation replaces."""
        return [i.op for i in (self.instr, *self.casts) if i is not None]

    @property
    def dims(self) -> tuple[int, ...]:
        return self.members[0].dims


def find_groups(nest: Nest) -> list[Group]:
    outputs = [o for o in nest.operands if o.is_output and o.yielded is not None and len(o.dims) < nest.rank]
    if not outputs:
        return []
    definitions = {r: instr for instr in nest.body.instrs for r in instr.results}
    uses: dict[ir.Value, int] = {}
    count_uses(nest.body, uses)
    groups: list[Group] = []
    taken: set[int] = set()
    for output in outputs:
        if id(output) in taken:
            continue
        group = _known_group(nest, output, outputs, definitions, uses) or Group([output], None, [])
        taken.update(id(m) for m in group.members)
        groups.append(group)
    return groups


def _known_group(
    nest: Nest,
    output: Operand,
    outputs: Sequence[Operand],
    definitions: dict[ir.Value, Instr],
    uses: dict[ir.Value, int],
) -> Group | None:
    """The group that one accepted combiner forms around `output`; None when the update has another form."""
    assert output.yielded is not None
    instr = definitions.get(output.yielded)
    if instr is None:
        return None
    scan = any(_running(nest, r) for r in instr.results)
    if scan and len(output.dims) != nest.rank - 1:
        return None
    uses = {**uses, **{r: uses[r] - _running(nest, r) for r in instr.results}}
    if instr.name in COMBINERS:
        ours = [i for i, v in enumerate(instr.operands) if v == output.arg]
        if len(ours) != 1 or uses[output.arg] != 1 or uses[output.yielded] != 1:
            return None
        return Group([output], instr, [instr.operands[1 - ours[0]]], scan=scan)
    if instr.name == "arith.extui":
        return _boolean_group(output, instr, definitions, uses, scan)
    if instr.name != "func.call":
        return None
    count = len(instr.results)
    by_arg = {o.arg: o for o in outputs}
    members = [by_arg.get(v) for v in instr.operands[:count]]
    if len(instr.operands) != 2 * count or any(m is None for m in members):
        return None
    group = [m for m in members if m is not None]
    single = all(uses[m.arg] == 1 and uses[r] == 1 for m, r in zip(group, instr.results, strict=True))
    in_place = [m.yielded for m in group] == instr.results
    callee = callee_body(instr.op)
    if not single or not in_place or len({m.dims for m in group}) != 1 or callee is None:
        return None
    return Group(group, instr, instr.operands[count:], callee, scan=scan)


def _running(nest: Nest, value: ir.Value) -> int:
    """Elementwise outputs that receive `value`."""
    return sum(o.yielded == value for o in nest.elementwise_outputs)


def _boolean_group(
    output: Operand, widened: Instr, definitions: dict[ir.Value, Instr], uses: dict[ir.Value, int], scan: bool
) -> Group | None:
    """`extui (ori (cmpi ne %acc, 0), %e) : i1 to i8`, and the same with andi and xori."""
    instr = definitions.get(widened.operands[0])
    if instr is None or instr.name not in ("arith.ori", "arith.andi", "arith.xori"):
        return None
    for ours in (0, 1):
        test = definitions.get(instr.operands[ours])
        if test is None or test.name != "arith.cmpi" or test.operands[0] != output.arg:
            continue
        not_equal = ir.IntegerAttr(test.attributes["predicate"]).value == 1
        values = (output.arg, test.results[0], instr.results[0], widened.results[0])
        if not_equal and constant_int(test.operands[1]) == 0 and all(uses[v] == 1 for v in values):
            return Group([output], instr, [instr.operands[1 - ours]], casts=(test, widened), scan=scan)
    return None


def callee_body(call: ir.Operation) -> Body | None:
    """The body of a called `rung.combiner`; None if the function is unknown or is not marked."""
    name = ir.FlatSymbolRefAttr(call.attributes["callee"]).value
    module = call
    while module.parent is not None:
        module = module.parent.operation
    for candidate in module.regions[0].blocks[0].operations:
        function = candidate.operation
        if "sym_name" in function.attributes and ir.StringAttr(function.attributes["sym_name"]).value == name:
            marked = COMBINER in function.attributes and len(function.regions[0].blocks) == 1
            return read_body(function.regions[0].blocks[0]) if marked else None
    return None
