"""What a torch function gives without a compiler, as the reference of what it gives with one."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from .problem import Error, Tolerance, compare

if TYPE_CHECKING:
    import torch

    from ..frontends.torch_function import TorchFunction

_RELATIVE = {"float64": 1e-9, "float32": 1e-4, "float16": 1e-2, "bfloat16": 6e-2}
"""Of the greatest number of an output: fused kernels round less often than eager ones, in another order."""
_WORDS = "of each output's greatest number, 1e-9, 1e-4, 1e-2 and 6e-2 in f64, f32, f16 and bf16"


@dataclass
class Reference:
    """name: where `values` are from; values: None where nothing can be compared, as two calls differ."""

    name: str
    values: Sequence[torch.Tensor] | None
    function: TorchFunction
    seed: int
    saved: Sequence[torch.Tensor]

    @property
    def tolerance(self) -> str:
        return _WORDS if self.values is not None else "-"

    def put_back(self) -> None:
        """Inputs, parameters and buffers are what they were."""
        import torch

        with torch.no_grad():
            for tensor, copy in zip(self.function.state(), self.saved, strict=True):
                if not torch.equal(tensor, copy):
                    tensor.copy_(copy)

    def error(self, call: Callable[[], Any]) -> Error:
        """Of what a call gives."""
        values = self._outputs(call)
        return Error(0.0, 0.0, True) if self.values is None else _error(values, self.values)

    def _outputs(self, call: Callable[[], Any], seed: int | None = None) -> list[torch.Tensor]:
        import torch

        self.put_back()
        cast(Any, torch).manual_seed(self.seed if seed is None else seed)
        return _tensors(call())


def reference(function: TorchFunction, scalar: Callable[[], Any], seed: int) -> Reference:
    """Of eager calls. Where these draw random numbers, of the scalar rung: Inductor draws others. Nothing, where a call
    changes what the next one gives in a way that is not known here (a step of training)."""
    saved = [tensor.detach().clone() for tensor in function.state()]
    found = Reference("torch eager", None, function, seed, saved)
    outputs = found._outputs  # pyright: ignore[reportPrivateUsage]
    first, again, other = (outputs(function.call_eager, s) for s in (seed, seed, seed + 1))
    if not _same(first, again):
        found.name = "none: two eager calls differ"
    elif _same(first, other):
        found.values = first
    else:
        found.name = "scalar rung, as Inductor draws other random numbers than eager"
        found.values = outputs(scalar)
    found.put_back()
    return found


def _tensors(result: Any) -> list[torch.Tensor]:
    """Copies of all tensors in it, real."""
    import torch
    from torch.utils import _pytree

    found: list[torch.Tensor] = []
    for leaf in _pytree.tree_leaves(result):
        if isinstance(leaf, torch.Tensor):
            plain = leaf.detach().clone()
            found.append(torch.view_as_real(plain) if plain.is_complex() else plain)
    return found


def _same(a: Sequence[torch.Tensor], b: Sequence[torch.Tensor]) -> bool:
    """Up to what threads sum in another order."""
    return _error(a, b).within


def _error(got: Sequence[torch.Tensor], wanted: Sequence[torch.Tensor]) -> Error:
    if [value.shape for value in got] != [value.shape for value in wanted]:
        return Error(math.inf, math.inf, False)
    worst = Error(0.0, 0.0, True)
    for value, expected in zip(got, wanted, strict=True):
        relative = _RELATIVE.get(str(expected.dtype).removeprefix("torch."), 0.0)
        magnitudes = expected.double().abs().nan_to_num(nan=0.0, posinf=0.0)
        greatest = float(magnitudes.max()) if magnitudes.numel() else 0.0
        found = compare([value], [expected], Tolerance(relative, relative * greatest, ""))
        worst = Error(
            max(worst.absolute, found.absolute), max(worst.relative, found.relative), worst.within and found.within
        )
    return worst
