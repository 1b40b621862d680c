"""What the system says about the processor that runs us."""

from __future__ import annotations

import os
import platform
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple


class Processor(NamedTuple):
    """All that the compiler may know of the processor that runs us: the key of what is compiled for it."""

    arch: str
    """As the operating system calls it."""
    identity: tuple[str, ...]
    """By which LLVM tells one from another: vendor, family, model, stepping; of Arm's: implementer, variant, part."""
    flags: frozenset[str]
    """Extensions of the instruction set."""
    l1_bytes: int
    l2_bytes: int
    """Of one core."""
    last_cache_bytes: int
    """Of the last level, of all cores."""
    cores: int
    """That this process may run on."""
    clock_ghz: float

    @property
    def extensions(self) -> frozenset[str]:
        """The flags that LLVM makes instructions of by itself: what machine code for this processor may need."""
        return self.flags if self.arch.startswith("aarch64") else frozenset(filter(_USED_ON_X86.fullmatch, self.flags))

    def __str__(self) -> str:
        """The same text for the same processor, in any process."""
        return repr(self._replace(flags=frozenset())) + " ".join(sorted(self.flags))


_IDENTITY = (
    *("vendor_id", "cpu family", "model", "model name", "stepping"),
    *("CPU implementer", "CPU architecture", "CPU variant", "CPU part", "CPU revision"),
)

# Of Linux's names, those of arithmetic; ciphers, tiles and the system's own are made of intrinsic functions alone.
_USED_ON_X86 = re.compile(r"pni|s?sse\w*|avx\w*|fma4?|f16c|bmi\d|abm|popcnt|movbe|gfni|xop|tbm")


@cache
def detect() -> Processor:
    info = cpuinfo()
    return Processor(
        arch=platform.machine(),
        identity=tuple(info.get(field, "") for field in _IDENTITY),
        flags=frozenset((info.get("flags") or info.get("Features") or "").split()),
        l1_bytes=cache_bytes(1, 32 << 10),
        l2_bytes=cache_bytes(2, 1 << 20),
        last_cache_bytes=cache_bytes(3, cache_bytes(2, 1 << 20) * cores()),
        cores=cores(),
        clock_ghz=clock_ghz(info),
    )


def cpuinfo() -> dict[str, str]:
    """The fields of /proc/cpuinfo of one processor: each takes up to a millisecond. Empty without such a file."""
    fields: dict[str, str] = {}
    try:
        with Path("/proc/cpuinfo").open() as file:
            for line in file:
                key, colon, value = line.partition(":")
                if not colon and fields:
                    break
                fields[key.strip()] = value.strip()
    except OSError:
        return {}
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
