"""The only reader of the environment. Each knob is a function, so that a test can change it at run time."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from .errors import UsageError

MOST_CONTEXTS = 1024
"""Of any machine."""
STAGES = ("ttir", "linalg", "scheduled", "vector", "llvm", "llvm-ir", "asm", "obj")


_WORDS = {
    **dict.fromkeys(("1", "true", "on", "yes", "y"), True),
    **dict.fromkeys(("", "0", "false", "off", "no", "n"), False),
}


def _flag(name: str, default: str = "") -> bool:
    text = os.environ.get(name, default)
    if text.lower() not in _WORDS:
        raise UsageError(f"{name} is `{text}`; give 1 or 0")
    return _WORDS[text.lower()]


def verify() -> bool:
    """`RUNG_VERIFY=1`: check every stage's contract while compiling."""
    return _flag("RUNG_VERIFY")


def debug_dma() -> bool:
    """`RUNG_DEBUG_DMA=1`: kernels move their tiles with an engine that checks the contract of transfers (slow)."""
    return _flag("RUNG_DEBUG_DMA")


def sanitize() -> str | None:
    """`RUNG_SANITIZE=1`, or `report`: kernels launched through Triton check all accesses (docs/debugging.md)."""
    return os.environ.get("RUNG_SANITIZE") or None


def sanitize_log() -> Path | None:
    """`RUNG_SANITIZE_LOG=file`: what the sanitizer finds is added to this file, for `rung check`."""
    text = os.environ.get("RUNG_SANITIZE_LOG")
    return Path(text) if text else None


def profile() -> Path | None:
    """`RUNG_PROFILE=folder`: `rung profile`, which made it, has started this program, and is told of its launches."""
    text = os.environ.get("RUNG_PROFILE")
    return Path(text) if text else None


def dump() -> tuple[str, ...]:
    """`RUNG_DUMP=linalg,llvm`: print these stages to stderr whenever a kernel is compiled (`all` for every one)."""
    names = tuple(n.strip() for n in os.environ.get("RUNG_DUMP", "").split(",") if n.strip())
    if "all" in names:
        return STAGES
    for name in names:
        if name not in STAGES:
            raise UsageError(f"RUNG_DUMP names the unknown stage `{name}`; choose from: all, {', '.join(STAGES)}")
    return names


def threads() -> int | None:
    """`RUNG_NUM_THREADS=N`: contexts to use on the host; unset means one per core of the process's affinity mask."""
    text = os.environ.get("RUNG_NUM_THREADS")
    if not text:
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > 9 or not 1 <= int(text) <= MOST_CONTEXTS:
        raise UsageError(f"RUNG_NUM_THREADS is `{text}`; give a whole number, 1 to {MOST_CONTEXTS}")
    return int(text)


def schedule() -> str | None:
    """`RUNG_SCHEDULE="vectorize=off threads=2"`: the schedule of kernels launched through Triton."""
    return os.environ.get("RUNG_SCHEDULE") or None


def disable_line_info() -> bool:
    """Triton's own `TRITON_DISABLE_LINE_INFO=1`: machine code without the lines of the kernel's source."""
    return _flag("TRITON_DISABLE_LINE_INFO")


def repeat_launches() -> bool:
    """`RUNG_REPEAT_LAUNCHES=0`: every `kernel[grid]` goes through Triton's own `run`, also if nothing changed."""
    return _flag("RUNG_REPEAT_LAUNCHES", default="1")


def jitdump() -> Path | None:
    """`RUNG_JITDUMP=directory`: tell `perf` the names and lines of compiled kernels (docs/debugging.md)."""
    text = os.environ.get("RUNG_JITDUMP")
    return Path(text) if text else None


def reproducer_path() -> str | None:
    """Triton's own `TRITON_REPRODUCER_PATH`: how the names of files begin that replay a compilation's passes."""
    return os.environ.get("TRITON_REPRODUCER_PATH") or None


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Of a process that is started with `settings` besides its parent's."""
    return {**os.environ, **settings}


def triton_backend() -> str | None:
    """Triton's own `TRITON_DEFAULT_BACKEND`."""
    return os.environ.get("TRITON_DEFAULT_BACKEND") or None


def crash_dir() -> Path:
    """`RUNG_CRASH_DIR`: where reproducers of failed passes are written (default: the system's temporary folder)."""
    import tempfile

    return Path(os.environ.get("RUNG_CRASH_DIR") or tempfile.gettempdir())
