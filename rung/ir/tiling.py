"""How a nest may be cut into tiles, and how large they become: questions of `tile-blocks` and `fit-scratchpad`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from torch_mlir import ir

from .accesses import is_fence
from .attributes import GRID, GRID_LOOP
from .footprints import Index, Slab, slab_of
from .pointers import i64
from .slicing import collect

_PROGRAM = (GRID, GRID_LOOP)


@dataclass(frozen=True)
class Cut:
    """How far to go."""

    tile_elements: int
    """Points of a tile, at most."""
    granule: int
    """A large dimension is cut into multiples of so many elements."""
    parts: int = 1
    """Into which the points of a nest are cut, at least."""
    in_order: bool = False
    """Dimensions that are not parallel, or not named by all outputs, are cut, too."""
    everywhere: bool = False
    """Nests in loops and conditions inside the program are cut, too."""


@dataclass(frozen=True)
class Space:
    """The iteration space of a nest, and where its operands lie."""

    sizes: tuple[Index, ...]
    bounds: tuple[int, ...]
    maps: tuple[tuple[int, ...], ...]
    """Per operand: the nest's dimension of each of its dimensions."""
    slabs: tuple[Slab, ...]
    free: tuple[int, ...]
    """Dimensions whose tiles may run in any order: parallel ones that all outputs name, of a nest directly in the
    program."""


def is_in_program(op: ir.Operation) -> bool:
    """Whether `op` stands directly in the grid's body."""
    parent = op.parent
    return parent is not None and any(mark in parent.operation.attributes for mark in _PROGRAM)


def space_of(nest: ir.Operation) -> Space | None:
    """None where the nest is to be left alone: an operand is not understood, a dimension has no bound, or the order of
    its points might show."""
    slabs = [slab_of(operand) for operand in nest.operands if isinstance(operand.type, ir.MemRefType)]
    if len(slabs) != len(nest.operands) or any(slab is None or slab.bounds is None for slab in slabs):
        return None
    known = [slab for slab in slabs if slab is not None]
    maps: list[tuple[int, ...]] = []
    for attribute in ir.ArrayAttr(nest.attributes["indexing_maps"]):
        results = ir.AffineMapAttr(attribute).value.results
        if not all(isinstance(result, ir.AffineDimExpr) for result in results):
            return None
        maps.append(tuple(ir.AffineDimExpr(result).position for result in results))
    kinds = [str(kind) == "#linalg.iterator_type<parallel>" for kind in ir.ArrayAttr(nest.attributes["iterator_types"])]
    sizes: list[Index | None] = [None] * len(kinds)
    bounds: list[int] = [0] * len(kinds)
    for dims, slab in zip(maps, known, strict=True):
        for position, d in enumerate(dims):
            if sizes[d] is None or isinstance(slab.sizes[position], int):
                sizes[d] = slab.sizes[position]
                bounds[d] = (slab.bounds or ())[position]
    if any(size is None for size in sizes) or _has_effects(nest):
        return None
    outputs = maps[ir.DenseI32ArrayAttr(nest.attributes["operandSegmentSizes"])[0] :]
    free = [d for d, parallel in enumerate(kinds) if parallel and all(d in dims for dims in outputs)]
    return Space(
        tuple(s for s in sizes if s is not None),
        tuple(bounds),
        tuple(maps),
        tuple(known),
        tuple(free) if is_in_program(nest) else (),
    )


def _has_effects(nest: ir.Operation) -> bool:
    return any(op.name == "memref.store" or is_fence(op) for op in collect(nest))


def tile_of(space: Space, cut: Cut) -> tuple[int, ...]:
    """The sizes of a tile; those of `space.bounds` where it stays whole.

    The free dimensions are cut first, from the outermost one on, each no further than needed; then, in order, the
    others.
    """
    share = -(-prod(space.bounds) // cut.parts)
    tile = _cut_to(space.bounds, min(cut.tile_elements, share), space.free, cut.granule)
    ordered = [d for d in range(len(tile)) if d not in space.free] if cut.in_order else []
    return tuple(_cut_to(tile, share, ordered, cut.granule))


def _cut_to(sizes: Sequence[int], limit: int, dimensions: Sequence[int], granule: int) -> list[int]:
    """Cut in one of the dimensions after the other until there are `limit` points."""
    tile = list(sizes)
    for d in dimensions:
        if prod(tile) <= limit:
            break
        tile[d] = _even_part(tile[d], max(1, tile[d] * limit // prod(tile)), granule)
    return tile


def _even_part(bound: int, most: int, granule: int) -> int:
    """A size that cuts `bound` into parts as equal as can be: at most `most`, or the granule above a large one."""
    even = -(-bound // -(-bound // most))
    return -(-even // granule) * granule if most > granule else even


def tile_attribute(tile: Sequence[int]) -> ir.ArrayAttr:
    """The value of `rung.tile`."""
    return ir.ArrayAttr.get([ir.IntegerAttr.get(i64(), size) for size in tile])
