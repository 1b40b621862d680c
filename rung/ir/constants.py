"""Numbers that are known while a kernel is compiled."""

from __future__ import annotations

from typing import Any

from torch_mlir import ir


def constant_value(value: ir.Value[Any]) -> int | None:
    """The integer that `value` is known to be, or None."""
    owner = value.owner
    if isinstance(owner, ir.Block) or owner.name != "arith.constant":
        return None
    attribute = owner.attributes["value"]
    return ir.IntegerAttr(attribute).value if isinstance(attribute, ir.IntegerAttr) else None
