"""The launcher of a kernel in a process that is profiled: Triton calls it in place of the host's own."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ...errors import TransferError, UsageError
from ...forks import COMPILER
from ...schedule import Schedule
from .device import METADATA, OWN, DeviceKernel, NotModelled, Source
from .inductor import take_part
from .log import Kernel
from .recorder import Recorder, recorder

if TYPE_CHECKING:
    from ...machine import Machine
    from ..arguments import Arguments

Launcher = Callable[..., None]


class HostLauncher:
    """The kernel on this machine, its seconds told."""

    def __init__(
        self, native: Launcher, kernel: Kernel, recorder: Recorder, compile_s: Callable[[], float] = lambda: 0.0
    ) -> None:
        """compile_s: what launches have spent on compiling, so far."""
        self._native, self._kernel, self._recorder, self._compile_s = native, kernel, recorder, compile_s

    def __call__(self, *arguments: Any) -> None:
        metadata, enter, leave = arguments[METADATA:OWN]
        _call(enter, metadata)
        self._launch((*arguments[:METADATA], None, None, None, *arguments[OWN:]))
        _call(leave, metadata)

    def _launch(self, arguments: tuple[Any, ...]) -> None:
        """Without hooks, which take time of their own."""
        begin, compiled = time.perf_counter(), self._compile_s()
        self._native(*arguments)
        seconds = time.perf_counter() - begin - (self._compile_s() - compiled)
        if 0 not in arguments[:3]:  # else a grid without programs
            self._recorder.measured(self._kernel, begin, seconds)


class DeviceLauncher(HostLauncher):
    """The kernel on the modelled device; on the host where it cannot be modelled, which is told."""

    def __init__(
        self,
        native: Launcher,
        kernel: Kernel,
        recorder: Recorder,
        machine: Machine,
        names: tuple[str, ...],
        make: Callable[[], DeviceKernel],
    ) -> None:
        """names: of the arguments that Python gives. make: raises NotModelled."""
        super().__init__(native, kernel, recorder)
        self._machine, self._names, self._make = machine, names, make
        self._made: DeviceKernel | NotModelled | None = None

    def _launch(self, arguments: tuple[Any, ...]) -> None:
        try:
            trace = self._compiled().launch(arguments, dict(zip(self._names, arguments[OWN:], strict=False)))
        except NotModelled as refusal:
            self._refuse(refusal)
            if not refusal.ran:
                super()._launch(arguments)
            return
        except TransferError as error:
            self._recorder.log.race(self._kernel, str(error))
            raise
        if 0 not in arguments[:3]:
            self._recorder.modelled(self._kernel, trace, self._machine)

    def _compiled(self) -> DeviceKernel:
        """When it is launched first."""
        if self._made is None:
            with COMPILER:
                self._made = self._made or self._attempt()
        if isinstance(self._made, NotModelled):
            raise self._made
        return self._made

    def _attempt(self) -> DeviceKernel | NotModelled:
        try:
            return self._make()
        except NotModelled as refusal:
            return refusal

    def _refuse(self, refusal: NotModelled) -> None:
        self._recorder.log.refusal(self._kernel, str(refusal))
        if self._recorder.session.strict:
            raise UsageError(
                f"kernel `{self._kernel.name}` is not modelled on {self._machine.name}: {refusal}; without --strict, "
                "it runs on the host"
            ) from refusal


def profiled(
    native: Launcher,
    compile_s: Callable[[], float],
    arguments: Arguments,
    signature: Mapping[Any, Any],
    metadata: Any,
    where: str,
) -> Launcher:
    """The launcher of a kernel that the host would launch by `native`; where: `file.py:LINE`."""
    found = recorder()
    if found is None:
        return native
    take_part(found)
    machine, schedule = found.session.machine, Schedule.parse(metadata.schedule)
    if machine is None:
        return HostLauncher(native, Kernel(metadata.name, where, str(schedule)), found, compile_s)
    schedule = Schedule.parse(metadata.schedule, found.session.usual)

    def make() -> DeviceKernel:
        if "sites" in metadata.rung:
            raise NotModelled("the sanitizer watches it, on the host")
        source = Source(metadata.rung["ttir"], metadata.enable_fp_fusion, metadata.launch_cooperative_grid, arguments)
        return DeviceKernel(source, machine, schedule)

    names = tuple(str(name) for name in signature)
    return DeviceLauncher(native, Kernel(metadata.name, where, str(schedule)), found, machine, names, make)


def _call(hook: Callable[[object], object] | None, metadata: object) -> None:
    if hook is not None:
        hook(metadata)
