"""Triton's view of the device: the process's own CPU."""

# Triton's base class has empty bodies, which pyright reads as returning None.
# pyright: reportIncompatibleMethodOverride=false

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from triton.backends.compiler import GPUTarget
from triton.backends.driver import DriverBase

from .. import knobs, processor
from ..errors import UnsupportedError

if TYPE_CHECKING:
    import torch

    from ..targets.loaded import Loaded
    from .arguments import Arguments
    from .careful import CarefulKernel

_UNLIMITED = 1 << 30


def _stand_in() -> None:
    """Programs written for another compiler import its driver as soon as Triton is there."""
    if knobs.profile() is not None:
        from .profile.session import current

        if (found := current()) is not None and found.dialect == "hexagon-mlir":
            from .hexagon_mlir.stand_in import stand_in

            stand_in()


_stand_in()


class Utils:
    """What Triton asks of a loaded program and of the device."""

    def load_binary(self, name: str, kernel: bytes, shared: int, device: int) -> tuple[Loaded, int, int, int, int]:
        """(a module, its function, registers, spills, most threads per program)

        Triton loads a kernel once for each thread that launches it first, and keeps the last module only: it is the
        function, which every launch is given, that holds the code.
        """
        from ..targets.loaded import load

        loaded = load(kernel, name)
        return loaded, loaded.address, 0, 0, _UNLIMITED

    def unload_module(self, module: Loaded) -> None:
        """The code goes when its last reference does."""

    def get_device_properties(self, device: int) -> dict[str, int]:
        host = processor.detect()
        return {
            "max_shared_mem": _UNLIMITED,
            "multiprocessor_count": knobs.threads() or host.cores,
            "max_num_regs": _UNLIMITED,
            "warpSize": 1,
            "sm_clock_rate": int(host.clock_ghz * 1e6),
            "mem_clock_rate": int(host.clock_ghz * 1e6),
            "mem_bus_width": 64,
        }


class _Event:
    """A point in time. Launches are synchronous, so the clock is all there is to record."""

    def __init__(self, enable_timing: bool = True) -> None:
        self._seconds = 0.0

    def record(self, stream: object = None) -> None:
        self._seconds = time.perf_counter()

    def elapsed_time(self, end: _Event) -> float:
        """Milliseconds from here to `end`."""
        return (end._seconds - self._seconds) * 1e3


class DeviceInterface:
    """The part of `torch.cuda` that `triton.testing` uses."""

    Event = _Event

    @staticmethod
    def synchronize(device: object = None) -> None:
        pass

    @staticmethod
    def current_device() -> int:
        return 0


def make_launcher(source: Any, metadata: Any) -> Callable[..., None]:
    """The launcher of one kernel. Triton calls it with the grid, the code's address and all arguments."""
    from .arguments import Arguments

    try:
        arguments = Arguments.of(source.signature)
    except UnsupportedError as error:
        error.where = _where(source)
        raise
    otherwise = _careful(arguments, metadata)
    launcher = _host_launcher(arguments, source, metadata, otherwise)
    if knobs.profile() is not None:
        from .profile.launchers import profiled

        compile_s = (lambda: 0.0) if otherwise is None else (lambda: otherwise.compile_s)
        return profiled(launcher, compile_s, arguments, source.signature, metadata, _where(source))
    if "sites" not in metadata.rung:
        from .dispatch import repeat_launches

        repeat_launches(getattr(source, "fn", None))
    return launcher


def _host_launcher(
    arguments: Arguments, source: Any, metadata: Any, otherwise: CarefulKernel | None
) -> Callable[..., None]:
    """The launcher of one kernel, in C; watched where the kernel was compiled with checks.

    Where two pointers are equal that the compiler assumed different, or the kernel says that it is not right for the
    launch, `otherwise` runs, another version of it.
    """
    from ..runtime import _native

    pairs: tuple[tuple[int, int], ...] = ()
    if otherwise is not None:
        # The compiler counts the arguments that are left in the kernel, the launcher constants, too.
        passed = [position for position, kind in enumerate(arguments.kinds) if kind != "-"]
        assumed: list[list[int]] = metadata.rung["assumed"]
        pairs = tuple((passed[a], passed[b]) for a, b in assumed)
    native = _native.Launcher(arguments.kinds, arguments.names, pairs, otherwise, arguments.dtypes, arguments.structure)
    if "sites" not in metadata.rung:
        return native
    from .sanitized import SanitizedLauncher

    return SanitizedLauncher(native, tuple(str(name) for name in source.signature), metadata.rung)


def _careful(arguments: Arguments, metadata: Any) -> CarefulKernel | None:
    from .careful import CarefulKernel

    if not metadata.rung["assumed"] and not metadata.rung["fits"]:
        return None
    return CarefulKernel(metadata.rung["ttir"], metadata, arguments.kinds, arguments.names)


def _where(source: Any) -> str:
    """`file.py:LINE` of the kernel that was compiled from Python, as `rung.frontends.triton.locations` gives it."""
    code = getattr(getattr(getattr(source, "fn", None), "fn", None), "__code__", None)
    return f"{Path(code.co_filename).name}:{code.co_firstlineno}" if code is not None else ""


class CpuDriver(DriverBase):
    """Selected when no other device is usable, or by `TRITON_DEFAULT_BACKEND=cpu`."""

    def __init__(self) -> None:
        super().__init__()
        self.utils = Utils()
        self.launcher_cls = make_launcher

    @classmethod
    def is_active(cls) -> bool:
        if knobs.triton_backend() == "cpu":
            return True
        from triton.backends import backends

        return not any(other.driver.is_active() for name, other in backends.items() if name != "cpu")

    def map_python_to_cpp_type(self, ty: str) -> str:
        from .arguments import c_type

        return c_type(ty)

    def get_current_target(self) -> GPUTarget:
        return GPUTarget("cpu", "cpu", 1)

    def get_active_torch_device(self) -> torch.device:
        import torch

        return torch.device("cpu")

    def get_device_interface(self) -> type[DeviceInterface]:
        if knobs.profile() is not None:
            from .profile.clock import ModelledInterface

            return ModelledInterface
        return DeviceInterface

    def get_current_device(self) -> int:
        return 0

    def set_current_device(self, device: int) -> None:
        pass

    def get_current_stream(self, device: int | None = None) -> int:
        return 0

    def get_benchmarker(self) -> Callable[..., Any]:
        if knobs.profile() is not None:
            from .profile.recorder import recorder

            if (found := recorder()) is not None:
                return found.benchmark
        from triton.testing import do_bench

        return do_bench

    def get_empty_cache_for_benchmark(self) -> torch.Tensor:
        """Twice the memory that the cores' own caches hold: writing it evicts what the kernel left there."""
        import torch

        host = processor.detect()
        return torch.empty(2 * host.l2_bytes * (knobs.threads() or host.cores), dtype=torch.uint8)

    def clear_cache(self, cache: torch.Tensor) -> None:
        cache.zero_()
