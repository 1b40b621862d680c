"""Scans whose dimension is the lanes: each vector is scanned in registers, and takes over what came before it."""

from __future__ import annotations

from collections.abc import Sequence

from torch_mlir import ir

from ...ir.accumulators import Group
from ...ir.emit import Emitter
from ...ir.lanes import Lanes
from .accumulate import Row, combine, identities


class ScanEmitter:
    """Emits the scan of one group along `lanes` lanes.

    before, element by element:  carry = combine(carry, x[i]); y[i] = carry
    after, for four lanes a b c d (+ for combine):
      a        b        c        d
      a        a+b      b+c      c+d             shuffled by 1, combined
      a        a+b      a+b+c    a+b+c+d         shuffled by 2, combined
      carry+a  ...                               combined with the carry; the last lane is the next carry
    """

    def __init__(self, emitter: Emitter, analysis: Lanes, group: Group, lanes: int) -> None:
        self.e, self.analysis, self.group, self.lanes = emitter, analysis, group, lanes

    def run(self, elements: Sequence[Row], carry: Row, rest: ir.Value | None) -> tuple[list[Row], Row]:
        """The running values of consecutive vectors, and the new carry (the same in all lanes).

        The vectors' own scans come first: they do not wait for each other. rest: how many lanes are elements where
        not all may be; the lanes after them reach none before them.
        """
        scanned = [self._within(row) for row in elements]
        rows: list[Row] = []
        for row in scanned:
            running = combine(self.e, self.analysis, self.group, carry, row, self.lanes)
            rows.append(running)
            carry = [self._last(v, rest) for v in running]
        return rows, carry

    def _within(self, row: Row) -> Row:
        distance = 1
        while distance < self.lanes:
            earlier = self._shifted(row, distance)
            both = combine(self.e, self.analysis, self.group, earlier, row, self.lanes)
            row = (
                both
                if self.group.callee is None
                else [self._from(distance, b, v) for b, v in zip(both, row, strict=True)]
            )
            distance *= 2
        return row

    def _shifted(self, row: Row, distance: int) -> Row:
        """Lane l of the result is lane l - distance; the first lanes are neutral, or anything where nothing is."""
        kept = range(distance, self.lanes)
        if self.group.callee is not None:
            order = [*range(distance), *(lane - distance for lane in kept)]
            return [self.e.shuffle(v, v, order) for v in row]
        neutral = [self.e.head_broadcast(v, self.lanes) for v in identities(self.e, self.group)]
        order = [*range(distance), *(self.lanes + lane - distance for lane in kept)]
        return [self.e.shuffle(n, v, order) for n, v in zip(neutral, row, strict=True)]

    def _from(self, distance: int, combined: ir.Value, own: ir.Value) -> ir.Value:
        """`combined` from lane `distance` on, `own` before it."""
        order = [*range(distance), *(self.lanes + lane for lane in range(distance, self.lanes))]
        return self.e.shuffle(own, combined, order)

    def _last(self, vector: ir.Value, rest: ir.Value | None) -> ir.Value:
        """The last element's value in every lane."""
        if self.lanes == 1:
            return vector
        if rest is None:
            return self.e.shuffle(vector, vector, [self.lanes - 1] * self.lanes)
        whole = self.e.index(self.lanes)
        count = self.e.value("arith.minsi", self.e.index_type, [rest, whole])
        at = self.e.index(self.e.sub(count, 1))
        return self.e.broadcast(self.e.extract(vector, at), self.lanes)
