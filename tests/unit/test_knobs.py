"""The environment: what it may say, and that what it may not is one sentence that names the variable."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from rung import knobs
from rung.errors import UsageError
from rung.frontends.triton.options import Options

FLAGS = [("RUNG_VERIFY", knobs.verify), ("RUNG_DEBUG_DMA", knobs.debug_dma)]


@pytest.mark.parametrize(("name", "read"), FLAGS)
def test_flags_are_on_or_off(name: str, read: Callable[[], bool], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(name, raising=False)
    assert not read()
    for text, wanted in (("1", True), ("TRUE", True), ("on", True), ("0", False), ("off", False), ("", False)):
        monkeypatch.setenv(name, text)
        assert read() is wanted


@pytest.mark.parametrize("text", ["2", "ture", "1 ", "-1"])
@pytest.mark.parametrize(("name", "read"), FLAGS)
def test_a_flag_that_is_neither_is_refused(
    name: str, read: Callable[[], bool], text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who asks for a check and misspells it must not believe that it ran."""
    monkeypatch.setenv(name, text)
    with pytest.raises(UsageError, match=f"^{name} is `{text}`; give 1 or 0$"):
        read()


@pytest.mark.parametrize("text", ["²", "٣", "1e3", "+2", " 2", "0", "1025", "9" * 5000])
def test_a_number_of_contexts_is_digits(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python takes other characters for digits, some of which are not numbers to it either."""
    monkeypatch.setenv("RUNG_NUM_THREADS", text)
    with pytest.raises(UsageError, match=r"^RUNG_NUM_THREADS is `.*`; give a whole number, 1 to 1024$"):
        knobs.threads()


def test_a_schedule_of_the_environment_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNG_SCHEDULE", "depth=99")
    with pytest.raises(UsageError, match=r"^RUNG_SCHEDULE, schedule: depth is 99; give 2 to 64"):
        Options.of({})
    with pytest.raises(UsageError, match=r"^schedule: depth is 98"):
        Options.of({"schedule": "depth=98"})
    monkeypatch.setenv("RUNG_SCHEDULE", "depth=3")
    assert Options.of({}).schedule == "depth=3"
