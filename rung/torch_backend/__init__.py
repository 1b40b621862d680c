"""`torch.compile(model, backend="rung")`: Inductor with its Triton back end on CPUs, whose kernels rung compiles."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .decompositions import decompositions
from .rewrites import rewrite
from .settings import settings

if TYPE_CHECKING:
    import torch

__all__ = ["rung"]


def rung(
    graph: torch.fx.GraphModule,
    inputs: Sequence[Any],
    *,
    mode: str | None = None,
    options: Mapping[str, Any] | None = None,
) -> Callable[..., Any]:
    """A function that computes the graph. Dynamo finds it by the entry point `torch_dynamo_backends`.

    mode, options: as for Inductor. Inductor's configuration is changed for this compilation alone, its backward part
    with it, so that another `torch.compile` of the process keeps its own. Raises UsageError for what Inductor does not
    know.
    """
    from torch._inductor.compile_fx import compile_fx

    rewrite(graph)
    configuration = settings(mode, options or {})
    found: Any = compile_fx(graph, inputs, config_patches=configuration, decompositions=decompositions(configuration))
    return found
