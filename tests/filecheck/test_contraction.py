"""Contractions: the shape of what they become, what is refused, and the values."""

from __future__ import annotations

import numpy as np
import pytest

from rung.errors import UnsupportedError
from rung.transforms.contract import TileContractions
from rung.transforms.vectorize import NestsToLoops, Vectorize
from tests.harness import bf16, from_bf16, jit, transform

FORMS = {
    "scalar": (TileContractions(vector_bytes=0), NestsToLoops()),
    "16-bytes": (TileContractions(16, 16, fma=False), Vectorize(16, 16, masked_memory=False)),
    "64-bytes": (TileContractions(), Vectorize()),
}


def matmul(m: int, n: int, k: int, a: str, b: str, c: str, batch: str = "") -> str:
    name = "linalg.batch_matmul" if batch else "linalg.matmul"
    ta, tb, tc = (f"memref<{batch}{x}x{y}x{e}>" for x, y, e in ((m, k, a), (k, n, b), (m, n, c)))
    return f"""
func.func @kernel(%a: {ta}, %b: {tb}, %c: {tc}) {{
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.for %i = %c0 to %c1 step %c1 {{
    {name} ins(%a, %b : {ta}, {tb}) outs(%c : {tc})
  }}
  return
}}"""


def test_register_tile() -> None:
    """64x64x32 in f32: 8 rows x 2 vectors, K innermost, nothing is packed."""
    text = transform(matmul(64, 64, 32, "f32", "f32", "f32"), [TileContractions()])
    assert "linalg.matmul" not in text and "alloca" not in text
    assert "rung.contraction = {lanes = 16 : i64, mr = 8 : i64, nr = 2 : i64}" in text
    assert text.count("vector.fma") == 8 * 2 * 4
    assert text.count("scf.for") == 1 + 3
    assert text.index("scf.for") < text.index("iter_args")
    assert "transfer" not in text


def test_fewer_registers_make_a_smaller_tile() -> None:
    text = transform(matmul(64, 64, 32, "f32", "f32", "f32"), [TileContractions(32, 16)])
    assert "lanes = 8 : i64, mr = 6 : i64, nr = 2 : i64" in text


def test_scalar_form_has_no_vector() -> None:
    text = transform(matmul(64, 64, 32, "f32", "f32", "f32"), [TileContractions(vector_bytes=0)])
    assert "vector" not in text
    assert "math.fma" in text and "iter_args" in text


def test_narrow_operands_are_extended_into_scratch_at_the_top() -> None:
    text = transform(matmul(64, 64, 32, "f16", "bf16", "f32"), [TileContractions()])
    lines = [line.strip() for line in text.splitlines()]
    first = next(i for i, line in enumerate(lines) if line.startswith("func.func")) + 1
    assert all("memref.alloca() : memref<" in line for line in lines[first : first + 2])
    assert text.count("linalg.generic") == 2 and text.count("arith.extf") == 2
    assert "vector.load %alloca" in text


FILLED = """
#map = affine_map<(d0, d1) -> (d0, d1)>
func.func @kernel(%a: memref<32x32xf32>, %b: memref<32x32xf32>, %out: memref<32x32xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %two = arith.constant 2.0 : f32
  %c = memref.alloca() : memref<32x32xf32>
  %other = memref.alloca() : memref<32x32xf32>
  scf.for %i = %c0 to %c1 step %c1 {
    linalg.generic {indexing_maps = [#map], iterator_types = ["parallel", "parallel"]} outs(%c : memref<32x32xf32>) {
    ^bb0(%old: f32):
      linalg.yield %two : f32
    }
    linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]}
      ins(%b : memref<32x32xf32>) outs(%TOUCHED : memref<32x32xf32>) {
    ^bb0(%in: f32, %old: f32):
      %sum = arith.addf %in, %in : f32
      linalg.yield %sum : f32
    }
    linalg.matmul ins(%a, %other : memref<32x32xf32>, memref<32x32xf32>) outs(%c : memref<32x32xf32>)
    linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]}
      ins(%c : memref<32x32xf32>) outs(%out : memref<32x32xf32>) {
    ^bb0(%in: f32, %old: f32):
      linalg.yield %in : f32
    }
  }
  return
}"""


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
def test_sums_begin_with_what_c_was_filled_with(form: tuple[TileContractions, Vectorize]) -> None:
    """The filling is gone, and no tile of C is loaded."""
    filled = FILLED.replace("%TOUCHED", "%other")
    text = transform(filled, [TileContractions()])
    assert text.count("linalg.generic") == 2
    loads = [line for line in text.splitlines() if "vector.load" in line]
    [c, *_] = [line.split(" =")[0].strip() for line in text.splitlines() if "memref.alloca" in line]
    assert loads and not any(f"vector.load {c}[" in line for line in loads)
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal((32, 32)).astype(np.float32) for _ in range(2))
    out = np.zeros((32, 32), np.float32)
    jit(filled, form)(a, b, out)
    np.testing.assert_allclose(out, 2 + a.astype(np.float64) @ (2 * b), rtol=1e-5, atol=1e-4)


