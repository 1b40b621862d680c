"""`fit-scratchpad`: decide how far nests are cut, so that tiles and scratch fit a context's scratchpad."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

from torch_mlir import ir
from torch_mlir.passmanager import PassManager

from ..errors import UsageError
from ..ir.attributes import TILE
from ..ir.pointers import functions
from ..ir.scratchpad_budget import Budget, Need, need_of
from ..ir.slicing import collect
from ..ir.tiling import Cut, is_in_program, space_of, tile_attribute, tile_of
from ..machine import MOST_ALIGNMENT
from ..passes import Pass
from ..passes.options import Limits, OneOf
from ..schedule import MOST_BUFFERS, MOST_ELEMENTS
from ..targets.isa import INTRINSICS
from .form_virtual_threads import FormVirtualThreads
from .promote import tell_views_apart
from .tile import TileBlocks

_PARTS = tuple(sorted(odd << shift for odd in (1, 3) for shift in range(17)))
"""What is tried to make tiles fit: 1, 2, 3, 4, 6, 8, 12, 16 parts and so on."""
_STRIDE = 16
"""So many times the parts are tried next where scratch alone is too much."""

Tiles = list[tuple[int, ...] | None]
"""Of each nest of a module, in order; None: it stays whole."""


@dataclass(frozen=True)
class FitScratchpad(Pass):
    """Write down the mildest cut of a kernel's nests with which all that a context keeps in its scratchpad fits.

    before:
        func.func @kernel(...) {
          scf.forall (...) { linalg.generic ins(%v) outs(%w) } {rung.grid}             // two views of 16384 floats
        }
    after (scratchpad-bytes=131072 depth=2 holds-scratch=on):
        func.func @kernel(...) attributes {rung.scratchpad = {budget_bytes = 130944, buffers = 2, scratch_bytes = 128,
                                                              alignment_bytes = 64}} {
          scf.forall (...) { linalg.generic ins(%v) outs(%w) {rung.tile = [5504]} } {rung.grid}
        }
    `tile-blocks` cuts what carries `rung.tile`; `promote` has `budget_bytes` for tiles, `buffers` for each stream.

    What is counted (`rung.ir.scratchpad_budget`): the buffers that `promote` will make, `depth` of those that stream,
    and, with `holds-scratch`, the scratch beside them, at hand or still to be made. Tiles are made smaller until that
    fits: the parallel dimensions first; if that does not suffice, the others, too, in order; and at last nests inside
    the program's own loops. Where a buffer lives depends on the loops around it, so every cut is tried on a copy of
    the kernel, as far as the loops go.

    Leaves nests alone that fit as they are, and those that `tile-blocks` cannot cut; tiles that cannot be made to fit
    are `promote`'s to refuse, or to leave direct. Refuses kernels whose scratch alone is too much.
    """

    name: ClassVar[str] = "fit-scratchpad"
    scratchpad_bytes: Annotated[int, Limits(0, 1 << 40)] = 262144
    """Of one context."""
    depth: Annotated[int, Limits(1, MOST_BUFFERS)] = 1
    """Buffers per stream that `double-buffer` will make; 1 without it."""
    holds_scratch: bool = False
    """Scratch lies in the scratchpad, too: the context has no other memory of its own."""
    alignment: Annotated[int, Limits(1, MOST_ALIGNMENT, powers_of_two=True)] = 64
    """Bytes that `place-scratch` will align every buffer to."""
    tile_elements: Annotated[int, Limits(1, MOST_ELEMENTS)] = 16384
    """Of one tile, at most, however much room there is."""
    max_rank: Annotated[int, Limits(1, 3)] = 2
    """Highest rank of one descriptor of the engine; each descriptor of a transfer has a tag."""
    byte_dot: Annotated[str, OneOf(("", *INTRINSICS))] = ""
    """As of the contractions: what they pack depends on it."""
    bf16_dot: Annotated[str, OneOf(("", *INTRINSICS))] = ""
    """The same."""

    def run(self, module: ir.Module) -> None:
        tiles, need = self._fitting(module)
        _mark(module, tiles)
        scratch = need.scratch if self.holds_scratch else 0
        budget = replace(self._all, budget_bytes=max(0, self.scratchpad_bytes - scratch), scratch_bytes=scratch)
        for function in functions(module):
            budget.write(function)

    @property
    def _all(self) -> Budget:
        """Of a context without scratch."""
        return Budget(self.scratchpad_bytes, self.depth, self.alignment)

    def _fitting(self, module: ir.Module) -> tuple[Tiles, Need]:
        """The tiles of the mildest cut with which all fits, and what it needs; if none does, of the last resort."""
        cut, tried, need = Cut(self.tile_elements, self.alignment), None, Need()
        for in_order, everywhere in ((False, False), (True, False), (True, True)):
            hopeless = 2.0 if in_order else 1.0
            for parts in _PARTS:
                if parts < hopeless:
                    continue
                cut = replace(cut, parts=parts, in_order=in_order, everywhere=everywhere)
                tiles = _tiles(module, cut)
                if tiles == tried:
                    continue
                tried, need = tiles, self._need(module, tiles)
                room = self.scratchpad_bytes - (need.scratch if self.holds_scratch else 0)
                if need.tiles <= room:
                    return tiles, need
                # Buffers shrink as tiles do, at best; a tile may be twice its part, being whole granules: what is left
                # out is not tried. Scratch shrinks by tags only.
                hopeless = 0.5 * parts * need.tiles / room if room > 0 else _STRIDE * parts
        if self.holds_scratch and need.scratch > self.scratchpad_bytes:
            raise UsageError(
                f"fit-scratchpad: a context needs {need.scratch} bytes of scratch beside its tiles, and its share of "
                f"the scratchpad is {self.scratchpad_bytes}: use smaller blocks, or a device with more "
                "`scratchpad_bytes`"
            )
        return _tiles(module, replace(cut, parts=_PARTS[-1])), need

    def _need(self, module: ir.Module, tiles: Tiles) -> Need:
        """With those tiles, of the function that needs most."""
        trial = _copy(module)
        _mark(trial, tiles)
        TileBlocks(self.tile_elements, self.alignment).run(trial)
        PassManager.parse("builtin.module(canonicalize,cse)").run(trial.operation)
        FormVirtualThreads(contexts=1).run(trial)
        PassManager.parse("builtin.module(canonicalize,cse)").run(trial.operation)
        tell_views_apart(trial)
        dots = (self.byte_dot, self.bf16_dot)
        needs = [need_of(function, self._all, self.max_rank, dots) for function in functions(trial)]
        return max(needs, key=lambda need: need.total, default=Need())


def _copy(module: ir.Module) -> ir.Module:
    copy = ir.Module.create()
    for op in module.body.operations:
        copy.body.append(op.operation.clone())
    return copy


def _nests(module: ir.Module) -> list[ir.Operation]:
    everything = (op for function in functions(module) for op in collect(function.operation))
    return [op for op in everything if op.name == "linalg.generic"]


def _tiles(module: ir.Module, cut: Cut) -> Tiles:
    return [_tile(nest, cut) for nest in _nests(module)]


def _tile(nest: ir.Operation, cut: Cut) -> tuple[int, ...] | None:
    space = space_of(nest) if cut.everywhere or is_in_program(nest) else None
    if space is None:
        return None
    tile = tile_of(space, cut)
    return None if tile == space.bounds else tile


def _mark(module: ir.Module, tiles: Tiles) -> None:
    """Write `rung.tile` on the nests that become smaller."""
    for nest, tile in zip(_nests(module), tiles, strict=True):
        if tile is not None:
            nest.attributes[TILE] = tile_attribute(tile)
