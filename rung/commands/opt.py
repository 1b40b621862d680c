"""`rung opt`: passes on a module's text, and the replay of reproducers."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UsageError
from ..files import write_file
from . import parse
from .compile import print_after

if TYPE_CHECKING:
    from torch_mlir import ir


class _Idle:
    """Observer that says which passes changed nothing, or wrote down a decision only: most often, they were given
    something else than they take."""

    def __init__(self) -> None:
        self._before: tuple[str, Counter[tuple[str, str]]] = ("", Counter())

    def __call__(self, event: str, step: object, module: ir.Module) -> None:
        if event == "before":
            self._before = _code_and_notes(module)
        elif event == "after":
            (old, known), (new, notes) = self._before, _code_and_notes(module)
            if old == new:
                noted = ", ".join(dict.fromkeys(f"`{name}`" for name, _ in notes - known))
                print(f"`{step}` changed nothing{f'; it noted {noted}' if noted else ''}", file=sys.stderr)


def _code_and_notes(module: ir.Module) -> tuple[str, Counter[tuple[str, str]]]:
    """The module's text without attributes of rung, and these."""
    from torch_mlir.ir import WalkResult

    notes: Counter[tuple[str, str]] = Counter()
    bare = module.operation.clone()

    def visit(op: ir.Operation) -> WalkResult:
        for name in [name for name in op.attributes if name.startswith("rung.")]:
            notes[name, str(op.attributes[name])] += 1
            del op.attributes[name]
        return WalkResult.ADVANCE

    bare.walk(visit)
    return str(bare), notes


def run(file: str, pipeline: str | None, output: str | None, print_after_all: bool) -> int:
    """Runs the passes, and writes the module to the file or to stdout."""
    target = parse.output(output, "--output")
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not a text file"
        raise UsageError(f"cannot read `{file}`: {reason}") from None

    from ..compile import optimize
    from ..passes import parse_pipeline
    from ..pipelines import PASSES

    steps = None if pipeline is None else parse_pipeline(pipeline.replace(";", "\n"), PASSES)
    observers = (_Idle(), print_after) if print_after_all else (_Idle(),)
    result = optimize(text, steps, observers)
    if target:
        write_file(result, target)
    else:
        sys.stdout.write(result if result.endswith("\n") else result + "\n")
    return 0
