"""Statistics against closed forms and against scipy."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
import scipy.stats

from rung.bench import stats


def test_median_of_an_even_number() -> None:
    assert stats.median([4.0, 1.0, 3.0, 2.0]) == 2.5


def test_median_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="no samples"):
        stats.median([])


def test_constant_ratio_has_a_closed_interval() -> None:
    found = stats.paired_ratio([2.0, 4.0, 8.0], [1.0, 2.0, 4.0])
    assert (found.value, found.low, found.high) == (2.0, 2.0, 2.0)
    assert found.claimed


def test_pairing_cancels_what_slows_a_round_down() -> None:
    rng = np.random.default_rng(1)
    drift = rng.uniform(1, 10, 100)
    found = stats.paired_ratio(3e-3 * drift, 1e-3 * drift)
    assert found.low == pytest.approx(3) and found.high == pytest.approx(3)


def test_interval_agrees_with_scipy() -> None:
    rng = np.random.default_rng(2)
    base, other = rng.lognormal(0.3, 0.2, 60), rng.lognormal(0.0, 0.2, 60)
    found = stats.paired_ratio(base, other)
    expected = scipy.stats.bootstrap(
        (base / other,),
        np.median,
        n_resamples=9999,
        method="percentile",
        random_state=np.random.default_rng(3),
    ).confidence_interval
    assert found.value == pytest.approx(np.median(base / other))
    assert found.low == pytest.approx(expected.low, rel=0.02)
    assert found.high == pytest.approx(expected.high, rel=0.02)


def test_interval_covers_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(4)
    hits = 0
    for _ in range(200):
        found = stats.paired_ratio(1.5 * rng.lognormal(0, 0.1, 40), rng.lognormal(0, 0.1, 40))
        hits += found.low <= 1.5 <= found.high
    # 95% of 200 is 190, give or take 3; the percentile interval of a median is not exact.
    assert 178 <= hits <= 200


def test_same_samples_give_the_same_interval() -> None:
    rng = np.random.default_rng(5)
    base, other = rng.lognormal(0, 0.2, 30), rng.lognormal(0, 0.2, 30)
    assert stats.paired_ratio(base, other) == stats.paired_ratio(base, other)


def test_equal_configurations_claim_nothing() -> None:
    rng = np.random.default_rng(6)
    assert not stats.paired_ratio(rng.lognormal(0, 0.2, 50), rng.lognormal(0, 0.2, 50)).claimed


def test_one_round_has_no_interval() -> None:
    found = stats.paired_ratio([2.0], [1.0])
    assert found.value == 2.0 and found.low == 0.0 and math.isinf(found.high)


@pytest.mark.parametrize("base, other", [([1.0], [1.0, 2.0]), ([0.0], [1.0]), ([], [])])
def test_samples_that_are_not_pairs_are_refused(base: list[float], other: list[float]) -> None:
    with pytest.raises(ValueError, match="paired samples"):
        stats.paired_ratio(base, other)


def test_shapley_of_independent_mechanisms_is_their_own_gain() -> None:
    gains = (math.log(20), math.log(2), math.log(0.9))
    logs = {key: sum(gain for gain, on in zip(gains, key, strict=True) if on) for key in _combinations()}
    assert stats.shapley(logs) == pytest.approx(gains)
    assert stats.leave_one_out(logs) == pytest.approx(gains)


def test_shapley_shares_an_interaction_equally_and_adds_up() -> None:
    # A gain that Vec and MT make only together: half each, nothing for DB.
    logs = {(vec, mt, db): 1.0 if vec and mt else 0.0 for vec, mt, db in _combinations()}
    assert stats.shapley(logs) == pytest.approx((0.5, 0.5, 0.0))
    assert stats.leave_one_out(logs) == pytest.approx((1.0, 1.0, 0.0))


def _combinations() -> list[tuple[bool, bool, bool]]:
    return [(vec, mt, db) for vec, mt, db in product((False, True), repeat=3)]
