"""Forms of blocks of N-bit numbers, which index arithmetic gives up to multiples of 2^N: when they are the numbers."""

from __future__ import annotations

from dataclasses import replace

from torch_mlir import ir

from .affine import Affine
from .conditions import union
from .indices import Index, Indices, same
from .ttir import Shape


def numbers(ix: Indices, form: Affine, kind: ir.IntegerType, extents: Shape, signed: bool) -> Affine | None:
    """A form up to multiples of 2^width, as the form of numbers of that width under conditions; None if it has none.

    The offset becomes such a number itself. Then none of the elements wraps if the lowest and the highest do not.
    """
    if kind.width > 32:
        return _wide(ix, form) if signed and not form.wraps else None
    offset = ix.read(form.offset, kind, signed)
    strides = tuple(ix.read(s, kind) for s in form.strides)
    wraps = tuple(replace(w, scale=ix.read(w.scale, kind)) for w in form.wraps)
    steps = [ix.mul(s, n - 1) for s, n in zip(strides, extents, strict=True)]
    steps += [ix.mul(w.scale, ix.sub(w.modulus, 1)) for w in wraps]
    lowest: Index = offset
    highest: Index = offset
    for step in steps:
        lowest, highest = ix.add(lowest, ix.min(step, 0)), ix.add(highest, ix.max(step, 0))
    least = -(1 << (kind.width - 1)) if signed else 0
    asked: list[ir.Value] = []
    if not same(lowest, offset):
        asked.append(ix.at_most(least, lowest))
    if not same(highest, offset):
        asked.append(ix.at_most(highest, least + (1 << kind.width) - 1))
    conditions = union(form.conditions, tuple(asked))
    return replace(form, offset=offset, strides=strides, wraps=wraps, conditions=conditions)


def _wide(ix: Indices, form: Affine) -> Affine | None:
    """Numbers as wide as indices, which wrap where those do: far from there, no sum does. None if they are not far."""
    asked: list[ir.Value] = []
    offset, *strides = (ix.read(n, ir.IntegerType.get_signless(64)) for n in (form.offset, *form.strides))
    for number, bits in ((offset, 61), *((s, 40) for s in strides)):
        if not isinstance(number, int):
            asked += [ix.at_most(-(1 << bits), number), ix.at_most(number, 1 << bits)]
        elif not -(1 << bits) <= number <= 1 << bits:
            return None
    return replace(form, offset=offset, strides=tuple(strides), conditions=union(form.conditions, tuple(asked)))
