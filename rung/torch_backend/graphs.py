"""One graph of AOTAutograd's, forward or backward, compiled by Inductor as often as it takes."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import torch

from .fallback import compile_with_fallback
from .first_calls import alone


def compiler(fallback: bool) -> Callable[..., Any]:
    """What Inductor compiles a graph with. fallback: whether parts of it may come to run in ATen."""

    def compile_graph(graph: torch.fx.GraphModule, inputs: Sequence[Any], *positional: Any, **keywords: Any) -> Any:
        from torch._inductor.compile_fx import compile_fx_inner

        saved = _Saved.of(graph)

        def graphs() -> Iterator[torch.fx.GraphModule]:
            yield graph
            while True:
                yield saved.build()

        given = graphs()
        return alone(
            compile_with_fallback(lambda: compile_fx_inner(next(given), inputs, *positional, **keywords), fallback)
        )

    return compile_graph


@dataclass(frozen=True)
class _Saved:
    """A graph as it was given: Inductor's passes rewrite what they compile, and delete what they have folded."""

    nodes: torch.fx.Graph
    attributes: dict[str, Any]
    """Parameters, which are not copied, and the bodies of loops and branches."""
    meta: dict[str, Any]

    @staticmethod
    def of(graph: torch.fx.GraphModule) -> _Saved:
        named = {node.target for node in graph.graph.nodes if node.op in ("get_attr", "call_module")}
        values: dict[str, Any] = {str(name): attrgetter(str(name))(graph) for name in named}
        parts = {n: _Saved.of(v) if isinstance(v, torch.fx.GraphModule) else v for n, v in values.items()}
        return _Saved(copy.deepcopy(graph.graph), parts, dict(graph.meta))

    def build(self) -> torch.fx.GraphModule:
        parts = {n: value.build() if isinstance(value, _Saved) else value for n, value in self.attributes.items()}
        made = torch.fx.GraphModule(parts, copy.deepcopy(self.nodes))
        made.meta.update(self.meta)
        return made
