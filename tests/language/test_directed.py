"""Directed rounding: the reference against exact fractions, and rung against it for any floats."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.language import directed
from tests.language.arrays import DTYPES, assert_near
from tests.language.expressions import evaluate

EXACT = {"add": lambda x, y: x + y, "mul": lambda x, y: x * y, "div": lambda x, y: x / y}
NUMPY: dict[str, Any] = {"add": np.add, "mul": np.multiply, "div": np.divide, "fma": directed.fused}


@pytest.mark.parametrize("mode", directed.MODES)
@pytest.mark.parametrize("name", EXACT)
def test_processor_rounds_in_the_direction(name: str, mode: str) -> None:
    """The reference is the last float on its side of the exact result, and the next one is beyond."""
    x, y, _ = directed.triples("f64", 512)
    with np.errstate(all="ignore"):
        found = directed.in_mode(NUMPY[name], mode)(x, y)
        ends = {"rd": (found, np.nextafter(found, np.inf)), "ru": (np.nextafter(found, -np.inf), found)}
        ends["rz"] = (
            np.where(found > 0, *(ends[m][0] for m in ("rd", "ru"))),
            np.where(found > 0, ends["rd"][1], found),
        )
    checked = 0
    for a, b, result, low, high in zip(x, y, found, *ends[mode], strict=True):
        if result == 0 or not np.isfinite([a, b, low, high]).all():
            continue
        exact = EXACT[name](Fraction(float(a)), Fraction(float(b)))
        assert low <= exact <= high and (exact == result or low < exact < high), (a, b)
        checked += 1
    assert checked > 100


@pytest.mark.parametrize("kind", ["f32", "f64"])
@pytest.mark.parametrize("name", NUMPY)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_any_floats(name: str, kind: str, data: st.DataObject) -> None:
    arity = 3 if name == "fma" else 2
    width = 8 * np.dtype(DTYPES[kind]).itemsize
    floats = st.lists(st.floats(width=width), min_size=16, max_size=16)
    operands = [np.array(data.draw(floats), DTYPES[kind]) for _ in range(arity)]
    text = ", ".join(f"libdevice.{name}_{mode}({', '.join('xyz'[:arity])})" for mode in directed.MODES)
    with np.errstate(all="ignore"):
        expected = [directed.in_mode(NUMPY[name], mode)(*operands) for mode in directed.MODES]
    for result, wanted in zip(evaluate(text, operands, expected), expected, strict=True):
        assert_near(result, wanted, 0, tuple(operands))


def test_functions_are_not_contracted() -> None:
    """`add_rn(mul_rn(x, y), z)` rounds twice."""
    x, y, z = (v.astype(np.float32) for v in np.random.default_rng(0).normal(size=(3, 128)))
    [result] = evaluate("libdevice.add_rn(libdevice.mul_rn(x, y), z)", (x, y, z), [x])
    assert_near(result, x * y + z, 0)


def test_narrow_floats_are_refused() -> None:
    """As on a GPU: what is computed in f32 and rounded once more has lost its direction."""
    x = np.ones(128, np.float16)
    with pytest.raises(Exception, match="takes f32 and f64"):
        evaluate("libdevice.add_rz(x, x)", (x,), [x])
