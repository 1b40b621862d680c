"""What rung overrides; checked against triton 3.7.1."""

import ast
from collections.abc import Iterable
from typing import Any

def flatten_values_to_ir(values: Iterable[Any]) -> list[Any]: ...

class CodeGenerator(ast.NodeVisitor):
    lscope: dict[str, Any]
    local_defs: dict[str, Any]

    def __init__(self, *args: Any, **kwargs: Any) -> None: ...
    def _find_carries(
        self, node: Any, liveins: dict[str, Any], ignore: set[str] = ...
    ) -> tuple[list[str], list[Any], list[Any]]: ...
    def visit_compound_statement(self, stmts: Any) -> None: ...
