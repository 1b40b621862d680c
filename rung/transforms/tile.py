"""`tile-blocks`: cut the nests of large blocks into tiles, so that one program has a loop to distribute and
to pipeline.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, ClassVar

from torch_mlir import ir
from torch_mlir.dialects import arith, func, scf

from ..ir.cost import constant_value
from ..ir.footprints import (
    Index,
    Layout,
    Slab,
    add,
    element_bytes,
    layout_of,
    materialize,
    reinterpret,
    slab_of,
    times,
    view_of,
)
from ..ir.pointers import functions, index
from ..ir.slicing import collect
from ..passes import Pass

Value = ir.Value[Any]
_PROGRAM = ("rung.grid", "rung.grid_loop")
_GRANULE = 64
"""Tiles of a contiguous dimension are a multiple of this many elements, so that rows stay aligned."""


@dataclass(frozen=True)
class TileBlocks(Pass):
    """Cut nests that stand directly in the grid's body and run over more than `tile-elements` points into
    tiles.

    before:
        %v = memref.reinterpret_cast %x to offset: [%o], sizes: [%n], strides: [1] {rung.bounds = [1048576]}
        linalg.generic ins(%v) outs(%w)
    after:
        scf.forall (%t) in (ceil(%n / 16384)) {
          %at = %t * 16384
          %size = min(%n - %at, 16384)
          %tv = memref.reinterpret_cast %x to offset: [%o + %at], sizes: [%size] {rung.bounds = [16384]}
          linalg.generic ins(%tv) outs(%tw)                 // linalg.index is shifted by %at
        } {rung.tiles}

    The outermost parallel dimensions are cut first, each no further than needed; reduction dimensions are
    whole in every tile, so a mixed nest is cut over its parallel dimensions only and its accumulators are
    cut with them.

    Leaves alone: nests in loops or conditions inside the program; nests whose body stores or does atomics
    (their order might show); nests with an output that a cut dimension does not name; operands that are
    neither views nor buffers; sizes without a static bound; nests that have no parallel dimension to cut.

    With `scratchpad-bytes`, all tiles are made smaller by the factor that the buffers of `promote` (every
    view of the program, `depth` times) would exceed it by.
    """

    name: ClassVar[str] = "tile-blocks"
    tile_elements: int = 16384
    scratchpad_bytes: int = 0
    """Of one context; 0: no limit."""
    depth: int = 1

    def run(self, module: ir.Module) -> None:
        for function in functions(module):
            share = self._share(function)
            for op in collect(function.operation):
                if op.name == "linalg.generic" and _is_in_program(op):
                    self._tile(op, share)

    def _share(self, function: func.FuncOp) -> float:
        """The part of the program's views that fits into the scratchpad."""
        if not self.scratchpad_bytes:
            return 1.0
        total = 0
        for op in collect(function.operation):
            view = view_of(op.results[0]) if op.name == "memref.reinterpret_cast" else None
            layout = layout_of(view) if view is not None else ""
            if view is not None and isinstance(layout, Layout):
                total += layout.elements * element_bytes(view.element) * self.depth
        return min(1.0, self.scratchpad_bytes / total) if total else 1.0

    def _tile(self, nest: ir.Operation, share: float) -> None:
        space = _space_of(nest)
        if space is None or _has_effects(nest):
            return
        points = prod(space.bounds)
        limit = min(self.tile_elements, max(1, int(points * share)))
        if points <= limit:
            return
        tile = _tile_sizes(nest, space, limit)
        cut = [d for d, (size, bound) in enumerate(zip(tile, space.bounds, strict=True)) if size < bound]
        if not cut:
            return
        with ir.InsertionPoint(nest), nest.location:
            counts = [_ceil_div(space.sizes[d], tile[d]) for d in cut]
            loop = scf.ForallOp([0] * len(cut), [_fold(count) for count in counts], [1] * len(cut))
            loop.operation.attributes["rung.tiles"] = ir.UnitAttr.get()
        with ir.InsertionPoint(loop.body), nest.location:
            end = scf.InParallelOp()
        with ir.InsertionPoint(end), nest.location:
            _emit_tile(nest, space, tile, dict(zip(cut, loop.body.arguments, strict=True)))
        nest.erase()


