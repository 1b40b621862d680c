"""`rung opt`: passes on a module's text, and the replay of reproducers."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import RungError, UsageError
from ..files import write_file
from ..options import parse
from ..options.command import Command
from ..options.declared import Output, PrintAfterAll
from .compile import print_after
from .pass_help import PassHelp

if TYPE_CHECKING:
    from torch_mlir import ir

_SPLIT = re.compile(r"^// -----[ \t]*$", re.MULTILINE)
_SPLIT_MARK = "// -----\n"


@dataclass(frozen=True)
class OptOptions:
    file: Annotated[str, typer.Argument(help="A .mlir file, or - for standard input.")]
    pipeline: Annotated[
        str | None,
        typer.Option(help="Passes, joined by `;`; default: the `// PIPELINE:` lines that a reproducer begins with."),
    ] = None
    output: Output = None
    print_after_all: PrintAfterAll = False
    split_input_file: Annotated[
        bool, typer.Option("--split-input-file", help="Between lines of `// -----` stand modules of their own.")
    ] = False


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


def run(options: OptOptions) -> int:
    """Runs the passes, and writes the module to the file or to stdout. Exit status 2 if one of several modules failed;
    then there is no file."""
    file, pipeline, split = options.file, options.pipeline, options.split_input_file
    target = parse.output(options.output, "--output")
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not a text file"
        raise UsageError(f"cannot read `{file}`: {reason}") from None

    from ..optimize import optimize, written_pipeline
    from ..passes import parse_pipeline
    from ..pipelines import PASSES

    steps = written_pipeline(text) if pipeline is None else parse_pipeline(pipeline.replace(";", "\n"), PASSES)
    observers = (_Idle(), print_after) if options.print_after_all else (_Idle(),)
    results: list[str] = []

    def emit(result: str) -> None:
        results.append(result)
        if not target:  # now, so that what was made and what went wrong are in order
            sys.stdout.write(result)
            sys.stdout.flush()

    failed = False
    for number, part in enumerate(_parts(text) if split else (text,)):
        if number:
            emit(_SPLIT_MARK)
        try:
            result = optimize(part, steps, observers)
            emit(result if result.endswith("\n") else result + "\n")
        except RungError as error:
            if not split:
                raise
            failed = True
            print(f"error: {error}", file=sys.stderr)
    if target and not failed:
        write_file("".join(results), target)
    return 2 if failed else 0


def _parts(text: str) -> Iterator[str]:
    """The modules of a text that holds several, each behind as many empty lines as stand before it: what is said of
    its lines is right of the whole text."""
    start = 0
    for mark in _SPLIT.finditer(text):
        yield "\n" * text.count("\n", 0, start) + text[start : mark.start()]
        start = mark.end()
    yield "\n" * text.count("\n", 0, start) + text[start:]


COMMAND = Command(OptOptions, run, cls=PassHelp)
