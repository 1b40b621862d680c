"""The functions of libdevice that are one operation: `tt.extern_elementwise` with a symbol that rung lowers.

Symbols are `math.NAME` and `arith.NAME` for an operation of these dialects of MLIR, and `libm.NAME` for a scalar
function of the C library (without the `f` suffix: the element type tells).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from triton.language import core

from ...errors import UnsupportedError
from .libdevice_narrow import common_float
from .locations import line_of

# Signatures: f = float, i = int32; after `>` the result, where b is a predicate (an i1, given out as int32).
_EXTERN = {
    "f>f": {
        "math": "acos acosh asin asinh atan atanh cbrt ceil cos cosh erf erfc exp exp2 expm1 floor log log10 "
        "log1p log2 round rsqrt sin sinh sqrt tan tanh trunc rint=roundeven nearbyint=roundeven "
        "fast_sinf=sin fast_cosf=cos fast_tanf=tan fast_tanhf=tanh fast_expf=exp fast_logf=log "
        "fast_log2f=log2 fast_log10f=log10",
        "arith": "negated=negf",
        "libm": "j0 j1 y0 y1 lgamma tgamma logb",
    },
    "ff>f": {
        "math": "atan2 copysign pow=powf fast_powf=powf",
        # As operations of their own, these are not contracted into FMAs.
        "arith": "add_rn=addf sub_rn=subf mul_rn=mulf div_rn=divf fast_dividef=divf",
        "libm": "nextafter remainder",
    },
    "fff>f": {"math": "fma fma_rn=fma"},
    "f>b": {"math": "isnan isinf finitef=isfinite isfinited=isfinite"},
    "fi>f": {"libm": "ldexp scalbn"},
    "if>f": {"libm": "jn yn"},
}

_ROUNDING = {"rn": "math.roundeven", "rz": "", "rd": "math.floor", "ru": "math.ceil"}
_INTEGERS = {"int": core.int32, "uint": core.uint32, "ll": core.int64, "ull": core.uint64}
_FLOATS = {"float": core.float32, "double": core.float64}

_FUNCTIONS: dict[str, Any] = {}


def __getattr__(name: str) -> Any:
    """`libdevice_extern.tanh`: kernels reach the functions as attributes of the module."""
    try:
        return _FUNCTIONS[name]
    except KeyError:
        raise AttributeError(f"libdevice has no function `{name}`") from None


def _call(symbol: str, signature: str, arguments: tuple[Any, ...], semantic: Any) -> Any:
    """`tt.extern_elementwise` of `symbol` on one floating-point type; f16 and bf16 go through f32."""
    operands = [semantic.to_tensor(argument) for argument in arguments]
    kinds, result = signature.split(">")
    floats = [o.dtype for o, kind in zip(operands, kinds, strict=True) if kind == "f"]
    widest, computed = common_float(symbol.partition(".")[2], floats)
    types = tuple(computed if kind == "f" else core.int32 for kind in kinds)
    operands = [semantic.cast(o, dtype) for o, dtype in zip(operands, types, strict=True)]
    returned = {"f": computed, "b": core.int1}[result]
    value = core.extern_elementwise("", "", operands, {types: (symbol, returned)}, is_pure=True, _semantic=semantic)
    return semantic.cast(value, widest if result == "f" else core.int32)


def _public(name: str, function: Callable[..., Any]) -> None:
    function.__name__ = function.__qualname__ = name
    _FUNCTIONS[name] = core.extern(function)


def _extern(name: str, symbol: str, signature: str) -> None:
    arity = signature.index(">")

    def function(*arguments: Any, _semantic: Any = None) -> Any:
        if len(arguments) != arity:
            raise TypeError(f"libdevice.{name} takes {arity} arguments, but was given {len(arguments)}")
        return _call(symbol, signature, arguments, _semantic)

    _public(name, function)


def _to_integer(name: str, rounding: str, dtype: core.dtype) -> None:
    def function(arg0: Any, _semantic: Any = None) -> Any:
        rounded = _call(rounding, "f>f", (arg0,), _semantic) if rounding else arg0
        return _semantic.cast(rounded, dtype)

    _public(name, function)


def _cast(name: str, dtype: core.dtype) -> None:
    def function(arg0: Any, _semantic: Any = None) -> Any:
        return _semantic.cast(arg0, dtype)

    _public(name, function)


def _bitcast(name: str, dtype: core.dtype) -> None:
    def function(arg0: Any, _semantic: Any = None) -> Any:
        return _semantic.bitcast(arg0, dtype)

    _public(name, function)


def _count_bits(name: str, symbol: str) -> None:
    def function(arg0: Any, _semantic: Any = None) -> Any:
        operand = _semantic.to_tensor(arg0)
        table = {(operand.dtype,): (symbol, operand.dtype)}
        count = core.extern_elementwise("", "", [operand], table, is_pure=True, _semantic=_semantic)
        return _semantic.cast(count, core.int32)

    _public(name, function)


def _refuse(name: str) -> None:
    def function(*_arguments: Any, _semantic: Any = None) -> Any:
        where = line_of(_semantic.builder.get_loc()) if _semantic is not None else ""
        raise UnsupportedError(f"libdevice.{name}", where, "`rcp_rn`, which is exact")

    _public(name, function)


def _define() -> None:
    for signature, groups in _EXTERN.items():
        for group, names in groups.items():
            for entry in names.split():
                name, _, operation = entry.partition("=")
                _extern(name, f"{group}.{operation or name}", signature)
    for float_name in _FLOATS:
        for integer_name, integer in _INTEGERS.items():
            for mode, rounding in _ROUNDING.items():
                _to_integer(f"{float_name}2{integer_name}_{mode}", rounding, integer)
    for integer_name in _INTEGERS:
        for float_name, dtype in _FLOATS.items():
            _cast(f"{integer_name}2{float_name}_rn", dtype)
    _cast("double2float_rn", core.float32)
    for name, dtype in (
        ("int_as_float", core.float32),
        ("uint_as_float", core.float32),
        ("float_as_int", core.int32),
        ("float_as_uint", core.uint32),
        ("longlong_as_double", core.float64),
        ("double_as_longlong", core.int64),
    ):
        _bitcast(name, dtype)
    _to_integer("llrint", "math.roundeven", core.int64)
    _to_integer("llround", "math.round", core.int64)
    _count_bits("clz", "math.ctlz")
    _count_bits("popc", "math.ctpop")
    _refuse("rcp64h")


_define()
