"""How quiet the machine was: load, stolen time and the empty-launch cost, before and after a measurement."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..processor import cores
from .result import Noise

STEAL_LIMIT = 0.01
"""Share of CPU time that the hypervisor gave to others."""
PROBE_LIMIT = 2.0
"""Change of the empty-launch cost, as a ratio."""
_MEMORY_S = 60.0
"""Of the load average that is read."""
_BEGIN_S, _USED_S = time.monotonic(), time.process_time()


@dataclass(frozen=True)
class Reading:
    """One look at the machine. `load` is that of others. Ticks are the kernel's (USER_HZ); both are 0 where there is no
    /proc/stat."""

    load: float
    steal_ticks: int
    total_ticks: int
    empty_launch_s: float | None


def read(probe: Callable[[], float] | None = None) -> Reading:
    """Looks now; `probe` times one empty launch, in seconds."""
    steal, total = parse_stat(_proc_stat())
    return Reading(_load_of_others(), steal, total, probe() if probe else None)


def _load_of_others() -> float:
    """Of the last minute, without what this process added: the load average forgets at a rate of 1 / 60 s, so a process
    that has kept u cores busy for t seconds is u (1 - e^(-t / 60)) of it, however long it runs."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    age = max(time.monotonic() - _BEGIN_S, 1e-3)
    busy = (time.process_time() - _USED_S) / age
    return max(0.0, load - busy * (1 - math.exp(-age / _MEMORY_S)))


def _proc_stat() -> str:
    try:
        return Path("/proc/stat").read_text()
    except OSError:
        return ""


def parse_stat(text: str) -> tuple[int, int]:
    """(steal, total) ticks of the `cpu` line of /proc/stat; guest time is part of user time and is not
    counted twice."""
    for line in text.splitlines():
        name, *ticks = line.split()
        if name == "cpu" and len(ticks) >= 8:
            counted = [int(t) for t in ticks[:8]]
            return counted[7], sum(counted)
    return 0, 0


def compare(before: Reading, after: Reading) -> Noise:
    """The record of a window and what, if anything, makes it noisy.

    The load before the window counts, as the run itself raises the load after it.
    """
    ticks = after.total_ticks - before.total_ticks
    steal = (after.steal_ticks - before.steal_ticks) / ticks if ticks > 0 else 0.0
    reasons: list[str] = []
    if steal > STEAL_LIMIT:
        reasons.append(f"{steal:.1%} of the CPU time was stolen by other virtual machines")
    if before.load > cores():
        reasons.append(f"the load before the run was {before.load:.1f} on {cores()} cores")
    first, last = before.empty_launch_s, after.empty_launch_s
    if first and last and not 1 / PROBE_LIMIT <= last / first <= PROBE_LIMIT:
        reasons.append(f"an empty launch took {first * 1e9:.0f} ns before and {last * 1e9:.0f} ns after")
    return Noise(
        load_before=before.load,
        load_after=after.load,
        steal=steal,
        empty_launch_before_s=first,
        empty_launch_after_s=last,
        noisy=bool(reasons),
        reasons=reasons,
    )
