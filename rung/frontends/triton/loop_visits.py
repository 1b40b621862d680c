"""Triton's code generator, with every loop's body visited twice, however deep the loops are nested.

To find what a loop carries, Triton visits its body on trial, throws away what came of it, and visits the body again to
build it. A loop inside is visited on trial and built in either visit: the innermost body of n loops, 2**n times. Here

- what a loop carries is remembered, and found again where the loop is visited with the same values alive;
- inside a trial visit a loop is not built: of its results, only the types and the names are asked for.
"""

from __future__ import annotations

import ast
from collections import deque
from typing import Any

from triton import language as tl
from triton.compiler import code_generator

from .options import Options

_KEPT = 8
"""Different states of a loop that are remembered; unrolled loops around it make new ones without end."""
_PLAIN = (bool, int, float, str, type(None))

Triton = code_generator.CodeGenerator


class LoopVisits(Triton):
    """Triton's own for the kernels of other back ends, which are told by their options."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._is_ours = isinstance(kwargs.get("options"), Options)
        self._carried: dict[ast.AST, deque[tuple[object, list[str]]]] = {}
        self._trials = 0
        """Trial visits that are going on, one inside another."""
        self._not_built: list[ast.AST] | None = None
        """The body that would be built next, inside a trial visit."""

    def _find_carries(
        self, node: Any, liveins: dict[str, Any], ignore: set[str] | None = None
    ) -> tuple[list[str], list[Any], list[Any]]:
        """Names, initial values and types of what a loop carries; the scope is as before the loop."""
        ignore = ignore or set()
        if not self._is_ours:
            return super()._find_carries(node, liveins, ignore)
        state = _state(liveins)
        known = self._carried.setdefault(node, deque(maxlen=_KEPT))
        names = next((names for before, names in known if before == state), None)
        if names is None:
            self._trials += 1
            try:
                found = super()._find_carries(node, liveins, ignore)
            finally:
                self._trials -= 1
            known.append((state, found[0]))
        else:
            carried = [liveins[name] for name in names]
            found = names, code_generator.flatten_values_to_ir(carried), [value.type for value in carried]
            self.lscope, self.local_defs = liveins.copy(), {}
        if self._trials:
            self._not_built = node.body
        return found

    def visit_compound_statement(self, stmts: Any) -> None:
        if self._not_built is not None and stmts is self._not_built:
            self._not_built = None
            return
        super().visit_compound_statement(stmts)


def visit_loops_twice_at_most() -> None:
    """Make it Triton's code generator, which has no other place for it."""
    code_generator.CodeGenerator = LoopVisits


def _state(liveins: dict[str, Any]) -> object:
    """What a visit of a loop depends on, besides the loop: the names alive, what is known of their values, and which
    of them are one value. Two visits in equal states differ in nothing but the numbers of SSA values."""
    numbers: dict[Any, int] = {}
    return [(name, _known(value, numbers)) for name, value in liveins.items()]


def _known(value: Any, numbers: dict[Any, int]) -> object:
    if type(value) is tl.tensor:
        return value.type, numbers.setdefault(value.handle, len(numbers))
    if type(value) is tl.tuple:
        return value.type.fields, [_known(part, numbers) for part in value]
    if type(value) is tl.constexpr and any(type(value.value) is kind for kind in _PLAIN):
        return value.value.__class__, repr(value.value)
    return _Itself(value)


class _Itself:
    """Equal to itself alone: compile-time values may have an `==` that makes IR, or says 1 == True."""

    def __init__(self, value: object) -> None:
        self._value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Itself) and self._value is other._value

    __hash__ = None  # pyright: ignore[reportAssignmentType]
