"""Results of several processes as one: paired samples stay paired, and what was wrong once is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from rung.bench import ladder
from rung.bench.ladder_result import LadderRecord
from rung.bench.pool import pool
from rung.bench.result import Result, Roofline
from tests.bench_fakes import ENVIRONMENT, NOISE, result


def record(*results: Result) -> LadderRecord:
    return LadderRecord(environment=ENVIRONMENT, results=list(results))


def rungs(scale: float, **changes: Any) -> LadderRecord:
    """Vec is four times as fast as Scalar, whatever else the process is."""
    scalar, vec = [4 * scale, 8 * scale], [1 * scale, 2 * scale]
    return record(result("Scalar", samples=scalar), result("Vec", **{"samples": vec} | changes))


def test_ratios_are_of_samples_of_one_round() -> None:
    scalar, vec = ladder.with_ratios(pool([rungs(1.0), rungs(1000.0)]))
    assert scalar.samples == [4, 8, 4000, 8000] and vec.samples == [1, 2, 1000, 2000]
    assert vec.processes == 2 and vec.median == 501
    assert vec.speedup == 4 and vec.speedup_ci == (4, 4)


def test_a_rung_that_was_wrong_once_has_no_times() -> None:
    empty = dict.fromkeys(("median", "speedup", "speedup_ci", "step", "step_ci", "step_from"))
    wrong = rungs(1.0, correct=False, samples=[], max_abs_err=None, **empty)
    _, vec = ladder.with_ratios(pool([rungs(1.0), wrong]))
    assert not vec.correct and vec.samples == [] and vec.median is None and vec.max_abs_err is None
    Result.model_validate(vec.model_dump())


def test_noise_names_the_process() -> None:
    noisy = NOISE.model_copy(update={"noisy": True, "reasons": ["the load was high"]})
    found = pool([rungs(1.0), record(*(r.model_copy(update={"noise": noisy}) for r in rungs(1.0).results))])
    assert found[0].noise.noisy and found[0].noise.reasons == ["process 2: the load was high"]


def test_the_best_copy_of_all_processes_is_the_limit() -> None:
    def roof(contexts: int, copies: float) -> Roofline:
        return Roofline(contexts=contexts, bytes=8, flops=None, copy_bytes_per_s=copies, fma_flops_per_s=None)

    roofs = [roof(2, 1e9), roof(2, 3e9), roof(1, 9e9)]
    assert pool([record(result("Vec", roofline=each)) for each in roofs])[0].roofline == roof(2, 3e9)


def test_what_one_process_lacks_is_left_out() -> None:
    assert [r.rung for r in pool([rungs(1.0), record(result("Scalar"))])] == ["Scalar"]


def test_nothing_cannot_be_pooled() -> None:
    with pytest.raises(ValueError, match="no records"):
        pool([])
