"""The registry of rung's own attributes: complete, without idle entries, and in docs/ir.md."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from rung.ir.attributes import ATTRIBUTES, Attribute

ROOT = Path(__file__).parents[2]
PACKAGES = ("ir", "frontends", "transforms", "lowering", "targets", "passes")
NAME = re.compile(r"rung\.[a-z_]+")
REGISTRY = ROOT / "rung" / "ir" / "attributes.py"


def literals() -> Iterator[tuple[str, str]]:
    """(text, file) of every string in the code that works on IR, docstrings left out."""
    for package in PACKAGES:
        for path in sorted((ROOT / "rung" / package).rglob("*.py")):
            if path == REGISTRY:
                continue
            tree = ast.parse(path.read_text())
            statements = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
            for node in ast.walk(tree):
                if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in statements:
                    yield node.value, path.name


def row(attribute: Attribute) -> str:
    return f"| `{attribute.name}` | {attribute.carrier} | {attribute.kind} | {attribute.meaning} |"


def test_the_code_names_attributes_by_the_constants_of_the_registry():
    spelt_out = {(text, file) for text, file in literals() if NAME.fullmatch(text)}
    assert not spelt_out


def test_every_attribute_is_used():
    source = "\n".join(path.read_text() for path in (ROOT / "rung").rglob("*.py") if path != REGISTRY)
    imported = set(re.findall(r"\w+", " ".join(re.findall(r"attributes import (\([^)]*\)|[^\n]*)", source))))
    constants = {
        node.targets[0].id: node.value.args[0].value
        for node in ast.parse(REGISTRY.read_text()).body
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Call)
        and isinstance(node.targets[0], ast.Name)
        and node.value.args
        and isinstance(node.value.args[0], ast.Constant)
    }
    assert set(constants.values()) == set(ATTRIBUTES)
    idle = [name for constant, name in constants.items() if constant not in imported]
    assert not idle


def test_the_documentation_has_them_all():
    text = (ROOT / "docs" / "ir.md").read_text()
    assert [row(attribute) for attribute in ATTRIBUTES.values() if row(attribute) not in text] == []
    assert text.count("| `rung.") == len(ATTRIBUTES)
