"""The RUN lines of `.mlir` files, as lit writes them, and what runs them: rung's command line, and filecheck."""

from __future__ import annotations

import io
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from filecheck.finput import FInput
from filecheck.matcher import Matcher
from filecheck.options import Options, parse_argv_options
from filecheck.parser import Parser

from rung import cli

FORM = "// RUN: [not] rung opt %s --pipeline '...' [option ...] [2>&1] | filecheck %s [option ...]"
ROOT = Path(__file__).parents[2]
_RUN = re.compile(r"\s*//\s*RUN:(.*)")
_DIRECTIVE = re.compile(r"\s*//\s*([A-Z][A-Z0-9_-]*)(?:\{LITERAL\})?:")
_KINDS = "(-(LABEL|NEXT|SAME|NOT|DAG|EMPTY|COUNT-[0-9]+))?"


class BadTestError(Exception):
    """A file that is no test: `file:line: why`."""


@dataclass(frozen=True)
class RunLine:
    """One RUN line of a file."""

    file: Path
    number: int
    """Of the line, from 1."""
    refused: bool
    """`not`: the command ends with an exit status that is not 0."""
    rung: tuple[str, ...]
    """Arguments of `rung`."""
    merged: bool
    """`2>&1`: filecheck is given what the command says, too."""
    filecheck: tuple[str, ...]
    """Arguments of `filecheck`."""

    def __str__(self) -> str:
        return f"{self.file.name}:{self.number}"

    @property
    def steps(self) -> list[str]:
        """The names of the passes in its pipeline."""
        text = self.rung[self.rung.index("--pipeline") + 1]
        return [step.strip().partition("{")[0] for step in text.split(";")]

    @property
    def options(self) -> Options:
        return parse_argv_options(["filecheck", *self.filecheck])


@dataclass(frozen=True)
class Done:
    """What a command did."""

    status: int
    piped: str
    said: str
    """On stderr, if that is not piped."""


def run_lines(file: Path) -> list[RunLine]:
    """The RUN lines of a file. A line that ends in a backslash goes on in the next one."""
    found: list[RunLine] = []
    begun, text = 0, ""
    for number, line in enumerate(file.read_text().splitlines(), 1):
        matched = _RUN.match(line)
        if not matched:
            continue
        begun, text = begun or number, f"{text} {matched[1]}"
        if text.endswith("\\"):
            text = text[:-1]
            continue
        found.append(_read(file, begun, text))
        begun, text = 0, ""
    if begun or not found:
        raise BadTestError(f"{file}:{begun or 1}: {'the RUN line does not end' if begun else f'no RUN line; {FORM}'}")
    return found


def _read(file: Path, number: int, text: str) -> RunLine:
    words = [str(file) if word == "%s" else word for word in shlex.split(text)]
    refused = words[:1] == ["not"]
    left, bar, right = _cut(words[refused:], "|")
    merged = left[-1:] == ["2>&1"]
    if merged:
        left = left[:-1]
    if left[:2] != ["rung", "opt"] or "--pipeline" not in left[:-1] or not bar or right[:1] != ["filecheck"]:
        raise BadTestError(f"{file}:{number}: `{text.strip()}` is not of the form `{FORM}`")
    return RunLine(file, number, refused, tuple(left[1:]), merged, tuple(right[1:]))


def _cut(words: list[str], at: str) -> tuple[list[str], bool, list[str]]:
    place = words.index(at) if at in words else len(words)
    return words[:place], place < len(words), words[place + 1 :]


def stray_directives(file: Path) -> Iterator[str]:
    """What looks like a check line and is none, such as `CHECK-NXT:` or a prefix that no RUN line has: filecheck
    passes over it."""
    prefixes = {prefix for line in run_lines(file) for prefix in line.options.check_prefixes}
    known = re.compile(f"RUN|({'|'.join(map(re.escape, prefixes))}){_KINDS}")
    for number, text in enumerate(file.read_text().splitlines(), 1):
        found = _DIRECTIVE.match(text)
        if found and not known.fullmatch(found[1]):
            yield f"{file}:{number}: `{found[1]}:` is no directive of the file's RUN lines"


def here(line: RunLine) -> Done:
    """Runs the command in this process."""
    piped, said = io.StringIO(), io.StringIO()
    with (
        patch.object(sys, "argv", ["rung", *line.rung]),
        redirect_stdout(piped),
        redirect_stderr(piped if line.merged else said),
    ):
        try:
            cli.main()
            status = 0
        except SystemExit as end:
            status = int(end.code or 0)
    return Done(status, piped.getvalue(), said.getvalue())


def as_process(line: RunLine) -> Done:
    """Runs the command as a user does."""
    done = subprocess.run(
        [sys.executable, "-m", "rung.cli", *line.rung],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if line.merged else subprocess.PIPE,
        text=True,
    )
    return Done(done.returncode, done.stdout, done.stderr or "")


def failure(line: RunLine, run: Callable[[RunLine], Done] = here) -> str | None:
    """What is wrong, beginning with `file:line`; None if all is as the file says."""
    done = run(line)
    if line.refused != (done.status != 0):
        wanted = "is not refused" if line.refused else f"ended with status {done.status}"
        return f"{line.file}:{line.number}: `{shlex.join(('rung', *line.rung))}` {wanted}\n{done.said}{done.piped}"
    status, message = _check(line.options, done.piped)
    return f"{message}\nRUN line {line}, whose output is:\n{done.piped}" if status else None


def _check(options: Options, text: str) -> tuple[int, str]:
    message = io.StringIO()
    with redirect_stderr(message), redirect_stdout(message):
        status = Matcher(options, FInput("<output>", text), Parser.from_opts(options)).run()
    return status, message.getvalue()
