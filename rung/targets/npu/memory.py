"""Which loads and stores of the device's code go to DRAM: those that are not in scratch, scratchpad or on the stack."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .ir_text import Blocks, functions

_VALUE = r"%\"?[\w.$-]+\"?"
_ASSIGN = re.compile(rf"^\s*(?P<name>{_VALUE}) = (?:tail |musttail )?(?P<op>[\w]+)\b(?P<rest>.*)$")
_POINTERS = re.compile(rf"ptr (?:[a-z]\w*(?:\([^)]*\))? )*(?P<name>{_VALUE}|@[\w.$-]+)")
_INCOMING = re.compile(rf"\[ (?P<name>{_VALUE}|@[\w.$-]+|null|poison|undef), ")
_ACCESS = re.compile(
    rf"\b(?:load|store) (?:atomic )?(?:volatile )?(?P<type><[^>]*>|\w+)(?: [^,]*)?, ptr (?P<pointer>{_VALUE}|@[\w.$-]+)"
)
_MASKED = re.compile(
    r"@llvm\.masked\.(?P<op>load|store|gather|scatter)\.v(?P<lanes>\d+)(?P<element>[a-z]+\d+)\.[^(]*\("
    rf".*?\bptr>?(?: [a-z]\w*(?:\([^)]*\))?| \d+)* (?P<pointer>{_VALUE}|@[\w.$-]+)"
)
_ATOMIC = re.compile(
    rf"\b(?:atomicrmw(?: volatile)? \w+|cmpxchg(?: weak| volatile)*) ptr (?P<pointer>{_VALUE}|@[\w.$-]+)"
)
_VECTOR = re.compile(r"<(\d+) x (\w+)>")
_TASK = re.compile(r"@rung_fork\(ptr [^@]*@\"?([\w.$-]+)\"?")
_FIRST_ARGUMENT = re.compile(
    rf"^define\b[^@]*@\"?(?P<function>[\w.$-]+)\"?\(ptr [^%,]*(?P<name>{_VALUE})", re.MULTILINE
)
_NAMES = {"f16": "half", "bf16": "bfloat", "f32": "float", "f64": "double"}
"""Of element types, as the names of intrinsics spell them."""
_BYTES = {"half": 2, "bfloat": 2, "float": 4, "double": 8, "ptr": 4}


@dataclass
class Traffic:
    """Accesses to DRAM that one execution of a block makes."""

    scalar: int = 0
    vector: int = 0
    vector_bytes: int = 0


def dram_traffic(text: str, vector_bytes: int) -> dict[tuple[str, str], Traffic]:
    """Of every block of the module that makes any. What is narrower than a vector counts as scalars of 8 bytes.

    A masked vector counts as a whole one, whatever its mask; a gather or scatter as one scalar per lane; an atomic
    update as a load and a store.
    """
    tasks = set(_TASK.findall(text))
    frames = {found["function"]: found["name"] for found in _FIRST_ARGUMENT.finditer(text)}
    found: dict[tuple[str, str], Traffic] = {}
    for name, blocks in functions(text).items():
        # The frame of a task is the launcher's own memory.
        near = _near_pointers(blocks, {frames[name]} if name in tasks else set())
        for block, lines in blocks.items():
            traffic = Traffic()
            for line in lines:
                access = _ACCESS.search(line) or _MASKED.search(line) or _ATOMIC.search(line)
                if access is None or access["pointer"] in near or access["pointer"].startswith("@"):
                    continue
                _count(access, traffic, vector_bytes)
            if traffic.scalar or traffic.vector:
                found[name, block] = traffic
    return found


def _count(access: re.Match[str], traffic: Traffic, vector_bytes: int) -> None:
    if access.re is _ATOMIC:
        traffic.scalar += 2
        return
    masked = access.re is _MASKED
    if masked and access["op"] in ("gather", "scatter"):
        traffic.scalar += int(access["lanes"])
        return
    kind = f"<{access['lanes']} x {_NAMES.get(access['element'], access['element'])}>" if masked else access["type"]
    size = _size(kind)
    if kind.startswith("<") and size >= vector_bytes:
        traffic.vector += -(-size // vector_bytes)
        traffic.vector_bytes += size
    else:
        traffic.scalar += -(-size // 8)


def _size(kind: str) -> int:
    vector = _VECTOR.match(kind)
    if vector is not None:
        return max(1, int(vector[1]) * _bits(vector[2]) // 8)
    return max(1, _bits(kind) // 8)


def _bits(scalar: str) -> int:
    return int(scalar[1:]) if scalar[0] == "i" else 8 * _BYTES[scalar]


def _near_pointers(blocks: Blocks, near: set[str]) -> set[str]:
    """Pointers that can only point into the stack or an arena: by address arithmetic, phis and selects."""
    derived: dict[str, list[str]] = {}
    for lines in blocks.values():
        for line in lines:
            assign = _ASSIGN.match(line)
            if assign is None:
                continue
            name, op, rest = assign["name"], assign["op"], assign["rest"]
            if op == "alloca" or (op == "call" and "@rung_arena_enter(" in rest):
                near.add(name)
            elif op == "getelementptr":
                derived[name] = [found["name"] for found in _POINTERS.finditer(rest)]
            elif op == "phi" and rest.startswith(" ptr "):
                derived[name] = _INCOMING.findall(rest)
            elif op == "select" and ", ptr " in rest:
                derived[name] = [found["name"] for found in _POINTERS.finditer(rest)]
    # From above: all derived pointers are near until one of their sources is not. Loops of phis need this order.
    far = {source for sources in derived.values() for source in sources} - near - set(derived)
    hopeful = set(derived)
    while lost := {name for name in hopeful if any(source in far for source in derived[name])}:
        hopeful -= lost
        far |= lost
    return near | hopeful
