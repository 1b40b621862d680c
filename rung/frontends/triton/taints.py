"""Building, in TTIR, the blocks that say which lanes of others nobody may rely on: of i1, or of origins.

An origin is a number of i32: 0 for a lane that is sound, else 1 + the number of the site where its fault began. Of two,
the greater one is told.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch_mlir import ir

from .ttir import element, is_block, is_float, shape

_EQ, _NE, _OEQ = 0, 1, 1
_ENDS = {"tt.reduce": "tt.reduce.return", "tt.scan": "tt.scan.return"}


def build(name: str, kind: ir.Type, operands: Sequence[ir.Value], **attributes: ir.Attribute) -> ir.Value:
    """An operation of one result."""
    return ir.Operation.create(name, results=[kind], operands=list(operands), attributes=attributes).results[0]


def i1() -> ir.Type:
    return ir.IntegerType.get_signless(1)


def i32() -> ir.Type:
    return ir.IntegerType.get_signless(32)


def shaped(like: ir.Value, kind: ir.Type) -> ir.Type:
    """`kind`, in the shape of `like`."""
    extents = shape(like)
    return kind if extents is None else ir.RankedTensorType.get(list(extents), kind)


def constant(like: ir.Value, kind: ir.Type, number: float) -> ir.Value:
    """A number in the shape of `like`."""
    scalar = ir.FloatAttr.get(kind, number) if is_float(kind) else ir.IntegerAttr.get(kind, int(number))
    whole = shaped(like, kind)
    value = ir.DenseElementsAttr.get_splat(whole, scalar) if is_block(like) else scalar
    return build("arith.constant", whole, [], value=value)


def invert(lanes: ir.Value) -> ir.Value:
    return build("arith.xori", lanes.type, [lanes, constant(lanes, i1(), 1)])


def both(a: ir.Value, b: ir.Value) -> ir.Value:
    return build("arith.andi", a.type, [a, b])


def like(lanes: ir.Value, other: ir.Value) -> ir.Value:
    """One number for all lanes, where the other is a block."""
    if is_block(lanes) or not is_block(other):
        return lanes
    return build("tt.splat", shaped(other, lanes.type), [lanes])


def where(lanes: ir.Value, taint: ir.Value) -> ir.Value:
    """`taint`, of `lanes` alone."""
    lanes, taint = like(lanes, taint), like(taint, lanes)
    if element(taint) == i1():
        return both(lanes, taint)
    return build("arith.select", taint.type, [lanes, taint, constant(taint, i32(), 0)])


def either(a: ir.Value, b: ir.Value) -> ir.Value:
    """Lanes of two taints."""
    if a == b:
        return a
    a, b = like(a, b), like(b, a)
    return build("arith.ori" if element(a) == i1() else "arith.maxui", a.type, [a, b])


def is_bad(taint: ir.Value) -> ir.Value:
    """Its lanes."""
    return taint if element(taint) == i1() else compare(_NE, taint, 0)


def is_sound(taint: ir.Value) -> ir.Value:
    return invert(taint) if element(taint) == i1() else compare(_EQ, taint, 0)


def origins(lanes: ir.Value, site: int) -> ir.Value:
    """Of lanes whose fault began at one site."""
    sound = constant(lanes, i32(), 0)
    return build("arith.select", sound.type, [lanes, constant(lanes, i32(), site + 1), sound])


def compare(predicate: int, value: ir.Value, number: int) -> ir.Value:
    return _compare("arith.cmpi", predicate, value, constant(value, element(value), number))


def _compare(name: str, predicate: int, a: ir.Value, b: ir.Value) -> ir.Value:
    number = ir.IntegerAttr.get(ir.IntegerType.get_signless(64), predicate)
    return build(name, shaped(a, i1()), [a, b], predicate=number)


def overflows(op: ir.Operation) -> ir.Value:
    """Whether the result is another number than in 64 bits."""
    wide = ir.IntegerType.get_signless(64)

    def widened(value: ir.Value) -> ir.Value:
        return build("arith.extsi", shaped(value, wide), [value])

    exact = build(op.name, shaped(op.results[0], wide), [widened(v) for v in op.operands])
    return _compare("arith.cmpi", _NE, exact, widened(op.results[0]))


def is_finite(value: ir.Value) -> ir.Value:
    nothing = build("arith.subf", value.type, [value, value])
    return _compare("arith.cmpf", _OEQ, nothing, constant(value, element(value), 0.0))


def is_number(value: ir.Value) -> ir.Value:
    """Whether it is no NaN."""
    return _compare("arith.cmpf", _OEQ, value, value)


# ---- as blocks are moved and folded


def moved(op: ir.Operation, number: int, operands: Sequence[ir.Value]) -> ir.Value:
    """What `op`, which moves elements, makes of other blocks of the same shapes; number: of the result."""
    names = [name for name in op.attributes if name != "tt.contiguity"]
    kind = element(operands[0])
    made = ir.Operation.create(
        op.name,
        results=[shaped(result, kind) for result in op.results],
        operands=list(operands),
        attributes={name: op.attributes[name] for name in names},
    )
    return made.results[number]


def folded(name: str, taint: ir.Value, axis: int, combine: str, reverse: bool = False) -> ir.Value:
    """A reduction (`tt.reduce`) or a scan of origins by an operation of two."""
    extents = list(shape(taint) or ())
    rest = extents if name == "tt.scan" else extents[:axis] + extents[axis + 1 :]
    attributes: dict[str, ir.Attribute] = {"axis": ir.IntegerAttr.get(i32(), axis)}
    if name == "tt.scan":
        attributes["reverse"] = ir.BoolAttr.get(reverse)
    kind = ir.RankedTensorType.get(rest, i32()) if rest else i32()
    made = ir.Operation.create(name, results=[kind], operands=[taint], attributes=attributes, regions=1)
    body = ir.Block.create_at_start(made.regions[0], [i32(), i32()], [made.location] * 2)
    with ir.InsertionPoint(body):
        ir.Operation.create(_ENDS[name], operands=[build(combine, i32(), list(body.arguments))])
    return made.results[0]


def along(taint: ir.Value, whole: ir.Value, axis: int) -> ir.Value:
    """A reduction over one axis of `whole`, again for each element along it."""
    if not is_block(taint):
        return like(taint, whole)
    extents = list(shape(whole) or ())
    extents[axis] = 1
    place = ir.IntegerAttr.get(i32(), axis)
    one = build("tt.expand_dims", ir.RankedTensorType.get(extents, i32()), [taint], axis=place)
    return build("tt.broadcast", shaped(whole, i32()), [one])
