"""x86-64: the host that rung is measured on."""

from __future__ import annotations

import re

from .base import Intrinsic, Isa, Target, VectorUnit
from .core import Core
from .instructions import Instructions, Kind

# Floating point as in vaddps / addsd / vfmadd231ss, integers as in vpaddd / pmulld.
_FLOAT = re.compile(
    r"v?(?:add|sub|mul|div|min|max|sqrt|rcp14|rsqrt14|rndscale|round|cmp\w*?|scalef|reduce|fn?m(?:add|sub)\d*|addsub|dpbf16)"
    r"(?P<kind>ps|pd|ph|ss|sd|sh)$"
)
_INTEGER = re.compile(r"v?p(?:add|sub|mul|min|max|abs|sll|srl|sra|and|or|xor|andn|madd|cmp|dpbusd|dpwssd)\w*$")
_REGISTER = re.compile(r"%([xyz]mm)\d+")
_WIDE = re.compile(r"[yz]mm")


def _kind(mnemonic: str, operands: str) -> Kind:
    found = _FLOAT.match(mnemonic)
    if found is not None:
        return "packed" if found["kind"].startswith("p") else "scalar"
    if not _INTEGER.match(mnemonic) or "mm" not in operands:
        return ""
    # Logic on an xmm register (xorps, pxor) also serves scalars: not arithmetic on lanes.
    logic = mnemonic.lstrip("v").startswith(("pand", "por", "pxor"))
    return "" if logic and not _WIDE.search(operands) else "packed"


def _vector_unit(flags: frozenset[str]) -> VectorUnit:
    if {"avx512f", "avx512bw", "avx512vl", "avx512dq"} <= flags:
        return VectorUnit(64, 32, True, ("fma", "f16c", "avx512"))
    if {"avx2", "fma"} <= flags:
        return VectorUnit(32, 16, True, ("fma", "f16c", "avx2"))
    return VectorUnit(16, 16, False, ("sse2",))


# Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2. Bytes of the first factor of vpdpbusd are
# unsigned. vpmaddwd multiplies pairs of 16 bits, which hold bytes of either sign.
_DOTS = {
    "llvm.x86.avx512.vpdpbusd.512": Intrinsic(
        64, operand="i8", bias=128, flags=frozenset(("avx512f", "avx512bw", "avx512_vnni"))
    ),
    "llvm.x86.avx512.vpdpbusd.256": Intrinsic(32, operand="i8", bias=128, flags=frozenset(("avx2", "avx_vnni"))),
    "llvm.x86.avx512.pmaddw.d.512": Intrinsic(
        64, element="i16", operand="i16", accumulates=False, flags=frozenset(("avx512f", "avx512bw"))
    ),
    "llvm.x86.avx2.pmadd.wd": Intrinsic(
        32, element="i16", operand="i16", accumulates=False, flags=frozenset(("avx2",))
    ),
    "llvm.x86.sse2.pmadd.wd": Intrinsic(
        16, element="i16", operand="i16", accumulates=False, flags=frozenset(("sse2",))
    ),
    "llvm.x86.avx512bf16.dpbf16ps.512": Intrinsic(
        64, element="bf16", operand="bf16", flags=frozenset(("avx512f", "avx512bw", "avx512_bf16"))
    ),
}

# LLVM's X86ScheduleZnver4.td, of Zen 4: cycles for which an operation holds its pipe (ReleaseAtCycles), latencies, what
# waits for operands (2 x 32 entries and a queue of 64), and the branch that ends a loop, mispredicted. Two pipes
# multiply, compare and divide, two add, each 32 bytes at a time.
_CORE = Core(
    issue_per_cycle=6.0,
    pipe_bytes=32,
    multiply_pipes=2.0,
    add_pipes=2.0,
    vector_pipes=4.0,
    load_pipes=2.0,
    store_pipes=1.0,
    divide_cycles=3.0,
    root_cycles=5.0,
    integer_divide_cycles=12.0,
    multiply_latency_cycles=4.0,
    add_latency_cycles=3.0,
    divide_latency_cycles=11.0,
    logic_latency_cycles=1.0,
    load_latency_cycles=7.0,
    window=128.0,
    loop_cycles=13.0,
    atomic_cycles=20.0,
    call_cycles=20.0,
)

_V3 = frozenset(("avx", "avx2", "bmi1", "bmi2", "f16c", "fma"))


def _target(name: str, flags: frozenset[str]) -> Target:
    return Target(name, cpu=name, flags=flags, compilers=("x86_64-linux-gnu-",), package="gcc", emulator="qemu-x86_64")


X86_64 = Isa(
    name="x86_64",
    other_names=("AMD64",),
    triple="x86_64-unknown-linux-gnu",
    vector_unit=_vector_unit,
    instructions=Instructions(
        kind=_kind,
        registers=lambda operands: set(_REGISTER.findall(operands)),
        division=re.compile(r"v?div(?:ss|sd|sh)$|i?div[bwlq]?$"),
        prefetches=("prefetch",),
        streaming=("movnt", "vmovnt"),
        # An absolute address is loaded before an indirect call.
        calls=("call", "movabs", "jmp"),
    ),
    intrinsics=_DOTS,
    core=_CORE,
    store_fence="llvm.x86.sse.sfence",
    # x86-64 psABI, "micro-architecture levels". LLVM's own names of processors.
    targets=(
        _target("x86-64-v3", _V3),
        _target("x86-64-v4", _V3 | {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}),
    ),
    words_of_passes=frozenset(("avx512",)),
)
