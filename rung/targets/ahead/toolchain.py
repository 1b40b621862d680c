"""C compilers and emulators for a target, as this system has them."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from ...errors import UsageError
from ..isa import Target

RUNTIME = ("rung_runtime.h", "rung_runtime.c")


@dataclass(frozen=True)
class Tools:
    """By their paths."""

    compiler: str
    archiver: str


def tools(target: Target) -> Tools | None:
    """The first compiler for the target that is here, with its archiver."""
    for prefix in target.compilers:
        compiler, archiver = shutil.which(f"{prefix}gcc"), shutil.which(f"{prefix}ar")
        if compiler and archiver:
            return Tools(compiler, archiver)
    return None


def runtime_file(name: str) -> str:
    """The text of one of RUNTIME."""
    return (resources.files("rung") / "runtime" / "embedded" / name).read_text()


def archive(found: Tools, folder: Path, objects: list[str], library: str, freestanding: bool) -> None:
    """Compiles the runtime in `folder`, and puts it with `objects`, which lie there, into the static library."""
    flags = ["-D_POSIX_C_SOURCE=200809L"]
    if freestanding:
        flags = ["-ffreestanding", "-DRUNG_FREESTANDING"]
        if "aarch64" in Path(found.compiler).name:
            flags.append("-mno-outline-atomics")  # which are calls of libgcc
    _run([found.compiler, "-std=c11", "-O2", "-fPIC", *flags, "-c", "rung_runtime.c", "-o", "rung_runtime.o"], folder)
    _run([found.archiver, "rcsD", library, *objects, "rung_runtime.o"], folder)
    (folder / "rung_runtime.o").unlink()


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr.strip() or f"status {done.returncode}").splitlines()[0]
        raise UsageError(f"{Path(command[0]).name} cannot make the runtime: {said}")
