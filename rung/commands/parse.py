"""Texts of the command line into values, with errors that name the option and what it takes."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from pathlib import Path

from ..errors import UsageError

DTYPES = ("f32", "f16", "bf16")


def dtype(text: str) -> str:
    if text not in DTYPES:
        raise UsageError(f"--dtype is `{text}`; choose from: {', '.join(DTYPES)}")
    return text


def sizes(text: str, option: str, limit: int = 3) -> tuple[int, ...]:
    """`1048576` or `64x16384`: one to `limit` whole numbers of at least 1."""
    parts = text.lower().split("x")
    if len(parts) > limit or not all(part.isascii() and part.isdigit() and int(part) > 0 for part in parts):
        raise UsageError(f"{option} is `{text}`; give whole numbers of at least 1, such as 1048576 or 64x16384")
    return tuple(int(part) for part in parts)


def grid(text: str) -> tuple[int, int, int]:
    """`1024` or `16x16`: programs per axis; axes left out are 1."""
    found = sizes(text, "--grid")
    x, y, z = (*found, 1, 1)[:3]
    return x, y, z


def constexprs(items: Sequence[str]) -> dict[str, object]:
    """`BLOCK=1024`, `EPS=1e-5`, `FLAG=True`: Python literals by name."""
    found: dict[str, object] = {}
    for item in items:
        name, equals, value = item.partition("=")
        try:
            if not equals or not name.isidentifier():
                raise ValueError
            found[name] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            raise UsageError(f"--constexpr is `{item}`; give NAME=VALUE, such as BLOCK=1024") from None
    return found


def output(path: str | None, option: str) -> Path | None:
    """A file that can be written: its folder is there and it is no folder itself."""
    if path is None:
        return None
    target = Path(path)
    if target.is_dir():
        raise UsageError(f"{option} is `{path}`, a folder; give a file")
    if not target.parent.is_dir():
        raise UsageError(f"{option} is `{path}`, but there is no folder `{target.parent}`")
    return target
