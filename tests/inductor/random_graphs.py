"""Random functions: some operations on tensors of different shapes, types and strides, each of what came before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from hypothesis import strategies as st

from tests.inductor.cases import TYPES

Tensor = torch.Tensor
KINDS = ("f32", "f64", "bf16", "f16", "i32", "i64", "u8", "i8", "i16", "bool")

ONE: dict[str, Callable[[Tensor, int], Tensor]] = {
    "sin": lambda x, n: x.sin(),
    "abs": lambda x, n: x.abs() if x.dtype != torch.bool else ~x,
    "tanh": lambda x, n: x.tanh(),
    "sigmoid": lambda x, n: x.sigmoid(),
    "relu": lambda x, n: x.clamp(min=0) if x.dtype != torch.bool else x,
    "sqrt": lambda x, n: (x.abs() + 1).sqrt() if x.dtype != torch.bool else x,
    "times": lambda x, n: x * n,
    "plus": lambda x, n: x + n,
    "remainder": lambda x, n: x % (n + 3) if x.dtype != torch.bool else x,
    "quotient": lambda x, n: torch.div(x, n + 2, rounding_mode="trunc") if not x.is_floating_point() else x / (n + 2),
    "compare": lambda x, n: x > n,
    "shift": lambda x, n: x if x.is_floating_point() or x.dtype == torch.bool else (x << 1) ^ (x >> 2),
    "transpose": lambda x, n: x.transpose(0, -1),
    "flip": lambda x, n: x.flip(n % x.dim()),
    "roll": lambda x, n: x.roll(n, n % x.dim()),
    "pad": lambda x, n: F.pad(x, (n, 1), value=1),
    "slice": lambda x, n: x[..., : max(x.shape[-1] - n, 1)],
    "step": lambda x, n: x[:: n + 1],
    "expand": lambda x, n: x.unsqueeze(0).expand(2, *x.shape)[n % 2],
    "reshape": lambda x, n: x.reshape(-1, x.shape[-1]) if n % 2 else x.reshape(x.shape[0], -1),
    "flatten": lambda x, n: x.contiguous().view(x.numel(), 1).squeeze(1).unsqueeze(n % 2),
    "repeat": lambda x, n: x.repeat_interleave(n + 1, 0),
    "sum": lambda x, n: x.sum(n % x.dim(), keepdim=True),
    "amax": lambda x, n: x.amax(n % x.dim(), keepdim=True),
    "any": lambda x, n: (x > n).any(n % x.dim(), keepdim=True),
    "mean": lambda x, n: x.double().mean(n % x.dim(), keepdim=True).float(),
    "argmax": lambda x, n: x.to(torch.int32).argmax(n % x.dim(), keepdim=True),
    "softmax": lambda x, n: x.float().softmax(n % x.dim()),
    "cumsum": lambda x, n: (x if x.is_floating_point() else x.to(torch.int64)).cumsum(n % x.dim()),
    "sort": lambda x, n: torch.sort(x, stable=True, dim=n % x.dim()).values,
    "tril": lambda x, n: x.tril(n) if x.dim() > 1 else x,
    "rows": lambda x, n: x[torch.arange(x.shape[0] - 1, -1, -(n + 1))],
    "gather": lambda x, n: x.gather(-1, (torch.arange(x.shape[-1]) * (n + 1) % x.shape[-1]).expand(x.shape)),
    "half": lambda x, n: x.to(torch.float16) if x.is_floating_point() else x,
    "narrow": lambda x, n: x if x.is_floating_point() else x.to(torch.int16),
    "unsigned": lambda x, n: x if x.is_floating_point() else x.to(torch.uint8),
    "float": lambda x, n: x.to(torch.float32),
    "truth": lambda x, n: x != 0,
}
TWO: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "add": lambda x, y: x + y,
    "mul": lambda x, y: x * y,
    "sub": lambda x, y: x.to(torch.int32) - y if x.dtype == y.dtype == torch.bool else _number(x) - _number(y),
    "maximum": torch.maximum,
    "minimum": torch.minimum,
    "where": lambda x, y: torch.where(x > y, x, y),
    "equal": lambda x, y: x == y,
    "div": lambda x, y: x / (y.abs() + 1 if y.dtype != torch.bool else y + 1),
    "floor": lambda x, y: torch.div(_number(x), (y != 0) * 2 + 1, rounding_mode="floor"),
}


def _number(x: Tensor) -> Tensor:
    return x.to(torch.int8) if x.dtype == torch.bool else x


@dataclass(frozen=True)
class Step:
    """An operation on earlier values, by their numbers."""

    name: str
    first: int
    second: int
    number: int

    def apply(self, values: Sequence[Tensor]) -> Tensor:
        x, y = values[self.first % len(values)], values[self.second % len(values)]
        if self.name in ONE:
            return ONE[self.name](x, self.number)
        return TWO[self.name](*_fitted(x, y))


def _fitted(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Cut where extents differ and none is 1, so that they broadcast."""
    for at in range(1, min(x.dim(), y.dim()) + 1):
        if x.shape[-at] != y.shape[-at] and 1 not in (x.shape[-at], y.shape[-at]):
            most = min(x.shape[-at], y.shape[-at])
            x, y = x.narrow(-at, 0, most), y.narrow(-at, 0, most)
    return x, y


@dataclass(frozen=True)
class Graph:
    """A function of tensors with these shapes, types and strides."""

    inputs: tuple[tuple[tuple[int, ...], str, str], ...]
    steps: tuple[Step, ...]

    def make(self) -> list[Tensor]:
        generator = torch.Generator().manual_seed(len(self.steps))
        return [_made(*given, generator) for given in self.inputs]

    def __call__(self, *inputs: Tensor) -> list[Tensor]:
        values = list(inputs)
        for step in self.steps:
            found = step.apply(values)
            if found.numel() <= 20000:
                values.append(found)
        return values[len(inputs) :][-4:]


def _made(shape: tuple[int, ...], kind: str, strides: str, generator: torch.Generator) -> Tensor:
    dtype = TYPES[kind]
    wide = [2 * size for size in shape] if strides == "sliced" else list(shape)
    if strides == "transposed":
        wide = wide[::-1]
    low = 0 if kind in ("u8", "bool") else -8
    made = torch.randint(low, 2 if kind == "bool" else 9, wide, generator=generator)
    x = (made / 4).to(dtype) if dtype.is_floating_point else made.to(dtype)
    if strides == "sliced":
        return x[tuple(slice(None, None, 2) for _ in shape)]
    return x.permute(*range(x.dim() - 1, -1, -1)) if strides == "transposed" else x


SHAPES = st.lists(st.sampled_from([1, 2, 3, 7, 16, 33]), min_size=1, max_size=3).map(tuple)
INPUTS = st.tuples(SHAPES, st.sampled_from(KINDS), st.sampled_from(["plain", "transposed", "sliced"]))
STEPS = st.builds(Step, st.sampled_from([*ONE, *TWO, *TWO]), st.integers(0, 9), st.integers(0, 9), st.integers(0, 3))


def graphs(steps: int) -> st.SearchStrategy[Graph]:
    inputs: Any = st.lists(INPUTS, min_size=1, max_size=3).map(tuple)
    return st.builds(Graph, inputs, st.lists(STEPS, min_size=2, max_size=steps).map(tuple))
