"""What type stubs declare and the installed packages do not have: a name, or a parameter by its name."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_MISSING = object()


def faults(root: Path) -> Iterator[str]:
    """One line for each declaration in the stubs under a directory that the installed packages contradict."""
    for path in sorted(root.rglob("*.pyi")):
        module = ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
        owner = importlib.import_module(module)
        for node, name, declared in _declarations(ast.parse(path.read_text(), str(path)).body, owner, module):
            where = f"{path.relative_to(root.parent).as_posix()}:{node.lineno}: {name}"
            if declared is _MISSING:
                yield f"{where} does not exist\n"
            elif isinstance(node, ast.FunctionDef) and (taken := parameters(declared)) is not None:
                yield from (f"{where} has no parameter {other}\n" for other in _named(node) if other not in taken)


def _declarations(body: list[ast.stmt], owner: Any, prefix: str) -> Iterator[tuple[ast.stmt, str, Any]]:
    """Every class, function and variable, with what the owner has under its name, or `_MISSING`."""
    for node in body:
        match node:
            case ast.FunctionDef(name="__getattr__") | ast.Assign(value=ast.Call()):
                continue  # The rest of the module, undeclared; a type variable.
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.AnnAssign(target=ast.Name(id=name)):
                pass
            case ast.Assign(targets=[ast.Name(id=name)]):
                pass
            case _:
                continue
        found = inspect.getattr_static(owner, name, _MISSING)
        if found is _MISSING and isinstance(node, ast.AnnAssign) and _says(owner, name):
            continue
        if found is not _MISSING and not isinstance(found, property):
            found = getattr(owner, name, found)
        yield node, f"{prefix}.{name}", found
        if isinstance(node, ast.ClassDef) and found is not _MISSING:
            yield from _declarations(node.body, found, f"{prefix}.{name}")


def _says(owner: Any, name: str) -> bool:
    """Whether the source of a class names an attribute that only its instances have."""
    bases = [base for base in getattr(owner, "__mro__", ()) if base.__module__ != "builtins"]
    return any(re.search(rf"\b{name}\b", inspect.getsource(base)) for base in bases)


def parameters(function: Any) -> set[str] | None:
    """The names of a function's parameters; None where it takes any, or tells of none."""
    if isinstance(signatures := getattr(function, "__nb_signature__", None), tuple):
        trees = [ast.parse(re.sub(r"\\\d+", "...", signature[0]) + ": ...").body[0] for signature in signatures]
        return {name for tree in trees if isinstance(tree, ast.FunctionDef) for name in _named(tree)}
    try:
        found = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    return None if any(one.kind is one.VAR_KEYWORD for one in found) else {one.name for one in found}


def _named(node: ast.FunctionDef) -> list[str]:
    """Parameters that may be given by name."""
    return [one.arg for one in node.args.args + node.args.kwonlyargs if one.arg not in ("self", "cls")]
