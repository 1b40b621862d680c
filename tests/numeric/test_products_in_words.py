"""Contractions by instructions that add products of narrow elements, side by side in words, to each 32-bit lane."""

from __future__ import annotations

import re
from collections import Counter

import llvmlite.binding as llvm
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_mlir import ir

from rung import machine, processor
from rung.compile import lower_kernel
from rung.errors import UsageError
from rung.ir.context import make_context
from rung.schedule import Schedule
from rung.targets.host import llvm_ir
from rung.targets.isa import INTRINSICS
from rung.targets.isa.x86_64 import X86_64
from rung.targets.npu.device_code import initialize
from rung.targets.npu.older_llvm import adapt
from rung.transforms.contract import TileContractions
from rung.transforms.vectorize import Vectorize
from tests.filecheck.test_contraction import matmul
from tests.harness import bf16, from_bf16, jit, transform
from tests.numeric import triton_kernels as k

FLAGS = processor.detect().flags
OWN = {name: dot for name, dot in X86_64.intrinsics.items() if dot.flags <= FLAGS}
"""Those that the CPU has that runs us."""
INTEGERS = [name for name, dot in OWN.items() if dot.sums == "i32"]
FLOATS = [name for name, dot in OWN.items() if dot.sums == "f32"]
SIZES = st.tuples(st.integers(1, 20), st.integers(1, 70), st.integers(1, 40))


def passes(name: str) -> tuple[TileContractions, Vectorize]:
    width = INTRINSICS[name].vector_bytes
    return (
        TileContractions(width, 32 if width == 64 else 16, byte_dot=name, bf16_dot=name),
        Vectorize(width, masked_memory=width > 16),
    )


@pytest.mark.parametrize("name", INTEGERS)
@settings(max_examples=8, deadline=None)
@given(SIZES, st.sampled_from(["i8", "u8"]), st.booleans(), st.integers(0, 2**31))
def test_sums_of_bytes_are_exact(name: str, sizes: tuple[int, int, int], kind: str, batch: bool, seed: int) -> None:
    """Neither whole words nor whole vectors, extreme bytes, both signs, batches; C carries any numbers, and wraps."""
    m, n, depth = sizes
    outer = (3,) if batch else ()
    rng = np.random.default_rng(seed)
    low, high = (-128, 128) if kind == "i8" else (0, 256)
    element = np.int8 if kind == "i8" else np.uint8
    a, b = (rng.integers(low, high, (*outer, *s)).astype(element) for s in ((m, depth), (depth, n)))
    a.flat[0] = b.flat[0] = low
    c = rng.integers(-(2**31), 2**31, (*outer, m, n)).astype(np.int32)
    want = (c.astype(np.int64) + a.astype(np.int64) @ b.astype(np.int64)).astype(np.int32)
    text = matmul(m, n, depth, "i8", "i8", "i32", batch="3x" if batch else "")
    if kind == "u8":
        named = "linalg.batch_matmul" if batch else "linalg.matmul"
        text = text.replace(named, f"{named} {{cast = #linalg.type_fn<cast_unsigned>}}")
    jit(text, passes(name))(a.view(np.int8), b.view(np.int8), c)
    np.testing.assert_array_equal(c, want)


@pytest.mark.parametrize("name", FLOATS)
@settings(max_examples=12, deadline=None)
@given(SIZES, st.booleans(), st.integers(0, 2**31))
def test_sums_of_bf16_are_those_of_f32(name: str, sizes: tuple[int, int, int], batch: bool, seed: int) -> None:
    """Products of bf16 are exact in f32, and every addition is rounded once: |error| <= (k + 1) 2^-23 sum |a||b|. What
    pads an odd K adds 0, whatever was there before."""
    m, n, depth = sizes
    outer = (3,) if batch else ()
    rng = np.random.default_rng(seed)
    a, b = (bf16(rng.standard_normal((*outer, *s))) for s in ((m, depth), (depth, n)))
    c = rng.standard_normal((*outer, m, n)).astype(np.float32)
    a64, b64, c64 = from_bf16(a).astype(np.float64), from_bf16(b).astype(np.float64), c.astype(np.float64)
    bound = (depth + 1) * 2.0**-23 * (np.abs(a64) @ np.abs(b64) + np.abs(c64))
    jit(matmul(m, n, depth, "bf16", "bf16", "f32", batch="3x" if batch else ""), passes(name))(a, b, c)
    assert np.all(np.abs(c - (c64 + a64 @ b64)) <= bound)


@pytest.mark.parametrize("name", FLOATS)
def test_infinities_and_nan_of_bf16(name: str) -> None:
    a, b = np.ones((2, 3), np.float32), np.ones((3, 5), np.float32)
    a[0, 2], b[1, 3], b[1, 4] = np.inf, np.nan, -np.inf
    c = np.zeros((2, 5), np.float32)
    jit(matmul(2, 5, 3, "bf16", "bf16", "f32"), passes(name))(bf16(a), bf16(b), c)
    np.testing.assert_array_equal(c, [[np.inf, np.inf, np.inf, np.nan, np.nan], [3, 3, 3, np.nan, -np.inf]])


