"""Launches that are not as the compiler assumed: arguments overlap, or numbers overflow."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from ..runtime import _native

if TYPE_CHECKING:
    from ..compile import Loaded


class CarefulKernel:
    """The same kernel without assumptions; compiled when it is first needed, which is rarely ever."""

    def __init__(self, ttir: str, metadata: Any, kinds: str, names: tuple[str, ...]) -> None:
        self._ttir, self._metadata, self._kinds, self._names = ttir, metadata, kinds, names

    @cached_property
    def _loaded(self) -> Loaded:
        from .. import machine
        from ..compile import compile_ttir, load
        from ..schedule import Schedule

        compiled = compile_ttir(
            self._ttir,
            machine=machine.host(),
            schedule=Schedule.parse(self._metadata.schedule),
            fuse=self._metadata.enable_fp_fusion,
            distinct=False,
            fits=False,
        )
        return load(compiled.binary, self._metadata.name)

    def __call__(self, gx: int, gy: int, gz: int, args: tuple[Any, ...]) -> None:
        _native.bind(self._loaded.address, self._kinds, args, (gx, gy, gz), self._names)()
