"""What MLIR's bindings tell of their own types, as stubs: the definitions of each module, in one form.

The package has no type information, but carries signatures: its nanobind modules where `nanobind.stubgen` reads them,
its generated dialects in their Python.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.util import resolve_name

from nanobind.stubgen import StubGen

IR = "torch_mlir.ir"
Definitions = dict[str, list[ast.stmt]]
"""Statements of a module or a class by the name they define: overloads, or a property with its setter, are several."""


@cache
def source(module: str) -> str:
    """The module's Python, or the stub that nanobind makes of an extension."""
    loaded = importlib.import_module(module)
    if (getattr(loaded, "__file__", None) or "").endswith(".py"):
        return inspect.getsource(loaded)
    stub = StubGen(loaded, include_private=True, include_docstrings=False)
    stub.put(stub.module)
    for name, value in vars(stub.module).items():
        if isinstance(value, type) and value.__module__ == module and value.__name__ != name:
            stub.put(value, name=value.__name__, parent=stub.module)  # The package has put a subclass in its place.
    return stub.get()


@cache
def definitions(module: str) -> Definitions:
    """What a module defines or takes over from private ones. What comes later replaces or, as `class A(A)`, refines."""
    found = Definitions()
    package = module if hasattr(importlib.import_module(module), "__path__") else module.rpartition(".")[0]
    for node in _statements(source(module)):
        if isinstance(node, ast.ImportFrom) and node.level:
            origin = resolve_name("." * node.level + (node.module or ""), package)
            for alias in node.names:
                if alias.name == "*" and (node.module or "").startswith("_"):
                    found |= definitions(origin)
                elif alias.name.startswith("_mlir"):
                    found |= definitions(f"{origin}.{alias.name}")
        elif isinstance(node, ast.ClassDef) and node.name in found and node.name in map(last_name, node.bases):
            found[node.name] = [refined(found[node.name][0], node)]
        elif name := defined(node):
            found[name] = _joined(found.get(name, []), node)
    return found


def _statements(text: str) -> Iterator[ast.stmt]:
    for node in ast.parse(text).body:
        yield from node.body if isinstance(node, ast.Try) else [node]


def members(body: Iterable[ast.stmt]) -> Definitions:
    found = Definitions()
    for node in body:
        if name := defined(node):
            found[name] = _joined(found.get(name, []), node)
    return found


def _joined(before: list[ast.stmt], node: ast.stmt) -> list[ast.stmt]:
    """Overloads and setters stand beside what has their name; deleters, and the body of overloads, are left out."""
    kinds = decorators(node)
    if "deleter" in kinds:
        return before
    if {"overload", "setter"} & set(kinds):
        return [*before, node]
    return before if before and "overload" in decorators(before[-1]) else [node]


def refined(base: ast.stmt, by: ast.ClassDef) -> ast.ClassDef:
    """The class with the members of another in place of its own of the same names."""
    assert isinstance(base, ast.ClassDef)
    parts = members(base.body) | members(by.body)
    return ast.ClassDef(base.name, base.bases, [], [node for part in parts.values() for node in part], [])


def defined(node: ast.stmt) -> str | None:
    match node:
        case ast.ClassDef(name=name) | ast.FunctionDef(name=name):
            return name
        case ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]):
            return name
    return None


def decorators(node: ast.stmt) -> list[str]:
    return [last_name(decorator) for decorator in getattr(node, "decorator_list", [])]


def last_name(node: ast.expr) -> str:
    return ast.unparse(node).split("[")[0].rpartition(".")[2]


_BARE = {
    "Sequence": "Any", "Callable": "..., Any", "type": "Any", "list": "Any", "tuple": "Any, ...", "dict": "str, Any",
}  # fmt: skip
"""What a generic type has for parameters where it is written without."""

_TYPING = {
    "_Any": "Any",
    "_Sequence": "Sequence",
    "_Buffer": "Buffer",
    "List": "list",
    "Tuple": "tuple",
    "Dict": "dict",
}
"""Other names that the package has for types."""

_INSERTION = {"loc": "Location", "ip": "InsertionPoint"}
"""Parameters of that name take this, which the package writes as `object` or not at all."""

_FIXED = {
    "__eq__": "def __eq__(self, other: object, /) -> bool: ...",
    "__enter__": "def __enter__(self) -> Self: ...",
    "__exit__": "def __exit__(self, exc_type: type[BaseException] | None, exc_value: BaseException | None, "
    "traceback: TracebackType | None) -> None: ...",
    "__len__": "def __len__(self) -> int: ...",
}
"""Methods that are alike in all classes, and how checkers want to see them."""

_ITEMS = """
@overload
def __getitem__(self, key: int, /) -> {0}: ...
@overload
def __getitem__(self, key: slice, /) -> Self: ...
"""
"""In classes that are a `Sequence[{0}]`; a slice of one is one."""

_KINDS = {"property", "setter", "staticmethod", "classmethod", "overload"}


