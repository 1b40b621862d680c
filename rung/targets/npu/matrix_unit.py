"""Contractions that a matrix unit takes: how the device's code says where one begins, and of what size it is.

    call void @rung_matrix_bf16_128x128x64()    // C is 128 x 128, sums have 64 terms
    ...                                         // filling of operands, loops over tiles: the host computes the values
    call void @rung_matrix_end()

The packets in between are none of the core's: the multiply-adds that they stand for are counted instead, which the
timeline prices by `npu.matrix_macs_per_cycle`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import prod

import llvmlite.binding as llvm

from ...errors import RungError
from ...ir.attributes import MATRIX_END, MATRIX_PREFIX
from ..isa.packets import Block

_BEGINS = re.compile(rf"{MATRIX_PREFIX}([a-z]+\d+)_(\d+)x(\d+)x(\d+)")


@dataclass(frozen=True)
class Macs:
    """Multiply-adds of a contraction; `element`: the type of A and B."""

    element: str
    count: int


def define_markers(module: llvm.ModuleRef) -> None:
    """Give the calls that mark a contraction something to call, on the host."""
    for function in [function for function in module.functions if function.is_declaration]:
        if function.name.startswith(MATRIX_PREFIX):
            body = llvm.parse_assembly(f"define void @{function.name}() {{ ret void }}")
            body.triple, body.data_layout = module.triple, module.data_layout
            module.link_in(body)


@cache
def macs_of(call: str) -> Macs | None:
    """What one call stands for where it begins a contraction; None for other calls."""
    found = _BEGINS.fullmatch(call)
    return Macs(found[1], prod(map(int, found.groups()[1:]))) if found else None


def core_packets(blocks: Sequence[Block]) -> Mapping[str, list[list[str]]]:
    """Label of a block -> its packets that are the core's: all but those between the calls.

    Raises RungError for code in which it depends on the way taken whether a block is in between.
    """
    inside: dict[str, bool] = {}
    waiting = [(blocks[0].label, False)] if blocks else []
    by_label = {block.label: block for block in blocks}
    found: dict[str, list[list[str]]] = {}
    while waiting:
        label, within = waiting.pop()
        if label in inside:
            if inside[label] != within:
                raise RungError(f"block `{label}` is in a contraction of the matrix unit, and is not: the way decides")
            continue
        inside[label] = within
        block = by_label[label]
        found[label], within = _outside(block, within)
        waiting += [(successor, within) for successor in block.successors if successor in by_label]
    return found


def _outside(block: Block, within: bool) -> tuple[list[list[str]], bool]:
    """The packets of a block that are not in a contraction, and whether its end is in one."""
    kept: list[list[str]] = []
    for packet in block.packets:
        words = " ".join(packet)
        begins, ends = _BEGINS.search(words) is not None, MATRIX_END in words
        if ends:
            within = False
        if not (within or begins or ends):
            kept.append(packet)
        if begins:
            within = True
    return kept, within
