"""Passes on the text of a module, as `rung opt` runs them; and files with a text and its pipeline, which it replays."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

from torch_mlir import ir

from . import knobs
from .errors import UsageError
from .ir.context import compiler_context
from .passes import Observer, Pipeline, parse_pipeline
from .pipelines import PASSES

_MOST_NESTED = 1_000
"""Regions and dictionaries in one another, in a text."""
PIPELINE_MARK = "// PIPELINE: "
"""Starts each line of the pipeline in a file for `rung opt`."""


def _replayed(source: str, steps: Pipeline) -> str:
    """The text of a file for `rung opt`."""
    return "".join(f"{PIPELINE_MARK}{line}\n" for line in str(steps).splitlines()) + source


def write_asked_for(path: str, source: str, steps: Pipeline) -> None:
    """`TRITON_REPRODUCER_PATH`: as the file that Triton's own pass managers write, beside theirs."""
    file = Path(f"{path}.make_llvm.repro.mlir")
    try:
        file.write_text(_replayed(source, steps))
    except OSError as error:
        raise UsageError(f"TRITON_REPRODUCER_PATH: {file} cannot be written: {error.strerror}") from None


def write_reproducer(source: str, steps: Pipeline) -> str:
    """A file that `rung opt` replays: the pipeline in its first lines, then the module.

    Others may write to the directory, too: the name is one that nobody can have put a link at, and only we may read it.
    """
    directory = knobs.crash_dir()
    try:
        handle, path = tempfile.mkstemp(prefix="rung-", suffix=".mlir", dir=directory)
        with os.fdopen(handle, "w") as file:
            file.write(_replayed(source, steps))
    except OSError as error:
        return f"none, for no file can be written to {directory}: {error.strerror}"
    return f"rung opt {path}"


def written_pipeline(text: str) -> Pipeline:
    """The pipeline in the `// PIPELINE:` lines of a text: a reproducer's."""
    lines = [x.removeprefix(PIPELINE_MARK) for x in text.splitlines() if x.startswith(PIPELINE_MARK)]
    if not lines:
        raise UsageError("no pipeline: give one with --pipeline, or begin the file with `// PIPELINE:` lines")
    return parse_pipeline("\n".join(lines), PASSES)


def optimize(text: str, steps: Pipeline, observers: Sequence[Observer] = ()) -> str:
    """Run passes on the text of a module, as mlir-opt does."""
    deepest = _deepest(text)
    if deepest > _MOST_NESTED:
        raise UsageError(f"regions are nested {deepest:,} deep; MLIR reads {_MOST_NESTED:,}")
    context, lock = compiler_context()
    with lock:
        try:
            module = ir.Module.parse(text, context)
        except ir.MLIRError as error:
            raise UsageError(f"this is not a module of MLIR: {' '.join(str(error).split())}") from None
        steps.run(module, observers)
        return str(module)


def _deepest(text: str) -> int:
    """How deep braces are nested. MLIR's parser calls itself for each, and ends the process where the stack does."""
    depth = deepest = 0
    for brace in re.findall(r'"(?:[^"\\\n]|\\.)*"|//[^\n]*|[{}]', text):
        depth += {"{": 1, "}": -1}.get(brace, 0)
        deepest = max(deepest, depth)
    return deepest
