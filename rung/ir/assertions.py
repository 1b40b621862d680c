"""Assertions: `cf.assert` from stage `linalg` on, one condition for all elements of a vector once there are vectors."""

from __future__ import annotations

from torch_mlir import ir

ASSERTION = "cf.assert"


def is_assertion(op: ir.Operation) -> bool:
    """Whether a program may end early at `op`."""
    return op.name == ASSERTION
