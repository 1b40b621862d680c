"""`tile-blocks`: cut the nests of large blocks into tiles, so that one program has a loop to distribute and
to pipeline.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Annotated, Any, ClassVar

from torch_mlir import ir
from torch_mlir.dialects import arith, scf

from ..ir.accesses import is_fence
from ..ir.cost import constant_value
from ..ir.footprints import Index, Slab, add, materialize, reinterpret, slab_of, times
from ..ir.pointers import functions, i64, index
from ..ir.slicing import collect
from ..passes import Pass
from ..passes.options import Limits
from ..schedule import MOST_BUFFERS, MOST_ELEMENTS
from .form_virtual_threads import TILE
from .promote import scratchpad_need

Value = ir.Value[Any]
_PROGRAM = ("rung.grid", "rung.grid_loop")
_PARTS = tuple(sorted(odd << shift for odd in (1, 3) for shift in range(17)))
"""What is tried to make tiles fit: 1, 2, 3, 4, 6, 8, 12, 16 parts and so on."""
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
        } {rung.tiles, rung.tile = [16384]}

    The outermost parallel dimensions are cut first, each no further than needed, and accumulators with them;
    reduction dimensions are whole in every tile.

    With `scratchpad-bytes`, tiles are made smaller until the buffers of `promote`, `depth` of each, fit. If cutting
    parallel dimensions does not suffice, the others are cut, too, by `scf.for %t = 0 to ceil(%n / 512)`: in order,
    as every tile goes on with the accumulators of the one before; and at last nests inside the program's own loops.

    Leaves alone: nests whose body stores, does atomics or loads volatile (their order might show); operands that are
    neither views nor buffers; sizes without a static bound; unless the scratchpad demands it, nests in loops or
    conditions inside the program, and nests that have no parallel dimension that all outputs name.
    """

    name: ClassVar[str] = "tile-blocks"
    tile_elements: Annotated[int, Limits(1, MOST_ELEMENTS)] = 16384
    """Of one tile, at most."""
    scratchpad_bytes: Annotated[int, Limits(0, 1 << 40)] = 0
    """Of one context; 0: no limit."""
    depth: Annotated[int, Limits(1, MOST_BUFFERS)] = 1
    """Buffers per stream that `double-buffer` will make; 1 without it."""

    def run(self, module: ir.Module) -> None:
        cut = self._fitting(module) if self.scratchpad_bytes else _Cut()
        self._tile_all(module, cut)

    def _fitting(self, module: ir.Module) -> _Cut:
        """The mildest cut with which all buffers fit; if none does, the last resort."""
        text = str(module)
        for in_order, everywhere in ((False, False), (True, False), (True, True)):
            hopeless = 2 if in_order else 1
            for parts in _PARTS:
                if parts < hopeless:
                    continue
                cut = _Cut(parts, in_order, everywhere)
                trial = ir.Module.parse(text)
                self._tile_all(trial, cut)
                need = scratchpad_need(trial, self.depth)
                if need <= self.scratchpad_bytes:
                    return cut
                # Buffers shrink as tiles do, at best: what is left out is not tried. A little less, for rounding.
                hopeless = 0.8 * parts * need / self.scratchpad_bytes
        return _Cut(_PARTS[-1], True, True)

    def _tile_all(self, module: ir.Module, cut: _Cut) -> None:
        for function in functions(module):
            for op in collect(function.operation):
                if op.name == "linalg.generic" and (cut.everywhere or _is_in_program(op)):
                    self._tile(op, cut)

    def _tile(self, nest: ir.Operation, cut: _Cut) -> None:
        space = _space_of(nest)
        if space is None or _has_effects(nest):
            return
        points = prod(space.bounds)
        share = -(-points // cut.parts)
        limit = min(self.tile_elements, share)
        named = [d for d, kind in enumerate(space.parallel) if kind and _named_by_outputs(nest, space, d)]
        free = named if _is_in_program(nest) else []
        tile = _tile_sizes(space.bounds, limit, free)
        ordered = [d for d in range(len(tile)) if d not in free] if cut.in_order else []
        tile = _tile_sizes(tile, share, ordered)
        parallel, sequential = ([d for d in dims if tile[d] < space.bounds[d]] for dims in (free, ordered))
        if not parallel and not sequential:
            return
        at: dict[int, Value] = {}
        with nest.location:
            inner = ir.InsertionPoint(nest)
            if parallel:
                inner = _parallel_loop(inner, space, tile, parallel, at)
            for d in sequential:
                inner = _sequential_loop(inner, space, tile, d, at)
            with inner:
                _emit_tile(nest, space, tile, at)
        nest.erase()


@dataclass(frozen=True)
class _Cut:
    """How far to go to make tiles fit the scratchpad."""

    parts: int = 1
    """Into which the points of a nest are cut, at least."""
    in_order: bool = False
    """Dimensions that are not parallel, or not named by all outputs, are cut, too."""
    everywhere: bool = False
    """Nests in loops and conditions inside the program are cut, too."""


def _parallel_loop(
    place: ir.InsertionPoint, space: _Space, tile: Sequence[int], cut: Sequence[int], at: dict[int, Value]
) -> ir.InsertionPoint:
    """One loop over the tiles of all dimensions of `cut`; returns where its body goes."""
    with place:
        counts = [_ceil_div(space.sizes[d], tile[d]) for d in cut]
        loop = scf.ForallOp([0] * len(cut), [_fold(count) for count in counts], [1] * len(cut))
        loop.operation.attributes["rung.tiles"] = ir.UnitAttr.get()
        loop.operation.attributes[TILE] = _sizes(tile)
    with ir.InsertionPoint(loop.body):
        end = scf.InParallelOp()
    at.update(zip(cut, loop.body.arguments, strict=True))
    return ir.InsertionPoint(end)


def _sequential_loop(
    place: ir.InsertionPoint, space: _Space, tile: Sequence[int], d: int, at: dict[int, Value]
) -> ir.InsertionPoint:
    with place:
        loop = scf.ForOp(index(0), materialize(_ceil_div(space.sizes[d], tile[d])), index(1))
        loop.operation.attributes[TILE] = _sizes(tile)
    with ir.InsertionPoint(loop.body):
        end = scf.YieldOp([])
    at[d] = loop.induction_variable
    return ir.InsertionPoint(end)


def _sizes(tile: Sequence[int]) -> ir.ArrayAttr:
    return ir.ArrayAttr.get([ir.IntegerAttr.get(i64(), size) for size in tile])


def _tile_sizes(sizes: Sequence[int], limit: int, dimensions: Sequence[int]) -> list[int]:
    """Sizes of a tile: cut in one of the dimensions after the other until it has `limit` points."""
    tile = list(sizes)
    for d in dimensions:
        if prod(tile) <= limit:
            break
        tile[d] = _even_part(tile[d], max(1, tile[d] * limit // prod(tile)))
    return tile


def _even_part(bound: int, most: int) -> int:
    """A size that cuts `bound` into parts as equal as can be: at most `most`, or the granule above a large one."""
    even = -(-bound // -(-bound // most))
    return -(-even // _GRANULE) * _GRANULE if most > _GRANULE else even


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
    return any(op.name == "memref.store" or is_fence(op) for op in collect(nest))


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
