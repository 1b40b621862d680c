"""Instruction sets, by the names that machines give in `arch`. One more is one file and one line here."""

from __future__ import annotations

from .aarch64 import AARCH64
from .armv7 import ARMV7
from .base import Intrinsic, Isa
from .base import Target as Target
from .hexagon import HEXAGON
from .riscv64 import RISCV64
from .x86_64 import X86_64

ISAS = (X86_64, AARCH64, RISCV64, ARMV7, HEXAGON)
INTRINSICS: dict[str, Intrinsic] = {name: found for isa in ISAS for name, found in isa.intrinsics.items()}
"""Of all of them, by LLVM's names."""
STORE_FENCES = tuple(isa.store_fence for isa in ISAS if isa.store_fence)
"""Likewise."""


def isa_of(arch: str) -> Isa:
    """The ISA of that name, LLVM's or an operating system's. One that no file describes is an Isa with the defaults."""
    return next((isa for isa in ISAS if arch in (isa.name, *isa.other_names)), Isa(arch))
