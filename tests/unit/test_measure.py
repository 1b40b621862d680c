"""Rounds, their order, and the noise record."""

from __future__ import annotations

import pytest

from rung.bench import noise
from rung.bench.measure import MIN_SAMPLE_S, Progress, Sampling, Subject, calibrate, interleave
from rung.bench.noise import Reading
from rung.errors import UsageError


class Clock:
    """Time that passes only when a subject runs."""

    def __init__(self) -> None:
        self.now = 0.0
        self.log: list[str] = []

    def subject(self, name: str, seconds: float) -> Subject:
        def run(n: int) -> list[float]:
            self.now += seconds * n
            self.log.append(name)
            return [seconds] * n

        return Subject(name, run)

    def __call__(self) -> float:
        return self.now


def test_every_round_runs_every_subject_once_in_changing_order() -> None:
    clock = Clock()
    subjects = [clock.subject(name, 1e-3) for name in "ABC"]
    samples = interleave(subjects, Sampling(rounds=20, seed=7), clock=clock)
    timed = clock.log[-120::2]  # each sample follows a launch that is not counted
    rounds = [tuple(timed[i : i + 3]) for i in range(0, 60, 3)]
    assert all(sorted(one) == ["A", "B", "C"] for one in rounds)
    assert len(set(rounds)) > 3
    assert [s.name for s in samples] == ["A", "B", "C"]
    assert all(len(s.values) == 20 for s in samples)


def test_the_seed_fixes_the_order() -> None:
    logs: list[list[str]] = []
    for _ in range(2):
        clock = Clock()
        interleave([clock.subject(n, 1e-3) for n in "AB"], Sampling(rounds=10, seed=3), clock=clock)
        logs.append(clock.log)
    assert logs[0] == logs[1]


def test_short_kernels_are_repeated_within_a_sample() -> None:
    warmup, inner = calibrate(Clock().subject("A", 1e-6))
    assert inner * 1e-6 >= MIN_SAMPLE_S * 0.99
    assert len(warmup) == 4


def test_long_kernels_are_not_repeated() -> None:
    assert calibrate(Clock().subject("A", 1e-3))[1] == 1


def test_warmup_is_recorded_and_not_counted() -> None:
    clock = Clock()
    (found,) = interleave([clock.subject("A", 1e-3)], Sampling(rounds=5), clock=clock)
    assert len(found.values) == 5 and len(found.warmup) == 4
    assert len(clock.log) == 3 + 2 * 6


def test_the_budget_decides_on_the_rounds() -> None:
    clock = Clock()
    (found,) = interleave([clock.subject("A", 0.01)], Sampling(budget_s=1.0), clock=clock)
    assert 45 <= len(found.values) <= 50
    assert clock.now <= 1.01


def test_a_budget_that_is_too_small_still_gives_the_least_number_of_rounds() -> None:
    clock = Clock()
    (found,) = interleave([clock.subject("A", 1.0)], Sampling(budget_s=0.1, min_rounds=10), clock=clock)
    assert len(found.values) == 10


def test_progress_ends_at_nothing_left() -> None:
    clock = Clock()
    told: list[Progress] = []
    interleave([clock.subject("A", 1e-3)], Sampling(rounds=4), told.append, clock)
    assert [p.done for p in told] == [0, 1, 2, 3, 4]
    assert told[-1].remaining_s == 0 and told[0].remaining_s == pytest.approx(8e-3)


def test_nothing_to_time() -> None:
    assert interleave([], Sampling()) == []


@pytest.mark.parametrize("arguments", [{"rounds": -1}, {"budget_s": 0.0}, {"budget_s": float("nan")}])
def test_a_sampling_that_makes_no_sense_is_refused(arguments: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="give"):
        Sampling(**arguments)  # type: ignore[arg-type]


def test_steal_is_the_eighth_field_and_guest_time_is_not_counted_twice() -> None:
    text = "cpu  10 1 5 80 2 0 1 4 7 3\ncpu0 10 1 5 80 2 0 1 4 7 3\n"
    assert noise.parse_stat(text) == (4, 103)


def test_a_system_without_proc_has_no_steal() -> None:
    assert noise.parse_stat("") == (0, 0)


def test_a_quiet_window() -> None:
    found = noise.compare(Reading(0.1, 0, 1000, 5e-8), Reading(1.0, 0, 2000, 6e-8))
    assert not found.noisy and found.reasons == []


@pytest.mark.parametrize(
    "before, after, word",
    [
        (Reading(0.1, 0, 0, None), Reading(0.1, 20, 1000, None), "stolen"),
        (Reading(99.0, 0, 0, None), Reading(99.0, 0, 1000, None), "load"),
        (Reading(0.1, 0, 0, 5e-8), Reading(0.1, 0, 1000, 2e-7), "empty launch"),
    ],
)
def test_what_makes_a_window_noisy(before: Reading, after: Reading, word: str) -> None:
    found = noise.compare(before, after)
    assert found.noisy and word in found.reasons[0]


def test_what_the_run_itself_did_is_no_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second kernel of a ladder comes after the first, which kept both cores busy."""
    monkeypatch.setattr(noise.os, "getloadavg", lambda: (2.5, 0.0, 0.0))

    def after(seconds: float, cores: float) -> float:
        monkeypatch.setattr(noise.time, "monotonic", lambda: noise._BEGIN_S + seconds)
        monkeypatch.setattr(noise.time, "process_time", lambda: noise._USED_S + cores * seconds)
        return noise.read().load

    assert after(1, 2) == pytest.approx(2.5 - 2 / 60, abs=1e-3)
    assert after(60, 2) == pytest.approx(2.5 - 2 * 0.632, abs=1e-3)
    # Another's work is still seen after an hour.
    assert after(3600, 2) == pytest.approx(0.5)
    assert after(3600, 4) == 0
