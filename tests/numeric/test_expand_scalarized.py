"""`expand-scalarized` against float64: error bounds, every scale, edge values."""

from __future__ import annotations

import numpy as np
import pytest

from rung.errors import UsageError
from rung.ir.attributes import SCALARIZED
from rung.lowering.expand_scalarized import ExpandScalarized
from tests.harness import jit, transform
from tests.numeric.test_expand_math import assert_same_bits, pairs, samples, ulps

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")
LOOP = """
func.func @kernel(%x: memref<?xf32>, %y: memref<?xf32>, %o: memref<?xf32>, %n: index) {{
  %c0 = arith.constant 0 : index
  %s = arith.constant 16 : index
  scf.for %i = %c0 to %n step %s {{
    %a = vector.load %x[%i] : memref<?xf32>, vector<16xf32>
    %b = vector.load %y[%i] : memref<?xf32>, vector<16xf32>
    %r = {op} : vector<16xf32>
    vector.store %r, %o[%i] : memref<?xf32>, vector<16xf32>
  }}
  return
}}"""
ROUNDING = {"floor": np.floor, "ceil": np.ceil, "trunc": np.trunc, "roundeven": np.rint}
LARGER_OR_SMALLER = {"maxnumf": np.fmax, "minnumf": np.fmin}


def run(name: str, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    op = f"{name} %a" if name.startswith("math.") else f"{name} %a, %b"
    out = np.empty_like(x)
    jit(LOOP.format(op=op), [ExpandScalarized(name)])(x, y, out, len(x))
    return out


def test_division_is_within_two_ulp_at_every_scale() -> None:
    x, y = pairs()
    expected = x.astype(np.float64) / y.astype(np.float64)
    distance = ulps(run("arith.divf", x, y), expected)
    worst = int(np.argmax(distance))
    assert distance[worst] <= 2, (x[worst], y[worst], distance[worst])


def test_reciprocal_of_all_magnitudes() -> None:
    y = samples()
    distance = ulps(run("arith.divf", np.ones_like(y), y), 1 / y.astype(np.float64))
    worst = int(np.argmax(distance))
    assert distance[worst] <= 2, (y[worst], distance[worst])


def test_square_root_is_within_two_ulp() -> None:
    x = samples()
    result, expected = run("math.sqrt", x, x), np.sqrt(x.astype(np.float64))
    distance = ulps(result, expected)
    worst = int(np.argmax(distance))
    assert distance[worst] <= 2, (x[worst], distance[worst])
    assert np.array_equal(np.signbit(result[x == 0]), np.signbit(x[x == 0]))


@pytest.mark.parametrize("name", ROUNDING)
def test_rounding_is_exact(name: str) -> None:
    halves = np.arange(-4096, 4096, dtype=np.float32) / 2
    near = np.nextafter(np.float32(2.0**23), np.float32([0, np.inf])).repeat(8)
    x = np.concatenate([samples(), halves, near, -near])
    assert_same_bits(run(f"math.{name}", x, x), ROUNDING[name](x))


@pytest.mark.parametrize("name", LARGER_OR_SMALLER)
def test_the_other_one_of_a_nan(name: str) -> None:
    x, y = pairs()
    assert np.array_equal(run(f"arith.{name}", x, y), LARGER_OR_SMALLER[name](x, y), equal_nan=True)


FUNCTION = "func.func @f(%x: {k}, %y: {k}) -> {k} {{\n  %r = {op} : {k}\n  return %r : {k}\n}}"


def expanded(ops: str, op: str, kind: str) -> str:
    return transform(FUNCTION.format(k=kind, op=op), [ExpandScalarized(ops)])


def test_f16_is_computed_in_f32() -> None:
    text = expanded("arith.divf", "arith.divf %x, %y", "vector<64xf16>")
    assert "arith.divf" not in text and "arith.extf" in text and "arith.truncf" in text


@pytest.mark.parametrize(
    ("ops", "op", "kind"),
    [
        ("", "arith.divf %x, %y", "vector<32xf32>"),
        ("math.sqrt", "arith.divf %x, %y", "vector<32xf32>"),
        ("arith.divf:f16", "arith.divf %x, %y", "vector<32xf32>"),
        ("arith.divf", "arith.divf %x, %y", "f32"),
    ],
    ids=["no list", "not listed", "another type", "a scalar"],
)
def test_left_alone(ops: str, op: str, kind: str) -> None:
    assert "arith.divf" in expanded(ops, op, kind) and SCALARIZED not in expanded(ops, op, kind)


@pytest.mark.parametrize("name", LARGER_OR_SMALLER)
def test_scalars_that_would_be_library_calls(name: str) -> None:
    op = f"arith.{name}"
    text = expanded(op, f"{op} %x, %y", "f32")
    assert op not in text and "arith.select" in text and SCALARIZED not in text


@pytest.mark.parametrize(
    ("op", "kind"), [("arith.divsi", "vector<32xi32>"), ("arith.divf", "vector<16xf64>")], ids=["integers", "f64"]
)
def test_what_is_left_is_named(op: str, kind: str) -> None:
    text = expanded(op, f"{op} %x, %y", kind)
    assert op in text and f'{SCALARIZED} = ["{op} on {kind}"]' in text


GATHER = """
func.func @f(%x: memref<?xf32>, %i: vector<8xi32>, %m: vector<8xi1>, %o: vector<8xf32>) -> vector<8xf32> {{
  %c4 = arith.constant 4 : index
  {mask}
  %r = vector.gather %x[%c4] [%i], {name}, %o
    : memref<?xf32>, vector<8xi32>, vector<8xi1>, vector<8xf32> into vector<8xf32>
  return %r : vector<8xf32>
}}"""


def test_a_masked_gather_becomes_a_loop_over_its_lanes() -> None:
    text = transform(GATHER.format(mask="", name="%m"), [ExpandScalarized("vector.gather")])
    assert "vector.gather %" not in text and text.count("scf.for") == text.count("scf.if") == 1
    assert f'{SCALARIZED} = ["vector.gather on vector<8xf32>"]' in text
    assert text.count("llvm.alloca") == 3 and "memref.alloca" not in text, "on the stack, not in scratch"
    types = "memref<?xf32>, vector<8xi32>, vector<8xi1>, vector<8xf32> into vector<8xf32>"
    two = GATHER.format(mask=f"%q = vector.gather %x[%c4] [%i], %m, %o : {types}", name="%m")
    assert transform(two, [ExpandScalarized("vector.gather")]).count("llvm.alloca") == 3, "one after the other"
    every = GATHER.format(mask="%t = arith.constant dense<true> : vector<8xi1>", name="%t")
    kept = transform(every, [ExpandScalarized("vector.gather")])
    assert "vector.gather %" in kept and "scf.if" not in kept and SCALARIZED in kept


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("division", "`division` names no operation; write it as MLIR does"),
        ("arith.divff", "`arith.divff` names no operation; did you mean `arith.divf`"),
        ("arith.divf:f33", "`arith.divf:f33` names no element type; choose from: f64, f32"),
    ],
)
def test_refuses_names_that_are_no_op(name: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        transform(FUNCTION.format(k="f32", op="arith.divf %x, %y"), [ExpandScalarized(name)])
