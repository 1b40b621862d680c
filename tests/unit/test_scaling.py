"""Break-even, the fitted cost of a fork, and the whole study over a toolchain that compiles nothing."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from rung.bench import scale_model, scaling, suite
from rung.bench.result import Result
from rung.bench.scale_model import BreakEven
from rung.bench.scale_result import ScalePoint, ScaleRecord
from rung.errors import UsageError
from rung.report import scale
from rung.studies import read, session
from rung.studies.scale import STUDY, ScaleOptions
from tests.bench_fakes import ENVIRONMENT, result, toolchain


@pytest.mark.parametrize(
    "speedups, expected",
    [
        ([0.5, 0.5, 2.0, 2.0], 2000.0),  # the middle, between equal distances in the logarithm
        ([2.0, 0.5, 2.0, 2.0], 2000.0),  # the last crossing counts
        ([1.0, 1.0, 1.5, 2.0], "everywhere"),
        ([0.5, 0.6, 0.8, 0.9], "nowhere"),
        ([0.5, 1.0, 2.0, 2.0], 1000.0),
    ],
)
def test_break_even_is_interpolated_between_logarithms(speedups: list[float], expected: object) -> None:
    found = scale_model.break_even([250, 1000, 4000, 16000], speedups)
    assert found
    if expected == "everywhere":
        assert found == BreakEven(None, everywhere=True)
    elif expected == "nowhere":
        assert found == BreakEven(None)
    else:
        assert found.elements == pytest.approx(expected)


def test_without_sizes_there_is_no_break_even() -> None:
    assert scale_model.break_even([], []) is None


@settings(deadline=None)  # the first example imports scipy
@given(
    launch=st.floats(0, 1e-6),
    forks=st.tuples(st.floats(0, 1e-5), st.floats(0, 1e-4)),
    per_element=st.floats(1e-11, 1e-8),
)
def test_the_fit_finds_the_model_that_made_the_times(
    launch: float, forks: tuple[float, float], per_element: float
) -> None:
    def time(n: int, p: int) -> float:
        return launch + {1: 0.0, 2: forks[0], 4: forks[1]}[p] + n * per_element / min(p, 3)

    samples = [(n, p, time(n, p)) for p in (1, 2, 4) for n in (256, 1 << 12, 1 << 16, 1 << 20)]
    fit = scale_model.fit(samples, parallel=3)
    assert fit
    for n, p, measured in samples:
        assert fit.time(n, p) == pytest.approx(measured, rel=1e-6)


def test_no_cost_of_a_fit_is_negative() -> None:
    fit = scale_model.fit([(n, p, n * 1e-9 / p**1.3) for p in (1, 2) for n in (256, 1024, 4096)], parallel=2)
    assert fit and fit.launch >= 0 and fit.per_element >= 0 and min(fit.fork.values()) >= 0


def test_too_few_samples_are_not_fitted() -> None:
    assert scale_model.fit([(256, 1, 1e-6), (256, 2, 2e-6)], parallel=2) is None


def test_rows_are_added_to_reach_a_size() -> None:
    assert scaling.shape_of(suite.find("softmax"), 1 << 20) == (1024, 1024)
    assert scaling.shape_of(suite.find("softmax"), 256) == (1, 1024)


def options(tmp_path: Path, **changes: Any) -> ScaleOptions:
    fields = {"sizes": "1K,4K", "contexts": "2,4", "rounds": 3, "json": str(tmp_path / "a.json")} | changes
    return ScaleOptions(**fields)


def test_the_command_writes_one_result_per_size_and_contexts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert session.run(STUDY, options(tmp_path, plot=str(tmp_path / "a.png")), toolchain) == 0
    record = read(tmp_path / "a.json")
    points = [(r.point.elements, r.point.contexts) for r in record.results]
    assert points == [(1024, 1), (1024, 2), (1024, 4), (4096, 1), (4096, 2), (4096, 4)]
    forced = [r.schedule["profitability"] for r in record.results if r.schedule["threads"] != 1]
    assert not any(forced) and all(r.schedule["vectorize"] for r in record.results)
    assert [r.step_from for r in record.results[:2]] == [None, "1 context"]
    assert record.results[1].step == pytest.approx(2, rel=0.03) and record.study == "scale"
    assert (tmp_path / "a.png").stat().st_size > 10_000
    shown = capsys.readouterr().out
    assert "2 contexts pay at every size from 1,024 on" in shown and "residuals" in shown


def test_a_wrong_size_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert session.run(STUDY, options(tmp_path), lambda: toolchain({"Vec+MT": 1.0})) == 1
    assert "WRONG" in capsys.readouterr().out


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"sizes": "1K,big"}, "--sizes is `1K,big`"),
        ({"sizes": "0"}, "--sizes is `0`"),
        ({"sizes": "4x4"}, "gelu takes sizes of the form N"),
        ({"contexts": "two"}, "--contexts is `two`"),
        ({"contexts": "1"}, "nothing to share"),
        ({"block": 100}, "give a power of 2"),
        ({"kernel": "matmul", "sizes": None}, "give --sizes of the form MxNxK"),
    ],
)
def test_what_cannot_be_measured_is_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        session.run(STUDY, options(tmp_path, **changes), toolchain)


def point(elements: int, contexts: int, median: float, step: float | None = None) -> Result:
    own = ScalePoint(contexts=contexts, elements=elements, programs=elements // 128, break_even_programs=40)
    ends = (step * 0.99, step * 1.01) if step else None
    return result("Vec+MT", point=own, median=median, step=step, step_ci=ends, step_from="1 context")


def shown(results: list[Result]) -> str:
    console = Console(width=140, record=True, file=io.StringIO())
    scale.show(console, ScaleRecord(environment=ENVIRONMENT, results=results))
    return console.export_text()


def test_losses_and_the_break_even_are_told() -> None:
    text = shown(
        [point(1024, 1, 1e-6), point(1024, 2, 2e-6, 0.5), point(4096, 1, 4e-6), point(4096, 2, 2e-6, 2.0)]
    )  # fmt: skip
    assert "LOSS" in text and "gain" in text
    assert "2 contexts pay from about 2,048 elements on, and lose below; at most 2.00x, at 4,096" in text
    assert "rung's own test forks from 5,120 elements on" in text


def test_a_loss_at_every_size_has_no_break_even() -> None:
    text = shown([point(1024, 1, 1e-6), point(1024, 2, 2e-6, 0.5)])
    assert "there is no break-even within the range" in text


def test_the_fit_finds_where_contexts_share_a_limit() -> None:
    """Two and four contexts are as fast as 1.5 would be: DRAM's data bus is full."""
    samples = [(n, p, 10.0 + 500 * (p > 1) + n / min(p, 1.5)) for p in (1, 2, 4) for n in (256, 4096, 65536, 1 << 20)]
    fit = scale_model.fit(samples, parallel=4)
    assert fit is not None
    assert fit.parallel == pytest.approx(1.5, abs=0.02)
    assert fit.time(1 << 20, 4) == pytest.approx(510 + (1 << 20) / 1.5, rel=0.01)
