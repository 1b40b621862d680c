"""Launches that are not as the compiler assumed: arguments overlap, or numbers overflow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..forks import COMPILER
from ..runtime import _native

if TYPE_CHECKING:
    from ..targets.loaded import Loaded


class CarefulKernel:
    """The same kernel without assumptions; compiled when it is first needed, which is rarely ever."""

    def __init__(self, ttir: str, metadata: Any, kinds: str, names: tuple[str, ...]) -> None:
        self._ttir, self._metadata, self._kinds, self._names = ttir, metadata, kinds, names
        self._loaded: Loaded | None = None

    def _load(self) -> Loaded:
        from .. import machine
        from ..compile import compile_ttir, load
        from ..sanitizer import Sanitizer
        from ..schedule import Schedule

        compiled = compile_ttir(
            self._ttir,
            machine=machine.host(),
            schedule=Schedule.parse(self._metadata.schedule),
            fuse=self._metadata.enable_fp_fusion,
            cooperative=self._metadata.launch_cooperative_grid,
            distinct=False,
            fits=False,
            sanitizer=Sanitizer.parse(self._metadata.sanitize),
        )
        return load(compiled)

    def __call__(self, gx: int, gy: int, gz: int, args: tuple[Any, ...]) -> None:
        loaded = self._loaded
        if loaded is None:
            with COMPILER:  # of several threads that come here first, one imports the compiler and compiles
                loaded = self._loaded = self._loaded or self._load()
        _native.bind(loaded.address, self._kinds, args, (gx, gy, gz), self._names)()