def _tile_sizes(nest: ir.Operation, space: _Space, limit: int) -> list[int]:
    """Sizes of a tile: the bounds, with the outermost parallel dimensions cut until it has `limit` points."""
    tile = list(space.bounds)
    for d, parallel in enumerate(space.parallel):
        excess = prod(tile) / limit
        if excess <= 1:
            break
        if not parallel or not _named_by_outputs(nest, space, d):
            continue
        tile[d] = _even_part(tile[d], max(1, int(tile[d] / excess)))
    return tile


def _even_part(bound: int, most: int) -> int:
    """A size of at most `most` that cuts `bound` into parts as equal as can be, on a granule if large."""
    most = most // _GRANULE * _GRANULE if most > _GRANULE else most
    even = -(-bound // -(-bound // most))
    return min(most, -(-even // _GRANULE) * _GRANULE) if most > _GRANULE else even


@dataclass(frozen=True)
class _Space:
    """The iteration space of a nest, and where its operands lie."""

    parallel: tuple[bool, ...]
    sizes: tuple[Index, ...]
    bounds: tuple[int, ...]
    maps: tuple[tuple[int, ...], ...]
    """Per operand: the nest's dimension of each of its dimensions."""
    slabs: tuple[Slab, ...]


def _is_in_program(op: ir.Operation) -> bool:
    parent = op.parent
    return parent is not None and any(mark in parent.operation.attributes for mark in _PROGRAM)


def _space_of(nest: ir.Operation) -> _Space | None:
    """None if an operand is not understood or a dimension has no bound."""
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
    if any(size is None for size in sizes):
        return None
    return _Space(tuple(kinds), tuple(s for s in sizes if s is not None), tuple(bounds), tuple(maps), tuple(known))


def _has_effects(nest: ir.Operation) -> bool:
    writers = ("memref.store", "memref.atomic_rmw", "memref.generic_atomic_rmw")
    return any(op.name in writers for op in collect(nest))


def _named_by_outputs(nest: ir.Operation, space: _Space, d: int) -> bool:
    inputs = ir.DenseI32ArrayAttr(nest.attributes["operandSegmentSizes"])[0]
    return all(d in dims for dims in space.maps[inputs:])


def _emit_tile(nest: ir.Operation, space: _Space, tile: Sequence[int], at: dict[int, Value]) -> None:
    """One tile of `nest` at the insertion point; `at` gives its number in each cut dimension."""
    starts: dict[int, Index] = {d: times(number, tile[d]) for d, number in at.items()}
    sizes = {d: _size(space.sizes[d], tile[d], start) for d, start in starts.items()}
    operands: list[Value] = []
    for operand, slab, dims in zip(nest.operands, space.slabs, space.maps, strict=True):
        if not any(d in at for d in dims):
            operands.append(operand)
            continue
        offset = slab.offset
        for position, d in enumerate(dims):
            if d in at:
                offset = add(offset, times(starts[d], slab.strides[position]))
        bounds = slab.bounds or ()
        operands.append(
            reinterpret(
                slab.base,
                offset,
                tuple(sizes.get(d, slab.sizes[position]) for position, d in enumerate(dims)),
                slab.strides,
                tuple(min(tile[d], bounds[position]) for position, d in enumerate(dims)),
            )
        )
    copy = nest.clone()
    for number, operand in enumerate(operands):
        copy.operands[number] = operand
    for op in collect(copy):
        if op.name == "linalg.index":
            _shift(op, starts)


def _shift(op: ir.Operation, starts: dict[int, Index]) -> None:
    """Make a `linalg.index` of a tile count from the start of the block."""
    d = ir.IntegerAttr(op.attributes["dim"]).value
    if d not in starts:
        return
    with ir.InsertionPoint.after(op), op.location:
        shifted = arith.AddIOp(op.results[0], materialize(starts[d]))
    op.results[0].replace_all_uses_except(shifted.result, shifted.operation)


def _ceil_div(size: Index, tile: int) -> Index:
    if isinstance(size, int):
        return -(-size // tile)
    return arith.CeilDivSIOp(size, index(tile)).result


def _size(size: Index, tile: int, start: Index) -> Index:
    if isinstance(size, int) and size % tile == 0:
        return tile
    left = arith.SubIOp(materialize(size), materialize(start)).result
    return arith.MinSIOp(left, index(tile)).result


def _fold(count: Index) -> Index:
    known = count if isinstance(count, int) else constant_value(count)
    return count if known is None else known
