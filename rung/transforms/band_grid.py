"""`band-grid`: programs that touch pieces of the same rows run one after another."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Annotated, Any, ClassVar

from torch_mlir import ir
from torch_mlir.dialects import scf

from ..ir.accesses import is_fence
from ..ir.attributes import BAND, GRID
from ..ir.footprints import View, element_bytes, view_of
from ..ir.pointers import i64
from ..ir.slicing import collect, named, stride_along
from ..passes import Pass
from ..passes.options import Limits

Value = ir.Value[Any]


@dataclass(frozen=True)
class BandGrid(Pass):
    """Say of a grid of two dimensions or more how many programs along the second one should run in turn.

    before:
        scf.forall (%px, %py, %pz) in (%gx, %gy, %gz) {
          %x = memref.reinterpret_cast ... to offset: [%px * 32 * %n + %py * 32], strides: [%n, 1], bounds 32 x 32 x f32
          %y = memref.reinterpret_cast ... to offset: [%py * 32 * %m + %px * 32], strides: [%m, 1], bounds 32 x 32 x f32
          ...
        } {rung.grid}
    after, with run_bytes = 512:
        } {rung.grid, rung.band = 4}

    The first dimension varies fastest: in that order each program of a transpose reads two lines of each of 32 other
    pages, and the next two lines of them when all of these have left the caches. In bands, four neighbours along the
    second dimension, whose pieces of 128 bytes follow one another, come before the next step along the first.
    `form-virtual-threads` deals programs out in this order.

    Left alone: grids of one dimension; programs one of whose blocks is the same for all along the first dimension (a
    product's B, a bias), which stays in the cache that way; pieces of `run_bytes` and more; programs that synchronize
    with one another or call what prints, whose order is seen.
    """

    name: ClassVar[str] = "band-grid"
    run_bytes: Annotated[int, Limits(1, 1 << 30, powers_of_two=True)] = 512
    """How much of a row neighbours should touch together."""

    def run(self, module: ir.Module) -> None:
        for op in named(module, "scf.forall"):
            loop = op.opview
            assert isinstance(loop, scf.ForallOp)
            if GRID in op.attributes and (band := self._band(loop)) > 1:
                op.attributes[BAND] = ir.IntegerAttr.get(i64(), band)

    def _band(self, loop: scf.ForallOp) -> int:
        variables = list(loop.induction_variables)
        if len(variables) < 2 or not any(True for _ in variables[1].uses):
            return 1
        ops = collect(loop.operation)
        if any(map(is_fence, ops)):
            return 1
        pieces: list[int] = []
        for view in _views(ops):
            first, second = (stride_along(view.offset, variable, loop) for variable in variables[:2])
            if first == 0 and second != 0:
                return 1
            if second is not None and _is_continued(view, second):
                pieces.append(second * element_bytes(view.element))
        return max(1, self.run_bytes // min(pieces)) if pieces else 1


def _views(ops: list[ir.Operation]) -> list[View]:
    """Of arguments."""
    found = (view_of(op.results[0]) for op in ops if op.name == "memref.reinterpret_cast")
    return [view for view in found if view is not None and isinstance(view.base.owner, ir.Block)]


def _is_continued(view: View, distance: int) -> bool:
    """Whether another view at that distance has the next piece of each of several rows."""
    if view.bounds is None or view.strides.count(1) != 1:
        return False
    rows = [bound for bound, stride in zip(view.bounds, view.strides, strict=True) if stride not in (0, 1)]
    return distance > 0 and distance == view.bounds[view.strides.index(1)] and prod(rows) > 1
