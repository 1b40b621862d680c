"""Hexagon assembly as LLVM prints it -> functions, blocks, packets, and the edges between blocks."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from .packets import Block

_FUNCTION = re.compile(r"^([A-Za-z_][\w.]*):")
_BLOCK = re.compile(r"^(?:(?P<label>\.LBB\d+_\d+):|// %bb\.(?P<number>\d+):)(?P<rest>.*)$")
_NAME = re.compile(r"//\s+%([^\s:]+)\s*$")
_JUMP = re.compile(r"\bjump(?::n?t)?\s+(?:##)?(\.LBB\d+_\d+)")
_LOOP = re.compile(r"\bloop([01])\((?:##)?(\.LBB\d+_\d+)")
_CALL = re.compile(r"\bcall\s+(?:##)?([A-Za-z_][\w.]*)")
_TAIL_CALL = re.compile(r"\bjump(?::n?t)?\s+(?:##)?([A-Za-z_]\w*)\s*$")
_RETURN = re.compile(r"\bjumpr\b|\bdealloc_return\b")
_CONDITIONAL = re.compile(r"\bjump\b|\bjumpr\b|\bdealloc_return\b")
_END_OF_LOOP = re.compile(r":endloop(01|0|1)")
# HVX: a vector or vector-predicate register.
_VECTOR = re.compile(r"\b[vq]\d+\b|\bv\d+:\d+\b|\bvmem|\bvgather|\bvscatter")
_VECTOR_REGISTER = re.compile(r"\bv\d+")
# The scalar core's floating point: sfadd, sfmpy, sfrecipa (a division's first step), dfmpyll, convert_sf2w ...
_SCALAR_FLOAT = re.compile(r"\b(?:sf|df)[a-z]+\(|\bconvert_\w+\(|=\s*(?:sf|df)cmp|\b(?:sf|df)cmp\.")
_MNEMONIC = re.compile(r"\b(sf[a-z]+|df[a-z]+|convert_\w+)\b")
# An element of a vector moved to the scalar core, or back, one at a time.
_ELEMENT_MOVE = re.compile(r"\b(vextract|vinsert)\(")


@dataclass
class HexagonBlock(Block):
    """A block of Hexagon's machine code, whose packets the assembler writes in braces."""

    ended_loops: list[str] = field(default_factory=list[str])
    """Hardware loops (0, 1) that its last packet ends. Only the last packet of a block can leave it."""

    def is_vector(self, instruction: str) -> bool:
        return _VECTOR.search(instruction) is not None

    def taken_apart(self, instruction: str) -> str:
        move = _ELEMENT_MOVE.search(instruction)
        if move is not None:
            return move[1]
        if not _SCALAR_FLOAT.search(instruction) or _VECTOR_REGISTER.search(instruction):
            return ""
        name = _MNEMONIC.search(instruction)
        return name[1] if name else "scalar float"


def read(assembly: str) -> dict[str, list[HexagonBlock]]:
    """The blocks of every function, in the order of the code, with their edges."""
    functions: dict[str, list[HexagonBlock]] = {}
    blocks: list[HexagonBlock] | None = None
    for line in assembly.splitlines():
        if not line or line.startswith("\t."):
            continue
        if line[0] not in "\t ./":
            name = _FUNCTION.match(line)
            if name is not None:
                blocks = functions[name[1]] = []
            continue
        if blocks is None or line.startswith(".Lfunc_end"):
            blocks = None
            continue
        _read(line, blocks)
    for name in [name for name, found in functions.items() if not found]:
        del functions[name]  # data
    for found in functions.values():
        _connect(found)
    return functions


def _read(line: str, blocks: list[HexagonBlock]) -> None:
    head = _BLOCK.match(line)
    if head is not None:
        blocks.append(HexagonBlock(head["label"] or f"bb.{head['number']}"))
    if not blocks:
        return
    block = blocks[-1]
    if head is not None or line.lstrip().startswith("//"):
        # The header of a loop has its name on a line of its own, below remarks on nesting and taken addresses.
        name = _NAME.search(line)
        if name is not None and block.name is None and not block.packets and not name[1].startswith("bb."):
            block.name = name[1]
        return
    text = line.partition("//")[0].strip()
    if text == "{":
        if _may_leave(block):
            # What follows runs only where control stayed: a block of its own, though it has no label.
            block = HexagonBlock(f"{block.label}+{len(block.packets)}")
            blocks.append(block)
        block.packets.append([])
    elif text.startswith("}"):
        for loops in _END_OF_LOOP.findall(text):
            block.ended_loops += list(loops)
    elif text and not text.startswith(".") and block.packets:
        # `p0 = cmp.eq(r0,#0); if (p0.new) jump:nt .LBB0_1` is two parts of one instruction.
        block.packets[-1] += [part.strip() for part in text.split(";")]


def _may_leave(block: HexagonBlock) -> bool:
    """Whether the last packet may end the block: it ends a hardware loop, or jumps or returns under a condition."""
    if block.ended_loops:
        return True
    last = block.packets[-1] if block.packets else []
    return any(part.startswith("if") and _CONDITIONAL.search(part) for part in last)


def _connect(blocks: list[HexagonBlock]) -> None:
    for i, block in enumerate(blocks):
        falls = True
        for part in block.instructions:
            falls = _leave(block, part) and falls
        if falls and i + 1 < len(blocks):
            block.successors.append(blocks[i + 1].label)
    _close_loops(blocks)
    for block in blocks:
        block.successors = list(dict.fromkeys(block.successors))


def _close_loops(blocks: list[HexagonBlock]) -> None:
    """Edges from the ends of hardware loops to their heads, which may stand anywhere: an end goes where the `loop`
    instruction that reaches it has set the start register."""
    at = {block.label: block for block in blocks}
    starts: dict[str, dict[str, set[str]]] = {label: {"0": set(), "1": set()} for label in at}
    work = list(blocks)
    while work:
        block = work.pop()
        leaving = dict(starts[block.label])
        for part in block.instructions:
            for loop, label in _LOOP.findall(part):
                leaving[loop] = {label}
        for loop in block.ended_loops:
            block.successors[:0] = sorted(leaving[loop] - set(block.successors))
        for name in block.successors:
            if any(leaving[loop] - starts[name][loop] for loop in leaving):
                starts[name] = {loop: starts[name][loop] | leaving[loop] for loop in leaving}
                work.append(at[name])


def _leave(block: HexagonBlock, part: str) -> bool:
    """Record where `part` may go; whether control may also go on behind it."""
    conditional = part.startswith("if")
    call = _CALL.search(part)
    if call is not None:
        block.calls.append(call[1])
        return True
    jump = _JUMP.search(part)
    if jump is not None:
        block.successors.append(jump[1])
        return conditional
    tail = _TAIL_CALL.search(part)
    if tail is not None:
        block.calls.append(tail[1])
    if tail is not None or _RETURN.search(part):
        block.returns = True
        return conditional
    return True
