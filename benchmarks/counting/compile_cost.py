"""What one compile of GELU costs, without a clock.

Callgrind takes 40 s for it, imports included, and counts how Python was built. Two other numbers stand for the cost:
calls of functions, Python's and C's, from Triton's front end to machine code; and operations of IR, added up over the
passes, each of which walks what the one before it left. LLVM's own work grows with the last of them. Both are the same
on every machine, calls for one version of Python (and but for some ten, by the depth of the folder that rung is in).
"""
# pyright: basic

from __future__ import annotations

import cProfile
import sys
from typing import Any

import torch
from torch_mlir import ir

from . import target
from .kernels import elementwise
from .ratchet import Key, Record

ROW = elementwise.gelu_tanh(4096)
NAME = f"compile of {ROW.name}"
PYTHON = f"Python {sys.version_info.major}.{sys.version_info.minor}"
CALLS, OPERATIONS = (NAME, PYTHON, "calls of functions"), (NAME, ROW.size, "operations after all passes")


class _Operations:
    """An observer that adds up the operations that every pass leaves."""

    total = 0

    def __call__(self, event: str, _: object, module: ir.Module) -> None:
        if event == "after":
            module.operation.walk(self._add)

    def _add(self, _: ir.Operation) -> ir.WalkResult:
        self.total += 1
        return ir.WalkResult.ADVANCE


def count() -> dict[Key, int]:
    """By row of the record."""
    launch = ROW.launch(*ROW.inputs(torch.Generator().manual_seed(0)))
    given: tuple[Any, ...] = (launch.kernel, launch.args, launch.meta)
    operations = _Operations()
    target.object_code(target.lowered(*given, observers=(operations,)))  # what is imported with the first kernel, too
    profile = cProfile.Profile()
    profile.runcall(lambda: target.object_code(target.lowered(*given)))
    return {CALLS: sum(entry.callcount for entry in profile.getstats()), OPERATIONS: operations.total}


def other_python(record: Record) -> str:
    """The version that the record's calls belong to, if it is not this one."""
    kept = [row.size for row in record.rows if (row.name, row.unit) == (CALLS[0], CALLS[2])]
    return kept[0] if kept and PYTHON not in kept else ""
