"""Where results stand below the copy bandwidth and the FMA peak."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from rung import machine
from rung.bench import group, ladder, roofline, suite
from rung.bench.measure import Sampling
from rung.bench.result import Result, Roofline
from rung.bench.roofline import Roofs
from rung.bench.toolchain import native
from rung.report import text
from rung.runtime import _native
from rung.schedule import Schedule
from tests.bench_fakes import result, toolchain

ROOFS = Roofs(copy=lambda touched, contexts: 1e9 * contexts, fma=lambda contexts: 1e10 * contexts)


def placed(name: str, contexts: int, median: float = 1e-3) -> Result:
    workload = suite.find(name)
    case = group.case_of(workload, workload.odd_shapes[1], "f32", 0)
    own = result("Vec", median=median, samples=[median], launch={"contexts_ran": contexts})
    return roofline.placed(own, case, ROOFS)


def test_bytes_are_those_of_all_arrays_once() -> None:
    found = placed("gelu", 2).roofline
    assert found and found.bytes == 2 * 1000 * 4 and found.contexts == 2 and found.copy_bytes_per_s == 2e9
    assert found.of_copy(4e-6) == pytest.approx(1.0)
    assert found.flops is None and found.of_fma(1.0) is None


def test_operations_are_counted_where_they_are_only_additions_and_multiplications() -> None:
    found = placed("matmul", 1).roofline
    assert found and found.flops == 2 * 33 * 65 * 17
    assert found.of_fma(found.flops / 1e10) == pytest.approx(1.0)


def test_a_result_without_a_time_or_limits_stays_as_it_is() -> None:
    case = group.case_of(suite.find("gelu"), (1000,), "f32", 0)
    cycles = result("Vec", unit="cycles")
    assert roofline.placed(cycles, case, ROOFS) is cycles
    assert roofline.placed(result("Vec"), case, None).roofline is None
    assert roofline.roofs(toolchain(), machine.host()) is None


def test_a_ladder_carries_the_limits_of_its_run() -> None:
    case = group.case_of(suite.find("gelu"), (1000,), "f32", 0)
    measuring = replace(toolchain(), copy_bandwidth=lambda touched, contexts: 10.0 * contexts)
    lab = group.Lab(machine.host(), measuring, Sampling(rounds=3))
    (found,) = ladder.run(case, ladder.parse_rungs("vec", Schedule()), lab)
    assert found.roofline and found.roofline.copy_bytes_per_s == 2e10


def test_the_better_copy_of_before_and_after_is_the_limit() -> None:
    """Other work on the machine while one of them ran must not put a rung above the limit."""
    case = group.case_of(suite.find("gelu"), (1000,), "f32", 0)
    for rates in ([10.0, 1.0], [1.0, 10.0]):
        readings: dict[int, Iterator[float]] = {}

        def copy(touched: int, contexts: int, rates: list[float] = rates, found: Any = readings) -> float:
            return next(found.setdefault(contexts, iter(rates)))

        lab = group.Lab(machine.host(), replace(toolchain(), copy_bandwidth=copy), Sampling(rounds=3))
        (found,) = ladder.run(case, ladder.parse_rungs("vec+mt", Schedule(threads=2)), lab)
        assert found.roofline and found.roofline.contexts == 2 and found.roofline.copy_bytes_per_s == 1e10


def test_copies_of_a_modelled_device_are_not_measured() -> None:
    measuring = replace(toolchain(), copy_bandwidth=lambda touched, contexts: 1.0)
    assert roofline.roofs(measuring, machine.load("hexagon-v73")) is None


def test_a_copy_is_timed_for_longer_than_a_time_slice() -> None:
    start = time.perf_counter()
    assert _native.copy_bandwidth(1 << 10, 1) > 0
    assert time.perf_counter() - start > 0.02


def test_the_limits_of_the_host_are_measured() -> None:
    found = roofline.roofs(native(), machine.host())
    assert found and found.fma(1) > 0 and found.copy(1 << 16, 1) > 0


def test_shares_are_told_with_the_limits() -> None:
    known = Roofline(contexts=2, bytes=10**6, flops=10**6, copy_bytes_per_s=4e9, fma_flops_per_s=1e11)
    lines = text.roofline([result("Vec", median=1e-3, roofline=known), result("Scalar")])
    assert lines == [
        "of the best copy of this size, timed apart (4 GB/s on 2): Vec 25%",
        "of the FMA peak (100 GFLOP/s on 2): Vec 1.0%",
    ]
    assert text.roofline([result("Scalar")]) == []