class Form(ast.NodeTransformer):
    """Annotations as a stub of this module writes them, and what the package leaves out filled in.

    Before: `def f(self, value: _ods_ir.Value[_ods_ir.IntegerType], *, kind: _Optional[_Any] = None, loc=None)`
    After:  `def f(self, value: ir.Value, *, kind: Any = None, loc: ir.Location | None = None) -> Any`
    """

    _LONG = re.compile(r"\b(?:_ods_ir|_ods_cext\.ir|(?:torch_mlir\.(?:_mlir_libs\.)?)?(?:_mlir\.)?ir)\.")

    def __init__(self, module: str) -> None:
        self._prefix = "" if module == IR else "ir."
        self._foreign = set() if module == IR else set(definitions(IR)) - set(definitions(module))

    def annotation(self, node: ast.expr | None, otherwise: str = "Any") -> ast.expr:
        text = otherwise if node is None else ast.unparse(node)
        return self.visit(ast.parse(self._LONG.sub(self._prefix, text), mode="eval").body)

    def parameter(self, node: ast.arg) -> ast.arg:
        if node.arg in ("self", "cls"):
            return node
        declared = ast.unparse(node.annotation) if node.annotation else "object | None"
        if node.arg in _INSERTION and declared == "object | None":
            return ast.arg(node.arg, self.annotation(None, f"{self._prefix}{_INSERTION[node.arg]} | None"))
        return ast.arg(node.arg, _accepting(self.annotation(node.annotation)))

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        return self.annotation(ast.parse(node.value, mode="eval").body) if isinstance(node.value, str) else node

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        return node

    def visit_Name(self, node: ast.Name) -> ast.expr:
        name = _TYPING.get(node.id, node.id)
        if name in _BARE:
            return _expression(f"{name}[{_BARE[name]}]")
        return _expression(f"ir.{name}" if name in self._foreign else name)

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        parts = [self.visit(part) for part in (node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice])]
        origin = self.visit(node.value)
        name = last_name(origin).removeprefix("_")
        if name in ("Union", "Optional"):
            texts = list(dict.fromkeys(map(ast.unparse, parts))) + ["None"] * (name == "Optional")
            return _expression("Any" if "Any" in texts else " | ".join(texts))
        return _expression(f"{ast.unparse(origin).split('[')[0]}[{', '.join(map(ast.unparse, parts))}]")

    def visit_List(self, node: ast.List) -> ast.expr:
        return ast.List([self.visit(part) for part in node.elts])

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        bases = [self.annotation(base) for base in node.bases]
        found = {name: parts[:1] if name in _FIXED else parts for name, parts in members(node.body).items()}
        if bases and last_name(bases[0]) == "Sequence":
            item = ast.unparse(bases[0])[len("Sequence[") : -1]
            if len(bases) > 1:  # `Sequence[Value], Generic[_T]` is a sequence of values of that type.
                item, bases = f"{item}[_T]", [_expression(f"Sequence[{item}[_T]]")]
            found["__getitem__"] = ast.parse(_ITEMS.format(item)).body
        return ast.ClassDef(node.name, bases, [], [self.visit(part) for parts in found.values() for part in parts], [])

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.stmt:
        if node.name in _FIXED:
            return ast.parse(_FIXED[node.name]).body[0]
        kinds = [kind for kind in decorators(node) if kind in _KINDS]
        given, default_return = node.args, "None" if node.name == "__init__" or "setter" in kinds else "Any"
        arguments = ast.arguments(
            posonlyargs=[self.parameter(arg) for arg in given.posonlyargs],
            args=[self.parameter(arg) for arg in given.args],
            vararg=given.vararg and self.parameter(given.vararg),
            kwonlyargs=[self.parameter(arg) for arg in given.kwonlyargs],
            kw_defaults=[default and _default(default) for default in given.kw_defaults],
            kwarg=given.kwarg and self.parameter(given.kwarg),
            defaults=[_default(default) for default in given.defaults],
        )
        marks = [_expression(f"{node.name}.setter" if kind == "setter" else kind) for kind in kinds]
        body: list[ast.stmt] = [ast.Expr(ast.Constant(...))]
        return ast.FunctionDef(node.name, arguments, body, marks, self.annotation(node.returns, default_return))

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.stmt:
        return ast.AnnAssign(node.target, self.annotation(node.annotation), node.value, 1)

    def visit_Assign(self, node: ast.Assign) -> ast.stmt:
        return node


def _expression(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def _default(node: ast.expr) -> ast.expr:
    return node if isinstance(node, ast.Constant | ast.UnaryOp | ast.List | ast.Dict) else ast.Constant(...)


def _accepting(node: ast.expr) -> ast.expr:
    """A parameter's type: any value will do where one of a type is named, and any mapping for a `dict`."""
    text = re.sub(r"\b((?:ir\.)?Value)\[[\w.]+\]", r"\1", ast.unparse(node))
    return _expression(re.sub(r"\bdict\[", "Mapping[", text))
