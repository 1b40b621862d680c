"""Quotients by one divisor have the bits of a division: all magnitudes, signs, divisors, and what is beyond reach."""

from __future__ import annotations

import numpy as np
import pytest

from rung.lowering.expand_uniform_division import ExpandUniformDivision
from tests.harness import jit, transform

LOOP = """
func.func @kernel(%x: memref<?x{t}>, %d: memref<1x{t}>, %o: memref<?x{t}>, %n: index) {{
  %c0 = arith.constant 0 : index
  %s = arith.constant 8 : index
  %divisor = memref.load %d[%c0] : memref<1x{t}>
  {before}
  scf.for %i = %c0 to %n step %s {{
    {inside}
    %a = vector.load %x[%i] : memref<?x{t}>, vector<8x{t}>
    %r = arith.divf %a, %b : vector<8x{t}>
    vector.store %r, %o[%i] : memref<?x{t}>, vector<8x{t}>
  }}
  return
}}"""
SPLAT = "%b = vector.broadcast %divisor : {t} to vector<8x{t}>"


def text(t: str, splat: str = SPLAT, *, inside: bool = False) -> str:
    splat = splat.format(t=t)
    return LOOP.format(t=t, before="" if inside else splat, inside=splat if inside else "")


def numerators(kind: np.dtype) -> np.ndarray:
    """Random mantissas at every exponent, both signs, and the ends of the ranges."""
    info, integers = np.finfo(kind), np.dtype(f"uint{kind.itemsize * 8}")
    bits = np.random.default_rng(0).integers(0, np.iinfo(integers).max, 1 << 16, integers, endpoint=True)
    near = np.random.default_rng(1).random(1 << 16).astype(kind) + kind.type(1)
    edges = [0.0, info.tiny, info.smallest_subnormal, info.max, np.inf, 1.0, 2.0**-60, 2.0**60, 2.0**-61, 2.0**61]
    edges += [np.nextafter(kind.type(2.0**60), kind.type(np.inf)), np.nextafter(kind.type(2.0**-60), kind.type(0))]
    signed = np.array([*edges, *(-e for e in edges), np.nan, np.nan], kind)
    found = np.concatenate([bits.view(kind), near, signed])
    return np.concatenate([found, np.zeros(-len(found) % 8, kind)])


def check(kernel: object, kind: np.dtype, divisor: float) -> None:
    x, d = numerators(kind), np.array([divisor], kind)
    out = np.empty_like(x)
    kernel(x, d, out, len(x))  # type: ignore[operator]
    with np.errstate(all="ignore"):
        expected = x / d
    integers = f"i{kind.itemsize}"
    wrong = (out.view(integers) != expected.view(integers)) & ~(np.isnan(out) & np.isnan(expected))
    at = int(wrong.argmax())
    assert not wrong.any(), f"{x[at]} / {d[0]}: {out[at]}, not {expected[at]}; {wrong.sum()} of {len(x)}"


@pytest.mark.parametrize("name", ["f32", "f64"])
def test_every_bit(name: str) -> None:
    kind = np.dtype({"f32": np.float32, "f64": np.float64}[name])
    kernel = jit(text(name), [ExpandUniformDivision()])
    info = np.finfo(kind)
    special = [0.0, -0.0, np.inf, -np.inf, np.nan, info.tiny, info.smallest_subnormal, info.max, -3.0, 1.0, 3.0]
    power = 60 if name == "f32" else 400
    special += [2.0**power, 2.0**-power, 2.0 ** (power + 1), 2.0 ** -(power + 1), 1 - info.epsneg, 2 - info.eps]
    random = np.random.default_rng(2).random(20) * 10.0 ** np.arange(-10, 10)
    for divisor in [*special, *random]:
        check(kernel, kind, float(divisor))


@pytest.mark.parametrize("constant", ["3.0", "0.1", "1.0e30", "1.5e-5"])
def test_constants(constant: str) -> None:
    splat = f"%b = arith.constant dense<{constant}> : vector<8xf32>"
    program = text("f32", splat)
    assert "math.fma" in transform(program, [ExpandUniformDivision()])
    check(jit(program, [ExpandUniformDivision()]), np.dtype(np.float32), float(np.float32(constant)))


def test_the_reciprocal_is_taken_before_the_outermost_loop() -> None:
    program = text("f32", inside=True).replace("scf.for", "scf.for %k = %c0 to %n step %s {\n  scf.for", 1)
    program = program.replace("  return", "  }\n  return")
    found = transform(program, [ExpandUniformDivision()])
    assert found.index("arith.divf") < found.index("scf.for") and found.count("scf.for") == 2
    assert found.count("arith.divf") == 2  # the reciprocal, and the division of what is beyond reach


@pytest.mark.parametrize(
    "splat",
    [
        "%b = vector.load %x[%i] : memref<?xf32>, vector<8xf32>",
        "%v = memref.load %x[%i] : memref<?xf32>\n %b = vector.broadcast %v : f32 to vector<8xf32>",
        "%b = arith.constant dense<4.0> : vector<8xf32>",
        "%b = arith.constant dense<-3.0> : vector<8xf32>",
        "%b = arith.constant dense<0.0> : vector<8xf32>",
        "%b = arith.constant dense<[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]> : vector<8xf32>",
    ],
)
def test_left_alone(splat: str) -> None:
    program = text("f32", splat, inside=True)
    assert transform(program, [ExpandUniformDivision()]) == transform(program, [])


def test_scalars_and_straight_code_are_left_alone() -> None:
    program = """
func.func @kernel(%a: vector<8xf32>, %s: f32) -> (vector<8xf32>, f32) {
  %b = vector.broadcast %s : f32 to vector<8xf32>
  %q = arith.divf %a, %b : vector<8xf32>
  %r = arith.divf %s, %s : f32
  return %q, %r : vector<8xf32>, f32
}"""
    assert transform(program, [ExpandUniformDivision()]) == transform(program, [])
