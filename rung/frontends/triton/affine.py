"""The affine form of a block of pointers or integers: `base[offset + sum(strides[d] * i[d]) + wraps]`."""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch_mlir import ir

from .bases import Base, element_size, same_base
from .conditions import union
from .indices import Index, Indices, same


@dataclass(frozen=True)
class Wrap:
    """The term `scale * ((first + i[dim]) mod modulus)`; `start` is `first mod modulus`."""

    dim: int
    first: Index
    start: Index
    modulus: Index
    scale: Index


@dataclass(frozen=True)
class Affine:
    """`base[offset + sum(strides[d] * i[d]) + wraps]`, in elements, where all of `conditions` (i1) hold.

    Integers have no base, scalars no strides. `multiple`: a power of two that divides `offset`.
    """

    base: Base | None
    offset: Index
    strides: tuple[Index, ...] = ()
    wraps: tuple[Wrap, ...] = ()
    conditions: tuple[ir.Value, ...] = ()
    multiple: int = 1

    @property
    def uniform(self) -> bool:
        return not self.wraps and all(isinstance(s, int) and s == 0 for s in self.strides)


def equal(a: Affine | None, b: Affine | None) -> bool:
    """Whether two accesses are known to touch the same elements in the same order."""
    if a is None or b is None or a.base is None or b.base is None or len(a.strides) != len(b.strides):
        return False
    return (
        same_base(a.base, b.base)
        and element_size(a.base) == element_size(b.base)
        and same(a.offset, b.offset)
        and all(same(s, t) for s, t in zip(a.strides, b.strides, strict=True))
        and a.wraps == b.wraps
    )


def added(ix: Indices, a: Affine | None, b: Affine | None) -> Affine | None:
    """The sum of two forms, at most one of which has a base."""
    if a is None or b is None:
        return None
    return Affine(
        a.base or b.base,
        ix.add(a.offset, b.offset),
        tuple(ix.add(s, t) for s, t in zip(a.strides, b.strides, strict=True)),
        _sum_of_wraps(ix, a.wraps + b.wraps),
        union(a.conditions, b.conditions),
        min(a.multiple, b.multiple),
    )


def _sum_of_wraps(ix: Indices, wraps: tuple[Wrap, ...]) -> tuple[Wrap, ...]:
    """One term for each different remainder."""
    scales: dict[Wrap, Index] = {}
    for wrap in wraps:
        remainder = replace(wrap, scale=1)
        scales[remainder] = ix.add(scales.get(remainder, 0), wrap.scale)
    return tuple(replace(remainder, scale=scale) for remainder, scale in scales.items())
