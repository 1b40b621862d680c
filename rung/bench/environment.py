"""What a run was made with: versions, CPU, flags, git revision, command line."""

from __future__ import annotations

import platform
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import cast

from ..machine import Machine
from ..processor import cores, cpuinfo
from .fields import MachineFields
from .result import Environment

PACKAGES = ("triton", "torch", "torch-mlir", "numpy")
_CHECKOUT = Path(__file__).parents[2]
_FLAGS = (
    *("sse2", "avx", "f16c", "fma", "avx2", "avx512f", "avx512bw", "avx512dq", "avx512vl"),
    *("avx512_bf16", "avx512_fp16", "amx_tile", "amx_bf16", "asimd", "asimdhp", "sve", "sve2"),
)


def version(package: str) -> str:
    """The installed version, without importing the package; `not installed` where there is none."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def rung_version() -> str:
    """rung's version: of the installed package, or of the checkout that runs uninstalled."""
    installed = version("rung")
    project = _CHECKOUT / "pyproject.toml"
    if installed != "not installed" or not project.is_file():
        return installed
    return str(tomllib.loads(project.read_text())["project"]["version"])


def cpu() -> tuple[str, list[str]]:
    """(model name, instruction-set extensions of interest)"""
    fields = cpuinfo()
    if not fields:
        return platform.processor() or platform.machine(), []
    flags = (fields.get("flags") or fields.get("Features") or "").split()
    return fields.get("model name") or platform.machine(), [flag for flag in _FLAGS if flag in flags]


def governor() -> str | None:
    """The frequency governor of CPU 0; None where the system does not tell (virtual machines)."""
    try:
        return Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor").read_text().strip()
    except OSError:
        return None


def git_revision(folder: Path = _CHECKOUT) -> str | None:
    """The checkout's revision, with `-dirty` when files were changed; None outside a checkout or without
    git."""
    if not (folder / ".git").exists():
        return None
    try:
        command = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--exclude=*", "--abbrev=40"]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None


def fields(machine: Machine) -> MachineFields:
    """As a record has them."""
    return cast(MachineFields, machine.model_dump(mode="json"))


def describe(machine: Machine, seed: int, command: Sequence[str] | None = None) -> Environment:
    """The environment of a run on `machine`; the command defaults to this process's."""
    model, flags = cpu()
    return Environment(
        rung=rung_version(),
        python=platform.python_version(),
        packages={package: version(package) for package in PACKAGES},
        os=platform.platform(),
        cpu=model,
        cpu_flags=flags,
        contexts=cores(),
        governor=governor(),
        git=git_revision(),
        command=list(sys.argv if command is None else command),
        seed=seed,
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        machine=fields(machine),
        machine_hash=machine.hash,
    )
