"""Cases compiled together: one graph of several, so that what a compilation costs is paid once."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from rung import torch_backend
from tests.inductor.cases import Case, Spec
from tests.inductor.comparing import difference, run, together, widened

REFUSALS = (
    "not implemented",
    "not support",
    "unsupported",
    "expected",
    "requires",
    "must be",
    "only",
    "can't",
    "cannot",
)
"""What torch's words have in common where eager does not know a type."""

STRICT = {"fallback": False}
"""What does not compile is an error, and is not left to ATen."""


@dataclass(frozen=True)
class Ready:
    """A case with a type, its inputs, and what eager makes of them."""

    case: Case
    kind: str
    function: Callable[..., Any]
    inputs: tuple[Any, ...]
    expected: list[Any]
    backward: bool

    def difference(self, found: list[Any]) -> list[str]:
        said = difference(found, self.expected, self.reference, self.case.close)
        return [f"{self}: {said}"] if said else []

    def reference(self) -> list[Any]:
        """In float64."""
        function: Any = copy.deepcopy(self.function) if self.case.build else self.function
        if isinstance(function, torch.nn.Module):
            function = function.double()
        wide = widened(self.inputs)
        return run(together([function]), [function], [wide], self.backward)[0]

    def __str__(self) -> str:
        return f"{self.case.family}, {self.case.name} of {self.kind}"


def ready(case: Case, kind: str, mode: str, second: bool = False) -> Ready | None:
    """Nothing, where eager knows no such thing: not of this type, or without a gradient."""
    backward = mode.startswith("backward")
    try:
        function, inputs = case.callable(kind), case.make(kind, second)
        for given, spec in zip(inputs, case.inputs, strict=True):
            if backward and isinstance(spec, Spec) and spec.grad and (given.is_floating_point() or given.is_complex()):
                given.requires_grad_()
        twin: Any = copy.deepcopy(function) if case.build else function
        (expected,) = run(together([twin]), [twin], [inputs], backward)
    except (RuntimeError, NotImplementedError, TypeError, ValueError) as error:
        known = any(word in str(error).lower() for word in REFUSALS)
        assert known, f"{case.family}, {case.name} of {kind}: {error}"
        return None
    return Ready(case, kind, function, inputs, expected, backward)


def compare(cases: Sequence[Ready], more: Sequence[Ready], dynamic: bool, options: dict[str, Any]) -> list[str]:
    """Compiles them as one graph, and says what differs. more: the same cases with other shapes, for the same code."""
    try:
        return _compare(cases, more, dynamic, options)
    except Exception as error:
        said = [] if len(cases) > 1 else [f"{cases[0]}: {type(error).__name__}: {error}"]
        if len(cases) > 1:  # one by one shows which it was
            for case in cases:
                said += compare([case], [each for each in more if each.case == case.case], dynamic, options)
        return said or [f"only together, {', '.join(map(str, cases))}: {error}"]


def _compare(cases: Sequence[Ready], more: Sequence[Ready], dynamic: bool, options: dict[str, Any]) -> list[str]:
    torch.compiler.reset()
    functions: list[Any] = [copy.deepcopy(each.function) if each.case.build else each.function for each in cases]
    options = STRICT | options | {name: value for each in cases for name, value in each.case.options.items()}
    graph = torch.compile(together(functions), backend=torch_backend.rung, dynamic=dynamic, options=options)
    said: list[str] = []
    for inputs in (cases, more) if more else (cases,):
        found = run(graph, functions, [each.inputs for each in inputs], cases[0].backward)
        said += [line for each, ours in zip(inputs, found, strict=True) for line in each.difference(ours)]
    return said
