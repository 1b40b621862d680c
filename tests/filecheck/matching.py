"""Run one pass on a module's text, and look for lines in order in what comes out."""

from __future__ import annotations

import re
from typing import Literal

from torch_mlir import ir

from rung.ir.context import make_context
from rung.passes import Pass, Pipeline
from rung.transforms.fit_scratchpad import FitScratchpad
from rung.transforms.promote import Promote


def run(text: str, *passes: Pass) -> str:
    """The verified module after `passes`."""
    module = ir.Module.parse(text, make_context())
    Pipeline(passes).run(module)
    module.operation.verify()
    return str(module)


def promoted(
    scratchpad_bytes: int = 262144, depth: int = 1, on_overflow: Literal["error", "direct"] = "error"
) -> tuple[Pass, ...]:
    """`promote`, and what decides what it has room for."""
    return FitScratchpad(scratchpad_bytes, depth), Promote(on_overflow)


def in_order(text: str, *patterns: str) -> None:
    """Assert that the regular expressions match one after another."""
    position = 0
    for pattern in patterns:
        found = re.compile(pattern).search(text, position)
        assert found is not None, f"not found after offset {position}: {pattern}\n{text}"
        position = found.end()
