"""The tests that docs/weak-points.md names exist, and each of the ten points names one."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_point_names_tests_that_exist() -> None:
    page = (ROOT / "docs" / "weak-points.md").read_text()
    points = re.split(r"^## (\d+)\. ", page, flags=re.MULTILINE)[1:]
    assert points[::2] == [str(number) for number in range(1, 11)]
    for number, text in zip(points[::2], points[1::2], strict=True):
        named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", text)
        assert named, f"point {number} names no test"
        for file, name in named:
            functions = [
                node.name for node in ast.parse((ROOT / file).read_text()).body if isinstance(node, ast.FunctionDef)
            ]
            assert name in functions, f"point {number}: {file}::{name}"
