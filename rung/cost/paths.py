"""What waits for what: the longest chains of operations in a block."""

from __future__ import annotations

from typing import Any

from torch_mlir import ir

from .operations import EXPANSIONS, is_folded, kind_of, takes_a_product
from .work import Kind, Path

Value = ir.Value[Any]
_FIELD = {"load": 0, "multiply": 1, "add": 2, "divide": 3, "root": 3, "logic": 4}
_FUNCTION = Path(multiplies=8, adds=2, others=4)
"""Of a polynomial with its reduction of the argument."""


def longest_path(block: ir.Block) -> Path:
    """From what a block loads or is handed to its last result."""
    return _longest(block, {}, everything=True)[1]


def carried(block: ir.Block, results: int = 0) -> Path:
    """From what an iteration is handed to what it hands on. In the body of a nest, the last `results` arguments are
    handed on; in that of a loop, all but the first, which counts."""
    arguments = list(block.arguments)
    handed = arguments[len(arguments) - results :] if results else arguments[1:]
    if not handed:
        return Path()
    depth, _ = _longest(block, dict.fromkeys(handed, Path()), everything=False)
    last = list(block.operations)[-1].operation
    return max((depth[o] for o in last.operands if o in depth), key=_length, default=Path())


def _longest(block: ir.Block, depth: dict[Value, Path], everything: bool) -> tuple[dict[Value, Path], Path]:
    found = Path()
    for view in block.operations:
        op = view.operation
        if not len(op.results):
            continue
        before = max((depth[o] for o in op.operands if o in depth), key=_length, default=None)
        if before is None:
            if not everything:
                continue
            before = Path()
        after = _behind(before, op)
        if after is None:
            continue
        for result in op.results:
            depth[result] = after
        found = max(found, after, key=_length)
    return depth, found


def _behind(path: Path, op: ir.Operation) -> Path | None:
    name = op.name
    if name in ("arith.maxnumf", "arith.minnumf"):
        return path._replace(others=path.others + 3)
    if name in EXPANSIONS:
        return Path(*(a + b for a, b in zip(path, _FUNCTION, strict=True)))
    kind: Kind | None = kind_of(op)
    if kind is None or (name == "arith.mulf" and is_folded(op)):
        return path if path.length else None
    if kind == "add" and takes_a_product(op):
        kind = "multiply"
    if kind == "multiply" and not name.endswith(("mulf", "fma", "addf", "subf")):
        return path._replace(others=path.others + 1)  # comparisons and choices are quick, whatever pipe they take
    field = _FIELD.get(kind)
    if field is None:
        return path if path.length else None
    return Path(*(count + (position == field) for position, count in enumerate(path)))


def _length(path: Path) -> int:
    return path.length