def test_a_filling_that_is_written_over_is_none() -> None:
    text = transform(FILLED.replace("%TOUCHED", "%c"), [TileContractions()])
    assert text.count("linalg.generic") == 3
    [c, *_] = [line.split(" =")[0].strip() for line in text.splitlines() if "memref.alloca" in line]
    assert f"vector.load {c}[" in text


def test_dynamic_shape_is_refused() -> None:
    text = matmul(64, 64, 32, "f32", "f32", "f32").replace("memref<64x32xf32>", "memref<?x32xf32>")
    with pytest.raises(UnsupportedError, match="dynamic shape"):
        transform(text, [TileContractions()])


def test_transposed_operand_is_refused() -> None:
    maps = ", ".join(f"affine_map<(d0, d1, d2) -> ({r})>" for r in ("d2, d0", "d2, d1", "d0, d1"))
    text = matmul(64, 64, 32, "f32", "f32", "f32").replace("memref<64x32xf32>", "memref<32x64xf32>")
    text = text.replace("linalg.matmul", f"linalg.matmul indexing_maps = [{maps}]")
    with pytest.raises(UnsupportedError, match="transposed"):
        transform(text, [TileContractions()])


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
@pytest.mark.parametrize(("m", "n", "k"), [(1, 1, 1), (5, 3, 7), (16, 16, 16), (17, 33, 5), (9, 47, 3), (64, 48, 2)])
def test_any_size(form: tuple[TileContractions, Vectorize], m: int, n: int, k: int) -> None:
    rng = np.random.default_rng(m)
    a, b, c = (rng.standard_normal(s).astype(np.float32) for s in ((m, k), (k, n), (m, n)))
    want = c + a.astype(np.float64) @ b
    jit(matmul(m, n, k, "f32", "f32", "f32"), form)(a, b, c)
    np.testing.assert_allclose(c, want, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
@pytest.mark.parametrize(
    ("a", "b", "c"),
    [
        ("f16", "f16", "f32"),
        ("bf16", "f32", "f32"),
        ("f16", "f16", "f16"),
        ("f64", "f64", "f64"),
        ("i8", "i8", "i32"),
    ],
)
def test_element_types(form: tuple[TileContractions, Vectorize], a: str, b: str, c: str) -> None:
    rng = np.random.default_rng(1)

    def make(element: str, *shape: int) -> tuple[np.ndarray, np.ndarray]:
        """(as stored, as float64)"""
        if element.startswith("i"):
            array = rng.integers(-128, 128, shape).astype(f"int{element[1:]}")
        elif element == "bf16":
            array = bf16(rng.standard_normal(shape))
            return array, from_bf16(array).astype(np.float64)
        else:
            array = rng.standard_normal(shape).astype(f"float{element[1:]}")
        return array, array.astype(np.float64)

    (x, x64), (y, y64), (z, z64) = make(a, 20, 12), make(b, 12, 40), make(c, 20, 40)
    jit(matmul(20, 40, 12, a, b, c), form)(x, y, z)
    tolerance = 2e-3 if c == "f16" else 1e-5
    np.testing.assert_allclose(z, z64 + x64 @ y64, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
def test_batch(form: tuple[TileContractions, Vectorize]) -> None:
    rng = np.random.default_rng(2)
    a, b, c = (rng.standard_normal((3, *s)).astype(np.float32) for s in ((9, 8), (8, 20), (9, 20)))
    want = c + a.astype(np.float64) @ b
    jit(matmul(9, 20, 8, "f32", "f32", "f32", batch="3x"), form)(a, b, c)
    np.testing.assert_allclose(c, want, rtol=1e-5, atol=1e-5)
