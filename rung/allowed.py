"""What a field of a pydantic model may hold, in words that an error can use."""

from __future__ import annotations

import types
from collections.abc import Sequence
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

_PLAIN = {bool: "true or false", str: "a text in quotes", int: "a whole number", float: "a number"}
_SHOWN = 60
"""Characters of a wrong value; longer ones are cut."""


def allowed(model: type[BaseModel], path: Sequence[str | int]) -> str:
    """`a whole number, 4 to 1024`, `a number greater than 0`, `host or npu` ...: the kind and the range of the field
    at `path`, whose parts are names of fields, keys of a dictionary and positions in a list."""
    kind: Any = model
    metadata: list[Any] = []
    for part in path:
        kind, inner = _plain(kind)
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            field = kind.model_fields[str(part)]
            kind, metadata = field.annotation, field.metadata
        else:
            kind, metadata = get_args(kind)[1 if get_origin(kind) is dict else 0], inner
    kind, inner = _plain(kind)
    return _kind(kind) + _range([*metadata, *inner])


def shown(value: object) -> str:
    """A value as TOML writes it, or what it is where that would be long."""
    if isinstance(value, dict):
        return "a section"
    text = f'"{value}"' if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _plain(kind: Any) -> tuple[Any, list[Any]]:
    """`X | None` and `Annotated[X, ...]` are X; the second: what is annotated."""
    if get_origin(kind) in (Union, types.UnionType):
        kind = next(arm for arm in get_args(kind) if arm is not type(None))
    found: list[Any] = []
    for note in getattr(kind, "__metadata__", ()):
        found += note.metadata if isinstance(note, FieldInfo) else [note]
    return (get_args(kind)[0], found) if found else (kind, [])


def _kind(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return " or ".join(f'"{value}"' for value in get_args(kind))
    if get_origin(kind) is tuple:
        return "a list of texts, in brackets"
    return _PLAIN.get(kind, "a section")


def _range(metadata: Sequence[Any]) -> str:
    """`, 4 to 1024`; nothing where there is no limit."""
    limit = {name: getattr(note, name) for note in metadata for name in ("ge", "le") if hasattr(note, name)}
    return f", {_number(limit['ge'])} to {_number(limit['le'])}" if len(limit) == 2 else ""


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:g}"
