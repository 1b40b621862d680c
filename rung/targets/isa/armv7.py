"""Arm of 32 bits with NEON (Cortex-A7 and later)."""

from __future__ import annotations

from .base import FOR_OTHER_INDEX, Isa, Target, VectorUnit

ARMV7 = Isa(
    name="armv7",
    triple="armv7-unknown-linux-gnueabihf",
    index_bits=32,
    full_vector_bytes=16,
    # Its sixteen registers of 128 bits are pairs of 64. Fused products came with VFPv4.
    vector_unit=lambda _: VectorUnit(16, 16, False, ("fma", "neon")),
    legalisations=FOR_OTHER_INDEX,
    targets=(
        Target(
            "armv7",
            cpu="cortex-a7",
            llvm_features=("neon", "vfp4"),
            compilers=("arm-linux-gnueabihf-",),
            package="gcc-arm-linux-gnueabihf",
            emulator="qemu-arm",
            emulated_cpu="max",
        ),
    ),
    words_of_passes=frozenset(("fma",)),
)
