"""Numbers that nobody may rely on, followed to where they count: the sanitizer's opt-in part of TTIR.

A lane is tainted where a load left it out and gives no `other`, where an integer is divided by zero, or shifted by its
width or more. On request, where finite numbers gave one that is not, or an index overflowed. It counts where it is
stored, says what memory is accessed or what is done, and where sound lanes are mixed with it (in reductions, products
of matrices, sorting), in lanes that the mask there lets through:

before: %x = tt.load %p, %m; %y = arith.addf %x, %c; tt.store %q, %y, %n
after:  ...; %bad = arith.andi (arith.xori %m, true), %n; sanitize.fault %bad {site = 3, source = 2}; tt.store ...

Where `%n` implies `%m` nothing is asked. Loops and branches hand taints on as origins (`handed_on.py`); what functions
that are not inlined take and give counts as sound: all that is told is true.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from torch_mlir import ir

from ...sanitizer import Follow, Sanitizer, Site, SiteKind
from .beginnings import Beginnings, computes, has_infinities, is_reverse
from .exchanges import Exchange, comparison, exchange, is_part
from .handed_on import hand_on, inside
from .locations import frames_of
from .operation import find, is_elementwise
from .taints import (
    along,
    build,
    constant,
    either,
    folded,
    invert,
    is_bad,
    is_finite,
    is_number,
    is_sound,
    like,
    moved,
    origins,
    where,
)
from .ttir import element, int_attr, is_bool, is_float, is_true, mask_of, owner, shape

FAULT, SOURCE = "sanitize.fault", "source"
Key = ir.Operation | Follow
Taint = dict[Key, ir.Value]
"""Lanes (i1) by the operation where it began, or origins of all that began anywhere (`taints.py`)."""
_MOVES = ("tt.splat", "tt.join", "tt.split", "tt.cat", "tt.unsplat")
_BITS = ("arith.xori", "arith.andi", "arith.ori", "arith.shrui", "arith.divui", "arith.remui", "tt.mulhiui")
"""Whose numbers wrap on purpose: hashes, and random ones."""
_TO_INTEGERS = ("arith.fptosi", "arith.fptoui", "arith.bitcast", "tt.bitcast")
_DECIDING = {"scf.if": 1, "scf.for": 3, "scf.condition": 1}
"""How many of the first operands say what is done."""


class Undefined:
    """Of one kernel. `sites` are numbered from `first` on."""

    def __init__(self, sanitizer: Sanitizer, first: int) -> None:
        self._first = first
        self._sanitizer = sanitizer
        self._beginnings = Beginnings(sanitizer)
        self.sites: list[Site] = []
        self._numbers: dict[tuple[ir.Operation, SiteKind], int] = {}
        self._taints: dict[ir.Value, Taint] = {}

    def watch(self, ttir: ir.Module) -> None:
        """Put faults before what counts."""
        for function in [op.operation for op in ttir.body.operations if op.operation.name == "tt.func"]:
            self._beginnings = Beginnings(self._sanitizer, has_infinities(function))
            handed = hand_on(function, self._may)
            self._taints = {value: {**taint} for value, taint in handed.shadows.items()}
            for op in list(inside(function)):
                with op.location:
                    with ir.InsertionPoint(op):
                        self._tell_all(op)
                    with ir.InsertionPoint.after(op) if len(op.results) else ir.InsertionPoint(op):
                        found = self._of(op)
                for result, taint in zip(op.results, found, strict=False):
                    if taint:
                        self._taints[result] = taint
            for patch in handed.patches:
                with ir.InsertionPoint(patch.op), patch.op.location:
                    found = self._origins(self._taint(patch.value), patch.follow)
                    if found is not None:
                        patch.op.operands[patch.operand] = like(found, patch.value)

    def _taint(self, value: ir.Value) -> Taint:
        return self._taints.get(value, {})

    # ---- where it counts

    def _tell_all(self, op: ir.Operation) -> None:
        for operand in list(op.operands)[: _DECIDING.get(op.name, 0)]:
            self._tell(op, "decides", self._taint(operand), None)
        if op.name == "tt.histogram":
            self._tell(op, "counted", self._taint(op.operands[0]), op.operands[1] if len(op.operands) > 1 else None)
        if op.name not in ("tt.load", "tt.store", "tt.atomic_rmw", "tt.atomic_cas"):
            return
        mask = mask_of(op)
        self._tell(op, "address", self._taint(op.operands[0]), mask)
        if op.name == "tt.load":
            return
        for value in list(op.operands)[1 : 3 if op.name == "tt.atomic_cas" else 2]:
            self._tell(op, "stored", self._taint(value), mask)
        if mask is not None:
            self._tell(op, "decides", self._taint(mask), None)

    def _tell(self, op: ir.Operation, kind: SiteKind, taint: Taint, mask: ir.Value | None) -> None:
        for source, lanes in taint.items():
            if source == "overflow" and kind != "address":
                continue
            if mask is not None and _excludes(mask, lanes):
                continue
            counted = lanes if mask is None else where(mask, lanes)
            i64 = ir.IntegerType.get_signless(64)
            attributes: dict[str, ir.Attribute] = {"site": ir.IntegerAttr.get(i64, self._number(op, kind))}
            operands = [is_bad(counted)]
            if isinstance(source, str):
                operands.append(counted)
            else:
                attributes[SOURCE] = ir.IntegerAttr.get(i64, self._began(source))
            ir.Operation.create(FAULT, operands=operands, attributes=attributes)

    def _number(self, op: ir.Operation, kind: SiteKind) -> int:
        known = self._numbers.get((op, kind))
        if known is None:
            frames = frames_of(op.location)
            file, line, column = frames[0] if frames else ("", 0, 0)
            callers = tuple((file, line) for file, line, _ in frames[1:])
            known = self._numbers[op, kind] = self._first + len(self.sites)
            values = [*op.results, *op.operands][:1]
            extents = shape(values[0]) or ()
            self.sites.append(Site(kind, file, line, column, "", extents, 1, masked=False, callers=callers))
        return known

    def _began(self, source: ir.Operation) -> int:
        return self._number(source, self._beginnings.kind(source))

    # ---- how far it reaches

    def _may(self, op: ir.Operation, operands: Sequence[frozenset[Follow]]) -> frozenset[Follow]:
        """What may be in taints of the results, of what may be in those of the operands."""
        found: set[Follow] = set()
        if _hands_on(op):
            found.update(*operands)
        begun = self._beginnings.follow(op)
        return frozenset(found if begun is None else {*found, begun})

    def _of(self, op: ir.Operation) -> Sequence[Taint]:
        """Of each result."""
        if op.name == "tt.load":
            return [self._load(op)]
        changed = exchange(op)
        if changed is not None:
            taint = self._taint(changed.source)
            return [{follow: _exchanged(changed, o) for follow, o in self._all_origins(taint)}]
        if op.name == "arith.select":
            compared = comparison(op)
            return [self._choice(op) if compared is None else self._compared(op, compared)]
        if op.name == "tt.reduce":
            return [] if is_part(op) else self._reduction(op)
        if op.name == "tt.scan":
            return self._scan(op)
        if op.name == "tt.dot":
            return [self._product(op)]
        if op.name == "tt.gather":
            return [self._gathered(op)]
        if _is_move(op):
            return self._moved(op)
        return [self._computed(op)] if _is_computed(op) else []

    def _load(self, op: ir.Operation) -> Taint:
        mask = mask_of(op)
        if mask is None:
            return {}
        taint: Taint = {}
        if self._beginnings.follow(op) == "values":
            taint[op] = invert(mask)
        if len(op.operands) > 2:
            _merge(taint, {source: where(invert(mask), lanes) for source, lanes in self._taint(op.operands[2]).items()})
        _merge(taint, self._taint(mask))
        return taint

    def _choice(self, op: ir.Operation) -> Taint:
        condition, yes, no = op.operands
        taint: Taint = {}
        for side, chosen in ((yes, condition), (no, None)):
            for source, lanes in self._taint(side).items():
                if chosen is not None and _excludes(condition, lanes):
                    continue
                _merge(taint, {source: where(condition if chosen is not None else invert(condition), lanes)})
        _merge(taint, {source: like(lanes, op.results[0]) for source, lanes in self._taint(condition).items()})
        return taint

    def _moved(self, op: ir.Operation) -> list[Taint]:
        found: list[Taint] = [{} for _ in op.results]
        operands = [self._taint(operand) for operand in op.operands]
        sources: dict[Key, None] = {source: None for taint in operands for source in taint}
        for source in sources:
            known = next(taint[source] for taint in operands if source in taint)
            lanes = [
                taint.get(source) or constant(operand, element(known), 0)
                for operand, taint in zip(op.operands, operands, strict=True)
            ]
            for number, taint in enumerate(found):
                taint[source] = moved(op, number, lanes)
        return found

    def _gathered(self, op: ir.Operation) -> Taint:
        source, index = op.operands
        taint: Taint = {s: moved(op, 0, [lanes, index]) for s, lanes in self._taint(source).items()}
        _merge(taint, {s: lanes for s, lanes in self._taint(index).items() if s != "overflow"})
        return taint

    # ---- where sound lanes are mixed with others

    def _mixed(self, op: ir.Operation, kind: SiteKind, operand: ir.Value, axis: int) -> Taint:
        """Tells what is mixed along an axis, and returns origins of rows: of those of which no lane is sound, and of
        those with a number that is not finite, which the result of a row shows (`_still_infinite`)."""
        taint, found = self._taint(operand), Taint()
        with ir.InsertionPoint(op):
            if "nan" in taint:
                found["nan"] = folded("tt.reduce", taint["nan"], axis, "arith.maxui")
            bad = self._origins(taint, "values")
            if bad is not None:
                found["values"] = rest = folded("tt.reduce", bad, axis, "arith.minui")
                self._tell(op, kind, {"values": where(is_sound(along(rest, bad, axis)), bad)}, None)
        return found

    def _reduction(self, op: ir.Operation) -> list[Taint]:
        taint: Taint = {}
        for operand in op.operands:
            _merge(taint, self._mixed(op, "reduced", operand, int_attr(op, "axis")))
        self._tell_swallowed(op)
        self._begin(op, taint)
        return [self._still_infinite(op, {**taint}, number) for number in range(len(op.results))]

    def _tell_swallowed(self, op: ir.Operation) -> None:
        """NaN that a reduction drops, as maxima do: nothing of it is left in the result."""
        axis = int_attr(op, "axis")
        for operand, result in zip(op.operands, op.results, strict=True):
            lanes = self._taint(operand).get("nan")
            if lanes is None or not computes(element(operand)) or element(result) != element(operand):
                continue
            kept = is_bad(along(origins(is_number(result), 0), operand, axis))
            self._tell(op, "reduced", {"nan": where(kept, where(invert(is_number(operand)), lanes))}, None)

    def _product(self, op: ir.Operation) -> Taint:
        left, right, added = op.operands
        result, rank = op.results[0], len(shape(op.results[0]) or ())
        taint: Taint = {source: lanes for source, lanes in self._taint(added).items() if source != "overflow"}
        for operand, axis in ((left, rank - 1), (right, rank - 2)):
            rows = self._mixed(op, "multiplied", operand, axis)
            _merge(taint, {follow: along(rest, result, axis) for follow, rest in rows.items()})
        self._begin(op, taint)
        return self._still_infinite(op, taint)

    def _scan(self, op: ir.Operation) -> list[Taint]:
        """A lane is made of those before it."""
        taint: Taint = {}
        for operand in op.operands:
            for follow, bad in self._all_origins(self._taint(operand)):
                if follow != "overflow":
                    _merge(taint, {follow: folded("tt.scan", bad, int_attr(op, "axis"), "arith.maxui", is_reverse(op))})
        self._begin(op, taint)
        return [self._still_infinite(op, {**taint}, number) for number in range(len(op.results))]

    def _compared(self, op: ir.Operation, compared: Exchange) -> Taint:
        taint: Taint = {}
        with ir.InsertionPoint(op):
            before = list(self._all_origins(self._taint(compared.source)))
        for follow, bad in before:
            with ir.InsertionPoint(op):
                other = _exchanged(compared, bad)
                if follow == "values":
                    self._tell(op, "sorted", {follow: where(is_sound(other), bad)}, None)
            if follow == "values":
                taint[follow] = where(is_bad(other), bad)
            elif follow == "nan":
                taint[follow] = either(bad, other)
        return self._still_infinite(op, taint)

    # ---- what is computed from it

    def _computed(self, op: ir.Operation) -> Taint:
        result = op.results[0]
        if is_bool(element(result)) and op.name in ("arith.andi", "arith.ori"):
            return self._logic(op)
        taint: Taint = {}
        for operand in op.operands:
            _merge(taint, self._taint(operand))
        if is_bool(element(result)) or is_float(element(result)) or op.name in _BITS:
            taint.pop("overflow", None)
        self._begin(op, taint)
        if is_float(element(result)):
            return self._still_infinite(op, taint)
        if any(is_float(element(operand)) for operand in op.operands) and op.name not in _TO_INTEGERS:
            taint.pop("nan", None)
        return taint

    def _begin(self, op: ir.Operation, taint: Taint) -> None:
        begun, follow = self._beginnings.begun(op), self._beginnings.follow(op)
        if begun is not None and follow is not None:
            _merge(taint, {op: begun} if follow == "values" else {follow: origins(begun, self._began(op))})

    def _logic(self, op: ir.Operation) -> Taint:
        """What is false on one side, or true in `or`, is so whatever the other side is."""
        taint: Taint = {}
        for side, other in (tuple(op.operands), tuple(op.operands)[::-1]):
            unknown = [is_bad(lanes) for lanes in self._taint(other).values()]
            for source, lanes in self._taint(side).items():
                if op.name == "arith.andi" and not unknown and _excludes(other, lanes):
                    continue
                free = other if op.name == "arith.andi" else invert(other)
                for each in unknown:
                    free = either(free, each)
                _merge(taint, {source: where(free, lanes)})
        return taint

    def _still_infinite(self, op: ir.Operation, taint: Taint, number: int = 0) -> Taint:
        """Where a float is finite again, nothing is left of what was not: 1 / (1 + exp(1000))."""
        result = op.results[number]
        if "nan" in taint and computes(element(result)):
            taint["nan"] = where(invert(is_finite(result)), taint["nan"])
        return taint

    # ---- origins

    def _all_origins(self, taint: Taint) -> Iterator[tuple[Follow, ir.Value]]:
        for follow in ("values", "overflow", "nan"):
            found = self._origins(taint, follow)
            if found is not None:
                yield follow, found

    def _origins(self, taint: Taint, follow: Follow) -> ir.Value | None:
        """All of one kind as one block."""
        found = taint.get(follow)
        for source, lanes in taint.items():
            if follow == "values" and isinstance(source, ir.Operation):
                more = origins(lanes, self._began(source))
                found = more if found is None else either(found, more)
        return found


def _is_move(op: ir.Operation) -> bool:
    found = find(op)
    return op.name in _MOVES or (found is not None and found.reindexes)


def _is_computed(op: ir.Operation) -> bool:
    return (is_elementwise(op) or op.name == "tt.addptr") and not len(op.regions)


def _hands_on(op: ir.Operation) -> bool:
    """Whether any lane of the results may be tainted by one of the operands'."""
    folds = ("tt.load", "tt.reduce", "tt.scan", "tt.dot", "tt.gather")
    return op.name in folds or _is_move(op) or _is_computed(op)


def _exchanged(changed: Exchange, taint: ir.Value) -> ir.Value:
    """As the elements change places: by the same operations."""
    both = along(folded("tt.reduce", taint, changed.axis, "arith.xori"), taint, changed.axis)
    return build("arith.xori", taint.type, [taint, both])


def _merge(into: Taint, more: Taint) -> None:
    for source, lanes in more.items():
        known = into.get(source)
        into[source] = lanes if known is None else either(known, lanes)


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
