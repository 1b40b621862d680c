"""AArch64: a host on which rung installs, and which is not tested."""

from __future__ import annotations

import re

from .base import Isa, VectorUnit
from .instructions import Instructions, Kind

_FLOAT = re.compile(r"f(?:add|sub|mul|div|min|max|minnm|maxnm|sqrt|madd|msub|nmadd|nmsub|mla|mls|abs|neg)$")
# A packed operation names its lanes (v0.4s); a scalar one works on s or d registers.
_PACKED = re.compile(r"\bv\d+\.\d+[bhsd]")


def _kind(mnemonic: str, operands: str) -> Kind:
    if not _FLOAT.match(mnemonic):
        return ""
    return "packed" if _PACKED.search(operands) else "scalar"


AARCH64 = Isa(
    name="aarch64",
    other_names=("arm64",),
    triple="aarch64-unknown-linux-gnu",
    # Advanced SIMD has no wider ones.
    full_vector_bytes=16,
    vector_unit=lambda _: VectorUnit(16, 32, False, ("fma", "neon")),
    instructions=Instructions(
        kind=_kind,
        registers=lambda operands: ("v",) if _PACKED.search(operands) else (),
        division=re.compile(r"fdiv$|[su]div$"),
        prefetches=("prfm",),
        streaming=("stnp",),
        calls=("bl",),
    ),
)
