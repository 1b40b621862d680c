"""All kernels of the suite, built ahead of time, linked with a C program and run, against torch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from rung.bench.suite import WORKLOADS
from rung.schedule import Schedule

from .emulated import check, needed, program, suite_library

_RUNGS = {"scalar": (False, False), "vec": (True, False), "vec+mt": (True, True)}
_SHAPES = {
    "vec-add": ((8, 2048), (3, 1500)),
    "vec-add-1d": ((2048,), (1500,)),
    "gelu": ((2048,), (1500,)),
    "gelu-erf": ((1500,),),
    "silu": ((1500,),),
    "exp-series": ((1500,),),
    "softmax": ((4, 256), (3, 250)),
    "rms-norm": ((4, 256), (3, 250)),
    "rms-norm-plain": ((3, 250),),
    "layer-norm": ((3, 250),),
    "row-sum": ((3, 250),),
    "matmul": ((64, 64, 64), (70, 65, 33)),
    "attention": ((64, 32), (65, 33)),
}
"""Sizes that divide and that do not; an emulator is slow."""
_FEW = ("gelu", "softmax", "matmul")


def _check(target: str, rung: str, dtype: str, names: Iterable[str], folder: Path) -> None:
    found = needed(target)
    vectorize, threads = _RUNGS[rung]
    schedule = Schedule().with_mechanisms(vectorize, threads, False)
    if threads:
        schedule = replace(schedule, threads=3, profitability=False)
    cases = [(name, shape) for name in names for shape in _SHAPES[name]]
    product = suite_library(cases, dtype, target, schedule)
    check(program(product, found, folder), product, cases, dtype)


def test_every_kernel_has_shapes() -> None:
    assert _SHAPES.keys() == {workload.name for workload in WORKLOADS}


@pytest.mark.parametrize(
    ("target", "rung"),
    [
        ("aarch64", "vec"),
        ("aarch64", "vec+mt"),
        ("riscv64", "scalar"),
        ("riscv64+v", "vec"),
        ("x86-64-v3", "vec"),
        ("armv7", "vec"),
    ],
)
def test_kernels_run(target: str, rung: str, tmp_path: Path) -> None:
    _check(target, rung, "f32", _FEW, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["f32", "f16", "bf16"])
@pytest.mark.parametrize("rung", _RUNGS)
@pytest.mark.parametrize(
    "target", ["aarch64", "aarch64+sve", "riscv64", "riscv64+v", "x86-64-v3", "x86-64-v4", "armv7"]
)
def test_all_kernels_run(target: str, rung: str, dtype: str, tmp_path: Path) -> None:
    if rung != "scalar" and target == "riscv64":
        return  # it has no vectors, and `riscv64+v` has
    _check(target, rung, dtype, _SHAPES, tmp_path)
