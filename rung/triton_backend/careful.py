"""Launches that are not as the compiler assumed: arguments overlap, or numbers overflow."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from ..forks import COMPILER
from ..runtime import _native

if TYPE_CHECKING:
    from ..compile import Compiled
    from ..targets.loaded import Loaded


def compile_careful(ttir: str, metadata: Any) -> Compiled:
    """Triton's metadata of the kernel says what it was compiled with."""
    from .. import machine
    from ..compile import compile_ttir
    from ..sanitizer import Sanitizer
    from ..schedule import Schedule

    return compile_ttir(
        ttir,
        machine=machine.host(),
        schedule=Schedule.parse(metadata.schedule),
        fuse=metadata.enable_fp_fusion,
        cooperative=metadata.launch_cooperative_grid,
        distinct=False,
        fits=False,
        sanitizer=Sanitizer.parse(metadata.sanitize),
    )


class CarefulKernel:
    """The same kernel without assumptions; compiled when it is first needed, which is rarely ever."""

    def __init__(self, ttir: str, metadata: Any, kinds: str, names: tuple[str, ...]) -> None:
        self._ttir, self._metadata, self._kinds, self._names = ttir, metadata, kinds, names
        self._loaded: Loaded | None = None
        self.compile_s = 0.0
        """That a launch has waited for the compiler."""

    def _load(self) -> Loaded:
        begin = time.perf_counter()
        from ..compile import load

        try:
            return load(compile_careful(self._ttir, self._metadata))
        finally:
            self.compile_s += time.perf_counter() - begin

    def __call__(self, gx: int, gy: int, gz: int, args: tuple[Any, ...]) -> None:
        loaded = self._loaded
        if loaded is None:
            with COMPILER:  # of several threads that come here first, one imports the compiler and compiles
                loaded = self._loaded = self._loaded or self._load()
        _native.bind(loaded.address, self._kinds, args, (gx, gy, gz), self._names)()
