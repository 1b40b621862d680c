"""Estimates follow what was measured so far; without a terminal there is a line every ten seconds."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from rung.bench.group import Lab, Step
from rung.bench.ladder_result import LadderRecord
from rung.bench.measure import Progress, Sampling
from rung.bench.result import Result
from rung.machine import host, load
from rung.studies import find, session
from rung.studies.progress import Estimate, about
from rung.studies.study import Part, Plan
from tests.bench_fakes import result, toolchain


class FakeClock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def test_the_first_guess_is_the_budget_and_a_little(clock: FakeClock) -> None:
    estimate = Estimate(7, 6.0, clock)
    assert estimate.left_s == 7 * 8
    estimate.begin()
    assert estimate.left_s == 7 * 8
    clock.now += 1
    assert estimate.left_s == 7 + 6 * 8
    assert Estimate(7, None, clock).left_s is None


def test_what_comes_before_the_timing_may_take_longer(clock: FakeClock) -> None:
    """A minute of compiling in the first of three parts: the others will take as long."""
    estimate = Estimate(3, 6.0, clock)
    estimate.begin()
    clock.now += 60
    assert estimate.left_s == 6 + 2 * 66
    estimate.told(Progress(2, 10, 40.0))
    assert estimate.left_s == 40 + 2 * 100
    clock.now += 15
    assert estimate.left_s == 25 + 2 * 100, "the same estimate, a quarter of a minute later"
    clock.now += 100
    assert estimate.left_s == 0 + 2 * 175, "it took longer than it said"


def test_parts_that_are_done_tell_of_those_to_come(clock: FakeClock) -> None:
    estimate = Estimate(4, 6.0, clock)
    for seconds in (50, 70):
        estimate.begin()
        clock.now += seconds
    estimate.begin()
    assert estimate.left_s == 60 + 60
    clock.now += 10
    assert estimate.left_s == 50 + 60
    estimate.told(Progress(1, 10, 110.0))  # the machine is busier by now: 120 s for this one, 80 in the mean
    assert estimate.left_s == 110 + 80
    estimate.begin()
    clock.now += 1000
    assert estimate.left_s == 0


def test_rounds_that_are_fixed_are_estimated_once_one_is_measured(clock: FakeClock) -> None:
    estimate = Estimate(2, None, clock)
    estimate.begin()
    clock.now += 5
    assert estimate.left_s is None
    estimate.told(Progress(0, 20, 15.0))
    assert estimate.left_s == 15 + 20


@pytest.mark.parametrize(
    "seconds, words",
    [(0.2, "about 1 s"), (59.6, "about 60 s"), (89, "about 89 s"), (91, "about 2 min"), (5000, "about 83 min"),
     (9000, "about 2.5 h")],
)  # fmt: skip
def test_estimates_are_rounded(seconds: float, words: str) -> None:
    assert about(seconds) == words


def run(
    clock: FakeClock,
    work: Callable[[Lab], None],
    capsys: pytest.CaptureFixture[str],
    sampling: Sampling,
    parts: int = 2,
    device: str = "host",
) -> list[str]:
    """What a session whose parts do `work` prints on stderr, which is no terminal."""

    def measure(lab: Lab) -> list[Result]:
        work(lab)
        return [result()]

    def record(found: Any, measured: Sequence[list[Result]], complete: bool) -> LadderRecord:
        return LadderRecord(environment=found, results=[], complete=complete)

    machine = load(device) if device != "host" else host()
    plan = Plan("gelu", machine, sampling, tuple(Part(f"degree {n}", measure) for n in range(parts)), record)
    assert session.carry_out(find("ladder"), plan, session.Files(), toolchain, clock) == 0
    return [line for line in capsys.readouterr().err.splitlines() if line.strip()]


def test_a_line_every_ten_seconds(clock: FakeClock, capsys: pytest.CaptureFixture[str]) -> None:
    """A busy machine: the guess is 16 s, and it becomes 130 s while the first part is measured."""

    def work(lab: Lab) -> None:
        for _ in range(5):
            clock.now += 3
            lab.tell(Step("compiling"))
        for done in range(11):
            lab.tell(Step("timing in turn", Progress(done, 10, 5.0 * (10 - done))))
            clock.now += 5

    lines = run(clock, work, capsys, Sampling(budget_s=6.0))
    assert lines[0] == "gelu; about 16 s"
    assert lines[1] == "[1/2] degree 0: compiling, about 24 s left"
    assert lines[2] == "[1/2] degree 0: timing in turn, 2/10 rounds, about 2 min left"
    seconds = [float(n) * (60 if unit == "min" else 1) for line in lines[1:]
               for n, unit in re.findall(r"about (\d+) (s|min) left", line)]  # fmt: skip
    assert len(lines) == 1 + len(seconds) and 11 <= len(seconds) <= 14, "140 s, a line every ten"
    assert lines[-1].startswith("[2/2] degree 1: timing in turn, ")
    assert seconds[-1] <= 15


def test_what_may_never_end_says_when_it_is_given_up(clock: FakeClock, capsys: pytest.CaptureFixture[str]) -> None:
    def work(lab: Lab) -> None:
        for _ in range(5):
            clock.now += 11
            lab.tell(Step("watching it", limit_s=60.0))

    lines = run(clock, work, capsys, Sampling(budget_s=6.0), parts=1)
    assert lines == ["gelu; about 8 s", *["[1/1] degree 0: watching it, gives up after 60 s"] * 5]


def test_quick_sessions_say_nothing_more(clock: FakeClock, capsys: pytest.CaptureFixture[str]) -> None:
    def work(lab: Lab) -> None:
        clock.now += 4
        lab.tell(Step("compiling"))

    assert run(clock, work, capsys, Sampling(rounds=3)) == ["gelu; 3 rounds"]
    assert run(clock, work, capsys, Sampling(), 1, "hexagon-v73") == ["gelu"]


def test_modelled_parts_are_estimated_from_those_that_are_done(
    clock: FakeClock, capsys: pytest.CaptureFixture[str]
) -> None:
    def work(lab: Lab) -> None:
        clock.now += 25
        lab.tell(Step("checking"))

    lines = run(clock, work, capsys, Sampling(), 3, "hexagon-v73")
    assert lines == [
        "gelu", "[1/3] degree 0: checking", "[2/3] degree 1: checking, about 25 s left",
        "[3/3] degree 2: checking, about 1 s left",
    ]  # fmt: skip
