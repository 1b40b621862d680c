"""What a nest computes: its sinks, which need the elements of blocks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch_mlir import ir

from .positions import Position
from .scratch import Buffer
from .ttir import is_block, is_pointer

if TYPE_CHECKING:
    from .affine import Affine
    from .expression import Expressions


@dataclass(frozen=True)
class Keep:
    """Write `value` to `buffer`, element for element."""

    value: ir.Value
    buffer: Buffer


@dataclass(frozen=True)
class Store:
    """`tt.store` of a block."""

    op: ir.Operation

    @property
    def pointer(self) -> ir.Value:
        return self.op.operands[0]

    @property
    def value(self) -> ir.Value:
        return self.op.operands[1]

    @property
    def mask(self) -> ir.Value | None:
        return self.op.operands[2] if len(self.op.operands) > 2 else None


@dataclass(frozen=True)
class Accumulate:
    """Fold `values` over dimension `axis` into `buffers` (whose shape lacks it). `combine` gives the accumulators."""

    values: tuple[ir.Value, ...]
    axis: int
    buffers: tuple[Buffer, ...]
    combine: Callable[[Sequence[ir.Value], Sequence[ir.Value]], list[ir.Value]]
    """(accumulators, elements) -> accumulators; there may be more buffers than values (flags)."""


@dataclass(frozen=True)
class Effect:
    """Done per element for its effect: `emit(expressions, position)`; `reads` are the blocks that it needs."""

    reads: tuple[ir.Value, ...]
    mask: ir.Value | None
    emit: Callable[[Expressions, Position], None]
    at_once: Callable[[Expressions, Position, Affine], None] | None = None
    """Instead, for a box of elements to which the first of `reads` points in equal steps."""


Sink = Keep | Store | Accumulate | Effect


def pointers_of(sink: Sink) -> list[ir.Value]:
    """The blocks of pointers through which a sink reads or writes."""
    if isinstance(sink, Store):
        return [sink.pointer]
    return [v for v in sink.reads if is_pointer(v)] if isinstance(sink, Effect) else []


def roots_of(sinks: Sequence[Sink]) -> list[ir.Value]:
    """The blocks that sinks need."""
    roots: list[ir.Value] = []
    for sink in sinks:
        if isinstance(sink, Keep):
            roots.append(sink.value)
        elif isinstance(sink, Store):
            roots += [sink.value, sink.pointer, *([] if sink.mask is None else [sink.mask])]
        elif isinstance(sink, Accumulate):
            roots += sink.values
        else:
            roots += [*sink.reads, *([] if sink.mask is None else [sink.mask])]
    return [r for r in roots if is_block(r)]
