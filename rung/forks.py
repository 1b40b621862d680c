"""Locks that a fork waits for, so that they are free in the forked process and what they guard is whole there.

Of a process that forks only the forking thread goes on in the copy: a lock that another thread held would never be
released there, and what that thread was changing would stay half changed. So `os.fork` first takes every lock that was
given to `free_in_forks`, as Python does with its import lock, and then both processes release them.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from typing import Protocol


class Lock(Protocol):
    def acquire(self, blocking: bool = True) -> bool: ...
    def release(self) -> None: ...


_locks: list[Lock] = []


class _Thread(threading.local):
    waits = True
    held: ExitStack | None = None


_thread = _Thread()


def free_in_forks(lock: Lock) -> None:
    """A fork waits until no other thread holds `lock`.

    Its holder must be able to take it again, as with an RLock: it may be the thread that forks.
    """
    _locks.append(lock)


COMPILER = threading.RLock()
"""Held by whoever compiles: reads, changes or translates IR, or imports what does for the first time."""
free_in_forks(COMPILER)


@contextmanager
def without_waiting() -> Generator[None, None, None]:
    """Forks of this thread wait for no lock: the copy uses nothing but what this thread has locked itself."""
    _thread.waits = False
    try:
        yield
    finally:
        _thread.waits = True


def _take(locks: tuple[Lock, ...]) -> ExitStack:
    """Waits for one lock at a time, with none in hand: the thread that has it may be about to take another of them."""
    first = 0
    while True:
        with ExitStack() as taken:
            for number in range(first, first + len(locks)):
                lock = locks[number % len(locks)]
                if not lock.acquire(blocking=number == first):
                    first = number % len(locks)
                    break
                taken.callback(lock.release)
            else:
                return taken.pop_all()


def _before() -> None:
    interruption = None
    while _thread.waits and _thread.held is None:
        try:
            _thread.held = _take(tuple(_locks))
        except BaseException as error:  # of a signal's handler: Python would report it and fork all the same
            interruption = error
    if interruption is not None:
        raise interruption


def _after() -> None:
    held, _thread.held = _thread.held, None
    if held is not None:
        held.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_after, after_in_child=_after)
