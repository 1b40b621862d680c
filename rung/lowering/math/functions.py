"""Which function expands which op."""

from __future__ import annotations

from collections.abc import Callable

from . import (
    double_error_function,
    double_exponential,
    double_logarithm,
    double_power,
    double_trigonometric,
    error_function,
    exponential,
    integer_division,
    inverse_hyperbolic,
    inverse_trigonometric,
    logarithm,
    power,
    roots,
    rounding,
    trigonometric,
)
from .emit import Value

Function = Callable[..., Value]
"""(Emit, operands...) -> result, all of one type: f32, or f64 for those of DOUBLE_FUNCTIONS."""

FUNCTIONS: dict[str, Function] = {
    "math.exp": exponential.exp,
    "math.exp2": exponential.exp2,
    "math.expm1": exponential.expm1,
    "math.tanh": exponential.tanh,
    "math.sinh": exponential.sinh,
    "math.cosh": exponential.cosh,
    "math.log": logarithm.log,
    "math.log2": logarithm.log2,
    "math.log10": logarithm.log10,
    "math.log1p": logarithm.log1p,
    "math.sin": trigonometric.sin,
    "math.cos": trigonometric.cos,
    "math.tan": trigonometric.tan,
    "math.asin": inverse_trigonometric.asin,
    "math.acos": inverse_trigonometric.acos,
    "math.atan": inverse_trigonometric.atan,
    "math.atan2": inverse_trigonometric.atan2,
    "math.asinh": inverse_hyperbolic.asinh,
    "math.acosh": inverse_hyperbolic.acosh,
    "math.atanh": inverse_hyperbolic.atanh,
    "math.erf": error_function.erf,
    "math.erfc": error_function.erfc,
    "math.powf": power.pow_,
    "math.fpowi": power.pow_integer,
    "math.rsqrt": roots.rsqrt,
    "math.cbrt": roots.cbrt,
    "math.round": rounding.round_half_away,
    "math.clampf": rounding.clamp,
}
"""Ops that are replaced on f32, f16 and bf16."""

DOUBLE_FUNCTIONS: dict[str, Function] = {
    "math.exp": double_exponential.exp,
    "math.exp2": double_exponential.exp2,
    "math.expm1": double_exponential.expm1,
    "math.tanh": double_exponential.tanh,
    "math.sinh": double_exponential.sinh,
    "math.cosh": double_exponential.cosh,
    "math.log": double_logarithm.log,
    "math.log2": double_logarithm.log2,
    "math.log10": double_logarithm.log10,
    "math.log1p": double_logarithm.log1p,
    "math.sin": double_trigonometric.sin,
    "math.cos": double_trigonometric.cos,
    "math.erf": double_error_function.erf,
    "math.erfc": double_error_function.erfc,
    "math.powf": double_power.pow_,
    "math.rsqrt": roots.rsqrt,
}
"""Ops that are replaced on f64; the others call the C library, lane by lane."""

WIDENED = frozenset(
    (
        *(f"math.{name}" for name in ("sqrt", "fma", "floor", "ceil", "trunc", "roundeven")),
        *("arith.addf", "arith.subf", "arith.mulf", "arith.divf", "arith.sitofp", "arith.uitofp", "vector.reduction"),
    )
)
"""Ops on f16 and bf16 that are computed in f32 and rounded here: what LLVM has instructions for on f32 only, and what
rounds. MLIR's own emulation lets one operation's rounding and the next one's extension cancel."""

EXACT = frozenset(
    (
        *("arith.negf", "arith.maximumf", "arith.minimumf", "arith.maxnumf", "arith.minnumf"),
        *("math.absf", "math.copysign", "math.floor", "math.ceil", "math.trunc", "math.roundeven"),
    )
)
"""Ops whose f32 result on bf16 operands is a bf16."""

BF16_OPS = frozenset(
    (
        *("arith.remf", "arith.cmpf", "arith.fptosi", "arith.fptoui"),
        *("math.isnan", "math.isinf", "math.isfinite", "math.isnormal"),
    )
) | (EXACT - WIDENED)
"""Ops that LLVM handles on f16, but not on bf16."""

CONVERSIONS = frozenset(("arith.truncf", "arith.extf"))

CANDIDATES = frozenset(FUNCTIONS) | WIDENED | BF16_OPS | CONVERSIONS | integer_division.NAMES
