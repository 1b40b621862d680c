"""The campaigns of docs/reliability.md: `pytest -m slow tests/campaign`; `-k` chooses one of them."""

from __future__ import annotations

import pytest

from tests.campaign.child import Outcome, supervise

pytestmark = [pytest.mark.slow, pytest.mark.timeout(0)]
FINE = ("ok", "refused", "uninterpretable")


def check(module: str, chunk: int, size: int, request: pytest.FixtureRequest) -> None:
    """Runs the seeds of one chunk; what they gave is counted at the end of the session (conftest.py)."""
    outcomes: list[Outcome] = []
    for outcome in supervise(f"tests.campaign.{module}", range(chunk * size, (chunk + 1) * size)):
        outcomes.append(outcome)
        request.node.user_properties.append((f"campaign {module}", (outcome.status, *outcome.features)))
    wrong = [o for o in outcomes if o.status not in FINE]
    assert not wrong, "\n".join(f"seed {o.seed}: {o.status} {o.features} {o.detail}" for o in wrong)


@pytest.mark.parametrize("chunk", range(200))
def test_random_programs(chunk: int, request: pytest.FixtureRequest) -> None:
    """20,000 programs against Triton's interpreter, under five schedules each."""
    check("programs", chunk, 100, request)


@pytest.mark.parametrize("chunk", range(80))
def test_mutated_inputs(chunk: int, request: pytest.FixtureRequest) -> None:
    """10,000 damaged inputs to each of four readers."""
    check("readers", chunk, 500, request)


@pytest.mark.parametrize("chunk", range(20))
def test_first_launches(chunk: int, request: pytest.FixtureRequest) -> None:
    """2,400 first launches from threads, forks, processes and workers, with the cache in five states."""
    check("launches", chunk, 5, request)
