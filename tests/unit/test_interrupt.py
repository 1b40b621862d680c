"""Ctrl-C is honoured at safe points, and only there."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator

import pytest

from rung.studies.interrupt import cooperative


@pytest.fixture(autouse=True)
def python_s_own_handler() -> Iterator[None]:
    """A test runner in the background may ignore SIGINT."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def interrupt() -> None:
    signal.raise_signal(signal.SIGINT)


def test_the_first_request_waits_for_a_safe_point() -> None:
    with cooperative() as check:
        check()
        interrupt()
        with pytest.raises(KeyboardInterrupt):
            check()


def test_the_second_request_is_not_held_back() -> None:
    with cooperative() as check:
        interrupt()
        with pytest.raises(KeyboardInterrupt):
            interrupt()
        with pytest.raises(KeyboardInterrupt):
            check()


@pytest.mark.parametrize("requests", [0, 1])
def test_the_handler_is_put_back(requests: int) -> None:
    with cooperative():
        for _ in range(requests):
            interrupt()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_what_is_ignored_stays_ignored() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with cooperative() as check:
        interrupt()
        check()
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_another_thread_has_no_signals() -> None:
    def enter() -> None:
        with cooperative() as check:
            check()
            finished.append(True)

    finished: list[bool] = []
    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert finished == [True]
