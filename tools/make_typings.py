"""Writes typings/torch_mlir, the type stubs of MLIR's bindings, from the bindings that are installed.

    python tools/make_typings.py            writes the stubs
    python tools/make_typings.py --check    prints how those in typings/ differ; ends with status 1 if they do

What the bindings tell of their types (bindings.py) is corrected by the stubs in tools/typings/, which say why, and
reduced to what rung's own source names. The stubs of other packages are written by hand; --check also says what they
declare and the installed packages do not have (stub_faults.py).
"""

from __future__ import annotations

import ast
import difflib
import gc
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from bindings import IR, Definitions, Form, defined, definitions, last_name, members, refined
from stub_faults import faults

ROOT = Path(__file__).parents[1]
STUBS = ROOT / "typings"
CORRECTIONS = ROOT / "tools" / "typings"
PACKAGE = "torch_mlir"
IMPORTS = """
import enum
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import IntEnum, IntFlag
from types import TracebackType
from typing import Any, Final, Generic, Self, overload
from numpy.typing import NDArray
from typing_extensions import Buffer, TypeVar
from torch_mlir import ir
"""
"""All that a stub may name without defining it; what one does not name is taken out again."""


class Uses(ast.NodeVisitor):
    """Of rung's source: the names that it takes of the package's modules, and the attributes it reads of anything."""

    def __init__(self) -> None:
        self.names: defaultdict[str, set[str]] = defaultdict(set)
        self.attributes: set[str] = set()
        self._modules: dict[str, str] = {}

    def read(self, paths: Iterable[Path]) -> Uses:
        for path in paths:
            self._modules = {}
            self.visit(ast.parse(path.read_text(), str(path)))
        return self

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        if (node.module or "").split(".")[0] != PACKAGE or node.level:
            return
        for alias in node.names:
            module = f"{node.module}.{alias.name}"
            if _is_module(module):
                self._modules[alias.asname or alias.name] = module
                self.names[module] |= set()
            else:
                self.names[str(node.module)].add(alias.name)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self.attributes.add(node.attr)
        if isinstance(node.value, ast.Name) and node.value.id in self._modules:
            self.names[self._modules[node.value.id]].add(node.attr)
        self.generic_visit(node)


