"""What these programs are compared by: torch in float64, and the error that a format allows."""

from __future__ import annotations

import torch

TOLERANCE = {torch.float64: 1e-12, torch.float32: 1e-5, torch.float16: 2e-3, torch.bfloat16: 1.6e-2}
"""Largest error, as a part of the largest number of the reference: some roundings of the format."""

WAITS = ("threads=1", "threads=2", "threads=3")
"""Programs that wait for one another end on any number of contexts."""


def check(found: torch.Tensor, reference: torch.Tensor, tolerance: float | None = None) -> None:
    """found: of any float format; reference: float64, of the same shape."""
    assert found.shape == reference.shape, f"{tuple(found.shape)} is not {tuple(reference.shape)}"
    assert reference.dtype == torch.float64
    allowed = TOLERANCE[found.dtype] if tolerance is None else tolerance
    error = (found.double() - reference).abs().max().item()
    scale = max(reference.abs().max().item(), 1e-3)
    assert error <= allowed * scale, f"error {error:.3g}, allowed {allowed:.3g} of {scale:.3g}"


def gradients(result: torch.Tensor, upstream: torch.Tensor, *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """What torch finds for float64 inputs with `requires_grad`."""
    return torch.autograd.grad(result, inputs, upstream.double())


def leaves(*tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """float64 copies to differentiate by."""
    return tuple(tensor.double().detach().requires_grad_() for tensor in tensors)
