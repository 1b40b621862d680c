"""Integer vectors are divided through floats: exactly, for every width, at the ends of the ranges."""

from __future__ import annotations

import re

import numpy as np
import pytest

from rung.lowering.expand_math import ExpandMath
from tests.harness import jit, transform

KERNEL = """
func.func @kernel(%x: memref<?x{t}>, %y: memref<?x{t}>, %o: memref<?x{t}>, %n: index) {{
  %c0 = arith.constant 0 : index
  %s = arith.constant 8 : index
  scf.for %i = %c0 to %n step %s {{
    %a = vector.load %x[%i] : memref<?x{t}>, vector<8x{t}>
    %b = vector.load %y[%i] : memref<?x{t}>, vector<8x{t}>
    %r = arith.{name} %a, %b : vector<8x{t}>
    vector.store %r, %o[%i] : memref<?x{t}>, vector<8x{t}>
  }}
  return
}}"""


def operands(width: int, signed: bool) -> tuple[np.ndarray, np.ndarray]:
    """All pairs of values next to powers of two, multiples and their neighbours, and random bits."""
    kind = np.dtype(f"{'' if signed else 'u'}int{width}")
    info = np.iinfo(kind)
    powers = [s * (1 << p) + d for p in range(width) for d in (-1, 0, 1) for s in (1, -1)]
    edges = np.array(sorted({v for v in [*powers, info.min, info.max, 3, 7, 10] if info.min <= v <= info.max}), kind)
    a, b = (g.ravel() for g in np.meshgrid(edges, edges))
    rng = np.random.default_rng(0)
    random = rng.integers(info.min, info.max, (2, 1 << 13), kind, endpoint=True)
    small = random[1] >> kind.type(width // 2)
    factor, unit = random[0] >> kind.type(width // 2 + 1), small
    products = [factor * unit + kind.type(d) for d in (0, 1)] + [factor * unit - kind.type(1)]
    a, b = np.concatenate([a, *random, *products]), np.concatenate([b, random[1], small, *[unit] * 3])
    keep = b != 0
    if signed:
        keep &= (a != info.min) | (b != -1)
    a, b = a[keep], b[keep]
    count = len(a) // 8 * 8
    return a[:count].copy(), b[:count].copy()


@pytest.mark.parametrize("width", [8, 16, 32, 64])
@pytest.mark.parametrize("name", ["divsi", "remsi", "divui", "remui"])
def test_exact(name: str, width: int) -> None:
    signed = name.endswith("si")
    a, b = operands(width, signed)
    out = np.empty_like(a)
    views = [v.view(f"int{width}") for v in (a, b, out)]
    jit(KERNEL.format(t=f"i{width}", name=name), [ExpandMath()])(*views, len(a))
    with np.errstate(over="ignore"):
        quotient = a // b  # rounded downwards: one less than truncated where it is negative and not whole
        quotient += ((quotient < 0) & (quotient * b != a)).astype(a.dtype) if signed else 0
        expected = quotient if name.startswith("div") else a - quotient * b
    wrong = np.flatnonzero(out != expected)
    assert not len(wrong), (a[wrong[0]], b[wrong[0]], out[wrong[0]], expected[wrong[0]])


@pytest.mark.parametrize("element", ["i8", "i32", "i64", "index"])
def test_no_integer_division_is_left(element: str) -> None:
    text = f"""func.func @kernel(%a: vector<8x{element}>, %b: vector<8x{element}>) -> vector<8x{element}> {{
      %r = arith.remsi %a, %b : vector<8x{element}>
      return %r : vector<8x{element}>
    }}"""
    assert not re.search("arith.(div|rem)[su]i", transform(text, [ExpandMath()]))


def test_a_machine_without_vector_division_keeps_the_operation() -> None:
    text = """func.func @kernel(%a: vector<8xi32>, %b: vector<8xi32>) -> vector<8xi32> {
      %r = arith.divsi %a, %b : vector<8xi32>
      return %r : vector<8xi32>
    }"""
    done = transform(text, [ExpandMath(float_division=False)])
    assert "arith.divsi" in done and "arith.divf" not in done


def test_scalars_and_constant_divisors_are_left_alone() -> None:
    text = """func.func @kernel(%a: vector<8xi32>, %b: i32) -> (vector<8xi32>, i32) {
      %c = arith.constant dense<7> : vector<8xi32>
      %r = arith.divsi %a, %c : vector<8xi32>
      %s = arith.divsi %b, %b : i32
      return %r, %s : vector<8xi32>, i32
    }"""
    assert transform(text, [ExpandMath()]).count("arith.divsi") == 2
