"""RISC-V of 64 bits, with and without its vector extension."""

from __future__ import annotations

from .base import Isa, Target, VectorUnit

_GENERAL = ("m", "a", "f", "d", "c", "zicsr", "zifencei")


def _target(name: str, *extensions: str, vectors: bool, emulated: str, **options: Target) -> Target:
    return Target(
        name,
        cpu="generic-rv64",
        llvm_features=(*_GENERAL, *extensions),
        options=options,
        compilers=("riscv64-linux-gnu-",),
        package="gcc-riscv64-linux-gnu",
        emulator="qemu-riscv64",
        emulated_cpu=emulated,
        vectors=vectors,
    )


RISCV64 = Isa(
    name="riscv64",
    triple="riscv64-unknown-linux-gnu",
    full_vector_bytes=16,
    # What the extension promises: registers of 128 bits. Those of a processor may be longer, which its file says.
    vector_unit=lambda _: VectorUnit(16, 32, False, ("fma",)),
    targets=(
        _target(
            "riscv64",
            vectors=False,
            emulated="rv64",
            v=_target("riscv64+v", "v", vectors=True, emulated="rv64,v=true,vext_spec=v1.0,vlen=128"),
        ),
    ),
    words_of_passes=frozenset(("fma",)),
)
