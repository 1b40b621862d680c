"""What compiled code depends on besides the kernel: the key under which Triton may keep it on disk."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from pathlib import Path

from .. import knobs, processor


@cache
def _compiler_digest() -> str:
    """Digest of rung's sources and native libraries, and of the MLIR it runs on: some 10 ms, once per process.

    Their contents, not their times: processes that have the same rung share a cache, wherever it is installed.
    """
    package = Path(__file__).parents[1]
    digest = hashlib.sha256(version("torch-mlir").encode())
    for name in sorted(_sources(str(package))):
        with open(name, "rb", buffering=0) as file:  # noqa: PTH123 (a third of the time is the files' opening)
            content = file.read()
        digest.update(f"{os.path.relpath(name, package)} {len(content)} ".encode())
        digest.update(content)
    return digest.hexdigest()


def _sources(directory: str) -> Iterator[str]:
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.name.endswith((".py", ".so")):
                yield entry.path
            elif entry.is_dir() and entry.name != "__pycache__":
                yield from _sources(entry.path)


def fingerprint() -> str:
    """Changes whenever the compiler does, the processor that it compiles for, or a knob that the code depends on."""
    asked = f"{knobs.threads()} {knobs.debug_dma()} {knobs.disable_line_info()} {_profiled()}"
    return hashlib.sha256(f"{_compiler_digest()} {processor.detect()} {asked}".encode()).hexdigest()


def _profiled() -> str:
    """A profiled process keeps the TTIR of kernels, and chooses their configurations by a modelled device's clock."""
    if knobs.profile() is None:
        return ""
    from .profile.session import current

    found = current()
    return "" if found is None else found.key
