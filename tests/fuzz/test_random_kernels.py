"""Random kernels: what rung compiles must do what Triton's own interpreter does."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st
from torch_mlir import ir

from rung import machine
from rung.compile import AnyExecutable, compile_kernel, compile_ttir, generate_code
from rung.frontends.triton.capture import make_ttir
from rung.ir.contracts import check_stage
from rung.passes import Pass, Stage
from rung.schedule import Schedule
from tests.fuzz import carried_source, coordinate_source, range_source, wrapping_source
from tests.fuzz.interpreter import Interpreter, Uninterpretable, imported
from tests.fuzz.kernel_source import FLOAT_FORMS, INT_FORMS, PROGRAMS, SCALARS, WINDOW, Kernel, write

HOST = machine.host()
SCHEDULES = ("threads=1", "vectorize=off threads=1")
EVERY_SCHEDULE = ("", *SCHEDULES, "double_buffer=on", "scratchpad=on")
BUFFERS = {"x": "*fp32", "y": "*fp16", "k": "*i32", "w": "*fp32", "o": "*fp32", "oi": "*i32"}
SIGNATURE = {**BUFFERS, **dict.fromkeys(SCALARS, "i32")}


@pytest.fixture(scope="module")
def interpreter() -> Iterator[Interpreter]:
    process = Interpreter()
    yield process
    process.close()


def memory() -> dict[str, np.ndarray]:
    """The same contents for every kernel: floats that are exact in f16, small integers."""
    rng, size = np.random.default_rng(0), PROGRAMS * WINDOW
    x, y, k, w = (rng.integers(-64, 64, size) for _ in range(4))
    return {
        "x": x.astype(np.float32) / 16,
        "y": y.astype(np.float16) / 16,
        "k": k.astype(np.int32),
        "w": w.astype(np.float32) / 16,
        "o": np.zeros(size, np.float32),
        "oi": np.zeros(size, np.int32),
    }


def executable(kernel: Any, schedule: str, careful: bool) -> AnyExecutable:
    """As it is launched, or as it is compiled for launches of which nothing is assumed."""
    how = Schedule.parse(schedule)
    if not careful:
        return compile_kernel(kernel, SIGNATURE, {}, machine=HOST, schedule=how, observers=(_contract,))
    text = str(make_ttir(kernel, SIGNATURE, {}))
    compiled = compile_ttir(text, machine=HOST, schedule=how, distinct=False, fits=False, observers=(_contract,))
    return generate_code(compiled, HOST)


def check(
    interpreter: Interpreter, kernel: Kernel, schedules: tuple[str, ...] = SCHEDULES, careful: bool = False
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "random_kernel.py"
        path.write_text(kernel.source)
        scalars = list(kernel.scalars.values())
        try:
            expected = interpreter.run(path, (PROGRAMS,), [*memory().values(), *scalars])
        except Uninterpretable:
            reject()
        for schedule in schedules:
            result = memory()
            made = executable(imported(path).kernel, schedule, careful)
            made.run([*result.values(), *scalars], (PROGRAMS, 1, 1))
            message = f"{schedule}, {careful=}, {kernel.scalars}\n{kernel.source}"
            for (name, actual), wanted in zip(result.items(), expected, strict=True):
                compare(actual, wanted, f"`{name}`, {message}")


def _contract(event: str, step: Pass | Stage, module: ir.Module) -> None:
    if event == "stage" and step.name == "linalg":
        check_stage("linalg", module)


def compare(actual: np.ndarray, expected: np.ndarray, message: str) -> None:
    if actual.dtype == np.int32:
        np.testing.assert_array_equal(actual, expected, message)
        return
    largest = np.abs(expected[np.isfinite(expected)]).max(initial=1)
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-4 * largest, err_msg=message)


common = settings(
    deadline=None, database=None, suppress_health_check=list(HealthCheck), print_blob=True, derandomize=True
)


@given(rng=st.randoms(use_true_random=False))
@settings(common, max_examples=80)
def test_random_kernels(interpreter: Interpreter, rng: Random) -> None:
    check(interpreter, write(rng), (SCHEDULES[rng.randrange(2)],))


@given(rng=st.randoms(use_true_random=False))
@settings(common, max_examples=60)
def test_random_coordinates(interpreter: Interpreter, rng: Random) -> None:
    check(interpreter, coordinate_source.write(rng), (SCHEDULES[rng.randrange(2)],))


@given(rng=st.randoms(use_true_random=False))
@settings(common, max_examples=30)
def test_random_carried_blocks(interpreter: Interpreter, rng: Random) -> None:
    check(interpreter, carried_source.write(rng), (SCHEDULES[rng.randrange(2)],))


@given(rng=st.randoms(use_true_random=False))
@settings(common, max_examples=60)
def test_random_integers_that_wrap(interpreter: Interpreter, rng: Random) -> None:
    check(interpreter, wrapping_source.write(rng), (SCHEDULES[rng.randrange(2)],), rng.random() < 0.5)


@given(rng=st.randoms(use_true_random=False))
@settings(common, max_examples=60)
def test_random_ranges(interpreter: Interpreter, rng: Random) -> None:
    check(interpreter, range_source.write(rng), (SCHEDULES[rng.randrange(2)],), rng.random() < 0.3)


FOUND = (0, 22, 25, 29, 34, 38, 51, 57, 65, 74)
FOUND_CARRIED = (2, 40, 54, 60, 62, 65)
"""Seeds that found a bug when they were tried first."""


@pytest.mark.parametrize("seed", FOUND)
def test_kernels_that_found_a_bug(interpreter: Interpreter, seed: int) -> None:
    check(interpreter, write(Random(seed), int_forms=INT_FORMS, float_forms=FLOAT_FORMS))


@pytest.mark.parametrize("seed", FOUND_CARRIED)
def test_carried_blocks_that_found_a_bug(interpreter: Interpreter, seed: int) -> None:
    check(interpreter, carried_source.write(Random(seed)))


@pytest.mark.slow
@pytest.mark.timeout(0)
@given(rng=st.randoms(use_true_random=False))
@settings(common, derandomize=False, max_examples=2000)
def test_many_random_kernels(interpreter: Interpreter, rng: Random) -> None:
    how = rng.choice(
        [
            *(write, partial(write, volatile=True), coordinate_source.write, carried_source.write),
            *(wrapping_source.write, range_source.write),
        ]
    )
    check(interpreter, how(rng), EVERY_SCHEDULE, careful=rng.random() < 0.3)
