"""LLVM IR as text: the functions of a module and the lines of their blocks.

llvmlite reads and compiles modules but cannot build into them: what rung adds to the host's copy is added here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

Blocks = dict[str, list[str]]
"""Lines of every block of a function, by the block's name, without the label."""

_DEFINE = re.compile(r"^define\b[^@]*@\"?(?P<name>[\w.$-]+)\"?\(")
_LABEL = re.compile(r"^\"?(?P<name>[\w.$-]+)\"?:")
_TARGET = re.compile(r"\blabel %\"?([\w.$-]+)\"?")


def function_name(line: str) -> str | None:
    """The function that `line` begins to define, if it does."""
    found = _DEFINE.match(line) if line.startswith("define") else None
    return found["name"] if found else None


def label(line: str) -> str | None:
    """The block that begins at `line` of a function, if one does."""
    if not line or line[0] in " ;}":
        return None
    found = _LABEL.match(line)
    return found["name"] if found else None


def functions(text: str) -> dict[str, Blocks]:
    """All functions that have a body, with their blocks in order. Every block must be labelled."""
    found: dict[str, Blocks] = {}
    blocks: Blocks | None = None
    lines: list[str] = []
    for line in text.splitlines():
        name = function_name(line)
        if name is not None:
            blocks = found[name] = {}
        elif line == "}":
            blocks = None
        elif blocks is not None:
            block = label(line)
            if block is not None:
                lines = blocks[block] = []
            elif line:
                lines.append(line)
    return found


def targets(lines: list[str]) -> list[str]:
    """Blocks that the last instruction of a block may go to."""
    return [name for line in reversed(lines) for name in _TARGET.findall(line)]


def edges(blocks: Blocks) -> Iterator[tuple[str, str]]:
    for name, lines in blocks.items():
        for target in targets(lines):
            yield name, target
