"""Conversions between formats of floats that the machine has no instruction for, as arithmetic on integers.

One number at a time, in the body of a nest, from the table of data types alone: exponent, significand, bias and special
codes. All is arithmetic of lanes; no intermediate result is subnormal, so that machines that flush them agree.
"""

from __future__ import annotations

from struct import pack, unpack

from torch_mlir import ir
from torch_mlir.dialects import arith

from ..dtypes import BF16, BY_MLIR, E8M0, F16, F32, Dtype, Specials


def convert_float(value: ir.Value, result: ir.Type) -> ir.Value:
    """Between floats of the machine: extend or round to nearest, through f32 between the two 16-bit formats."""
    source = value.type
    if source == result:
        return value
    if ir.FloatType(source).width == ir.FloatType(result).width:
        value = arith.ExtFOp(ir.F32Type.get(), value).result
    narrow = ir.FloatType(value.type).width < ir.FloatType(result).width
    return (arith.ExtFOp if narrow else arith.TruncFOp)(result, value).result


def widen(code: ir.Value, source: Dtype, result: ir.Type) -> ir.Value:
    """The float of type `result` that a code in the low bits of an i8 stands for: exact, a NaN stays one.

    before: code of source S, of m bits of significand
    after:  sign | bitcast((size << 23 - m) + (127 - bias << 23)), of S's normal numbers
    """
    if source is E8M0:
        return convert_float(_power_of_two(code), result)
    if (source.exponent_bits, source.bias) == (F16.exponent_bits, F16.bias) and source.specials is F16.specials:
        # The upper bits of an f16.
        bits = arith.ExtUIOp(_integer(16), code).result
        return convert_float(_as(_shifted(bits, F16.bits - source.bits), ir.F16Type.get()), result)
    bits = arith.ExtUIOp(_integer(32), code).result
    sign_bit = 1 << (source.bits - 1)
    size = _and(bits, sign_bit - 1)
    shifted = _shifted(size, F32.significand_bits - source.significand_bits)
    first = 1 << F32.significand_bits  # of the normal numbers
    normal = _add(shifted, (F32.bias - source.bias) << F32.significand_bits)
    # 1.xxx * 2^e - 1.0 * 2^e, for e that of subnormal numbers.
    unit = (F32.bias - source.bias + 1) << F32.significand_bits
    one = _as(_add(shifted, unit), ir.F32Type.get())
    subnormal = _as(arith.SubFOp(one, _float(_value_of(unit, F32), one.type)).result, bits.type)
    found = _select(_less(shifted, first), subnormal, normal)
    if source.specials is Specials.IEEE:
        infinity = source.infinity << (F32.significand_bits - source.significand_bits)
        beyond = _or(shifted, F32.infinity)
        found = _select(_less(shifted, infinity), found, beyond)
    elif source.specials is Specials.TOP:
        found = _select(_equal(size, source.nan), _number(F32.nan, bits.type), found)
    found = arith.OrIOp(found, _shifted(_and(bits, sign_bit), F32.bits - source.bits)).result
    if source.specials is Specials.ZERO:
        found = _select(_equal(bits, source.nan), _number(F32.nan, bits.type), found)
    return convert_float(_as(found, ir.F32Type.get()), result)


def _power_of_two(code: ir.Value) -> ir.Value:
    """2^(code - 127) as an f32, of which the least is subnormal; 255 is NaN."""
    bits = arith.ExtUIOp(_integer(32), code).result
    shifted = _shifted(bits, F32.significand_bits)
    least = _number(1 << (F32.significand_bits - 1), bits.type)
    found = _select(_equal(bits, 0), least, shifted)
    return _as(_select(_equal(bits, E8M0.nan), _number(F32.nan, bits.type), found), ir.F32Type.get())


def narrow(value: ir.Value, target: Dtype, towards_zero: bool = False) -> ir.Value:
    """The code of a float in another format, as an integer of its width: rounded once, to nearest even or towards 0.

    Finite numbers that are too large become the largest, and NaN stays NaN, with its sign if the format has it.
    Infinities become the largest number, too; only rounding towards zero, which never reaches one, keeps those that the
    format has.
    """
    if BY_MLIR[str(value.type)] in (F16, BF16):
        value = convert_float(value, ir.F32Type.get())
    source = BY_MLIR[str(value.type)]
    kind, out = _integer(source.bits), _integer(target.bits)
    bits = _as(value, kind)
    size = _and(bits, (1 << (source.bits - 1)) - 1)
    clamped = arith.MinUIOp(size, _number(_code_of(target.number(target.largest), source), kind)).result
    code = (_cut if towards_zero else _nearest)(clamped, source, target, value.type)
    if towards_zero and target.specials is Specials.IEEE:
        code = _select(_equal(size, source.infinity), _number(target.infinity, kind), code)
    if target.specials in (Specials.IEEE, Specials.TOP):
        code = _select(_less(_number(source.infinity, kind), size), _number(target.nan, kind), code)
    sign = _and(_shifted(bits, target.bits - source.bits), 1 << (target.bits - 1))
    signed = arith.OrIOp(code, sign).result
    if target.specials is Specials.ZERO:
        signed = _select(_equal(code, 0), code, signed)
        signed = _select(_less(_number(source.infinity, kind), size), _number(target.nan, kind), signed)
    return signed if out == kind else arith.TruncIOp(out, signed).result


