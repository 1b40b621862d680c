"""One graph of AOTAutograd's, forward or backward, compiled by Inductor as often as it takes."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from .fallback import compile_with_fallback

if TYPE_CHECKING:
    import torch


def compiler(fallback: bool) -> Callable[..., Any]:
    """What Inductor compiles a graph with. fallback: whether parts of it may come to run in ATen."""

    def compile_graph(graph: torch.fx.GraphModule, inputs: Sequence[Any], *positional: Any, **keywords: Any) -> Any:
        from torch._inductor.compile_fx import compile_fx_inner

        untouched: torch.fx.GraphModule | None = _copy(graph)
        first = True

        def attempt() -> Any:
            nonlocal first
            given, first = graph if first else _copy(untouched), False
            return compile_fx_inner(given, inputs, *positional, **keywords)

        return compile_with_fallback(attempt, fallback)

    return compile_graph


def _copy(graph: Any) -> Any:
    """With nodes of its own, and the same parameters: Inductor's passes rewrite what they compile."""
    import torch

    nodes = copy.copy(graph.graph) if not isinstance(graph, torch.fx.GraphModule) else copy.deepcopy(graph.graph)
    made = torch.fx.GraphModule(graph, nodes)
    made.meta.update(graph.meta)
    for name, part in graph.named_children():
        if isinstance(part, torch.fx.GraphModule):
            setattr(made, name, _copy(part))
    return made
