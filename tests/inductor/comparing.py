"""Eager is the reference; where it rounds otherwise than a fused kernel, the same function in float64 decides."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.utils._pytree import tree_flatten, tree_map

TOLERANCE = {
    torch.float64: 1e-10,
    torch.complex128: 1e-10,
    torch.float32: 1e-5,
    torch.complex64: 1e-5,
    torch.float16: 2e-3,
    torch.bfloat16: 1.6e-2,
}
"""Of an element, relative to the larger of it and of a tenth of the largest one."""


def leaves(found: Any) -> list[Any]:
    return [leaf for leaf in tree_flatten(found)[0] if leaf is not None]


def cloned(given: Any) -> Any:
    """With the same strides, and as leaves that want gradients where those did."""

    def one(leaf: Any) -> Any:
        if not isinstance(leaf, torch.Tensor):
            return leaf
        storage = leaf.detach().untyped_storage().clone()
        made = torch.empty(0, dtype=leaf.dtype).set_(storage, leaf.storage_offset(), leaf.size(), leaf.stride())
        return made.requires_grad_(leaf.requires_grad)

    return tree_map(one, given)


def widened(given: Any) -> Any:
    """In float64 what is less."""

    def one(leaf: Any) -> Any:
        if isinstance(leaf, torch.Tensor) and (leaf.is_floating_point() or leaf.is_complex()):
            wide = leaf.detach().to(torch.complex128 if leaf.is_complex() else torch.float64)
            return wide.requires_grad_(leaf.requires_grad)
        return leaf

    return tree_map(one, given)


def together(functions: Sequence[Callable[..., Any]]) -> Callable[..., list[Any]]:
    """One function of all their inputs."""

    def graph(*inputs: Sequence[Any]) -> list[Any]:
        return [function(*given) for function, given in zip(functions, inputs, strict=True)]

    return graph


def run(
    graph: Callable[..., list[Any]], functions: Sequence[Any], inputs: Sequence[Any], backward: bool
) -> list[list[Any]]:
    """Of each function: results, then gradients, then what inputs and buffers are afterwards. Inputs stay."""
    inputs = cloned(inputs)
    results = [leaves(found) for found in graph(*inputs)]
    tensors = [[leaf for leaf in leaves(given) if isinstance(leaf, torch.Tensor)] for given in inputs]
    modules = [function if isinstance(function, torch.nn.Module) else torch.nn.Module() for function in functions]
    after = [[_detached(leaf) for leaf in (*given, *m.buffers())] for given, m in zip(tensors, modules, strict=True)]
    found = [[_detached(leaf) for leaf in each] for each in results]
    slopes: list[list[Any]] = [[] for _ in functions]
    if backward:
        sources = [[*given, *m.parameters()] for given, m in zip(tensors, modules, strict=True)]
        slopes = gradients(results, [[leaf for leaf in each if leaf.requires_grad] for each in sources])
    return [[*a, *b, *c] for a, b, c in zip(found, slopes, after, strict=True)]


def gradients(results: Sequence[Sequence[Any]], sources: Sequence[Sequence[torch.Tensor]]) -> list[list[Any]]:
    """Of each function, from fixed gradients of its results, in one pass through the graph."""
    roots = [leaf for each in results for leaf in each if isinstance(leaf, torch.Tensor) and leaf.requires_grad]
    flat = [leaf for each in sources for leaf in each]
    if not roots or not flat:
        raise ValueError("no gradient: not supported")
    upstream = [
        torch.linspace(-1, 2, root.numel(), dtype=torch.float64).cos().reshape(root.shape).to(root.dtype)
        for root in roots
    ]
    found = iter(torch.autograd.grad(roots, flat, upstream, allow_unused=True))
    return [[_detached(slope) for _, slope in zip(each, found, strict=False)] for each in sources]


def _detached(leaf: Any) -> Any:
    return leaf.detach().clone() if isinstance(leaf, torch.Tensor) else leaf


def difference(
    found: Sequence[Any], eager: Sequence[Any], reference: Callable[[], Sequence[Any]], close: float = 1.0
) -> str:
    """What differs, or nothing. reference: the same in float64, computed where it is asked for."""
    if len(found) != len(eager):
        return f"{len(found)} results, not {len(eager)}"
    wide: Sequence[Any] | None = None
    for index, (ours, theirs) in enumerate(zip(found, eager, strict=True)):
        said = _one(ours, theirs, None, close)
        if said and isinstance(theirs, torch.Tensor) and theirs.dtype in TOLERANCE:
            wide = reference() if wide is None else wide
            said = _one(ours, theirs, wide[index], close)
        if said:
            return f"result {index}: {said}"
    return ""


def _one(ours: Any, theirs: Any, wide: Any, close: float) -> str:
    """wide: of float64; then eager's own largest error, twice, is allowed besides."""
    if not isinstance(theirs, torch.Tensor) or not isinstance(ours, torch.Tensor):
        return (
            "" if ours is theirs or ours == theirs or (ours != ours and theirs != theirs) else f"{ours}, not {theirs}"
        )
    if ours.dtype != theirs.dtype or ours.shape != theirs.shape:
        return f"{ours.dtype} {tuple(ours.shape)}, not {theirs.dtype} {tuple(theirs.shape)}"
    if theirs.dtype not in TOLERANCE:
        return _first(ours, theirs, ours != theirs)
    expected = theirs if wide is None else wide.to(theirs.dtype)
    tolerance = close * TOLERANCE[theirs.dtype]
    kind = torch.complex128 if theirs.is_complex() else torch.float64
    ours, theirs, expected = ours.to(kind), theirs.to(kind), expected.to(kind)
    known = expected.isfinite() & theirs.isfinite()
    largest = expected[known].abs().max() if known.any() else expected.new_zeros((), dtype=torch.float64)
    allowed = tolerance * expected.abs().clamp(min=largest.item() / 10)
    if wide is not None and known.any():
        allowed = allowed + 2 * (theirs - expected)[known].abs().max()
    same = (ours == expected) | (ours.isnan() & expected.isnan())
    return _first(ours, expected, ~same & ~((ours - expected).abs() <= allowed))


def _first(ours: torch.Tensor, expected: torch.Tensor, wrong: torch.Tensor) -> str:
    """The first of the elements that are wrong."""
    if not wrong.any():
        return ""
    at = tuple(wrong.nonzero()[0].tolist())
    return f"{ours[at].item()}, not {expected[at].item()} at {at}; {int(wrong.sum())} of {wrong.numel()} are wrong"
