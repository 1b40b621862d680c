import ast

class CompilationError(Exception):
    """A kernel that is not valid Triton; checked against triton 3.7.1."""

    src: str | None
    node: ast.AST
    error_message: str | None
