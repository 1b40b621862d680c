"""The budget of a scratchpad: how many of its bytes one context of a kernel needs, and how many it has.

A context keeps there
- tiles: the buffers of promoted footprints, several of each that streams;
- scratch: blocks of the front end, packed operands of contractions, tags of transfers, keys of what is held.

`fit-scratchpad` asks how much that is before most of it exists, `promote` for the buffers that it is about to make,
`place-scratch` for each buffer that it places. All of them round a buffer up to the same alignment, here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import prod

from torch_mlir import ir
from torch_mlir.dialects import func

from ..errors import ContractError
from .attributes import SCRATCHPAD
from .footprints import element_bytes
from .packing import CONTRACTIONS, packed_types
from .pointers import i64
from .promotion import Promotion, plan
from .slicing import collect
from .transfers import descriptors, tags_type


@dataclass(frozen=True)
class Need:
    """Bytes of one context's memory."""

    tiles: int = 0
    scratch: int = 0

    @property
    def total(self) -> int:
        return self.tiles + self.scratch


@dataclass(frozen=True)
class Budget:
    """What one context has for tiles, and how they are counted: `rung.scratchpad` on a kernel."""

    budget_bytes: int
    """For tiles: what scratch leaves of the context's share."""
    buffers: int = 1
    """Of each stream."""
    alignment_bytes: int = 64
    """Every buffer takes a multiple of it."""
    scratch_bytes: int = 0
    """Of the context's share, set aside for scratch."""

    def write(self, function: func.FuncOp) -> None:
        numbers = {name: ir.IntegerAttr.get(i64(), number) for name, number in vars(self).items()}
        function.operation.attributes[SCRATCHPAD] = ir.DictAttr.get(numbers)

    @staticmethod
    def read(function: func.FuncOp) -> Budget:
        """Raises ContractError where `fit-scratchpad` has not written any."""
        if SCRATCHPAD not in function.operation.attributes:
            raise ContractError(
                f"`{function.name.value}` has no `{SCRATCHPAD}`: `fit-scratchpad` writes it; run it before"
            )
        numbers = ir.DictAttr(function.operation.attributes[SCRATCHPAD])
        return Budget(**{each.name: ir.IntegerAttr(each.attr).value for each in numbers})

    def tile_bytes(self, promotion: Promotion) -> int:
        """Of the buffers of one footprint, which lie behind one another."""
        buffers = self.buffers if promotion.placement == "stream" else 1
        return placed_bytes([buffers * promotion.layout.elements], promotion.view.element, self.alignment_bytes)


def placed_bytes(shape: Iterable[int], element: ir.Type, alignment: int) -> int:
    """What a buffer takes where every buffer begins at a multiple of `alignment` bytes."""
    size = prod(shape) * element_bytes(element)
    return -(-size // alignment) * alignment


def need_of(function: func.FuncOp, budget: Budget, max_rank: int, dots: Sequence[str]) -> Need:
    """What a context will need of a function whose loops have been dealt out, and whose buffers have not been made.

    max_rank: of the engine's descriptors, of which each has a tag. dots: names of the machine's instructions for
    products in words, or empty. `function` is not changed.
    """
    promotions = plan(function).promotions
    kinds = [kind for op in collect(function.operation) for kind in _scratch_of(op, dots)]
    for promotion in promotions:
        kinds += _beside(promotion, budget.buffers, max_rank)
    static = [kind for kind in kinds if kind.has_static_shape]  # place-scratch and tile-contractions refuse others
    return Need(
        sum(budget.tile_bytes(promotion) for promotion in promotions),
        sum(placed_bytes(kind.shape, kind.element_type, budget.alignment_bytes) for kind in static),
    )


def _scratch_of(op: ir.Operation, dots: Sequence[str]) -> list[ir.MemRefType]:
    """Scratch that is there, or that a contraction will make."""
    if op.name == "memref.alloca":
        return [ir.MemRefType(op.results[0].type)]
    return packed_types(op, dots) if op.name in CONTRACTIONS else []


def _beside(promotion: Promotion, buffers: int, max_rank: int) -> list[ir.MemRefType]:
    """Scratch that a promoted footprint comes with: tags of every copy, and what tells that it is still held."""
    slots = buffers if promotion.placement == "stream" and buffers > 1 else None
    tags = tags_type(slots, descriptors(promotion.view, promotion.layout, max_rank).count)
    keys = [promotion.keys_type] if promotion.placement == "held" else []
    return [*[tags] * promotion.copies, *keys]
