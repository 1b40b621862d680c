"""The text of a captured kernel's file: its own source, its launch, and what it does when it is run."""

from __future__ import annotations

import ast
import inspect
import pprint
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, cast

from ..errors import UsageError
from ..frontends.triton import launched
from ..frontends.triton.launched import Launched
from ..frontends.triton.options import Options
from . import kernel_main

_NOT_OF_A_LAUNCH = ("schedule", "sanitize")
"""Keywords that say how rung compiles, which is for whoever runs the file."""


def keywords(options: Mapping[str, object]) -> dict[str, object]:
    """Of a launch's options those that are not as usual."""
    usual: dict[str, object] = {field.name: field.default for field in fields(Options)}
    found: dict[str, object] = {}
    for name, value in options.items():
        # Triton's metadata has been through JSON, which knows no tuples.
        same = tuple(cast(list[object], value)) if isinstance(value, list) else value
        if name not in _NOT_OF_A_LAUNCH and same != usual[name]:
            found[name] = same
    return found


def of_function(fn: Any) -> str:
    """What the file of a JITFunction needs to say of it: imports that it uses, constants, helpers, and the kernel.

    Inductor's decorators, which choose blocks, are left out: the launch says what they chose.
    """
    source = Path(fn.fn.__code__.co_filename).read_text()
    tree = ast.parse(source)
    kept = [node for node in tree.body if not isinstance(node, ast.Expr)]
    bodies = [node for node in kept if not isinstance(node, ast.Import | ast.ImportFrom)]
    for node in bodies:
        if isinstance(node, ast.FunctionDef):
            node.decorator_list = [each for each in node.decorator_list if _is_jit(each)]
    used = {name.id for node in bodies for name in ast.walk(node) if isinstance(name, ast.Name)}
    imports = [line for node in kept if (line := _import(node, used))]
    texts = [_text(source, node) for node in bodies]
    return "\n".join(imports) + "\n\n\n" + "\n\n\n".join(texts)


def _is_jit(decorator: ast.expr) -> bool:
    return ast.unparse(decorator).partition("(")[0] in ("triton.jit", "jit")


def _import(node: ast.stmt, used: set[str]) -> str:
    """The import without names that nothing uses any more."""
    if not isinstance(node, ast.Import | ast.ImportFrom):
        return ""
    names = [alias for alias in node.names if (alias.asname or alias.name.partition(".")[0]) in used]
    if not names:
        return ""
    node.names = names
    return ast.unparse(node)


def _text(source: str, node: ast.stmt) -> str:
    """As it stands there, comments and all."""
    found = ast.get_source_segment(source, node) or ast.unparse(node)
    decorators = [f"@{ast.unparse(each)}" for each in getattr(node, "decorator_list", [])]
    return "\n".join([*decorators, found])


def text(launch: Launched, kernel: str, about: str, file: str) -> str:
    """The whole file. kernel: what `of_function` gave; about: where it is from, a sentence without its end."""
    told = {field.name: getattr(launch, field.name) for field in fields(Launched)}
    name = launch.kernel
    main = inspect.getsource(kernel_main.launch_and_compare).rstrip()
    return f'''"""{about}.

    python {file}    launches it, and compares what it writes with what the scalar rung wrote
    rung ladder {file}::{name}
    rung compile {file}::{name} --emit vector
"""

from typing import Any

{kernel.strip()}


{launched.NAME} = {_literal(told)}


{main}


if __name__ == "__main__":
    raise SystemExit(launch_and_compare({name}, {launched.NAME}, __file__.removesuffix(".py") + ".safetensors"))
'''


class _Name(str):
    """Printed without quotes."""

    def __repr__(self) -> str:
        return str(self)


def _literal(value: Any) -> str:
    return pprint.pformat(_spelled(value), width=110, sort_dicts=False, compact=True)


def _spelled(value: Any) -> Any:
    """With values that have no literal as expressions. Raises UsageError for those that have none either."""
    import triton.language as tl

    if isinstance(value, dict):
        return {_spelled(key): _spelled(each) for key, each in value.items()}  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, list):
        return [_spelled(each) for each in value]  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, tuple):
        return tuple(_spelled(each) for each in value)  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, tl.dtype):
        return _Name(f"tl.{next(name for name in dir(tl) if getattr(tl, name) == value)}")
    if (isinstance(value, float) and value != value) or value in (float("inf"), float("-inf")):
        return _Name(f'float("{value}")')
    if isinstance(value, bool | int | float | str | None):
        return value
    raise UsageError(f"a constant of the kernel is of type {type(value).__name__}, which a file cannot say")
