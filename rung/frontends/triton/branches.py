"""Early returns: the blocks of a function's body become `scf.if`, and each is converted once.

What follows a branch goes inside, where one way leads to it:

    before: cond_br %a, ^out, ^rest                    after: scf.if %a { } else { rest }

Where ways meet again that others have left by a return, the branch tells whether it gets there, and with what:

    before: cond_br %a, ^one, ^join(%x)                after: %on, %y = scf.if %a {
            ^one:       cond_br %b, ^out, ^two                  %on1, %y1 = scf.if %b {
            ^two:       ...; br ^join(%z)                         yield %false, %0
            ^join(%y):  rest                                    } else { ...; yield %true, %z }
                                                                yield %on1, %y1
                                                              } else { yield %true, %x }
                                                              scf.if %on { rest }
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch_mlir import ir
from torch_mlir.dialects import llvm, scf

from ...errors import UnsupportedError
from ...ir.pointers import memref_at, pointer_type
from .affine import Affine
from .bases import Base, same_base
from .blocks import BlockConverter
from .carried import copy_of, pointer_meaning
from .control import bind_values, leave_branch, result_buffer
from .flow import Flow
from .locations import source_line
from .meanings import Stored
from .operation import SUPPORTED
from .scratch import Buffer
from .traversal import Order, needed_after
from .ttir import is_block, is_pointer


@dataclass(eq=False)
class _Join:
    """A block where ways meet, until it is converted."""

    block: ir.Block
    buffers: dict[ir.Value, Buffer]
    """Of the arguments that are blocks."""
    bases: dict[ir.Value, list[Base]]
    """Of the arguments that are pointers, from every way that was converted."""

    @property
    def arguments(self) -> list[ir.Value]:
        return list(self.block.arguments)

    @property
    def kinds(self) -> list[ir.Type]:
        """Of what is handed over besides the buffers: scalars and offsets of pointers, then where pointers start."""
        scalars = [a for a in self.arguments if a not in self.buffers]
        return [ir.IndexType.get() if is_pointer(a) else a.type for a in scalars] + [pointer_type() for _ in self.bases]


@dataclass(frozen=True)
class _Arrival:
    """At a join: `when` is None where no way has returned before."""

    when: ir.Value | None
    values: Sequence[ir.Value]
    """Of the join's kinds."""


_Joins = Mapping[ir.Block, _Join]
_Arrivals = dict[ir.Block, _Arrival]


def convert_body(blocks: BlockConverter, entry: ir.Block) -> list[ir.Value]:
    """A function's body; returns what the function gives, which has its meaning behind it."""
    end = one_return(entry)
    _Branches(blocks, Flow(entry)).tree(entry, {})
    return list(end.operands)


def one_return(entry: ir.Block) -> ir.Operation:
    """The `tt.return` of a function. Where several give values, they become branches to one, in the TTIR:

    before: ^a: tt.return %x      ^b: tt.return %y
    after:  ^a: br ^end(%x)       ^b: br ^end(%y)      ^end(%z): tt.return %z
    """
    blocks = list(entry.region.blocks)
    ends = [list(block.operations)[-1].operation for block in blocks]
    returns = [end for end in ends if end.name == "tt.return"]
    if len(returns) == 1 or not len(returns[0].operands):
        return returns[-1]
    kinds = [value.type for value in returns[0].operands]
    end = entry.region.blocks.append(*kinds, arg_locs=[returns[-1].location] * len(kinds))
    for old in returns:
        with ir.InsertionPoint(old), old.location:
            ir.Operation.create("cf.br", operands=list(old.operands), successors=[end])
        old.erase()
    with ir.InsertionPoint(end), end.arguments[0].location:
        return ir.Operation.create("tt.return", operands=list(end.arguments))


