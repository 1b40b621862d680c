"""Stated error bounds of the expanded functions, in units in the last place of f32."""

ULP_BOUNDS: dict[str, float] = {
    "exp": 1.1,
    "exp2": 1.2,
    "expm1": 1.7,
    "log": 1.0,
    "log2": 2.0,
    "log10": 2.0,
    "log1p": 1.6,
    "sinh": 2.4,
    "cosh": 1.6,
    "tanh": 2.0,
    "asinh": 2.0,
    "acosh": 2.5,
    "atanh": 2.3,
    "sin": 2.0,
    "cos": 2.0,
    "tan": 3.0,
    "asin": 2.5,
    "acos": 1.5,
    "atan": 1.8,
    "atan2": 2.0,
    "erf": 3.7,
    "erfc": 8.5,
    "powf": 2.0,
    "fpowi": 2.0,
    "rsqrt": 1.5,
    "cbrt": 1.0,
    "round": 0.0,
}
"""|result - f(x)| / ulp(f(x)) over all finite f32 arguments, with and without FMA. f16 and bf16 results are
the f32 ones, rounded once more."""

DOUBLE_ULP_BOUNDS: dict[str, float] = {
    "exp": 1.5,
    "exp2": 1.5,
    "expm1": 2.0,
    "tanh": 2.0,
    "sinh": 2.5,
    "cosh": 2.0,
    "log": 1.0,
    "log2": 1.5,
    "log10": 1.5,
    "log1p": 1.5,
    "sin": 1.0,
    "cos": 1.0,
    "erf": 1.5,
    "erfc": 5.0,
    "powf": 2.0,
    "rsqrt": 1.5,
}
"""The same for f64, in units in the last place of f64."""
