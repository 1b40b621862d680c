"""Where the blocks of a function lead: which are reached by several ways, and which lies on all of these.

Pure questions; the blocks must not lead back to themselves.
"""

from __future__ import annotations

from torch_mlir import ir

from ...errors import UnsupportedError
from .locations import source_line


class Flow:
    """order: of the blocks; each stands before those that it leads to.
    joins: by block, what is reached by several ways that have this block in common and none behind it, in an order
    in which none leads back."""

    def __init__(self, entry: ir.Block) -> None:
        self._last: dict[ir.Block, ir.Operation] = {}
        order = self.order = self._sorted(entry)
        number = {block: k for k, block in enumerate(order)}
        edges: dict[ir.Block, list[ir.Block]] = {block: [] for block in order}
        for block in order:
            for successor in self.successors(block):
                edges[successor].append(block)
        above: dict[ir.Block, ir.Block] = {}
        """The nearest block that every way to a block comes through."""
        self.joins: dict[ir.Block, list[ir.Block]] = {block: [] for block in order}
        for block in order[1:]:
            common = edges[block][0]
            for other in edges[block][1:]:
                while common != other:
                    if number[common] > number[other]:
                        common = above[common]
                    else:
                        other = above[other]
            above[block] = common
            if len(edges[block]) > 1:
                self.joins[common].append(block)
        self._is_join = {join for joins in self.joins.values() for join in joins}
        self._ends: dict[ir.Block, set[ir.Block]] = {block: set() for block in order}
        for block in reversed(order):
            ends = self._ends[block]
            ends.update(s for s in self.successors(block) if s in self._is_join)
            ends.difference_update(self.joins[block])
            if block != entry:
                self._ends[above[block]] |= ends - set(self.joins[above[block]])

    def _sorted(self, entry: ir.Block) -> list[ir.Block]:
        """Every block before those that it leads to."""
        done: dict[ir.Block, bool] = {}
        order: list[ir.Block] = []
        pending = [entry]
        while pending:
            block = pending[-1]
            if block in done:
                pending.pop()
                if not done[block]:
                    done[block] = True
                    order.append(block)
                continue
            done[block] = False
            self._last[block] = list(block.operations)[-1].operation
            for successor in self.successors(block):
                if done.get(successor) is False:
                    where = source_line(self._last[block])
                    raise UnsupportedError("a loop made of branches", where, "for and while loops")
                pending.append(successor)
        return order[::-1]

    def successors(self, block: ir.Block) -> list[ir.Block]:
        """Without those that do nothing but return."""
        return [s for s in self._last[block].successors if not self.only_returns(s)]

    def only_returns(self, block: ir.Block) -> bool:
        first = block.operations[0].operation
        return first.name == "tt.return" and not len(first.operands)

    def ends(self, block: ir.Block, inside: bool = False) -> set[ir.Block]:
        """The joins that a block leads to and others do, too: itself, if it is one, unless `inside`."""
        if not inside and block in self._is_join:
            return {block}
        return self._ends.get(block, set())
