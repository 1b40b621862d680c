"""`tile-blocks`: cut the nests of large blocks into tiles, so that one program has a loop to distribute and
to pipeline.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from torch_mlir import ir
from torch_mlir.dialects import arith, scf

from ..errors import ContractError
from ..ir.attributes import TILE, TILES
from ..ir.constants import constant_value
from ..ir.footprints import Index, add, materialize, reinterpret, times
from ..ir.pointers import functions, index
from ..ir.slicing import collect
from ..ir.tiling import Cut, Space, is_in_program, space_of, tile_attribute, tile_of
from ..passes import Pass
from ..passes.options import Limits
from ..schedule import MOST_ELEMENTS

Value = ir.Value[Any]


@dataclass(frozen=True)
class TileBlocks(Pass):
    """Cut nests into the tiles of `rung.tile`; where a nest has none, cut it if it stands directly in the grid's body
    and runs over more than `tile-elements` points.

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
    reduction dimensions are whole in every tile. A large dimension is cut into multiples of `granule` elements.

    Where `rung.tile` asks for more, dimensions that are not parallel, and nests inside the program's own loops, are cut
    by `scf.for %t = 0 to ceil(%n / 512)`: in order, as every tile goes on with the accumulators of the one before.

    Leaves alone: nests whose body stores, does atomics or loads volatile (their order might show); operands that are
    neither views nor buffers; sizes without a static bound; without `rung.tile`, nests in loops or conditions inside
    the program, and nests that have no parallel dimension that all outputs name. Refuses a `rung.tile` of another rank
    than its nest, or without a size.
    """

    name: ClassVar[str] = "tile-blocks"
    tile_elements: Annotated[int, Limits(1, MOST_ELEMENTS)] = 16384
    """Of one tile, at most."""
    granule: Annotated[int, Limits(1, 4096)] = 64
    """Tiles of a large dimension are a multiple of so many elements: as many as the bytes that buffers are aligned to
    keep rows of every type aligned."""

    def run(self, module: ir.Module) -> None:
        usual = Cut(self.tile_elements, self.granule)
        for function in functions(module):
            for op in collect(function.operation):
                if op.name == "linalg.generic":
                    _tile(op, usual)


def _tile(nest: ir.Operation, usual: Cut) -> None:
    decided = TILE in nest.attributes
    space = space_of(nest) if decided or is_in_program(nest) else None
    if space is None:
        return
    tile = _decided(nest, space) if decided else tile_of(space, usual)
    cut = [d for d, size in enumerate(tile) if size < space.bounds[d]]
    if not cut:
        return
    parallel, sequential = [d for d in cut if d in space.free], [d for d in cut if d not in space.free]
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


def _decided(nest: ir.Operation, space: Space) -> tuple[int, ...]:
    """The tile that `rung.tile` asks for, which is taken from the nest: the loops over the tiles will have it."""
    tile = tuple(ir.IntegerAttr(size).value for size in ir.ArrayAttr(nest.attributes[TILE]))
    if len(tile) != len(space.bounds) or min(tile, default=1) < 1:
        whole = list(space.bounds)
        raise ContractError(f"tile-blocks: {TILE} = {list(tile)} is no tile of {whole}, at {nest.location}")
    del nest.attributes[TILE]
    return tile


def _parallel_loop(
    place: ir.InsertionPoint, space: Space, tile: Sequence[int], cut: Sequence[int], at: dict[int, Value]
) -> ir.InsertionPoint:
    """One loop over the tiles of all dimensions of `cut`; returns where its body goes."""
    with place:
        counts = [_ceil_div(space.sizes[d], tile[d]) for d in cut]
        loop = scf.ForallOp([0] * len(cut), [_fold(count) for count in counts], [1] * len(cut))
        loop.operation.attributes[TILES] = ir.UnitAttr.get()
        loop.operation.attributes[TILE] = tile_attribute(tile)
    with ir.InsertionPoint(loop.body):
        end = scf.InParallelOp()
    at.update(zip(cut, loop.body.arguments, strict=True))
    return ir.InsertionPoint(end)


def _sequential_loop(
    place: ir.InsertionPoint, space: Space, tile: Sequence[int], d: int, at: dict[int, Value]
) -> ir.InsertionPoint:
    with place:
        loop = scf.ForOp(index(0), materialize(_ceil_div(space.sizes[d], tile[d])), index(1))
        loop.operation.attributes[TILE] = tile_attribute(tile)
    with ir.InsertionPoint(loop.body):
        end = scf.YieldOp([])
    at[d] = loop.induction_variable
    return ir.InsertionPoint(end)


def _emit_tile(nest: ir.Operation, space: Space, tile: Sequence[int], at: dict[int, Value]) -> None:
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
