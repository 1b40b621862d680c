"""`Event`s of a process that is profiled: on a modelled device they tell its time."""

from __future__ import annotations

import time

from ..driver import DeviceInterface
from .recorder import recorder


class _Event:
    """A point in time. What lies between two is the modelled time of the launches there; where there are none, as of
    what torch computes, the time that it took here."""

    def __init__(self, enable_timing: bool = True) -> None:
        self._modelled = self._here = 0.0

    def record(self, stream: object = None) -> None:
        found = recorder()
        self._modelled, self._here = found.seconds if found else 0.0, time.perf_counter()

    def elapsed_time(self, end: _Event) -> float:
        """Milliseconds from here to `end`."""
        return ((end._modelled - self._modelled) or (end._here - self._here)) * 1e3


class ModelledInterface(DeviceInterface):
    """Of a modelled device."""

    Event = _Event  # pyright: ignore[reportAssignmentType]
