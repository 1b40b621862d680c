"""What passes are and what their options take, in words: read from the classes themselves."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap

from .base import Pass
from .options import options_of, text


def summary(cls: type[Pass]) -> str:
    """The first sentence of a pass's docstring, in a line."""
    paragraph = " ".join(inspect.cleandoc(cls.__doc__ or "").partition("\n\n")[0].split())
    found = re.match(r".*?\.(?= [A-Z]|$)", paragraph)
    return found[0] if found else paragraph


def option_lines(cls: type[Pass]) -> list[tuple[str, str]]:
    """(`unroll=0`, `a whole number, 0 to 16. Vectors in flight ...`) of each option: its default, and what it takes."""
    notes = _notes(cls)
    return [
        (f"{option.name}={text(option.default)}", f"{option.words}. {notes.get(option.field, '')}".strip())
        for option in options_of(cls)
    ]


def _notes(cls: type[Pass]) -> dict[str, str]:
    """The docstrings behind the fields, which Python itself does not keep."""
    definition = ast.parse(textwrap.dedent(inspect.getsource(cls))).body[0]
    assert isinstance(definition, ast.ClassDef)
    found: dict[str, str] = {}
    for field, note in zip(definition.body, definition.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            value = note.value if isinstance(note, ast.Expr) else None
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                found[field.target.id] = " ".join(value.value.split())
    return found
