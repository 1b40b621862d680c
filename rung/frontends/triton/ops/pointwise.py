"""All other arithmetic on elements."""

from __future__ import annotations

from ..operation import register
from .families import Elementwise, NoNumbers


@register
class Arithmetic(Elementwise, NoNumbers):
    """Operations of the dialects `arith` and `math`, and what Triton adds to them (`elementwise.py` builds them)."""

    names = (
        "arith.*",
        "math.*",
        "tt.extern_elementwise",
        "tt.fp_to_fp",
        "tt.mulhiui",
        "tt.clampf",
        "tt.precise_sqrt",
        "tt.precise_divf",
    )
