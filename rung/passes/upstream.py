"""Pipelines of upstream passes that a user wrote: checked before anything runs."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager

from torch_mlir.passmanager import PassManager

from ..errors import UsageError
from ..ir.context import compiler_context


def check_upstream(text: str) -> None:
    """Raises UsageError for what is no pipeline of upstream passes below `builtin.module`."""
    context, lock = compiler_context()
    with lock, context, _errors() as printed:
        problem: str | ValueError = ""
        try:
            PassManager.parse(f"builtin.module({text})")
        except ValueError as error:
            problem = error
        # What is wrong with an option's value, LLVM's own parser prints, and MLIR's error does not say.
        problem = printed() or problem
    if problem:
        raise UsageError(not_upstream(text, problem))


def not_upstream(text: str, problem: str | ValueError) -> str:
    """The message: `problem` is what MLIR says."""
    reason = str(problem).splitlines()[0].rpartition("error: ")[2]
    return f"`{text}` is neither a pass of rung nor a pipeline of upstream passes: {reason}"


@contextmanager
def _errors() -> Generator[Callable[[], str]]:
    """What native code writes to stderr meanwhile: its first line."""
    sys.stderr.flush()
    with tempfile.TemporaryFile() as file:
        saved = os.dup(2)
        os.dup2(file.fileno(), 2)

        def printed() -> str:
            file.seek(0)
            lines = file.read().decode(errors="replace").strip().splitlines()
            return lines[0].removeprefix(": ") if lines else ""

        try:
            yield printed
        finally:
            os.dup2(saved, 2)
            os.close(saved)
