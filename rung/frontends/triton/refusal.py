"""Why Triton's front end refuses a kernel, in one sentence: where, what stands there, and Triton's own words."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from triton.compiler.errors import CompilationError
from triton.runtime.jit import get_jit_fn_file_line


@dataclass(frozen=True)
class Refusal:
    """words: gelu.py:7, `i = tl.arange(0, BLOCK)`: arange's range must be a power of 2, with BLOCK=1000

    constant: nothing stands where it failed that depends on the types of arguments.
    """

    words: str
    constant: bool


def refusal(kernel: Any, error: CompilationError, constexprs: Mapping[Any, object]) -> Refusal:
    """What `error` says, which Triton's compiler raised for the JITFunction `kernel`.

    The place is the innermost one in the kernel's own file: a function of Triton's library may have failed on what it
    was given there.
    """
    frames = list(_calls(error))
    placed = [(frame, function) for frame in frames if (function := _function(kernel, frame)) is not None]
    words = _words(frames[-1])
    if not placed:
        return Refusal(words, False)
    frame, function = placed[-1]
    # Constants are known by the names that the kernel, which comes first, has for them.
    given = {name: constexprs[name] for name in _names(placed[0][0].node) if name in constexprs}
    constants = f", with {', '.join(f'{name}={value!r}' for name, value in given.items())}" if given else ""
    return Refusal(f"{_place(frame, function)}: {words}{constants}", _is_constant(frame, function))


def _calls(error: BaseException | None) -> Iterator[CompilationError]:
    """From the kernel inwards."""
    while isinstance(error, CompilationError):
        yield error
        error = error.__cause__


def _words(error: CompilationError) -> str:
    """Triton's own, on one line; those of the cause where it has none, and of errors without a place."""
    found = error.error_message or (str(error.__cause__) if error.__cause__ else "") or str(error)
    return " ".join(found.split())


def _function(kernel: Any, error: CompilationError) -> Any | None:
    """The function that the error's place is in, if it is the kernel, or one of its file that it reaches."""
    if _line(error) is None:
        return None
    found: list[Any] = [kernel]
    for function in found:
        if function.src == error.src:
            return function
        for value in function.get_capture_scope().values():
            if type(value) is type(kernel) and value.__module__ == kernel.__module__ and value not in found:
                found.append(value)
    return None


def _place(error: CompilationError, function: Any) -> str:
    line = _line(error) or 1
    file, first = get_jit_fn_file_line(function)
    source: str = function.src.split("\n")[line - 1]
    return f"{Path(file).name}:{first + line - 1}, `{source.strip()}`"


def _line(error: CompilationError) -> int | None:
    """Within the function; None where Triton names no place."""
    return getattr(error.node, "lineno", None)


def _is_constant(error: CompilationError, function: Any) -> bool:
    """Whether no argument but constants, and no variable, is named where it failed."""
    variables = {p.name for p in function.params if not p.is_constexpr}
    variables |= {n.id for n in ast.walk(ast.parse(function.src)) if isinstance(n, ast.Name) and _is_stored(n)}
    return variables.isdisjoint(_names(error.node))


def _is_stored(name: ast.Name) -> bool:
    return isinstance(name.ctx, ast.Store)


def _names(node: ast.AST) -> dict[str, None]:
    """In order, each once."""
    return {each.id: None for each in ast.walk(node) if isinstance(each, ast.Name)}
