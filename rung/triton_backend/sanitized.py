"""Triton's launches of kernels that were compiled with checks (`RUNG_SANITIZE=1`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..runtime.sanitized import Watched

_GRID, _OWN = 3, 9
"""Where Triton's convention has the last of the grid's sizes, and the kernel's own arguments (launcher.c)."""


class SanitizedLauncher:
    """Tells the sanitizer of the memory that a launch is given."""

    def __init__(self, native: Callable[..., None], names: tuple[str, ...], metadata: Mapping[str, Any]) -> None:
        self._native, self._names, self._watched = native, names, Watched.of(metadata)

    def __call__(self, *arguments: Any) -> None:
        given = dict(zip(self._names, arguments[_OWN:], strict=False))
        with self._watched.launch(given, [int(n) for n in arguments[:_GRID]]):
            self._native(*arguments)