def _nearest(size: ir.Value, source: Dtype, target: Dtype, kind: ir.Type) -> ir.Value:
    """The code of a number that is not negative and not too large: to nearest, ties to even."""
    drop = source.significand_bits - target.significand_bits
    odd = _and(_shifted(size, -drop), 1)
    less_than_half = (1 << (drop - 1)) - 1
    rounded = arith.AddIOp(_add(size, less_than_half - _more_bias(source, target)), odd).result
    normal = _shifted(rounded, -drop)
    # Added to a number whose last place is the format's smallest number, the float is rounded to a multiple of that.
    magic = target.smallest * 2.0**source.significand_bits
    raised = arith.AddFOp(_as(size, kind), _float(magic, kind)).result
    subnormal = _add(_as(raised, size.type), -_code_of(magic, source))
    return _select(_less(size, _code_of(target.smallest_normal, source)), subnormal, normal)


def _cut(size: ir.Value, source: Dtype, target: Dtype, kind: ir.Type) -> ir.Value:
    """The code of a number that is not negative and not too large: towards zero."""
    drop = source.significand_bits - target.significand_bits
    more = _more_bias(source, target)
    normal = _shifted(_add(size, -more) if more else size, -drop)
    if not more:
        return normal
    least = _code_of(target.smallest_normal, source)
    few = arith.MinUIOp(size, _number(least, size.type)).result
    units = arith.MulFOp(_as(few, kind), _float(1 / target.smallest, kind)).result
    whole = arith.FPToSIOp(_integer(32), units).result
    subnormal = whole if whole.type == size.type else arith.ExtUIOp(size.type, whole).result
    return _select(_less(size, least), subnormal, normal)


def _more_bias(source: Dtype, target: Dtype) -> int:
    return (source.bias - target.bias) << source.significand_bits


# ---- floats and their codes

_STRUCT = {32: "<f<I", 64: "<d<Q"}


def _code_of(number: float, dtype: Dtype) -> int:
    of_float, of_integer = _STRUCT[dtype.bits][:2], _STRUCT[dtype.bits][2:]
    return unpack(of_integer, pack(of_float, number))[0]


def _value_of(code: int, dtype: Dtype) -> float:
    of_float, of_integer = _STRUCT[dtype.bits][:2], _STRUCT[dtype.bits][2:]
    return unpack(of_float, pack(of_integer, code))[0]


def constant(number: float, target: Dtype) -> int:
    """The code of a number that the format has."""
    size = abs(number)
    if number != number:
        return target.nan
    if size == float("inf"):
        code = target.infinity
    else:
        code = next(c for c in range(target.largest + 1) if target.number(c) == size)
    negative = str(number).startswith("-")
    return code | (1 << (target.bits - 1)) if negative and (code or target.specials is not Specials.ZERO) else code


# ---- operations


def _integer(bits: int) -> ir.Type:
    return ir.IntegerType.get_signless(bits)


def _number(number: int, kind: ir.Type) -> ir.Value:
    width = ir.IntegerType(kind).width
    number &= (1 << width) - 1
    return arith.ConstantOp(kind, ir.IntegerAttr.get(kind, number - (number >> (width - 1) << width))).result


def _float(number: float, kind: ir.Type) -> ir.Value:
    return arith.ConstantOp(kind, ir.FloatAttr.get(kind, number)).result


def _as(value: ir.Value, kind: ir.Type) -> ir.Value:
    return arith.BitcastOp(kind, value).result


def _and(value: ir.Value, mask: int) -> ir.Value:
    return arith.AndIOp(value, _number(mask, value.type)).result


def _or(value: ir.Value, mask: int) -> ir.Value:
    return arith.OrIOp(value, _number(mask, value.type)).result


def _add(value: ir.Value, number: int) -> ir.Value:
    return arith.AddIOp(value, _number(number, value.type)).result


def _shifted(value: ir.Value, left: int) -> ir.Value:
    if left == 0:
        return value
    shift = arith.ShLIOp if left > 0 else arith.ShRUIOp
    return shift(value, _number(abs(left), value.type)).result


def _less(a: ir.Value, b: ir.Value | int) -> ir.Value:
    b = _number(b, a.type) if isinstance(b, int) else b
    return arith.CmpIOp(arith.CmpIPredicate.ult, a, b).result


def _equal(a: ir.Value, b: int) -> ir.Value:
    return arith.CmpIOp(arith.CmpIPredicate.eq, a, _number(b, a.type)).result


def _select(condition: ir.Value, yes: ir.Value, no: ir.Value) -> ir.Value:
    return arith.SelectOp(condition, yes, no).result
