"""Emission of a nest's body for a number of lanes and copies. One lane means scalars: no vector type appears."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch_mlir import ir

from ..ir.emit import Emitter, Index, bits, vector_of
from ..ir.lanes import INTEGER_DIVISIONS, LANEWISE, VARYING, Lanes, Step
from ..ir.nest import Body, Instr, constant_int
from .vector_access import Access, load, locate, store
from .vector_lanewise import run_lanewise


@dataclass(eq=False, slots=True)
class Val:
    """One copy's value: a scalar (of lane 0) with a step, or a vector. The missing form is made when it is asked for."""

    step: Step
    scalar: ir.Value | None = None
    vector: ir.Value | None = None
    first: Val | None = None
    """A linear value of another copy, `offset` below this one."""
    offset: int = 0
    wide_of: tuple[Instr, Val] | None = None
    """Made by widening this value: its vector is the widened vector, so that the narrow type wraps as it should."""


@dataclass(eq=False, slots=True)
class Masks:
    """Which lanes are active in every copy. `tail`: only the end of the dimension is masked, lane 0 is always active."""

    values: list[ir.Value | None]
    tail: bool = True

    def any(self) -> bool:
        return self.values[0] is not None


_UNDEFINED = Val(VARYING)


class BodyEmitter:
    """Emits bodies for `lanes` lanes and `copies` copies; `env` maps the body's values to one Val per copy."""

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
        self._nested = 0

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
        if not self._nested:
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
        if not self._nested:
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
            element = base.type.element_type  # pyright: ignore
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
            self._instr(instr, masks)

    def _instr(self, instr: Instr, masks: Masks) -> None:
        name = instr.name
        if name == "arith.constant":
            value = self.e.constant(instr.attributes["value"])
            self._outside.setdefault(value, Val(0, scalar=value))
            self._share(instr, [self._outside[value]])
        elif name == "linalg.index":
            self.env[instr.results[0]] = self.position[instr.attributes["dim"].value]  # pyright: ignore
        elif name == "scf.if":
            self._if(instr, masks)
        elif name == "memref.load":
            self._load(instr, masks, {})
        elif name == "memref.store":
            self._store(instr, masks)
        elif name in LANEWISE or len(instr.op.regions):
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
        vals = self.linear_copies(made.result, step)
        if len(operands) == 1 and bits(instr.results[0].type) > bits(instr.operands[0].type):
            for copy, val in enumerate(vals):
                val.wide_of = (instr, self.get(instr.operands[0], copy))
        self.env[instr.results[0]] = vals

    def _varying(self, instr: Instr, types: list[ir.Type], copy: int, masks: Masks) -> list[ir.Value]:
        vals = [self.get(v, copy) for v in instr.operands]
        if instr.name == "arith.select" and vals[0].step == 0:
            operands = [self.scalar(vals[0]), self.vector(vals[1]), self.vector(vals[2])]
        else:
            operands = [self.vector(v) for v in vals]
        mask = masks.values[copy]
        if instr.name in INTEGER_DIVISIONS and mask is not None:
            operands[1] = self._safe_divisor(instr.operands[1], operands[1], mask)
        return list(self.e.op(instr.name, types, operands, instr.attributes).results)

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
            if (
                source not in self.env
                or isinstance(source.type, ir.IndexType)
                or self.get(source, copy).step == 0
            ):
                break
            value, owner = source, source.owner
        return self.vector(self.get(value, copy))

    def _load(self, instr: Instr, masks: Masks, pass_through: dict[ir.Value, list[Val]]) -> None:
        result = instr.results[0]
        memref, *indices = instr.operands
        if self.analysis.of(result) == 0:
            access = self._access(memref, indices, 0, guarded=False)
            self._share(instr, [Val(0, scalar=load(self.e, access, 1, None, None))])
            return
        for copy in self.copies:
            mask = masks.values[copy]
            access = self._access(memref, indices, copy, guarded=not masks.tail)
            passes = mask is not None and result in pass_through
            other = self.vector(pass_through[result][copy]) if passes else None
            self.define([result], copy, [load(self.e, access, self.lanes, mask, other)])

    def _store(self, instr: Instr, masks: Masks) -> None:
        value, memref, *indices = instr.operands
        for copy in self.copies:
            access = self._access(memref, indices, copy, guarded=masks.any())
            store(self.e, access, self.lanes, masks.values[copy], self.vector(self.get(value, copy)))

    # Conditions.

    def _if(self, instr: Instr, masks: Masks) -> None:
        if self.analysis.of(instr.operands[0]) == 0:
            self._branch(instr, masks)
        elif self.lanes == 1:
            self._branch_per_copy(instr, masks)
        else:
            self._predicate(instr, masks)

    def _branch(self, instr: Instr, masks: Masks) -> None:
        """A condition that is the same in all lanes stays an `scf.if`."""
        shared = [self.analysis.of(r) == 0 for r in instr.results]
        types: list[ir.Type] = []
        for result, same in zip(instr.results, shared, strict=True):
            types += [result.type] if same else [vector_of(result.type, self.lanes)] * len(self.copies)
        condition = self.scalar(self.get(instr.operands[0], self.copies[0]))
        made = self._emit_branches(instr, condition, types, masks, shared)
        results = list(made.results)
        for result, same in zip(instr.results, shared, strict=True):
            if same:
                self.env[result] = [Val(0, scalar=results.pop(0))] * self.width
                continue
            for copy in self.copies:
                self.define([result], copy, [results.pop(0)])

    def _branch_per_copy(self, instr: Instr, masks: Masks) -> None:
        """Scalar code: every copy has its own condition and its own `scf.if`."""
        all_copies = self.copies
        for copy in all_copies:
            self.copies = range(copy, copy + 1)
            types = [r.type for r in instr.results]
            condition = self.vector(self.get(instr.operands[0], copy))
            made = self._emit_branches(instr, condition, types, masks, [False] * len(types))
            self.define(instr.results, copy, list(made.results))
        self.copies = all_copies

    def _emit_branches(
        self, instr: Instr, condition: ir.Value, types: list[ir.Type], masks: Masks, shared: list[bool]
    ) -> ir.Operation:
        made = self.e.op("scf.if", types, [condition], None, regions=2)
        self._nested += 1
        for region, target in zip(instr.regions, made.regions, strict=False):
            block = target.blocks.append()
            with self.e.at(ir.InsertionPoint(block)):
                self.run(region, masks)
                yields: list[ir.Value] = []
                for value, same in zip(region.yields, shared, strict=True):
                    if same:
                        yields.append(self.scalar(self.get(value, self.copies[0])))
                    else:
                        yields += [self.vector(self.get(value, copy)) for copy in self.copies]
                self.e.op("scf.yield", [], yields)
        self._nested -= 1
        return made

    def _predicate(self, instr: Instr, masks: Masks) -> None:
        """If-conversion: both sides run under masks, `else` first, so that guarded loads take its values as pass-through."""
        conditions = [self.vector(self.get(instr.operands[0], copy)) for copy in self.copies]
        other: Body | None = instr.regions[1] if len(instr.regions) > 1 else None
        if other is not None and other.instrs:
            inverted = [self._not(c) for c in conditions]
            self.run(other, self._conjoin(masks, inverted))
        inside = self._conjoin(masks, conditions)
        then = instr.regions[0]
        direct: dict[ir.Value, list[Val]] = {}
        if other is not None:
            for value, alternative in zip(then.yields, other.yields, strict=True):
                direct[value] = [self.get(alternative, copy) for copy in self.copies]
        taken = self._run_then(then, inside, direct)
        for i, result in enumerate(instr.results):
            assert other is not None
            if then.yields[i] in taken:
                self.env[result] = self.env[then.yields[i]]
                continue
            for copy in self.copies:
                x = self.vector(self.get(then.yields[i], copy))
                y = self.vector(self.get(other.yields[i], copy))
                self.define([result], copy, [self.e.value("arith.select", x.type, [conditions[copy], x, y])])

    def _run_then(self, then: Body, masks: Masks, direct: dict[ir.Value, list[Val]]) -> set[ir.Value]:
        """Emit `then`; returns the loads that took their `else` value as pass-through."""
        taken: set[ir.Value] = set()
        repeated = len(set(then.yields)) != len(then.yields)
        for instr in then.instrs:
            self.e.loc = instr.op.location
            result = instr.results[0] if instr.results else None
            if instr.name == "memref.load" and result in direct and not repeated:
                self._load(instr, masks, direct)
                assert result is not None
                taken.add(result)
            else:
                self._instr(instr, masks)
        return taken

    def _conjoin(self, masks: Masks, conditions: list[ir.Value]) -> Masks:
        values: list[ir.Value | None] = []
        for mask, condition in zip(masks.values, conditions, strict=True):
            both = condition if mask is None else self.e.value("arith.andi", mask.type, [mask, condition])
            values.append(both)
        return Masks(values, tail=False)

    def _not(self, condition: ir.Value) -> ir.Value:
        true = self.e.all_true(self.lanes)
        return self.e.value("arith.xori", condition.type, [condition, true])
