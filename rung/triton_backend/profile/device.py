"""A kernel that Triton launches, on the modelled device: any arguments that it takes on the host."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...errors import KernelError, LaunchError, RungError, TransferError, one_line
from ...forks import COMPILER
from ...runtime import _native
from ..arguments import Arguments

if TYPE_CHECKING:
    from ...machine import Machine
    from ...schedule import Schedule
    from ...targets.npu.executable import NpuExecutable
    from ...targets.npu.trace import Trace

_FUNCTION, METADATA, OWN = 4, 6, 9
"""Triton's convention for launchers (launcher.c): where it has the code's address, what hooks are given, followed by
the two of them, and the kernel's own arguments."""


class NotModelled(RungError):
    """Why a launch is not modelled. `ran`: its values are there all the same."""

    def __init__(self, why: str, ran: bool = False) -> None:
        super().__init__(why)
        self.ran = ran


@dataclass(frozen=True)
class Source:
    """What a kernel is compiled from: its TTIR, and what Triton's metadata says that it was compiled with."""

    ttir: str
    fuse: bool
    cooperative: bool
    arguments: Arguments

    def compile(self, machine: Machine, schedule: Schedule, careful: bool) -> NpuExecutable:
        """careful: without assumptions on pointers and numbers. Raises NotModelled."""
        from ...compile import compile_ttir, generate_code

        try:
            compiled = compile_ttir(
                self.ttir,
                machine=machine,
                schedule=schedule,
                fuse=self.fuse,
                cooperative=self.cooperative,
                distinct=not careful,
                fits=not careful,
            )
            return generate_code(compiled, machine, self._passed)  # pyright: ignore[reportReturnType]
        except RungError as error:
            raise NotModelled(str(error)) from error
        except Exception as error:  # of a compiler that is at fault, for which the program need not end
            raise NotModelled(f"the compiler failed: {one_line(error)}") from error

    @property
    def _passed(self) -> list[str]:
        """Names of what the kernel takes: constants are a part of it."""
        kinds = zip(self.arguments.names, self.arguments.kinds, strict=True)
        return [name for name, kind in kinds if kind != "-"]


class DeviceKernel:
    """One kernel for one machine and schedule."""

    def __init__(self, source: Source, machine: Machine, schedule: Schedule) -> None:
        self._source, self._machine, self._schedule = source, machine, schedule
        self._executable = source.compile(machine, schedule, careful=False)
        self._careful: NpuExecutable | None = None
        self._launcher = self._make_launcher()
        self._otherwise: tuple[tuple[int, int, int], tuple[Any, ...]] | None = None
        """Grid and arguments of a launch that the kernel was not right for, while the lock of launches is held."""

    def _make_launcher(self) -> _native.Launcher:
        arguments = self._source.arguments
        assumed: list[list[int]] = self._executable.metadata["assumed"]
        passed = [position for position, kind in enumerate(arguments.kinds) if kind != "-"]
        pairs = tuple((passed[a], passed[b]) for a, b in assumed)
        return _native.Launcher(
            arguments.kinds, arguments.names, pairs, self._put_off, arguments.dtypes, arguments.structure
        )

    def _put_off(self, gx: int, gy: int, gz: int, arguments: tuple[Any, ...]) -> None:
        self._otherwise = (gx, gy, gz), arguments

    def launch(self, arguments: tuple[Any, ...], own: Mapping[str, Any]) -> Trace:
        """Computes the values; arguments: by Triton's convention, without hooks; own: the kernel's, by name.

        Raises NotModelled, TransferError, and what the launch raises on the host.
        """
        from ...targets.npu.device_code import LOCK
        from ...targets.npu.recorder import launcher_address

        given = [*arguments]
        given[_FUNCTION] = launcher_address()
        with LOCK:
            try:
                trace = self._record(self._executable, lambda: self._launcher(*given), own)
            finally:
                otherwise, self._otherwise = self._otherwise, None
        if otherwise is None:
            return trace
        grid, flat = otherwise
        with COMPILER:
            if self._careful is None:
                self._careful = self._source.compile(self._machine, self._schedule, careful=True)
        names, kinds = self._source.arguments.names, self._source.arguments.kinds
        return self._record(self._careful, _native.bind(launcher_address(), kinds, flat, grid, names), own)

    def _record(self, executable: NpuExecutable, launch: Callable[[], None], own: Mapping[str, Any]) -> Trace:
        ran = False

        def run() -> None:
            nonlocal ran
            launch()
            ran = self._otherwise is None

        try:
            return executable.launched_by(run, own).trace()
        except (TransferError, LaunchError, KernelError):
            raise
        except RungError as error:
            raise NotModelled(str(error), ran) from error
