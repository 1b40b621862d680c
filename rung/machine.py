"""Machine: what the passes may know about the hardware. Units are in the names; no other place holds one."""

from __future__ import annotations

import os
import platform
import re
import tomllib
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from .errors import UsageError
from .knobs import threads as threads_knob


class Dma(BaseModel):
    """The engine behind `dma_start` / `dma_wait`: one queue per context."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    queue_depth: int = Field(default=64, ge=1, description="descriptors a context may have in flight")
    max_rank: int = Field(default=2, ge=1, le=3, description="highest rank of one descriptor")


class Machine(BaseModel):
    """A frozen description of one device. `kind` selects the target; the passes read plain fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    kind: Literal["host", "npu"]
    arch: str = Field(description="LLVM's name of the architecture: x86_64, aarch64, hexagon ...")
    cpu: str = Field(default="", description="LLVM's name of the processor; empty: the one that runs us")
    features: tuple[str, ...] = Field(
        default=(), description="instruction-set extensions that the lowering may rely on"
    )
    vector_bytes: int = Field(ge=4, le=1024, description="bytes of one vector register")
    vector_registers: int = Field(ge=4, le=256)
    masked_memory: bool = Field(description="masked vector loads and stores are one instruction")
    contexts: int = Field(ge=1, le=1024, description="hardware contexts (cores, on the host)")
    cache_line_bytes: int = Field(default=64, ge=1)
    l1_bytes: int = Field(ge=1024)
    l2_bytes: int = Field(ge=1024, description="of one context")
    scratchpad_bytes: int = Field(ge=0, description="of all contexts together")
    fork_join_ns: float = Field(ge=0, description="cost of one fork and join over all contexts")
    clock_ghz: float = Field(gt=0)
    dma: Dma = Dma()

    @property
    def index_bits(self) -> int:
        """Bits of an address, which is what `index` becomes."""
        return 32 if self.arch == "hexagon" else 64

    @property
    def scratchpad_bytes_per_context(self) -> int:
        return self.scratchpad_bytes // self.contexts


def _cpuinfo() -> dict[str, str]:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return {}
    fields: dict[str, str] = {}
    for line in text.splitlines():
        key, _, value = line.partition(":")
        fields.setdefault(key.strip(), value.strip())
    return fields


def _cache_bytes(level: int, default: int) -> int:
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


def _clock_ghz(info: dict[str, str]) -> float:
    """The nominal clock. What `cpu MHz` says at one moment would differ from process to process."""
    try:
        return int(Path("/sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq").read_text()) / 1e6
    except (OSError, ValueError):
        pass
    named = re.search(r"([\d.]+)\s*GHz", info.get("model name", ""))
    return float(named[1]) if named else round(float(info.get("cpu MHz", "2000")) / 1000, 1)


def _vector_unit(arch: str, flags: frozenset[str]) -> tuple[int, int, bool, tuple[str, ...]]:
    """(vector_bytes, vector_registers, masked_memory, features) of the CPU that runs us."""
    if arch == "x86_64":
        if {"avx512f", "avx512bw", "avx512vl", "avx512dq"} <= flags:
            return 64, 32, True, ("fma", "f16c", "avx512")
        if {"avx2", "fma"} <= flags:
            return 32, 16, True, ("fma", "f16c", "avx2")
        return 16, 16, False, ("sse2",)
    if arch == "aarch64":
        return 16, 32, False, ("fma", "neon")
    return 16, 16, False, ()


def cores() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)


@cache
def _detect_host() -> Machine:
    arch = {"AMD64": "x86_64", "arm64": "aarch64"}.get(platform.machine(), platform.machine())
    info = _cpuinfo()
    flags = frozenset((info.get("flags") or info.get("Features") or "").split())
    vector_bytes, registers, masked, features = _vector_unit(arch, flags)
    l2_bytes = _cache_bytes(2, 1 << 20)
    contexts = cores()
    return Machine(
        name="host",
        kind="host",
        arch=arch,
        features=features,
        vector_bytes=vector_bytes,
        vector_registers=registers,
        masked_memory=masked,
        contexts=contexts,
        l1_bytes=_cache_bytes(1, 32 << 10),
        l2_bytes=l2_bytes,
        # Half of L2: the other half keeps what the core itself touches while the copy engine fills the next tile.
        scratchpad_bytes=l2_bytes // 2 * contexts,
        # A spin-then-sleep pool's hand-off; `rung doctor` measures it on the machine at hand.
        fork_join_ns=2000.0,
        clock_ghz=_clock_ghz(info),
    )


def host() -> Machine:
    """The machine that runs us; `RUNG_NUM_THREADS` changes its number of contexts."""
    machine = _detect_host()
    wanted = threads_knob()
    if wanted is None:
        return machine
    share = machine.scratchpad_bytes_per_context
    return machine.model_copy(update={"contexts": wanted, "scratchpad_bytes": share * wanted})


def names() -> list[str]:
    """Machines that ship with rung, besides `host`."""
    files = resources.files("rung") / "machines"
    if not files.is_dir():
        return []
    return sorted(f.name.removesuffix(".toml") for f in files.iterdir() if f.name.endswith(".toml"))


def load(name_or_path: str) -> Machine:
    """`host`, the name of a shipped machine file, or the path of one. Raises UsageError naming the wrong field."""
    if name_or_path == "host":
        return host()
    shipped = resources.files("rung") / "machines" / f"{name_or_path}.toml"
    if shipped.is_file():
        text, where = shipped.read_text(), name_or_path
    elif Path(name_or_path).is_file():
        text, where = Path(name_or_path).read_text(), name_or_path
    else:
        raise UsageError(
            f"there is no machine `{name_or_path}`; choose from: {', '.join(['host', *names()])}, or give a .toml file"
        )
    return parse(text, where)


def parse(text: str, where: str) -> Machine:
    """A Machine from TOML text; `where` names the file in errors."""
    try:
        return Machine.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"machine file {where}: not valid TOML: {error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "the file"
        raise UsageError(f"machine file {where}: field `{field}`: {first['msg']}") from None
