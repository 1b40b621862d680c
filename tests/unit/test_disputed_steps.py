"""Where noise makes the median of ratios and the ratio of medians two different numbers, neither is claimed."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from rung.bench.overlap_result import OverlapPoint, OverlapRecord
from rung.bench.ratios import step_over
from rung.bench.result import Record, Result
from rung.bench.scale_result import ScalePoint, ScaleRecord
from rung.report import scale, text
from rung.studies import of
from tests.bench_fakes import ENVIRONMENT, placed, result


def noisy_pair() -> tuple[list[float], list[float]]:
    """15 of 21 rounds give 1.26; in the others, what is compared has changed its mind. The machine is slower from round
    to round, so that the medians come from different rounds: 1.26 * s[5] / s[11] of the 15 speeds."""
    speeds = np.linspace(0.8, 1.3, 15)
    base = [*(1.26e-3 * speeds), *([0.6e-3] * 6)]
    other = [*(1e-3 * speeds), *([2e-3] * 6)]
    return base, other


def compared(base: Sequence[float], other: Sequence[float], rung: str = "Vec+MT", **changes: Any) -> list[Result]:
    bare = dict.fromkeys(("speedup", "speedup_ci", "step", "step_ci", "step_from"))
    both = [
        result(name, samples=list(samples), median=float(np.median(samples)), **bare, **changes)
        for name, samples in (("Vec", base), (rung, other))
    ]
    return [both[0], both[1].model_copy(update=step_over(both[1], both[0], "Vec"))]


def test_the_samples_are_what_they_are_meant_to_be() -> None:
    step = compared(*noisy_pair())[1]
    assert step.step == pytest.approx(1.26) and step.step_ci == (pytest.approx(1.26), pytest.approx(1.26))
    assert step.step_of_medians == pytest.approx(1.26 * (0.8 + 4 * 0.5 / 14) / (0.8 + 10 * 0.5 / 14))


def test_a_ladder_says_why_it_claims_nothing() -> None:
    sentence = text.conclusion(compared(*noisy_pair())[1])
    assert sentence is not None and "pays" not in sentence
    assert "MT: nothing is claimed here, as two estimates disagree: round by round it is 1.26x of Vec" in sentence
    assert "the medians give 1.03x. Times changed from round to round" in sentence


def test_small_differences_are_no_contradiction() -> None:
    """Each round in a thousand parts: the interval is narrow, the medians lie a little beside it."""
    other = [1e-3 + 1e-7 * i for i in range(20)]
    base = [1.26 * value for value in other[:10]] + [1.27 * value for value in other[10:]]
    step = compared(base, other)[1]
    assert text.verdict(step) == "gain" and (text.conclusion(step) or "").startswith("MT pays: 1.2")


def test_a_gain_by_rounds_is_none_where_the_medians_say_loss() -> None:
    step = result("Vec+MT", step=1.015, step_ci=(1.01, 1.02), step_of_medians=0.995, step_from="Vec")
    assert text.verdict(step) == "disputed"
    assert text.verdict(step.model_copy(update={"step_of_medians": 1.005})) == "gain"
    assert text.verdict(step.model_copy(update={"step_of_medians": None})) == "gain"


def shown(record: Record) -> str:
    console = Console(width=160, record=True, file=io.StringIO())
    of(record).show(console, record)
    return console.export_text()


def test_a_scale_study_leaves_it_out_of_what_it_says() -> None:
    """One size is disputed at 1.26x; of the others, one loses and one gains."""
    found: list[Any] = []
    samples = {256: (1e-6, 2e-6), 4096: None, 65536: (3e-4, 2e-4)}
    for elements, times in samples.items():
        base, other = noisy_pair() if times is None else ([times[0]] * 21, [times[1]] * 21)
        for contexts, each in zip((1, 2), compared(base, other, shape=[elements]), strict=True):
            point = ScalePoint(contexts=contexts, elements=elements, programs=32, break_even_programs=None)
            found.append(placed(each, point))
    words = shown(ScaleRecord(environment=ENVIRONMENT, results=found))
    assert words.count("medians disagree") == 2 and "no gain or loss is claimed there" in words
    between_the_others = 256 * (65536 / 256) ** (math.log(2) / math.log(3))
    assert f"2 contexts pay from about {between_the_others:,.0f} elements on" in words
    assert "at most 1.50x, at 65,536" in words


def test_a_study_in_which_all_is_disputed_is_drawn(tmp_path: Path) -> None:
    found: list[Any] = []
    for contexts, each in zip((1, 2), compared(*noisy_pair()), strict=True):
        point = ScalePoint(contexts=contexts, elements=4096, programs=32, break_even_programs=None)
        found.append(placed(each, point))
    scale.plot(ScaleRecord(environment=ENVIRONMENT, results=found), tmp_path / "a.svg")
    drawn = (tmp_path / "a.svg").read_text()
    assert "medians disagree" in drawn and "break-even" not in drawn


def test_an_overlap_study_claims_no_gain() -> None:
    base, other = noisy_pair()
    single, double = compared(base, other, launch={"dma_transfers": 8})

    def point(each: Result, buffering: Any, control: Any = None) -> Any:
        where = OverlapPoint(
            degree=4, elements=4096, tile=256, buffering=buffering, own_tile=256, depth=2, control=control, trips=16
        )
        return placed(each, where)

    kinds = [point(single, kind) for kind in ("direct", "single", "transfer", "compute")]
    results = [*kinds, point(double, "double", "equal tile")]
    words = shown(OverlapRecord(environment=ENVIRONMENT, results=results))
    assert "equal tile: no gain of double over single buffering can be claimed." in words
    assert "medians disagree" in words and "no gain or loss is claimed there" in words
