"""Nests for the tests of the vectorizer: every configuration, and texts of views and `linalg.generic`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from rung.passes import Pass
from rung.transforms.vectorize import NestsToLoops, Vectorize

CONFIGS: dict[str, Pass] = {
    "scalar": NestsToLoops(),
    "scalar-unrolled": NestsToLoops(unroll=2),
    "16-bytes-split": Vectorize(vector_bytes=16, vector_registers=16, masked_memory=False),
    "32-bytes-masked": Vectorize(vector_bytes=32, vector_registers=16),
    "64-bytes-masked": Vectorize(),
    "64-bytes-split": Vectorize(masked_memory=False, unroll=2),
    "128-bytes-masked": Vectorize(vector_bytes=128),
}
SIZES = (0, 1, 5, 16, 17, 63, 64, 65, 1000)
RNG = np.random.default_rng(0)
every_config = pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS.keys())


def view(name: str, base: str, element: str, sizes: Sequence[object], strides: Sequence[object]) -> str:
    """`%name_ = memref.reinterpret_cast %base ...`"""
    type_ = view_type(element, sizes, strides)
    texts = [", ".join(map(str, part)) for part in (sizes, strides)]
    return (
        f"%{name}_ = memref.reinterpret_cast %{base} to offset: [%zero], sizes: [{texts[0]}], "
        f"strides: [{texts[1]}] : memref<?x{element}> to {type_}\n"
    )


def view_type(element: str, sizes: Sequence[object], strides: Sequence[object]) -> str:
    shape = "x".join("?" if isinstance(s, str) else str(s) for s in sizes)
    layout = ", ".join("?" if isinstance(s, str) else str(s) for s in strides)
    return f"memref<{shape}x{element}, strided<[{layout}], offset: ?>>"


def module(arguments: str, setup: str, nests: str, functions: str = "") -> str:
    return f"""
{functions}
func.func @kernel({arguments}) {{
  %zero = arith.constant 0 : index
  {setup}
  {nests}
  return
}}"""


def generic(dims: str, kinds: str, ins: list[tuple[str, str, str]], outs: list[tuple[str, str, str]], body: str) -> str:
    """`ins` and `outs`: (value, map results, type); `kinds`: one letter p or r per dimension."""
    maps = ", ".join(f"affine_map<({dims}) -> ({m})>" for _, m, _ in [*ins, *outs])
    words = ", ".join({"p": '"parallel"', "r": '"reduction"'}[k] for k in kinds)
    text = f"linalg.generic {{indexing_maps = [{maps}], iterator_types = [{words}]}} "
    if ins:
        text += f"ins({', '.join(v for v, _, _ in ins)} : {', '.join(t for _, _, t in ins)}) "
    text += f"outs({', '.join(v for v, _, _ in outs)} : {', '.join(t for _, _, t in outs)})"
    return f"{text} {{\n{body}\n}}\n"


def line(element: str) -> str:
    return view_type(element, ["%n"], [1])


def vec(name: str, base: str, element: str) -> str:
    return view(name, base, element, ["%n"], [1])


def floats(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape).astype(np.float32)
