"""A case of the corpus: a function of torch, inputs to make for it, and the types that it is compiled for."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

TYPES = {
    "f32": torch.float32,
    "f16": torch.float16,
    "bf16": torch.bfloat16,
    "f64": torch.float64,
    "i8": torch.int8,
    "u8": torch.uint8,
    "i16": torch.int16,
    "i32": torch.int32,
    "i64": torch.int64,
    "bool": torch.bool,
    "c64": torch.complex64,
}
FLOATS = ("f32", "bf16", "f16", "f64")
INTEGERS = ("i32", "u8", "i64", "i8", "i16")
NUMBERS = (*FLOATS, *INTEGERS)
ALL = (*NUMBERS, "bool")
WIDE = ("f32", "f64")
MODES = ("static", "backward", "dynamic", "backward-dynamic")


class Size(int):
    """An extent that is another one in the second call of a dynamic compilation."""

    second: int

    @staticmethod
    def of(first: int, second: int) -> Size:
        size = Size(first)
        size.second = second
        return size


N, M, K, B = Size.of(17, 70), Size.of(33, 20), Size.of(24, 9), Size.of(3, 5)
"""Rows, columns, inner extents and batches: none is a multiple of a block."""


@dataclass(frozen=True)
class Spec:
    """A tensor to make: uniform between low and high; `kind` names its type where the case's type does not."""

    shape: tuple[int, ...]
    low: float = -2.0
    high: float = 2.0
    kind: str = ""
    grad: bool = True
    view: Callable[[torch.Tensor], torch.Tensor] = lambda made: made

    def make(self, kind: str, generator: torch.Generator, second: bool) -> torch.Tensor:
        """A leaf, where it is differentiable and contiguous."""
        shape = [size.second if second and isinstance(size, Size) else int(size) for size in self.shape]
        dtype = TYPES[self.kind or kind]
        if dtype == torch.bool:
            made = torch.rand(shape, generator=generator) < 0.5
        elif dtype.is_floating_point or dtype.is_complex:
            real = torch.float64 if dtype.is_floating_point else torch.complex128
            made = (self.low + (self.high - self.low) * torch.rand(shape, generator=generator, dtype=real)).to(dtype)
        else:
            low = max(int(self.low), torch.iinfo(dtype).min)
            made = torch.randint(low, max(int(self.high), low) + 1, shape, generator=generator).to(dtype)
        return self.view(made)


def T(*shape: int, low: float = -2.0, high: float = 2.0, kind: str = "", grad: bool = True, view: Any = None) -> Spec:
    """Of the case's type. Integers lie between the bounds, too."""
    return Spec(shape, low, high, kind, grad, view or (lambda made: made))


def P(*shape: int, high: float = 2.0, **rest: Any) -> Spec:
    """Positive: floats from 1/4, integers from 1."""
    return Spec(shape, 0.25 if high <= 2 else 1, high, **rest)


def I(*shape: int, below: int, low: int = 0, kind: str = "i64") -> Spec:  # noqa: E743
    """Indices."""
    return Spec(shape, low, below - 1, kind, grad=False)


def Mask(*shape: int) -> Spec:
    return Spec(shape, kind="bool", grad=False)


@dataclass(frozen=True)
class Case:
    """function: of the inputs alone. build: makes a module instead, whose parameters are inputs, too.

    close: how many times the usual tolerance is allowed, where the function multiplies errors of its input. options:
    of Inductor. modes: which of MODES are run; whether there are gradients is seen from eager."""

    family: str
    name: str
    function: Callable[..., Any]
    inputs: tuple[Any, ...]
    types: tuple[str, ...]
    build: bool = False
    close: float = 1.0
    modes: tuple[str, ...] = MODES
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def seed(self) -> int:
        return zlib.crc32(f"{self.family}.{self.name}".encode())

    def make(self, kind: str, second: bool = False) -> tuple[Any, ...]:
        """Inputs of one call."""
        generator = torch.Generator().manual_seed(self.seed)
        return tuple(given.make(kind, generator, second) if isinstance(given, Spec) else given for given in self.inputs)

    def callable(self, kind: str) -> Callable[..., Any]:
        """What is compiled."""
        if not self.build:
            return self.function
        torch.manual_seed(self.seed)
        module = self.function()
        return module.to(TYPES[kind])


def table(
    family: str,
    types: Sequence[str],
    rows: Mapping[str, tuple[Any, ...]],
    **rest: Any,
) -> list[Case]:
    """A case for each row: the function, then its inputs."""
    return [Case(family, name, row[0], tuple(row[1:]), tuple(types), **rest) for name, row in rows.items()]
