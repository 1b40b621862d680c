"""What `expand-math` builds, and what it leaves alone."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from rung.lowering.expand_math import ExpandMath
from tests.harness import transform


def function(op: str, kind: str, result: str | None = None) -> str:
    result = result or kind
    return f"func.func @f(%x: {kind}) -> {result} {{\n  %r = {op}\n  return %r : {result}\n}}"


def ops(text: str) -> Counter[str]:
    """How often each op occurs, constants aside."""
    found = re.findall(r"^\s+(?:%[\w, :]+ = )?\"?([a-z_0-9]+\.[a-z_0-9]+)", text, re.MULTILINE)
    return Counter(name for name in found if name not in ("arith.constant", "func.func"))


def expanded(op: str, kind: str, result: str | None = None, fma: bool = True, avx512: bool = False) -> Counter[str]:
    return ops(transform(function(op, kind, result), [ExpandMath(fma=fma, avx512=avx512)]))


def test_text_form() -> None:
    assert str(ExpandMath()) == "expand-math"
    assert str(ExpandMath(fma=False)) == "expand-math{fma=off}"


def test_exp_is_20_operations() -> None:
    found = expanded("math.exp %x : vector<16xf32>", "vector<16xf32>")
    assert found["math.fma"] == 9
    assert not any(name.startswith("math.") and name != "math.fma" for name in found)
    assert sum(found.values()) - found["arith.bitcast"] - found["return"] == 20


def test_exp_is_15_operations_with_scalef() -> None:
    found = expanded("math.exp %x : vector<16xf32>", "vector<16xf32>", avx512=True)
    assert found["llvm.call_intrinsic"] == 1
    # One of them, the rounded quotient as a float, is there twice until common subexpressions go.
    assert sum(found.values()) - found["llvm.bitcast"] - found["return"] == 16


@pytest.mark.parametrize("kind", ["f32", "vector<4xf32>", "vector<12xf32>", "vector<32xf32>", "vector<2x16xf32>"])
def test_scalef_is_for_whole_registers(kind: str) -> None:
    assert not expanded(f"math.exp %x : {kind}", kind, avx512=True)["llvm.call_intrinsic"]


def test_no_fma() -> None:
    found = expanded("math.exp %x : f32", "f32", fma=False)
    assert not any(name.startswith("math.") for name in found)


def test_erf_is_one_division_and_17_operations() -> None:
    found = expanded("math.erf %x : vector<16xf32>", "vector<16xf32>")
    assert found["arith.divf"] == 1 and found["math.fma"] == 11
    assert sum(found.values()) - found["return"] == 18


def test_erf_picks_five_coefficients_with_avx512() -> None:
    found = expanded("math.erf %x : vector<16xf32>", "vector<16xf32>", avx512=True)
    assert found["llvm.call_intrinsic"] == 5 and found["math.fma"] == 4 and not found["arith.divf"]
    # The comparison and the selection of a minimum are one instruction, and so are the two that copy the sign.
    assert sum(found.values()) - found["arith.bitcast"] - found["return"] == 17


def test_a_single_erf_reads_the_coefficients_from_tables() -> None:
    text = transform(function("math.erf %x : f32", "f32"), [ExpandMath(avx512=True)])
    assert len(re.findall(r"memref.global .private. constant @rung_erf_\d : memref<32xf32>", text)) == 5
    assert ops(text)["memref.load"] == 5


def test_functions_share_tables() -> None:
    two = "\n".join(function("math.erf %x : f32", "f32").replace("@f", name) for name in ("@f", "@g"))
    text = transform(two, [ExpandMath(avx512=True)])
    assert text.count("memref.global") == 5 and text.count("memref.get_global") == 10


@pytest.mark.parametrize("avx512", [False, True], ids=["any", "avx512"])
@pytest.mark.parametrize("kind", ["f32", "vector<16xf32>", "vector<4x16xf32>", "vector<f32>", "vector<[4]xf32>"])
@pytest.mark.parametrize("name", ["exp", "tanh", "erf", "sin", "log1p"])
def test_any_shape(name: str, kind: str, avx512: bool) -> None:
    assert f"math.{name}" not in expanded(f"math.{name} %x : {kind}", kind, avx512=avx512)


@pytest.mark.parametrize(
    ("op", "kind"),
    [
        ("math.asin %x : f64", "f64"),
        ("math.atan %x : vector<8xf64>", "vector<8xf64>"),
        ("math.sqrt %x : vector<16xf32>", "vector<16xf32>"),
        ("math.floor %x : vector<16xf32>", "vector<16xf32>"),
        ("math.roundeven %x : f32", "f32"),
        ("math.fma %x, %x, %x : f32", "f32"),
        ("math.absf %x : vector<16xf16>", "vector<16xf16>"),
        ("math.ctpop %x : i32", "i32"),
        ("arith.divf %x, %x : vector<16xf32>", "vector<16xf32>"),
        ("arith.addf %x, %x fastmath<fast> : vector<16xf32>", "vector<16xf32>"),
        ("arith.maxnumf %x, %x : vector<16xf16>", "vector<16xf16>"),
        ("arith.maxnumf %x, %x : f32", "f32"),
        ("arith.remf %x, %x : f32", "f32"),
    ],
)
def test_leaves_alone(op: str, kind: str) -> None:
    text = function(op, kind)
    assert transform(text, [ExpandMath()]) == transform(text, [])


@pytest.mark.parametrize(
    ("op", "kind", "result"),
    [
        ("arith.truncf %x : vector<16xf32> to vector<16xf16>", "vector<16xf32>", "vector<16xf16>"),
        ("arith.extf %x : vector<16xf16> to vector<16xf32>", "vector<16xf16>", "vector<16xf32>"),
        ("arith.truncf %x : f64 to f32", "f64", "f32"),
        ("arith.cmpf olt, %x, %x : f16", "f16", "i1"),
    ],
)
def test_leaves_conversions_with_instructions_alone(op: str, kind: str, result: str) -> None:
    text = function(op, kind, result)
    assert transform(text, [ExpandMath()]) == transform(text, [])


@pytest.mark.parametrize(
    ("op", "kind", "result"),
    [
        ("arith.addf %x, %x : vector<16xbf16>", "vector<16xbf16>", None),
        ("arith.negf %x : bf16", "bf16", None),
        ("arith.truncf %x : vector<2x16xf32> to vector<2x16xbf16>", "vector<2x16xf32>", "vector<2x16xbf16>"),
        ("arith.extf %x : bf16 to f64", "bf16", "f64"),
        ("arith.cmpf olt, %x, %x : vector<16xbf16>", "vector<16xbf16>", "vector<16xi1>"),
        ("arith.sitofp %x : vector<16xi8> to vector<16xbf16>", "vector<16xi8>", "vector<16xbf16>"),
        ("arith.fptosi %x : vector<16xbf16> to vector<16xi8>", "vector<16xbf16>", "vector<16xi8>"),
        ("math.isnan %x : vector<16xbf16>", "vector<16xbf16>", "vector<16xi1>"),
        ("vector.reduction <add>, %x : vector<16xbf16> into bf16", "vector<16xbf16>", "bf16"),
        ("math.fpowi %x, %x2 : bf16, i32", "bf16", None),
    ],
)
def test_no_bf16_operation_is_left(op: str, kind: str, result: str | None) -> None:
    text = function(op, kind, result)
    if "%x2" in op:
        text = text.replace("(%x: bf16)", "(%x: bf16, %x2: i32)")
    lines = transform(text, [ExpandMath()]).splitlines()
    using = [line for line in lines if "bf16" in line and " = " in line]
    assert all("arith.bitcast" in line for line in using), using


def test_user_flags_do_not_reach_the_polynomial() -> None:
    text = function("math.exp %x fastmath<fast> : f32", "f32")
    assert "fastmath" not in transform(text, [ExpandMath()])


def test_constants_are_shared_and_on_top() -> None:
    text = """
    func.func @f(%x: f32, %n: index) -> f32 {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %r = scf.for %i = %c0 to %n step %c1 iter_args(%a = %x) -> f32 {
        %b = math.exp %a : f32
        %c = math.exp %b : f32
        scf.yield %c : f32
      }
      return %r : f32
    }"""
    result = transform(text, [ExpandMath()])
    values = re.findall(r"arith\.constant (\S+ : \S+)", result)
    assert len(values) == len(set(values))
    assert "arith.constant" not in result.split("scf.for", 1)[1]
