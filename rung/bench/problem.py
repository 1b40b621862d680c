"""One kernel with concrete arguments: what is compiled, launched and checked."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..dtypes import BY_MLIR
from ..errors import UsageError

if TYPE_CHECKING:
    import torch

Shape = tuple[int, ...]
DTYPES = ("f32", "f16", "bf16")
TRITON = {name: BY_MLIR[name].triton for name in DTYPES}


@dataclass(frozen=True)
class Tolerance:
    """|got - expected| <= absolute + relative * |expected|, and why these numbers are right."""

    relative: float
    absolute: float
    reason: str

    def __str__(self) -> str:
        return f"rtol {self.relative:g}, atol {self.absolute:g}: {self.reason}"


@dataclass(frozen=True)
class Error:
    """Largest errors of the outputs. The relative one divides by |expected|, but by no less than
    absolute/relative of the tolerance, below which the absolute error decides. Both are inf when a value
    that should be finite is not."""

    absolute: float
    relative: float
    within: bool


@dataclass(frozen=True)
class Problem:
    """Arguments are in the kernel's order, constexprs left out; the kernel writes those at the positions
    `outputs`."""

    args: tuple[Any, ...]
    outputs: tuple[int, ...]
    constexprs: Mapping[str, object]
    grid: tuple[int, int, int]
    expected: Callable[[], Sequence[torch.Tensor]] | None
    """Computes the outputs in float64; None when the scalar rung is the reference."""
    written: tuple[int, ...] | None = None
    """All that the kernel may store to, where that is known."""
    updated: tuple[int, ...] = ()
    """What it reads and stores to: launched again on what it left, it computes something else, perhaps at another speed
    (numbers that shrink to subnormal ones, or grow to infinities)."""


def check_memory(elements: int) -> None:
    """Raises UsageError when tensors of so many elements, their float64 reference and copies do not fit in memory."""
    needed = 64 * elements
    available = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES")
    if needed > available:
        raise UsageError(
            f"{elements:,} elements need about {needed / 2**30:,.0f} GiB with the reference and copies, "
            f"{available / 2**30:,.0f} GiB are free: give a smaller size"
        )


def torch_dtype(dtype: str) -> torch.dtype:
    """torch's name of `f32`, `f16` or `bf16`. Raises UsageError for others."""
    import torch

    if dtype not in DTYPES:
        raise UsageError(f"there is no data type `{dtype}`; choose from: {', '.join(DTYPES)}")
    return getattr(torch, BY_MLIR[dtype].torch)


def signature(names: Sequence[str], problem: Problem) -> dict[str, str]:
    """Triton's types of all parameters, by name: {"x_ptr": "*fp32", "n": "i32", "BLOCK": "constexpr"}."""
    runtime = [name for name in names if name not in problem.constexprs]
    if len(runtime) != len(problem.args):
        raise UsageError(f"the kernel takes ({', '.join(runtime)}), not {len(problem.args)} arguments")
    types = dict(zip(runtime, map(type_of, problem.args), strict=True))
    return {name: types.get(name, "constexpr") for name in names}


def type_of(value: object) -> str:
    """Triton's type of one argument: a tensor, an integer (i32, or i64 when it needs it) or a float."""
    if isinstance(value, int):
        return "i32" if -(1 << 31) <= value < 1 << 31 else "i64"
    if isinstance(value, float):
        return "fp32"
    name = str(getattr(value, "dtype", type(value).__name__)).removeprefix("torch.")
    found = {BY_MLIR[short].torch: "*" + BY_MLIR[short].triton for short in DTYPES}
    if name not in found:
        raise UsageError(f"an argument is of type {name}; give tensors of {', '.join(TRITON)}, int or float")
    return found[name]


def snapshot(problem: Problem) -> tuple[Any, ...]:
    """Copies of the tensors among the arguments that may change (None elsewhere), for `restore`."""
    changes = range(len(problem.args)) if problem.written is None else problem.written
    values = enumerate(problem.args)
    return tuple(value.clone() if n in changes and hasattr(value, "clone") else None for n, value in values)


def restore(problem: Problem, saved: Sequence[Any], positions: Sequence[int] | None = None) -> None:
    """Puts the tensors back to what they were; positions: these only."""
    for position in range(len(saved)) if positions is None else positions:
        if saved[position] is not None:
            _copy_alone(problem.args[position], saved[position])


def _copy_alone(to: torch.Tensor, value: torch.Tensor) -> None:
    """On this thread: those of torch spin for a while when they have copied, on the cores that a launch is to have."""
    import numpy as np
    import torch

    bits = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}.get(to.element_size())
    if bits is None:
        to.copy_(value)
    else:
        np.copyto(to.detach().view(bits).numpy(), value.detach().view(bits).numpy())


def outputs(problem: Problem) -> list[torch.Tensor]:
    """Copies of what the kernel has written."""
    return [problem.args[position].clone() for position in problem.outputs]


def share_memory(a: Any, b: Any) -> bool:
    """Whether two arguments are views of one storage."""
    return hasattr(a, "data_ptr") and a.untyped_storage().data_ptr() == b.untyped_storage().data_ptr()


def finite(value: float) -> float | None:
    """As records have errors: None where it is not finite, which JSON has no number for."""
    return value if math.isfinite(value) else None


def compare(got: Sequence[torch.Tensor], expected: Sequence[torch.Tensor], tolerance: Tolerance) -> Error:
    """Largest errors over all outputs. NaN agrees with NaN, and an infinity with the same infinity."""
    import torch

    worst_absolute, worst_relative, within = 0.0, 0.0, True
    floor = tolerance.absolute / tolerance.relative if tolerance.relative else 1.0
    for actual, wanted in zip(got, expected, strict=True):
        a, w = actual.double().reshape(-1), wanted.double().reshape(-1)
        same = (a == w) | (a.isnan() & w.isnan())
        difference = torch.where(same, 0.0, (a - w).abs()).nan_to_num(nan=float("inf"), posinf=float("inf"))
        magnitude = w.abs().nan_to_num(nan=0.0, posinf=0.0)
        within = within and bool((difference <= tolerance.absolute + tolerance.relative * magnitude).all())
        if difference.numel():
            worst_absolute = max(worst_absolute, float(difference.max()))
            relative = difference / magnitude.clamp(min=max(floor, 1e-300))
            worst_relative = max(worst_relative, float(relative.max()))
    return Error(worst_absolute, worst_relative, within)