@cache
def _is_module(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:
        return False


@cache
def corrections(module: str) -> Definitions:
    path = CORRECTIONS / _stub(module)
    found = members(ast.parse(path.read_text(), str(path)).body) if path.exists() else {}
    if unknown := sorted(set(found) - set(definitions(module))):
        raise SystemExit(f"{path}: {module} has no {', '.join(unknown)}; remove the correction")
    return found


@cache
def corrected(module: str, name: str) -> list[ast.stmt]:
    """A definition in one form, with what tools/typings/ has of it in its place."""
    before = [Form(module).visit(part) for part in definitions(module).get(name, [])]
    after = corrections(module).get(name, [])
    if not after:
        return before
    if not isinstance(whole := before[0], ast.ClassDef) or not isinstance(by := after[0], ast.ClassDef):
        _differ(module, name, before, after)
        return after
    for member, parts in members(by.body).items():
        _differ(module, f"{name}.{member}", members(whole.body).get(member, []), parts)
    return [refined(whole, by)]


def _differ(module: str, name: str, before: list[ast.stmt], after: list[ast.stmt]) -> None:
    if list(map(ast.dump, before)) == list(map(ast.dump, after)):
        raise SystemExit(f"{CORRECTIONS / _stub(module)}: the correction of {name} changes nothing; remove it")


class Reduction:
    """The definitions that rung names, with the members it names, and what their types are made of."""

    def __init__(self, uses: Uses) -> None:
        self.kept: dict[str, Definitions] = {module: {} for module in (*uses.names, IR)}
        self._attributes = uses.attributes
        for module, names in uses.names.items():
            for name in names:
                self._keep(module, name)

    def _keep(self, module: str, name: str) -> None:
        if name in self.kept[module] or name not in definitions(module):
            return
        self.kept[module][name] = parts = [self._part(part) for part in corrected(module, name)]
        for node in [node for part in parts for node in _types(part)]:
            match node:
                case ast.Attribute(value=ast.Name(id="ir"), attr=attribute):
                    self._keep(IR, attribute)
                case ast.Name(id=other):
                    self._keep(module, other)

    def _part(self, node: ast.stmt) -> ast.stmt:
        if not isinstance(node, ast.ClassDef):
            return node
        enumeration = any(last_name(base) in ("Enum", "IntEnum", "IntFlag") for base in node.bases)
        always = (ast.ClassDef, ast.Assign) if enumeration else ast.ClassDef
        body = [part for part in node.body if isinstance(part, always) or self._wanted(defined(part))]
        return ast.ClassDef(node.name, node.bases, [], body or [ast.Expr(ast.Constant(...))], [])

    def _wanted(self, name: str | None) -> bool:
        special = name is not None and name.startswith("__") and name not in ("__repr__", "__str__")
        return special or name in self._attributes


def _types(node: ast.AST) -> Iterator[ast.AST]:
    """What a definition is made of, but for decorators: the one of a setter has the name of its property."""
    yield node
    for name, field in ast.iter_fields(node):
        for part in field if isinstance(field, list) else [field]:
            if isinstance(part, ast.AST) and name != "decorator_list":
                yield from _types(part)


def text(module: str, kept: Definitions) -> str:
    """A stub, not yet laid out: where it is from, imports, the definitions in the package's order."""
    body = [part for name in definitions(module) if name in kept for part in kept[name]]
    correction = CORRECTIONS / _stub(module)
    release = version(PACKAGE.replace("_", "-"))
    lines = [f"# What rung uses of `{module}` {release}; made by tools/make_typings.py, not to be edited."]
    if correction.exists():
        lines.append(f"# What is corrected, and why: {correction.relative_to(ROOT).as_posix()}")
    return "\n".join([*lines, IMPORTS, *map(ast.unparse, map(ast.fix_missing_locations, body))]) + "\n"


def _stub(module: str) -> str:
    return module.replace(".", "/") + ".pyi"


def stubs() -> dict[str, str]:
    """By path within typings/, all stubs of the package, as they should be."""
    uses = Uses().read(sorted(path for path in (ROOT / "rung").rglob("*.py") if "kernels" not in path.parts))
    made = {_stub(module): text(module, kept) for module, kept in Reduction(uses).kept.items()}
    made |= {f"{parent.as_posix()}/__init__.pyi": "" for path in made for parent in list(Path(path).parents)[:-1]}
    with tempfile.TemporaryDirectory() as directory:
        for path, content in made.items():
            (Path(directory) / path).parent.mkdir(parents=True, exist_ok=True)
            (Path(directory) / path).write_text(content)
        ruff = [sys.executable, "-m", "ruff"]
        config = ["--quiet", "--no-cache", "--config", str(ROOT / "pyproject.toml"), directory]
        subprocess.run([*ruff, "check", "--select", "I,F401,F821", "--fix", *config], check=True)
        subprocess.run([*ruff, "format", *config], check=True)
        return {path: (Path(directory) / path).read_text() for path in sorted(made)}


def difference(made: dict[str, str]) -> str:
    """From the stubs in typings/ to those that were made, as a unified diff; empty if they are the same."""
    found = sorted((STUBS / PACKAGE).rglob("*.pyi"))
    present = {path.relative_to(STUBS).as_posix(): path.read_text() for path in found}
    lines: list[str] = []
    for path in sorted(present.keys() | made.keys()):
        old, new = (text.splitlines(keepends=True) for text in (present.get(path, ""), made.get(path, "")))
        if (path in made) != (path in present):
            lines.append(f"typings/{path}: {'is missing' if path in made else 'is not made any more'}\n")
        lines += difflib.unified_diff(old, new, f"typings/{path}", "made now")
    return "".join(lines)


def main(arguments: list[str]) -> int:
    made = stubs()
    if arguments == ["--check"]:
        wrong = difference(made) + "".join(faults(STUBS))
        print(wrong, end="")
        return 1 if wrong else 0
    if arguments:
        print(f"make_typings.py takes --check or nothing, not {' '.join(arguments)}", file=sys.stderr)
        return 2
    shutil.rmtree(STUBS / PACKAGE, ignore_errors=True)
    for path, content in made.items():
        (STUBS / path).parent.mkdir(parents=True, exist_ok=True)
        (STUBS / path).write_text(content)
    return 0


if __name__ == "__main__":
    gc.disable()  # The trees of the package's Python are large and live to the end: collections would double the time.
    sys.exit(main(sys.argv[1:]))
