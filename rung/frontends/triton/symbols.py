"""The symbol of a kernel: Python's names are free, those of object code are shared with the libraries that it calls."""

from __future__ import annotations

import re

# Source: the C standard's <math.h> and <string.h>, and LLVM's RuntimeLibcalls.
_NAMES = """
acos acosh asin asinh atan atan2 atanh bcmp bzero cbrt ceil copysign cos cosh cospi cyl_bessel_i0 cyl_bessel_i1 erf
erfc erfcinv erfcx erfinv exp exp10 exp2 expm1 fabs fdim floor fma fmax fmin fmod frexp hypot ilogb j0 j1 jn ldexp
lgamma llrint llround log log10 log1p log2 logb lrint lround memcmp memcpy memmove memset modf nearbyint nextafter
normcdf normcdfinv pow powi remainder remquo rint round roundeven scalbln scalbn sin sincos sincospi sinh sinpi sqrt
tan tanh tanpi tgamma trunc y0 y1 yn
"""
_LIBRARY = frozenset(_NAMES.split())
"""What compiled code may call: operations become calls of these, and so do loops that copy or fill."""
_OURS = ("rung_", "_mlir_", "__")


def kernel_symbol(name: str) -> str:
    """`name` as C may spell it, unless the code that is compiled with the kernel may mean something else by it."""
    name = re.sub(r"\W", "_", name, flags=re.ASCII)
    taken = name in _LIBRARY or name.removesuffix("f") in _LIBRARY or name.startswith(_OURS)
    return f"kernel_{name}" if taken else name
