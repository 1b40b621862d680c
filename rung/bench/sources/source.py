"""What a published measurement is: figures, their programs, what is not told, and why some figures are missed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from ...targets.npu.trace import Trace

Mechanism = Literal["Vec", "MT", "DB", "other", "time"]
"""What a figure tells of: the step that a mechanism brings, another step, or a time."""


@dataclass(frozen=True)
class Compiled:
    """A kernel of the suite, compiled for the device and run once. `block`: elements of a program."""

    kernel: str
    shape: tuple[int, ...]
    dtype: str
    rung: str
    block: int | None = None

    def __str__(self) -> str:
        return f"{self.kernel} {' x '.join(f'{n:,}' for n in self.shape)} {self.dtype}, {self.rung}"


@dataclass(frozen=True)
class Planned:
    """A program that is known in words only: what it does, step by step (`targets/npu/plans.py`)."""

    name: str
    trace: Callable[[], Trace]

    def __str__(self) -> str:
        return self.name


Program = Compiled | Planned


@dataclass(frozen=True)
class Figure:
    """A ratio, time of `base` / time of `run`; or, without `base`, the time of `run` in microseconds.

    `fitted`: the machine file's calibrated fields were fitted to it; all others are predictions. `missed`: why the
    model is more than 25% off, for those that it misses.
    """

    name: str
    mechanism: Mechanism
    value: float
    run: Program
    base: Program | None = None
    fitted: bool = False
    missed: str = ""


@dataclass(frozen=True)
class Source:
    """One publication, measured on one device."""

    name: str
    title: str
    url: str
    device: str
    """A machine file."""
    figures: tuple[Figure, ...]
    undisclosed: tuple[str, ...]
    """What the source does not tell, and has to be assumed."""
    calibrated: tuple[str, ...] = ()
    """Fields of the machine file that were fitted to the figures marked so, and to no other."""
    needs: tuple[str, ...] = ()
    """Sections of a machine file without which nothing can be predicted, such as `npu.cache`."""
    notes: str = ""