class _Branches:
    def __init__(self, blocks: BlockConverter, flow: Flow) -> None:
        self.blocks, self.program, self.ix, self.flow = blocks, blocks.program, blocks.ix, flow

    def tree(self, block: ir.Block, outer: _Joins) -> _Arrivals:
        """Convert a block and all that is reached through it only; returns where, of the `outer` joins, it leads to."""
        own = self.flow.joins[block]
        joins = {**outer, **{join: self._open(join) for join in own}}
        arrivals = self._block(block, joins)
        for join in own:
            arrivals = self._follow(joins[join], arrivals.pop(join), arrivals, joins)
        return arrivals

    def _open(self, block: ir.Block) -> _Join:
        arguments: list[ir.Value] = list(block.arguments)
        buffers = {a: result_buffer(self.blocks, a) for a in arguments if is_block(a)}
        return _Join(block, buffers, {a: [] for a in arguments if is_pointer(a)})

    def _block(self, block: ir.Block, joins: _Joins) -> _Arrivals:
        last = self.blocks.convert(block)
        if last.name == "tt.return":
            return {}
        if last.name == "cf.br":
            return self._go(last, last.successors[0], list(last.operands), joins)
        if last.name != "cf.cond_br":
            raise UnsupportedError(f"the operation `{last.name}`", source_line(last), SUPPORTED)
        sizes = list(ir.DenseI32ArrayAttr(last.attributes["operandSegmentSizes"]))
        operands = list(last.operands)
        passed = (operands[1 : 1 + sizes[1]], operands[1 + sizes[1] :])
        ends = [joins[b] for b in joins if any(b in self.flow.ends(s) for s in last.successors)]
        if ends:
            self._keep_loads(block)
        branch = scf.IfOp(self.program.scalar(operands[0]), self._kinds(ends), has_else=True)
        ways: list[_Arrivals] = []
        for successor, values, target in zip(
            last.successors, passed, (branch.then_block, branch.else_block), strict=True
        ):
            with ir.InsertionPoint(target), self.blocks.region():
                ways.append(self._go(last, successor, list(values), joins))
                self._yield(ends, ways[-1])
        return self._results(branch, ends, ways)

    def _go(self, op: ir.Operation, successor: ir.Block, values: Sequence[ir.Value], joins: _Joins) -> _Arrivals:
        """To a successor: if it is a join, that is for later."""
        if successor in joins:
            join = joins[successor]
            handed = leave_branch(self.blocks, join.arguments, values, join.buffers, join.bases, op)
            return {successor: _Arrival(None, handed)}
        if self.flow.only_returns(successor):
            return {}
        _pass_arguments(self.blocks, successor, values)
        return self.tree(successor, joins)

    def _follow(self, join: _Join, arrival: _Arrival, others: _Arrivals, joins: _Joins) -> _Arrivals:
        """Convert a join that all ways to it have arrived at; `others`: where those lead that do not come by here."""
        self._bind(join, arrival.values)
        if arrival.when is None:
            return {**others, **self.tree(join.block, joins)}
        ends = [joins[b] for b in joins if b in self.flow.ends(join.block, inside=True)]
        branch = scf.IfOp(arrival.when, self._kinds(ends), has_else=bool(ends))
        with ir.InsertionPoint(branch.then_block), self.blocks.region():
            reached = self.tree(join.block, joins)
            self._yield(ends, reached)
        if ends:
            with ir.InsertionPoint(branch.else_block):
                self._yield(ends, others)
        return {**others, **self._results(branch, ends, [reached, others])}

    # ---- what is handed over

    def _kinds(self, ends: Sequence[_Join]) -> list[ir.Type]:
        flag = ir.IntegerType.get_signless(1)
        return [kind for end in ends for kind in (flag, *end.kinds)]

    def _yield(self, ends: Sequence[_Join], arrivals: Mapping[ir.Block, _Arrival]) -> None:
        handed: list[ir.Value] = []
        for end in ends:
            arrival = arrivals.get(end.block)
            if arrival is None:
                handed += [self._flag(False), *(self._nothing(kind) for kind in end.kinds)]
            else:
                handed += [self._flag(True) if arrival.when is None else arrival.when, *arrival.values]
        scf.YieldOp(handed)

    def _results(self, branch: scf.IfOp, ends: Sequence[_Join], ways: Sequence[_Arrivals]) -> _Arrivals:
        results = list(branch.results)
        found: _Arrivals = {}
        for end in ends:
            flag, *results = results
            values, results = results[: len(end.kinds)], results[len(end.kinds) :]
            surely = all(end.block in way and way[end.block].when is None for way in ways)
            found[end.block] = _Arrival(None if surely else flag, values)
        return found

    def _flag(self, value: bool) -> ir.Value:
        kind = ir.IntegerType.get_signless(1)
        return self.ix.literal(ir.IntegerAttr.get(kind, int(value)), kind)

    def _nothing(self, kind: ir.Type) -> ir.Value:
        """What stands for a value that is not there and not asked for."""
        return llvm.PoisonOp(kind).result if kind == pointer_type() else self.ix.zero(kind)

    def _bind(self, join: _Join, values: Sequence[ir.Value]) -> None:
        """Give the join's arguments their meaning."""
        count = len(values) - len(join.bases)
        starts = dict(zip(join.bases, values[count:], strict=True))
        chosen = {a: _base(join.bases[a], start) for a, start in starts.items()}
        pointers = {a: Affine(base, 0) for a, base in chosen.items()}
        bind_values(self.blocks, join.arguments, values[:count], join.buffers, pointers)

    def _keep_loads(self, block: ir.Block) -> None:
        """Behind the branch, memory may be another: what was loaded and is needed there is read before."""
        order = Order(block)
        for load in list(self.blocks.memory.loads):
            value = load.results[0]
            if not self.program.is_stored(value) and needed_after(value, order, len(order) - 2, block):
                self.blocks.keep(value)


def _base(ways: Sequence[Base], start: ir.Value) -> Base:
    """What a pointer that came by one of several ways is derived from; what was made on a way is not known here."""
    first = ways[0]
    if isinstance(first.memref.owner, ir.Block) and all(base.memref == first.memref for base in ways):
        return first
    same = all(same_base(first, base) for base in ways)
    return Base(memref_at(start, ir.MemRefType(first.memref.type)), first.key if same else None)


def _pass_arguments(blocks: BlockConverter, block: ir.Block, values: Sequence[ir.Value]) -> None:
    for argument, value in zip(block.arguments, values, strict=True):
        if is_pointer(argument):
            blocks.program.meanings[argument] = pointer_meaning(blocks, value)
        elif is_block(argument):
            blocks.program.meanings[argument] = Stored(copy_of(blocks, value))
        else:
            blocks.program.set_scalar(argument, blocks.program.scalar(value))