def test_words_in_the_ir() -> None:
    text = transform(matmul(5, 40, 23, "bf16", "bf16", "f32"), passes("llvm.x86.avx512bf16.dpbf16ps.512")[:1])
    # A in rows of 24 elements, the last of which is 0; B as twelve rows of three vectors of words.
    assert "memref<5x24xbf16>" in text and "memref<12x48xi32>" in text and "products = 2" in text
    assert text.count("linalg.generic") == 4 and "vector.maskedstore" in text
    text = transform(matmul(5, 40, 39, "i8", "i8", "i32"), passes("llvm.x86.avx512.vpdpbusd.512")[:1])
    assert "memref<5x40xi8>" in text and "memref<10x48xi32>" in text and "products = 4" in text
    # B with its bias, 128 in each byte; C without the share that the sums of A's rows have in it.
    assert "arith.xori" in text and f"arith.constant {0x80808080 - (1 << 32)} : i32" in text and "memref<5xi32>" in text
    assert text.count("vector.reduction <add>") == 1 and "arith.subi" in text


@pytest.mark.parametrize(
    ("types", "taken"),
    [
        (("bf16", "bf16", "f32"), True),
        (("bf16", "bf16", "bf16"), False),
        (("bf16", "f16", "f32"), False),
        (("f16", "f16", "f32"), False),
        (("i8", "i8", "i32"), True),
        (("i16", "i16", "i32"), False),
        (("i8", "i8", "i8"), False),
    ],
)
def test_types_that_are_taken(types: tuple[str, str, str], taken: bool) -> None:
    step = TileContractions(byte_dot="llvm.x86.avx512.vpdpbusd.512", bf16_dot="llvm.x86.avx512bf16.dpbf16ps.512")
    assert ("call_intrinsic" in transform(matmul(16, 32, 8, *types), [step])) == taken


@pytest.mark.parametrize(
    ("flags", "width", "byte", "half"),
    [
        ("avx2", 32, "llvm.x86.avx2.pmadd.wd", ""),
        ("avx2 avx_vnni", 32, "llvm.x86.avx512.vpdpbusd.256", ""),
        ("avx512f avx512bw avx2", 64, "llvm.x86.avx512.pmaddw.d.512", ""),
        (
            "avx512f avx512bw avx512_vnni avx512_bf16",
            64,
            "llvm.x86.avx512.vpdpbusd.512",
            "llvm.x86.avx512bf16.dpbf16ps.512",
        ),
        ("", 16, "", ""),
    ],
)
def test_what_a_cpu_has(flags: str, width: int, byte: str, half: str) -> None:
    found = frozenset(flags.split())
    assert (X86_64.dot("i32", width, found), X86_64.dot("f32", width, found)) == (byte, half)


CPUS = {
    "cooperlake": (64, 32, "llvm.x86.avx512.vpdpbusd.512", "llvm.x86.avx512bf16.dpbf16ps.512"),
    "skylake-avx512": (64, 32, "llvm.x86.avx512.pmaddw.d.512", ""),
    "alderlake": (32, 16, "llvm.x86.avx512.vpdpbusd.256", ""),
    "haswell": (32, 16, "llvm.x86.avx2.pmadd.wd", ""),
}


@pytest.mark.parametrize(
    ("cpu", "types", "mnemonic", "least"),
    [
        ("cooperlake", ("*i8", "*i32"), "vpdpbusd", 64),
        ("cooperlake", ("*bf16", "*fp32"), "vdpbf16ps", 64),
        ("skylake-avx512", ("*i8", "*i32"), "vpmaddwd", 64),
        ("alderlake", ("*i8", "*i32"), "vpdpbusd", 48),
        ("haswell", ("*i8", "*i32"), "vpmaddwd", 48),
    ],
)
def test_the_code_of_a_cpu(cpu: str, types: tuple[str, str], mnemonic: str, least: int) -> None:
    """Read on every machine: the register tile's instructions stand in one block, and no widening product."""
    width, registers, byte, half = CPUS[cpu]
    features = ("fma", "f16c", "avx512" if width == 64 else "avx2")
    on = machine.host().model_copy(
        update={
            "arch": "x86_64",
            "features": features,
            "vector_bytes": width,
            "vector_registers": registers,
            "masked_memory": True,
            "byte_dot": byte,
            "bf16_dot": half,
        }
    )
    operand, result = types
    signature = {"a": operand, "b": operand, "c": result, "M": "i32", "N": "i32", "K": "i32"}
    blocks = {"BM": 64, "BN": 64, "BK": 64}
    kernel = k.dot_bytes if operand == "*i8" else k.dot_halves
    lowered = lower_kernel(
        kernel, signature | dict.fromkeys(blocks, "constexpr"), blocks, machine=on, schedule=Schedule(threads=1)
    )
    text = adapt(llvm_ir(ir.Module.parse(lowered.binary, make_context())))
    initialize()
    module = llvm.parse_assembly(re.sub(r"(?m)^target .*$", "", text))
    module.triple = X86_64.triple
    target = llvm.Target.from_triple(X86_64.triple).create_target_machine(cpu=cpu, opt=2)
    blocks_of_code = re.split(r"\n\.L\w+:", target.emit_assembly(module))
    counts = [Counter(re.findall(r"\t(v\w+)", block)) for block in blocks_of_code]
    most = max(counts, key=lambda found: found[mnemonic])
    assert most[mnemonic] >= least and not most["vpmulld"] and not most["vfmadd231ps"]


