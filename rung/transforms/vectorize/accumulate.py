"""Accumulators of a nest while they are loop-carried: their start, one step, and the way back into memory."""

from __future__ import annotations

from collections.abc import Sequence

from torch_mlir import ir

from ...ir.accumulators import Group
from ...ir.emit import Emitter, bits, is_float, vector_of
from ...ir.lanes import VARYING, Lanes
from .body import BodyEmitter
from .values import Masks, Val

Row = list[ir.Value]
"""One value per member of a group."""


def identities(emitter: Emitter, group: Group) -> Row:
    """Scalars that change nothing when they are combined: an operation's identity, or an empty group (its
    flag is 0)."""
    assert group.instr is not None
    if group.callee is not None:
        return [emitter.zero(member.element) for member in group.members]
    name = group.instr.name.removeprefix("arith.")
    type_ = group.members[0].element
    if is_float(type_):
        infinity = float("inf")
        # IEEE maxNum and minNum return the other operand of a NaN.
        numbers = {"addf": -0.0, "mulf": 1.0, "maximumf": -infinity, "minimumf": infinity}
        return [emitter.number(type_, numbers.get(name, float("nan")))]
    lowest, highest = -(1 << bits(type_) - 1), (1 << bits(type_) - 1) - 1
    numbers = {"muli": 1, "andi": -1, "maxsi": lowest, "minsi": highest, "minui": -1}
    return [emitter.number(type_, numbers.get(name, 0))]


def has_identity(group: Group) -> bool:
    """Known operations have one, and groups with a flag (`i8`, last) can be empty. Such accumulators start
    there and meet memory at the end; others start from memory, and so do scans, whose order counts."""
    if group.instr is None or group.scan:
        return False
    return group.callee is None or str(group.members[-1].element) == "i8"


def combine(emitter: Emitter, analysis: Lanes, group: Group, left: Row, right: Row, lanes: int) -> Row:
    """`left` and `right` combined, all lanes at once."""
    assert group.instr is not None
    if group.callee is None:
        made = emitter.op(group.instr.name, [left[0].type], [left[0], right[0]], group.instr.attributes)
        return [made.result]
    body = BodyEmitter(emitter, analysis.combiners[group], lanes, 1)
    for arg, value in zip(group.callee.args, [*left, *right], strict=True):
        body.env[arg] = [Val(VARYING, vector=value)]
    body.run(group.callee, Masks([None]))
    return [body.vector(body.get(v, 0)) for v in group.callee.yields]


def accumulate(
    emitter: Emitter, analysis: Lanes, group: Group, old: Row, element: Row, lanes: int, mask: ir.Value | None
) -> Row:
    """One step of the accumulators; lanes outside the mask keep their value."""
    new = combine(emitter, analysis, group, old, element, lanes)
    if mask is None:
        return new
    return [emitter.value("arith.select", n.type, [mask, n, o]) for n, o in zip(new, old, strict=True)]


def across_lanes(
    emitter: Emitter, analysis: Lanes, group: Group, rows: Sequence[Row], lanes: int, whole_bits: int = 0
) -> Row:
    """The scalar behind several vectors: a tree over the vectors, then halves of the lanes combined until
    one is left.

    whole_bits: of a register, where part of one is dear. What fills one at most is then rotated by half of the lanes
    that count, and combined whole: lane 0 is the same sum of the same halves."""
    rest = list(rows)
    while len(rest) > 1:
        pairs = zip(rest[0::2], rest[1::2], strict=False)
        paired = [combine(emitter, analysis, group, a, b, lanes) for a, b in pairs]
        rest = paired + ([rest[-1]] if len(rest) % 2 else [])
    row, kept = rest[0], lanes
    widest = max(bits(member.element) for member in group.members)
    while lanes > 1:
        lanes //= 2
        if kept * widest <= whole_bits:
            order = [(lane + lanes) % kept for lane in range(kept)]
            low, high = row, [emitter.shuffle(v, v, order) for v in row]
        else:
            low = [_half(emitter, v, 0, lanes) for v in row]
            high = [_half(emitter, v, lanes, lanes) for v in row]
            kept = lanes
        row = combine(emitter, analysis, group, low, high, kept)
    return [emitter.extract(v, 0) for v in row] if kept > 1 else row


def _half(emitter: Emitter, vector: ir.Value, start: int, lanes: int) -> ir.Value:
    element = ir.VectorType(vector.type).element_type
    if lanes == 1:
        return emitter.extract(vector, start)
    attributes = {
        name: ir.ArrayAttr.get([_i64(emitter, number)], emitter.context)
        for name, number in (("offsets", start), ("sizes", lanes), ("strides", 1))
    }
    return emitter.value("vector.extract_strided_slice", vector_of(element, lanes), [vector], attributes)


def _i64(emitter: Emitter, number: int) -> ir.IntegerAttr:
    return ir.IntegerAttr.get(ir.IntegerType.get_signless(64, emitter.context), number)
