"""`rung opt`: passes on a module's text, and the replay of reproducers."""

from __future__ import annotations

import sys
from pathlib import Path

from ..errors import UsageError
from ..files import write_file
from . import parse
from .compile import print_after


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
    result = optimize(text, steps, (print_after,) if print_after_all else ())
    if target:
        write_file(result, target)
    else:
        sys.stdout.write(result if result.endswith("\n") else result + "\n")
    return 0