def test_an_instruction_that_the_cpu_has_not_is_refused() -> None:
    own = machine.host()
    with pytest.raises(UsageError, match=r'field `byte_dot`: is llvm\.x; "" \(none\)'):
        machine.override(own, ["byte_dot=llvm.x"])
    with pytest.raises(UsageError, match=r"field `bf16_dot`: is llvm\.x86\.avx512\.vpdpbusd\.512"):
        machine.override(own, ["bf16_dot=llvm.x86.avx512.vpdpbusd.512"])
    without = machine.override(own, ['byte_dot=""', 'bf16_dot=""'])
    assert (without.usable_byte_dot, without.usable_bf16_dot) == ("", "")


def filled(m: int, n: int, depth: int, elsewhere: str = "") -> str:
    """A and B are copied into scratch, in A's case in two parts, as where a mask ends; then they are multiplied."""
    parallel = 'indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]'
    rest = f"memref<{m}x4xi8, strided<[{depth}, 1], offset: {depth - 4}>>"
    first = f"memref<{m}x{depth - 4}xi8, strided<[{depth}, 1]>>"
    return f"""
#map = affine_map<(i, j) -> (i, j)>
func.func @kernel(%x: memref<{m}x{depth}xi8>, %y: memref<{depth}x{n}xi8>, %c: memref<{m}x{n}xi32>) {{
  %zero = arith.constant 0 : i8
  %a = memref.alloca() : memref<{m}x{depth}xi8>
  %b = memref.alloca() : memref<{depth}x{n}xi8>
  %from = memref.subview %x[0, 0] [{m}, {depth - 4}] [1, 1] : memref<{m}x{depth}xi8> to {first}
  %to = memref.subview %a[0, 0] [{m}, {depth - 4}] [1, 1] : memref<{m}x{depth}xi8> to {first}
  linalg.generic {{{parallel}}} ins(%from : {first}) outs(%to : {first}) {{
    ^bb0(%e: i8, %o: i8): linalg.yield %e : i8
  }}
  %last = memref.subview %a[0, {depth - 4}] [{m}, 4] [1, 1] : memref<{m}x{depth}xi8> to {rest}
  linalg.generic {{indexing_maps = [#map], iterator_types = ["parallel", "parallel"]}} outs(%last : {rest}) {{
    ^bb0(%o: i8): linalg.yield %zero : i8
  }}
  linalg.generic {{{parallel}}} ins(%y : memref<{depth}x{n}xi8>) outs(%b : memref<{depth}x{n}xi8>) {{
    ^bb0(%e: i8, %o: i8): linalg.yield %e : i8
  }}
  linalg.matmul ins(%a, %b : memref<{m}x{depth}xi8>, memref<{depth}x{n}xi8>) outs(%c : memref<{m}x{n}xi32>)
  {elsewhere}
  return
}}"""


AGAIN = "linalg.matmul ins(%a, %b : memref<5x24xi8>, memref<24x64xi8>) outs(%c : memref<5x64xi32>)"


@pytest.mark.parametrize("again", ["", AGAIN])
def test_bytes_of_a_are_read_as_they_are_and_panels_lie_in_one_piece(again: str) -> None:
    """The bias is B's: A is not copied for it."""
    name = "llvm.x86.avx512.vpdpbusd.512"
    text = transform(filled(5, 64, 24, again), [TileContractions(byte_dot=name)])
    assert "memref<2x6x32xi32>" in text
    assert len(re.findall(r"memref\.alloca\(\).* : memref<5x24xi8>", text)) == 1
    if name in OWN:
        rng = np.random.default_rng(5)
        a, b = (rng.integers(-128, 128, shape).astype(np.int8) for shape in ((5, 24), (24, 64)))
        c = np.zeros((5, 64), np.int32)
        jit(filled(5, 64, 24, again), passes(name))(a, b, c)
        a[:, 20:] = 0
        np.testing.assert_array_equal(c, a.astype(np.int32) @ b.astype(np.int32) * (2 if again else 1))
