"""What compiled code depends on besides the kernel: the key under which Triton may keep it on disk."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import version
from pathlib import Path


@cache
def _compiler_digest() -> str:
    """Digest of rung's sources and native library, and of the MLIR it runs on: a few ms, once per process."""
    package = Path(__file__).parents[1]
    digest = hashlib.sha256(version("torch-mlir").encode())
    for pattern in ("**/*.py", "**/*.so"):
        for file in sorted(package.glob(pattern)):
            digest.update(file.relative_to(package).as_posix().encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()


def fingerprint() -> str:
    """Changes whenever the compiler, or the machine that it compiles for, does."""
    from .. import knobs, machine

    facts = f"{_compiler_digest()} {machine.host().model_dump_json()} {knobs.debug_dma()}"
    return hashlib.sha256(facts.encode()).hexdigest()
