"""Emission of a nest's body for a number of lanes and copies. One lane means scalars: no
vector type appears."""

from __future__ import annotations

from collections.abc import Sequence

from torch_mlir import ir

from ...ir.assertions import ASSERTION, is_assertion
from ...ir.body import Body, Instr, constant_int
from ...ir.emit import Emitter, Index, bits, vector_of
from ...ir.lanes import INTEGER_DIVISIONS, LANEWISE, VARYING, Lanes, exchanged, small_index
from .access import Access, locate
from .access import load as emit_load
from .access import store as emit_store
from .conditions import emit_if, invert
from .lanewise import run_lanewise
from .values import Masks, Val

_UNDEFINED = Val(VARYING)
_LAST_SIGNED = 5
"""Of the predicates of `arith.cmpi`: eq, ne, slt, sle, sgt, sge."""


class BodyEmitter:
    """Emits bodies for `lanes` lanes and `copies` copies; `env` maps the body's values to one
    Val per copy."""

    def __init__(self, emitter: Emitter, analysis: Lanes, lanes: int, copies: int) -> None:
        self.e = emitter
        self.analysis = analysis
        self.lanes = lanes
        self.width = copies
        self.copies = range(copies)
        """The copies that are emitted now: all, or the one whose branch is open in scalar code."""
        self.env: dict[ir.Value, list[Val]] = {}
        self.position: dict[int, list[Val]] = {}
        self._outside: dict[ir.Value, Val] = {}
        self.nested = 0

    # The two forms of a value.

    def get(self, value: ir.Value, copy: int) -> Val:
        """The Val of a body's value; values from outside the body are uniform."""
        vals = self.env.get(value)
        if vals is not None:
            return vals[copy]
        val = self._outside.get(value)
        if val is None:
            val = self._outside[value] = Val(0, scalar=value)
        return val

    def scalar(self, val: Val) -> ir.Value:
        """The value of lane 0."""
        if val.scalar is not None:
            return val.scalar
        assert val.first is not None, "a varying value has no scalar"
        base = self.scalar(val.first)
        made = self._offset(base, val.offset)
        if not self.nested:
            val.scalar = made
        return made

    def _offset(self, base: ir.Value, offset: int) -> ir.Value:
        return self.e.value("arith.addi", base.type, [base, self.e.number(base.type, offset)])

    def vector(self, val: Val) -> ir.Value:
        """The value of all lanes; for one lane, a scalar."""
        if val.vector is not None:
            return val.vector
        if self.lanes == 1:
            return self.scalar(val)
        made = self._make_vector(val)
        if not self.nested:
            val.vector = made
        return made

    def _make_vector(self, val: Val) -> ir.Value:
        if val.step == 0:
            assert val.scalar is not None
            outside = self._outside.get(val.scalar) is val
            broadcast = self.e.head_broadcast if outside else self.e.broadcast
            return broadcast(val.scalar, self.lanes)
        if val.wide_of is not None:
            instr, source = val.wide_of
            type_ = vector_of(instr.results[0].type, self.lanes)
            return self.e.value(instr.name, type_, [self.vector(source)], instr.attributes)
        assert val.step is not None
        if val.first is not None:
            base = self.vector(val.first)
            element = ir.VectorType(base.type).element_type
            offset = self.e.head_broadcast(self.e.number(element, val.offset), self.lanes)
            return self.e.value("arith.addi", base.type, [base, offset])
        base = self.scalar(val)
        iota = self.e.iota(base.type, self.lanes, val.step)
        return self.e.value("arith.addi", iota.type, [self.e.broadcast(base, self.lanes), iota])

    def linear_copies(self, base: ir.Value, step: int) -> list[Val]:
        """Vals of a linear value: copy u begins `u * lanes * step` above copy 0."""
        first = Val(step, scalar=base)
        rest = (Val(step, first=first, offset=u * self.lanes * step) for u in range(1, self.width))
        return [first, *rest]

    # Bodies.

    def run(self, body: Body, masks: Masks, skip: set[ir.Operation] | None = None) -> None:
        """Emit every operation of `body`, all copies of one operation after another."""
        for instr in body.instrs:
            if skip and instr.op in skip:
                continue
            self.e.loc = instr.op.location
            self.instr(instr, masks)

    def instr(self, instr: Instr, masks: Masks) -> None:
        name = instr.name
        if name == "arith.constant":
            value = self.e.constant(instr.attributes["value"])
            self._outside.setdefault(value, Val(0, scalar=value))
            self._share(instr, [self._outside[value]])
        elif name == "linalg.index":
            self.env[instr.results[0]] = self.position[ir.IntegerAttr(instr.attributes["dim"]).value]
        elif name == "scf.if":
            emit_if(self, instr, masks)
        elif name == "memref.load":
            self.load(instr, masks, {})
        elif name == "memref.store":
            self._store(instr, masks)
        elif is_assertion(instr.op) and self.lanes > 1:
            self._assert(instr, masks)
        elif name in LANEWISE or len(instr.op.regions) or not instr.results:
            run_lanewise(self, instr, masks)
        else:
            self._pure(instr, masks)

    def _share(self, instr: Instr, vals: list[Val]) -> None:
        for result, val in zip(instr.results, vals, strict=True):
            self.env[result] = [val] * self.width

    def define(self, results: Sequence[ir.Value], copy: int, values: Sequence[ir.Value]) -> None:
        """The values of one copy that change from lane to lane."""
        for result, value in zip(results, values, strict=True):
            row = self.env.get(result)
            if row is None:
                row = self.env[result] = [_UNDEFINED] * self.width
            row[copy] = Val(VARYING, vector=value)

    def _pure(self, instr: Instr, masks: Masks) -> None:
        step = self.analysis.of(instr.results[0])
        if step is VARYING:
            types = [vector_of(r.type, self.lanes) for r in instr.results]
            for copy in self.copies:
                self.define(instr.results, copy, self._varying(instr, types, copy, masks))
            return
        operands = [self.scalar(self.get(v, 0)) for v in instr.operands]
        made = self.e.op(instr.name, [r.type for r in instr.results], operands, instr.attributes)
        if step == 0:
            self._share(instr, [Val(0, scalar=r) for r in made.results])
            return
        assert step is not None
        vals = self.linear_copies(made.result, step)
        if len(operands) == 1 and bits(instr.results[0].type) > bits(instr.operands[0].type):
            for copy, val in enumerate(vals):
                val.wide_of = (instr, self.get(instr.operands[0], copy))
        self.env[instr.results[0]] = vals

    def _varying(self, instr: Instr, types: list[ir.Type], copy: int, masks: Masks) -> list[ir.Value]:
        vals = [self.get(v, copy) for v in instr.operands]
        if instr.name == "arith.cmpi" and self.lanes > 1 and (small := self._small(instr, vals)) is not None:
            return [self.e.value(instr.name, types[0], small, instr.attributes)]
        if instr.name == "arith.select" and vals[0].step == 0:
            operands = [self.scalar(vals[0]), self.vector(vals[1]), self.vector(vals[2])]
        else:
            operands = [self.vector(v) for v in vals]
        mask = masks.values[copy]
        if instr.name in INTEGER_DIVISIONS and mask is not None:
            operands[1] = self._safe_divisor(instr.operands[1], operands[1], mask)
        return list(self.e.op(instr.name, types, operands, instr.attributes).results)

    def _small(self, compare: Instr, vals: list[Val]) -> list[ir.Value] | None:
        """The operands of a signed comparison of a loop's number with one that is the same for all lanes, as vectors of
        32 bits: half of the registers, and on AVX-512 one mask. What is larger than any such number stays so."""
        steps = [val.step for val in vals]
        if ir.IntegerAttr(compare.attributes["predicate"]).value > _LAST_SIGNED or steps.count(0) != 1:
            return None
        number = steps.index(0) ^ 1
        if steps[number] is None or not small_index(compare.operands[number], self.analysis):
            return None
        narrow = ir.IntegerType.get_signless(32, self.e.context)
        same = self.scalar(vals[number ^ 1])
        for bound, name in ((-1 << 31, "arith.maxsi"), ((1 << 31) - 1, "arith.minsi")):
            same = self.e.value(name, same.type, [same, self.e.index(bound)])
        first = self.e.value("arith.index_cast", narrow, [self.scalar(vals[number])])
        same = self.e.broadcast(self.e.value("arith.index_cast", narrow, [same]), self.lanes)
        iota = self.e.iota(narrow, self.lanes, steps[number] or 0)
        numbers = self.e.value("arith.addi", iota.type, [self.e.broadcast(first, self.lanes), iota])
        return [numbers, same] if number == 0 else [same, numbers]

    def _safe_divisor(self, original: ir.Value, divisor: ir.Value, mask: ir.Value) -> ir.Value:
        """Lanes that are not active must not divide by zero."""
        if constant_int(original) not in (None, 0, -1):
            return divisor
        one = self.e.head_broadcast(self.e.number(original.type, 1), self.lanes)
        return self.e.value("arith.select", divisor.type, [mask, divisor, one])

    # Memory.

    def _access(self, memref: ir.Value, indices: list[ir.Value], copy: int, guarded: bool) -> Access:
        vals = [self.get(v, copy) for v in indices]
        base: list[Index] = []
        vectors: list[ir.Value | None] = []
        steps: list[int] = []
        for value, val in zip(indices, vals, strict=True):
            varying = val.step is VARYING
            vectors.append(self._narrow_index(value, copy) if varying and self.lanes > 1 else None)
            one_lane = self.vector(val) if varying else self.scalar(val)
            base.append(0 if varying and self.lanes > 1 else one_lane)
            steps.append(0 if val.step is None else val.step)
        return locate(self.e, self.lanes, self.scalar_memref(memref, copy), base, steps, vectors, guarded)

    def scalar_memref(self, memref: ir.Value, copy: int) -> ir.Value:
        return self.scalar(self.get(memref, copy)) if memref in self.env else memref

    def _narrow_index(self, value: ir.Value, copy: int) -> ir.Value:
        """The vector of indices; through sign extensions, because gathers extend their indices themselves."""
        owner = value.owner
        while not isinstance(owner, ir.Block) and owner.name in ("arith.index_cast", "arith.extsi"):
            source = owner.operands[0]
            if source not in self.env or isinstance(source.type, ir.IndexType) or self.get(source, copy).step == 0:
                break
            value, owner = source, source.owner
        return self.vector(self.get(value, copy))

    def load(self, instr: Instr, masks: Masks, pass_through: dict[ir.Value, list[Val]]) -> None:
        result = instr.results[0]
        memref, *indices = instr.operands
        if self.analysis.of(result) == 0:
            access = self._access(memref, indices, 0, guarded=False)
            self._share(instr, [Val(0, scalar=emit_load(self.e, access, 1, None, None))])
            return
        for copy in self.copies:
            mask = masks.values[copy]
            shuffled = self._exchange(instr, copy) if mask is None else None
            if shuffled is not None:
                self.define([result], copy, [shuffled])
                continue
            access = self._access(memref, indices, copy, guarded=not masks.tail)
            passes = mask is not None and result in pass_through
            other = self.vector(pass_through[result][copy]) if passes else None
            self.define([result], copy, [emit_load(self.e, access, self.lanes, mask, other)])

    def _exchange(self, load: Instr, copy: int) -> ir.Value | None:
        """`memref[lane ^ by]`: whole vectors begin at multiples of their length, so that the high bits of `by` tell
        which one it is, and the low ones where in it."""
        found = exchanged(load) if self.lanes > 1 else None
        if found is None:
            return None
        memref, *outer, _ = load.operands
        if self.get(found[0], copy).step != 1 or any(self.analysis.of(v) != 0 for v in outer):
            return None
        by, start = found[1], self.scalar(self.get(found[0], copy))
        if by >= self.lanes:
            start = self.e.value("arith.xori", start.type, [start, self.e.index(by - by % self.lanes)])
        place, steps = [*(self.scalar(self.get(v, copy)) for v in outer), start], [*(0 for _ in outer), 1]
        access = locate(self.e, self.lanes, memref, place, steps, [None] * len(place), guarded=False)
        whole = emit_load(self.e, access, self.lanes, None, None)
        return self.e.shuffle(whole, whole, [lane ^ by % self.lanes for lane in range(self.lanes)])

    def _store(self, instr: Instr, masks: Masks) -> None:
        value, memref, *indices = instr.operands
        for copy in self.copies:
            access = self._access(memref, indices, copy, guarded=masks.any())
            emit_store(self.e, access, self.lanes, masks.values[copy], self.vector(self.get(value, copy)))

    def _assert(self, instr: Instr, masks: Masks) -> None:
        """`cf.assert` of all active lanes at once."""
        kind = {"kind": ir.Attribute.parse("#vector.kind<and>", self.e.context)}
        for copy in self.copies:
            holds = self.vector(self.get(instr.operands[0], copy))
            mask = masks.values[copy]
            if mask is not None:
                holds = self.e.value("arith.ori", holds.type, [holds, invert(self, mask)])
            every = self.e.value("vector.reduction", self.e.i1, [holds], kind)
            self.e.op(ASSERTION, [], [every], instr.attributes)
