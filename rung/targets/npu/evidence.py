"""What the device's machine code says about itself: its loops, their packets, and what LLVM took apart."""

from __future__ import annotations

from collections import Counter

import numpy as np
import numpy.typing as npt

from ...evidence import CodeBlock, DeviceCode, HotLoop
from ..isa.packets import Block
from .weights import Weights


def device_code(weights: Weights) -> DeviceCode:
    """What the code holds, without the packed entry point."""
    blocks = [(function, block) for (function, _), (block, _) in weights.executions.items()]
    scalarized: Counter[str] = Counter()
    for block in vector_loops(weights):
        scalarized.update(taken_apart(block))
    return DeviceCode(
        kind="npu",
        packets=sum(len(block.packets) for _, block in blocks),
        vector_instructions=sum(block.vector_instructions for _, block in blocks),
        scalarized=dict(sorted(scalarized.items())),
        helpers=list(weights.helpers),
        blocks=[
            CodeBlock(
                function=function,
                name=block.name or block.label,
                packets=len(block.packets),
                vector_packets=block.vector_packets,
            )
            for function, block in blocks
        ],
    )


def executions(weights: Weights, counters: npt.NDArray[np.int64]) -> list[int]:
    """How often each of the code's blocks ran. `counters`: of the last run, all zero before the first."""
    return [round(float(ran @ counters)) for _, ran in weights.executions.values()]


def hot_loop_facts(weights: Weights, counters: npt.NDArray[np.int64]) -> HotLoop | None:
    """Of the loop that `hot_loop` finds."""
    hot = hot_loop(weights, counters)
    if hot is None:
        return None
    return HotLoop(
        packets=len(hot.packets),
        vector_packets=hot.vector_packets,
        instructions=sum(1 for _ in hot.instructions),
        vector_instructions=hot.vector_instructions,
    )


def vector_loops(weights: Weights) -> list[Block]:
    """The innermost loops that hold vector instructions."""
    return [b for b, _ in weights.executions.values() if b.vector_packets and b.label in b.successors]


def hot_loop(weights: Weights, counters: npt.NDArray[np.int64]) -> Block | None:
    """The innermost loop in which the last run spent most packets; before the first run, the longest."""
    loops = [
        (len(block.packets) * max(1.0, float(executions @ counters)), block)
        for block, executions in weights.executions.values()
        if block.label in block.successors
    ]
    return max(loops, key=lambda loop: loop[0])[1] if loops else None


def taken_apart(block: Block) -> Counter[str]:
    """Operations on single floats and moves of single elements in one block, by name."""
    return Counter(filter(None, map(block.taken_apart, block.instructions)))
