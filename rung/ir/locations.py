"""Where an operation comes from, in words."""

from __future__ import annotations

import re
from pathlib import Path

from torch_mlir import ir

_FILE = re.compile(r'"((?:[^"\\]|\\.)*)":(\d+):\d+')
_NAME = re.compile(r'^loc\("((?:[^"\\]|\\.)*)"[()]')


def line_of(op: ir.Operation) -> str:
    """`file.py:12`, or an empty string. Of a call that was inlined it is the line of the outermost caller."""
    found: list[tuple[str, str]] = _FILE.findall(str(op.location))
    return f"{Path(found[-1][0]).name}:{found[-1][1]}" if found else ""


def name_of(op: ir.Operation) -> str:
    """The name that `named` gave to the operation's location, or an empty string."""
    found = _NAME.match(str(op.location))
    return found[1] if found else ""


def named(name: str) -> ir.Location:
    """The current location under a name, for operations whose meaning is not in their operands."""
    return ir.Location.name(name, ir.Location.current)
