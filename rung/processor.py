"""What the system says about the processor that runs us."""

from __future__ import annotations

import os
import re
from pathlib import Path


def cpuinfo() -> dict[str, str]:
    """The first value of each field of /proc/cpuinfo; empty where there is none."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return {}
    fields: dict[str, str] = {}
    for line in text.splitlines():
        key, _, value = line.partition(":")
        fields.setdefault(key.strip(), value.strip())
    return fields


def cache_bytes(level: int, default: int) -> int:
    """Of a core's data cache of a level; `default` where the system does not tell."""
    for index in Path("/sys/devices/system/cpu/cpu0/cache").glob("index*"):
        try:
            if int((index / "level").read_text()) != level or (index / "type").read_text().strip() == "Instruction":
                continue
            size = (index / "size").read_text().strip()
        except (OSError, ValueError):
            continue
        if size.endswith("K"):
            return int(size[:-1]) << 10
        if size.endswith("M"):
            return int(size[:-1]) << 20
    return default


def clock_ghz(info: dict[str, str]) -> float:
    """The nominal clock. What `cpu MHz` says at one moment would differ from process to process."""
    try:
        return int(Path("/sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq").read_text()) / 1e6
    except (OSError, ValueError):
        pass
    named = re.search(r"([\d.]+)\s*GHz", info.get("model name", ""))
    return float(named[1]) if named else round(float(info.get("cpu MHz", "2000")) / 1000, 1)


def cores() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
