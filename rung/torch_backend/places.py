"""Nodes of a graph, as a user knows them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch.fx import Node

_FRAME = re.compile(r'File "(?P<file>[^"]+)", line (?P<line>\d+)')


def is_operation(node: Node) -> bool:
    """Of ATen, or of a user's library: something that can be called as it is."""
    import torch

    return node.op == "call_function" and isinstance(node.target, torch._ops.OpOverload)  # pyright: ignore[reportPrivateUsage]


def operation(node: Node) -> str:
    """`aten.sort.default`"""
    return str(node.target)


def place(node: Node) -> str:
    """` (model.py:12)`, or nothing where that is not known."""
    found = source_line(node)
    return f" ({found[0].rsplit('/', 1)[-1]}:{found[1]})" if found else ""


def source_line(node: Node) -> tuple[str, int] | None:
    """File and line: the innermost of the user's that the node comes from."""
    found = _FRAME.findall(node.meta.get("stack_trace") or "")
    return (found[-1][0], int(found[-1][1])) if found else None
