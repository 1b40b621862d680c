"""Emit: builds arith and math ops on f32, f64 or one vector type of them, with constants shared per function."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence
from typing import Any

from torch_mlir import ir
from torch_mlir.dialects import arith

CMPF = {"oeq": 1, "ogt": 2, "oge": 3, "olt": 4, "ole": 5, "one": 6, "uge": 10, "uno": 14}
CMPI = {"eq": 0, "ne": 1, "slt": 2, "sle": 3, "sgt": 4, "sge": 5, "ult": 6, "uge": 9}
SIGN = -0x80000000
INFINITY = float("inf")
NAN = float("nan")

Value = ir.Value[Any]
Operand = Value | float
"""A value, or a constant that is splatted to the emitter's type."""


def shaped(like: ir.Type, element: ir.Type) -> ir.Type:
    """`element`, in the shape of `like`."""
    if isinstance(like, ir.VectorType):
        return ir.VectorType.get(like.shape, element, scalable=like.scalable_dims if like.scalable else None)
    return element


def element_of(type_: ir.Type) -> ir.Type:
    """The element of a vector type; other types themselves."""
    return type_.element_type if isinstance(type_, ir.VectorType) else type_


class Constants:
    """Constants at the top of `block`, one op per (type, value)."""

    def __init__(self, block: ir.Block, location: ir.Location) -> None:
        self.block = block
        self._location = location
        self._ip: ir.InsertionPoint | None = None
        self._known: dict[tuple[ir.Type, int | bytes | tuple[float, ...]], Value] = {}
        self._tables: dict[str, Value] = {}
        self._elements: dict[ir.Type, ir.Type] = {}

    def element(self, type_: ir.Type) -> ir.Type:
        """`element_of`, which is called for every op of a module, from memory."""
        known = self._elements.get(type_)
        if known is None:
            known = self._elements[type_] = element_of(type_)
        return known

    def get(self, type_: ir.Type, value: float | int) -> Value:
        """`value` splatted to `type_`."""
        key = (type_, value if isinstance(value, int) else struct.pack("<d", value))
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._build(type_, value)
        return known

    def vector(self, type_: ir.VectorType, values: Sequence[float]) -> Value:
        """A vector of its own value for each lane."""
        key = (type_, tuple(values))
        known = self._known.get(key)
        if known is None:
            attribute = _floats(type_, values)
            known = self._known[key] = self._create("arith.constant", type_, {"value": attribute})
        return known

    def table(self, name: str, values: Sequence[float]) -> Value:
        """Floats in memory, once per module, under a name that stands for them."""
        known = self._tables.get(name)
        if known is None:
            type_ = ir.MemRefType.get([len(values)], ir.F32Type.get())
            self._define(name, type_, values)
            symbol = ir.FlatSymbolRefAttr.get(name)
            known = self._tables[name] = self._create("memref.get_global", type_, {"name": symbol})
        return known

    def _define(self, name: str, type_: ir.MemRefType, values: Sequence[float]) -> None:
        body = self.block.owner.parent.regions[0].blocks[0]
        symbol = ir.StringAttr.get(name)
        if any(op.attributes["sym_name"] == symbol for op in body.operations if "sym_name" in op.attributes):
            return
        attributes: dict[str, ir.Attribute] = {
            "sym_name": symbol,
            "sym_visibility": ir.StringAttr.get("private"),
            "type": ir.TypeAttr.get(type_),
            "initial_value": _floats(ir.RankedTensorType.get([len(values)], type_.element_type), values),
            "constant": ir.UnitAttr.get(),
        }
        ip = ir.InsertionPoint.at_block_begin(body)
        ir.Operation.create("memref.global", [], [], attributes, loc=self._location, ip=ip)

    def _build(self, type_: ir.Type, value: float | int) -> Value:
        element = self.element(type_)
        kind = ir.IntegerAttr if isinstance(value, int) else ir.FloatAttr
        attribute = kind.get(element, value)
        if element != type_:
            attribute = ir.DenseElementsAttr.get_splat(type_, attribute)
        return self._create("arith.constant", type_, {"value": attribute})

    def _create(self, name: str, type_: ir.Type, attributes: dict[str, ir.Attribute]) -> Value:
        # Before the first of them, once there is one: the block's own first op may be erased.
        ip = self._ip or ir.InsertionPoint.at_block_begin(self.block)
        created = ir.Operation.create(name, [type_], [], attributes, loc=self._location, ip=ip)
        if self._ip is None:
            self._ip = ir.InsertionPoint(created)
        return created.result


def _floats(type_: ir.VectorType | ir.RankedTensorType, values: Sequence[float]) -> ir.Attribute:
    return ir.DenseElementsAttr.get([ir.FloatAttr.get(type_.element_type, v) for v in values], type_)


