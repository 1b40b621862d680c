"""AArch64: its objects run under an emulator in the tests; as a host, on which rung installs, it is not tested."""

from __future__ import annotations

import re

from .base import Isa, Target, VectorUnit
from .instructions import Instructions, Kind

_FLOAT = re.compile(r"f(?:add|sub|mul|div|min|max|minnm|maxnm|sqrt|madd|msub|nmadd|nmsub|mla|mls|abs|neg)$")
# A packed operation names its lanes (v0.4s); a scalar one works on s or d registers.
_PACKED = re.compile(r"\bv\d+\.\d+[bhsd]")


def _kind(mnemonic: str, operands: str) -> Kind:
    if not _FLOAT.match(mnemonic):
        return ""
    return "packed" if _PACKED.search(operands) else "scalar"


def _target(name: str, *extensions: str, **options: Target) -> Target:
    return Target(
        name,
        cpu="generic",
        llvm_features=("neon", *extensions),
        options=options,
        compilers=("aarch64-linux-gnu-",),
        package="gcc-aarch64-linux-gnu",
        emulator="qemu-aarch64",
        emulated_cpu="max",
    )


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
    # Vectors keep their sixteen bytes, whatever the processor's scalable ones have.
    targets=(_target("aarch64", sve=_target("aarch64+sve", "sve")),),
    words_of_passes=frozenset(("fma",)),
)
