"""What the device's machine code says about itself: its loops, their packets, and what LLVM took apart."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import numpy as np
import numpy.typing as npt

from .assembly import Block
from .weights import Weights

# The scalar core's floating point: sfadd, sfmpy, sfrecipa (a division's first step), dfmpyll, convert_sf2w ...
_SCALAR_FLOAT = re.compile(r"\b(?:sf|df)[a-z]+\(|\bconvert_\w+\(|=\s*(?:sf|df)cmp|\b(?:sf|df)cmp\.")
_MNEMONIC = re.compile(r"\b(sf[a-z]+|df[a-z]+|convert_\w+)\b")
# An element of a vector moved to the scalar core, or back, one at a time.
_ELEMENT_MOVE = re.compile(r"\b(vextract|vinsert)\(|\.w = vinsert\(")
_VECTOR_INSTRUCTION = re.compile(r"\b[vq]\d+\b|\bv\d+:\d+\b|\bvmem")


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
        "vector_instructions": sum(map(_vector_instructions, (block for _, block, _ in blocks))),
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
            "instructions": len(_instructions(hot)),
            "vector_instructions": _vector_instructions(hot),
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


def _instructions(block: Block) -> list[str]:
    return [part for packet in block.packets for part in packet]


def _vector_instructions(block: Block) -> int:
    return sum(_VECTOR_INSTRUCTION.search(part) is not None for part in _instructions(block))


def taken_apart(block: Block) -> Counter[str]:
    """Operations on single floats and moves of single elements in one block, by name."""
    found: Counter[str] = Counter()
    for part in _instructions(block):
        move = _ELEMENT_MOVE.search(part)
        if move is not None:
            found["vinsert" if "vinsert" in move[0] else "vextract"] += 1
        elif _SCALAR_FLOAT.search(part) and not re.search(r"\bv\d+", part):
            name = _MNEMONIC.search(part)
            found[name[1] if name else "scalar float"] += 1
    return found
