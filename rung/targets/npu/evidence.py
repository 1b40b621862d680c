"""What the device's machine code says about itself: its loops, their packets, and what LLVM took apart."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import numpy.typing as npt

from ..isa.packets import Block
from .weights import Weights


def device_evidence(weights: Weights, counters: npt.NDArray[np.int64]) -> dict[str, Any]:
    """JSON-serialisable facts. `counters`: of the last run, all zero before the first.

    `packets` and `vector_instructions`: in the code, without the packed entry point. `hot_loop`: of the innermost
    loops, the one that took most packets in that run, or has most in the code. `scalarized`: operations on single
    floats and moves of single elements in loops that also hold vector instructions, by name. `helpers`: library
    functions that the code calls. `blocks`: (function, block, packets, of them vector, executions in that run).
    """
    blocks = [
        (function, block, float(executions @ counters))
        for (function, _), (block, executions) in weights.executions.items()
    ]
    scalarized: Counter[str] = Counter()
    for block in vector_loops(weights):
        scalarized.update(taken_apart(block))
    facts: dict[str, Any] = {
        "packets": sum(len(block.packets) for _, block, _ in blocks),
        "vector_instructions": sum(block.vector_instructions for _, block, _ in blocks),
        "scalarized": dict(sorted(scalarized.items())),
        "helpers": list(weights.helpers),
        "blocks": [
            [function, block.name or block.label, len(block.packets), block.vector_packets, round(ran)]
            for function, block, ran in blocks
        ],
    }
    hot = hot_loop(weights, counters)
    if hot is not None:
        facts["hot_loop"] = {
            "packets": len(hot.packets),
            "vector_packets": hot.vector_packets,
            "instructions": sum(1 for _ in hot.instructions),
            "vector_instructions": hot.vector_instructions,
        }
    return facts


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
