"""Numbers that nobody may rely on, followed to where they count: the sanitizer's opt-in part of TTIR.

A lane is tainted where a load left it out and gives no `other`, where an integer is divided by zero, or shifted by its
width or more. On request, where finite numbers gave one that is not, or an index overflowed. It counts where it is
stored, reduced, multiplied as a matrix, or says what memory is accessed, in lanes that the mask there lets through:

before: %x = tt.load %p, %m; %y = arith.addf %x, %c; tt.store %q, %y, %n
after:  ...; %bad = arith.andi (arith.xori %m, true), %n; sanitize.fault %bad {site = 3, source = 2}; tt.store ...

Where `%n` implies `%m` nothing is asked, and what loops and branches carry counts as sound: all that is told is true.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from torch_mlir import ir

from ...sanitizer import Sanitizer, Site, SiteKind
from .locations import place_of
from .operation import find, is_elementwise
from .ttir import constant_int, element, is_block, is_float, is_integer, is_true, owner, shape

FAULT, SOURCE = "sanitize.fault", "source"
Taint = dict[ir.Operation, ir.Value]
"""For each operation where it began, the lanes that it reaches (i1)."""
_DIVISIONS = ("arith.divsi", "arith.divui", "arith.remsi", "arith.remui")
_SHIFTS = ("arith.shli", "arith.shrsi", "arith.shrui")
_INDEXING = ("arith.addi", "arith.subi", "arith.muli")
_EQ, _NE, _UGE, _OEQ = 0, 1, 9, 1


class Undefined:
    """Of one kernel. `sites` are numbered from `first` on."""

    def __init__(self, sanitizer: Sanitizer, first: int) -> None:
        self._sanitizer, self._first = sanitizer, first
        self.sites: list[Site] = []
        self._numbers: dict[tuple[ir.Operation, SiteKind], int] = {}
        self._taints: dict[ir.Value, Taint] = {}

    def watch(self, op: ir.Operation, mask: ir.Value | None) -> None:
        """Put faults before a sink. mask: of an access."""
        for value, kind in _sinks(op):
            for source, lanes in self._taint(value).items():
                if kind != "address" and self._kind(source) == "index overflow":
                    continue
                if mask is not None and _excludes(mask, lanes):
                    continue
                number, begun = self._number(op, kind), self._number(source, self._kind(source))
                with ir.InsertionPoint(op), op.location:
                    bad = lanes if mask is None else _both(_like(mask, lanes), _like(lanes, mask))
                    i64 = ir.IntegerType.get_signless(64)
                    ir.Operation.create(
                        FAULT,
                        operands=[bad],
                        attributes={"site": ir.IntegerAttr.get(i64, number), SOURCE: ir.IntegerAttr.get(i64, begun)},
                    )

    def _number(self, op: ir.Operation, kind: SiteKind) -> int:
        known = self._numbers.get((op, kind))
        if known is None:
            file, line, column = place_of(op.location)
            known = self._numbers[op, kind] = self._first + len(self.sites)
            value = op.results[0] if len(op.results) else op.operands[0]
            self.sites.append(Site(kind, file, line, column, "", shape(value) or (), 1, masked=False))
        return known

    @staticmethod
    def _kind(source: ir.Operation) -> SiteKind:
        if source.name == "tt.load":
            return "left out by a mask"
        if source.name in _DIVISIONS:
            return "division by zero"
        if source.name in _SHIFTS:
            return "shift beyond the width"
        return "index overflow" if source.name in _INDEXING else "not finite"

    # ---- where lanes become tainted, and how far

    def _taint(self, value: ir.Value) -> Taint:
        if value not in self._taints:
            op = owner(value)
            self._taints[value] = {}  # of what depends on itself nothing is known
            if op is not None and len(op.results) == 1:
                with ir.InsertionPoint.after(op), op.location:
                    self._taints[value] = self._of(op)
        return self._taints[value]

    def _of(self, op: ir.Operation) -> Taint:
        found = find(op)
        if op.name == "tt.load":
            return self._load(op)
        if op.name == "arith.select":
            return self._choice(op)
        if op.name == "tt.splat" or (found is not None and found.reindexes):
            return {source: _reshaped(op, lanes) for source, lanes in self._taint(op.operands[0]).items()}
        if not (is_elementwise(op) or op.name == "tt.addptr") or len(op.regions):
            return {}
        taint: Taint = {}
        for operand in op.operands:
            _merge(taint, self._taint(operand))
        begun = self._begun(op)
        if begun is not None:
            _merge(taint, {op: begun})
        return taint

    def _load(self, op: ir.Operation) -> Taint:
        if len(op.operands) != 2 or is_true(op.operands[1]):
            return {}
        return {op: _not(op.operands[1])} if self._sanitizer.values else {}

    def _choice(self, op: ir.Operation) -> Taint:
        condition, yes, no = op.operands
        taint: Taint = {}
        for side, chosen in ((yes, condition), (no, None)):
            for source, lanes in self._taint(side).items():
                if chosen is not None and _excludes(condition, lanes):
                    continue
                taken = _like(condition, lanes) if chosen is not None else _not(_like(condition, lanes))
                _merge(taint, {source: _both(taken, lanes)})
        for source, lanes in self._taint(condition).items():
            _merge(taint, {source: _like(lanes, op.results[0])})
        return taint

    def _begun(self, op: ir.Operation) -> ir.Value | None:
        """The lanes in which `op` itself gives what nobody may rely on."""
        kind, wanted = element(op.results[0]), self._sanitizer
        if op.name in _DIVISIONS and wanted.values:
            divisor = constant_int(op.operands[1])
            return _compare(_EQ, op.operands[1], 0) if divisor is None or divisor == 0 else None
        if op.name in _SHIFTS and wanted.values:
            width, by = ir.IntegerType(kind).width, constant_int(op.operands[1])
            return _compare(_UGE, op.operands[1], width) if by is None or not 0 <= by < width else None
        if op.name in _INDEXING and wanted.overflow and is_integer(kind) and ir.IntegerType(kind).width == 32:
            return _overflows(op)
        if wanted.nan and _computes(kind) and op.name.startswith(("arith.", "math.")):
            numbers = [v for v in op.operands if is_float(element(v))]
            known = bool(numbers) and all(_computes(element(v)) for v in numbers)
            return _becomes_infinite(op.results[0], numbers) if known else None
        return None


def _computes(kind: ir.Type) -> bool:
    """Whether there is arithmetic on floats of this type; those of eight bits are converted only."""
    return is_float(kind) and ir.FloatType(kind).width >= 16


def _sinks(op: ir.Operation) -> Iterator[tuple[ir.Value, SiteKind]]:
    if op.name in ("tt.load", "tt.store", "tt.atomic_rmw", "tt.atomic_cas"):
        yield op.operands[0], "address"
        if op.name == "tt.store":
            yield op.operands[1], "stored"
        elif op.name != "tt.load":
            for value in list(op.operands)[1 : 3 if op.name == "tt.atomic_cas" else 2]:
                yield value, "stored"
    elif op.name in ("tt.reduce", "tt.scan"):
        for value in op.operands:
            yield value, "reduced"
    elif op.name == "tt.dot":
        for value in list(op.operands)[:3]:
            yield value, "multiplied"


SINKS = ("tt.load", "tt.store", "tt.atomic_rmw", "tt.atomic_cas", "tt.reduce", "tt.scan", "tt.dot")


# ---- building i1


def _op(name: str, kind: ir.Type, operands: Sequence[ir.Value], **attributes: ir.Attribute) -> ir.Value:
    return ir.Operation.create(name, results=[kind], operands=list(operands), attributes=attributes).results[0]


def _shaped(value: ir.Value, kind: ir.Type) -> ir.Type:
    """`kind`, in the shape of `value`."""
    extents = shape(value)
    return kind if extents is None else ir.RankedTensorType.get(list(extents), kind)


def _constant(like: ir.Value, kind: ir.Type, number: float) -> ir.Value:
    scalar = ir.FloatAttr.get(kind, number) if is_float(kind) else ir.IntegerAttr.get(kind, int(number))
    shaped = _shaped(like, kind)
    value = ir.DenseElementsAttr.get_splat(shaped, scalar) if is_block(like) else scalar
    return _op("arith.constant", shaped, [], value=value)


def _i1() -> ir.Type:
    return ir.IntegerType.get_signless(1)


def _predicate(number: int) -> ir.Attribute:
    return ir.IntegerAttr.get(ir.IntegerType.get_signless(64), number)


def _not(lanes: ir.Value) -> ir.Value:
    return _op("arith.xori", lanes.type, [lanes, _constant(lanes, _i1(), 1)])


def _both(a: ir.Value, b: ir.Value) -> ir.Value:
    return _op("arith.andi", a.type, [a, b])


def _merge(into: Taint, more: Taint) -> None:
    for source, lanes in more.items():
        known = into.get(source)
        if known is None:
            into[source] = lanes
        elif known != lanes:
            a, b = _like(known, lanes), _like(lanes, known)
            into[source] = _op("arith.ori", a.type, [a, b])


def _like(lanes: ir.Value, other: ir.Value) -> ir.Value:
    """One i1 for all, where the other is a block."""
    if is_block(lanes) or not is_block(other):
        return lanes
    return _op("tt.splat", _shaped(other, _i1()), [lanes])


def _reshaped(op: ir.Operation, lanes: ir.Value) -> ir.Value:
    """What `op` makes of a block, of another one of the same shape."""
    names = [name for name in op.attributes if name != "tt.contiguity"]
    made = ir.Operation.create(
        op.name,
        results=[_shaped(op.results[0], _i1())],
        operands=[lanes],
        attributes={name: op.attributes[name] for name in names},
    )
    return made.results[0]


def _compare(predicate: int, value: ir.Value, number: int) -> ir.Value:
    operands = [value, _constant(value, element(value), number)]
    return _op("arith.cmpi", _shaped(value, _i1()), operands, predicate=_predicate(predicate))


def _overflows(op: ir.Operation) -> ir.Value:
    """Whether the result is another number than in 64 bits."""
    wide = ir.IntegerType.get_signless(64)

    def widened(value: ir.Value) -> ir.Value:
        return _op("arith.extsi", _shaped(value, wide), [value])

    exact = _op(op.name, _shaped(op.results[0], wide), [widened(v) for v in op.operands])
    operands = [exact, widened(op.results[0])]
    return _op("arith.cmpi", _shaped(exact, _i1()), operands, predicate=_predicate(_NE))


def _becomes_infinite(result: ir.Value, numbers: Sequence[ir.Value]) -> ir.Value:
    """Whether the result is a NaN or infinite, and none of the numbers is."""

    def finite(value: ir.Value) -> ir.Value:
        kind = element(value)
        nothing = _op("arith.subf", value.type, [value, value])
        zero = _constant(value, kind, 0.0)
        return _op("arith.cmpf", _shaped(value, _i1()), [nothing, zero], predicate=_predicate(_OEQ))

    bad = _not(finite(result))
    for number in numbers:
        bad = _both(bad, _like(finite(number), bad))
    return bad


# ---- what is known before


def _excludes(mask: ir.Value, lanes: ir.Value) -> bool:
    """Whether no lane of `mask` is one of `lanes`, as both were built: `mask` says all that `lanes` denies."""
    op = owner(lanes)
    if op is None:
        return False
    if op.name == "arith.ori":
        return all(_excludes(mask, side) for side in op.operands)
    if op.name == "arith.andi":
        return any(_excludes(mask, side) for side in op.operands)
    if op.name == "arith.xori" and is_true(op.operands[1]):
        return set(_terms(op.operands[0])) <= set(_terms(mask))
    return False


def _terms(mask: ir.Value) -> Iterator[ir.Value]:
    op = owner(mask)
    if op is None or op.name != "arith.andi":
        yield mask
        return
    for side in op.operands:
        yield from _terms(side)