class Emit:
    """Ops on `type_` at `ip`, all without fast-math flags; `fma` says whether products and sums fuse, `avx512` whether
    the machine has that instruction set."""

    def __init__(
        self,
        type_: ir.Type,
        ip: ir.InsertionPoint,
        location: ir.Location,
        constants: Constants,
        fma: bool,
        avx512: bool = False,
    ) -> None:
        self.type = type_
        self.fused = fma
        self.avx512 = avx512
        self._constants = constants
        self._ip = ip
        self._location = location
        self.width = 64 if constants.element(type_) == ir.F64Type.get() else 32
        self.int_type = shaped(type_, ir.IntegerType.get_signless(self.width))
        self._bool = shaped(type_, ir.IntegerType.get_signless(1))
        self._i64 = ir.IntegerType.get_signless(64)

    def op(
        self,
        name: str,
        result: ir.Type,
        operands: Sequence[Value],
        attributes: dict[str, ir.Attribute] | None = None,
    ) -> Value:
        return ir.Operation.create(name, [result], operands, attributes, loc=self._location, ip=self._ip).result

    def f(self, value: Operand) -> Value:
        return value if isinstance(value, ir.Value) else self._constants.get(self.type, float(value))

    def i(self, value: Value | int) -> Value:
        return value if isinstance(value, ir.Value) else self._constants.get(self.int_type, value)

    def constant(self, type_: ir.Type, value: float | int) -> Value:
        return self._constants.get(type_, value)

    def vector_constant(self, type_: ir.VectorType, values: Sequence[float]) -> Value:
        return self._constants.vector(type_, values)

    def table(self, name: str, values: Sequence[float]) -> Value:
        return self._constants.table(name, values)

    def intrinsic(self, name: str, result: ir.Type, operands: Sequence[Value]) -> Value:
        """An LLVM intrinsic, by its full name."""
        attributes: dict[str, ir.Attribute] = {
            "intrin": ir.StringAttr.get(name),
            "operandSegmentSizes": ir.DenseI32ArrayAttr.get([len(operands), 0]),
            "op_bundle_sizes": ir.DenseI32ArrayAttr.get([]),
        }
        return self.op("llvm.call_intrinsic", result, operands, attributes)

    # Floating point.
    def add(self, a: Operand, b: Operand) -> Value:
        return self.op("arith.addf", self.type, [self.f(a), self.f(b)])

    def sub(self, a: Operand, b: Operand) -> Value:
        return self.op("arith.subf", self.type, [self.f(a), self.f(b)])

    def mul(self, a: Operand, b: Operand) -> Value:
        return self.op("arith.mulf", self.type, [self.f(a), self.f(b)])

    def div(self, a: Operand, b: Operand) -> Value:
        return self.op("arith.divf", self.type, [self.f(a), self.f(b)])

    def sqrt(self, a: Operand) -> Value:
        return self.op("math.sqrt", self.type, [self.f(a)])

    def trunc(self, a: Operand) -> Value:
        return self.op("math.trunc", self.type, [self.f(a)])

    def fma(self, a: Operand, b: Operand, c: Operand) -> Value:
        """a * b + c: rounded once where the machine has FMA, twice elsewhere."""
        if self.fused:
            return self.op("math.fma", self.type, [self.f(a), self.f(b), self.f(c)])
        return self.add(self.mul(a, b), c)

    def horner(self, x: Value, coefficients: Sequence[Operand], plus: Sequence[Operand] = ()) -> Value:
        """sum_k c_k x^k of (*plus, *coefficients), lowest power first."""
        terms = (*plus, *coefficients)
        value = self.f(terms[-1])
        for c in reversed(terms[:-1]):
            value = self.fma(value, x, c)
        return value

    # Choice. A comparison with NaN is false, but for `uge` and `uno`.
    def cmp(self, predicate: str, a: Operand, b: Operand) -> Value:
        return self.compare(predicate, self.f(a), self.f(b))

    def compare(self, predicate: str, a: Value, b: Value) -> Value:
        """`cmp` of values of any float type."""
        attribute = ir.IntegerAttr.get(self._i64, CMPF[predicate])
        return self.op("arith.cmpf", self._bool, [a, b], {"predicate": attribute})

    def lt(self, a: Operand, b: Operand) -> Value:
        return self.cmp("olt", a, b)

    def gt(self, a: Operand, b: Operand) -> Value:
        return self.cmp("ogt", a, b)

    def eq(self, a: Operand, b: Operand) -> Value:
        return self.cmp("oeq", a, b)

    def isnan(self, a: Value) -> Value:
        return self.cmp("uno", a, a)

    def select(self, condition: Value, a: Operand, b: Operand) -> Value:
        return self.op("arith.select", self.type, [condition, self.f(a), self.f(b)])

    def at_most(self, x: Value, bound: float) -> Value:
        """min(x, bound), and NaN for NaN: one instruction on x86."""
        return self.select(self.lt(bound, x), bound, x)

    def at_least(self, x: Value, bound: float) -> Value:
        """max(x, bound), and NaN for NaN: one instruction on x86."""
        return self.select(self.gt(bound, x), bound, x)

    def both(self, a: Value, b: Value) -> Value:
        return self.op("arith.andi", self._bool, [a, b])

    def either(self, a: Value, b: Value) -> Value:
        return self.op("arith.ori", self._bool, [a, b])

    def different(self, a: Value, b: Value) -> Value:
        return self.op("arith.xori", self._bool, [a, b])

    # Integers of the floats' width.
    def bits(self, x: Value) -> Value:
        return self.op("arith.bitcast", self.int_type, [x])

    def from_bits(self, x: Value) -> Value:
        return self.op("arith.bitcast", self.type, [x])

    def to_float(self, x: Value) -> Value:
        return self.op("arith.sitofp", self.type, [x])

    def integer(self, name: str, a: Value | int, b: Value | int) -> Value:
        """`arith.<name>` on integers of the floats' width: addi, subi, andi, ori, xori, shli, shrsi, shrui ..."""
        return self.op(f"arith.{name}", self.int_type, [self.i(a), self.i(b)])

    def power_of_two(self, biased: Value) -> Value:
        """2^n from the biased exponent n + 127 (1023) in the low bits; what stands above it is shifted out."""
        return self.from_bits(self.integer("shli", biased, 23 if self.width == 32 else 52))

    def cmpi(self, predicate: str, a: Value | int, b: Value | int) -> Value:
        attribute = ir.IntegerAttr.get(self._i64, CMPI[predicate])
        return self.op("arith.cmpi", self._bool, [self.i(a), self.i(b)], {"predicate": attribute})

    def select_int(self, condition: Value, a: Value | int, b: Value | int) -> Value:
        return self.op("arith.select", self.int_type, [condition, self.i(a), self.i(b)])

    # Signs.
    def abs(self, x: Value) -> Value:
        return self.op("math.absf", self.type, [x])

    def neg(self, x: Value) -> Value:
        return self.op("arith.negf", self.type, [x])

    def sign_bit(self, x: Value) -> Value:
        return self.integer("andi", self.bits(x), -1 << self.width - 1)

    def signed(self, magnitude: Value, sign: Value) -> Value:
        """`magnitude` (its sign bit clear) with the sign of `sign`."""
        return self.from_bits(self.integer("ori", self.bits(magnitude), self.sign_bit(sign)))

    def flip_sign(self, x: Value, by: Value) -> Value:
        """x, negated where `by` has its sign bit set."""
        return self.from_bits(self.integer("xori", self.bits(x), self.sign_bit(by)))

    # Extended precision.
    def product(self, a: Value, b: Value) -> tuple[Value, Value]:
        """(high, low) with high + low = a b: one fma, or Dekker's product on halves."""
        high = self.mul(a, b)
        if self.fused:
            return high, self.fma(a, b, self.neg(high))
        a0, a1 = self._halves(a)
        b0, b1 = self._halves(b)
        low = self.sub(self.mul(a0, b0), high)
        return high, self.add(self.add(low, self.add(self.mul(a0, b1), self.mul(a1, b0))), self.mul(a1, b1))

    def _halves(self, a: Value) -> tuple[Value, Value]:
        upper = self.from_bits(self.integer("andi", self.bits(a), -1 << (12 if self.width == 32 else 27)))
        return upper, self.sub(a, upper)

    def when_any(
        self,
        condition: Value,
        rare: Callable[[Emit], tuple[Value, ...]],
        otherwise: tuple[Value, ...],
    ) -> tuple[Value, ...]:
        """`scf.if any(condition) { rare } else { otherwise }`."""
        any_lane = self._any(condition)
        branch = ir.Operation.create(
            "scf.if", [v.type for v in otherwise], [any_lane], regions=2, loc=self._location, ip=self._ip
        )
        for region, build in zip(branch.regions, (rare, lambda _: otherwise), strict=True):
            ip = ir.InsertionPoint(region.blocks.append())
            values = build(Emit(self.type, ip, self._location, self._constants, self.fused, self.avx512))
            ir.Operation.create("scf.yield", [], values, loc=self._location, ip=ip)
        return tuple(branch.results)

    def _any(self, condition: Value) -> Value:
        if not isinstance(condition.type, ir.VectorType):
            return condition
        vector = condition.type
        if vector.rank != 1:
            flat = ir.VectorType.get([math.prod(vector.shape)], vector.element_type)
            condition = self.op("vector.shape_cast", flat, [condition])
        kind = {"kind": ir.Attribute.parse("#vector.kind<or>")}
        return self.op("vector.reduction", vector.element_type, [condition], kind)


def splat(kind: ir.Type, value: float) -> Value:
    """A constant of a scalar or vector type; an int for integers."""
    element = element_of(kind)
    attribute = (ir.IntegerAttr if isinstance(value, int) else ir.FloatAttr).get(element, value)
    return arith.ConstantOp(
        kind, attribute if element == kind else ir.DenseElementsAttr.get_splat(kind, attribute)
    ).result
