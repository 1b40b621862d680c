"""`transport`: the promoted copies that are left become transfers that are awaited on the spot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from torch_mlir import ir

from ..ir.pointers import functions
from ..ir.slicing import collect
from ..ir.transfers import Transfer, clear_tags, descriptors, make_tags, start, transfer_of, wait
from ..passes import Pass
from ..passes.options import Limits


@dataclass(frozen=True)
class Transport(Pass):
    """Single buffering: start each promoted copy and wait for it, by the same engine that double buffering
    uses.

    before:
        memref.copy %v, %f {rung.transfer = "load"}
    after:
        %tag = memref.alloca() : memref<1xi32>          // next to the buffer
        memref.dma_start %x[%o], %b[%c0], %n, %tag[%c0]
        memref.dma_wait %tag[%c0], %bound

    A footprint of two dimensions is one strided transfer (`max-rank=2`); more dimensions are a loop of
    transfers with a tag each. Leaves all other `memref.copy`s alone.
    """

    name: ClassVar[str] = "transport"
    max_rank: Annotated[int, Limits(1, 3)] = 2
    """Highest rank of one descriptor of the engine."""

    def run(self, module: ir.Module) -> None:
        for function in functions(module):
            for transfer in map(transfer_of, collect(function.operation)):
                if transfer is not None:
                    self._lower(transfer)

    def _lower(self, transfer: Transfer) -> None:
        count = descriptors(transfer.view, transfer.layout, self.max_rank).count
        with ir.InsertionPoint.after(ir.OpResult(transfer.buffer).owner), transfer.copy.location:
            tags = make_tags(None, count)
            if count > 1:  # a smaller transfer starts fewer than it waits for
                clear_tags(tags)
        with ir.InsertionPoint(transfer.copy), transfer.copy.location:
            start(transfer, transfer.view, transfer.buffer, None, tags, self.max_rank)
            wait(transfer, None, tags, self.max_rank)
        transfer.copy.erase()
