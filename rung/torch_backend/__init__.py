"""`torch.compile(model, backend="rung")`: Inductor with its Triton back end on CPUs, whose kernels rung compiles."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .decompositions import decompositions
from .packages import package
from .rewrites import rewrite
from .settings import may_fall_back, settings

if TYPE_CHECKING:
    import torch

__all__ = ["package", "rung"]


def rung(
    graph: torch.fx.GraphModule,
    inputs: Sequence[Any],
    *,
    mode: str | None = None,
    options: Mapping[str, Any] | None = None,
) -> Callable[..., Any]:
    """A function that computes the graph. Dynamo finds it by the entry point `torch_dynamo_backends`.

    mode, options: as for Inductor, and `fallback` (docs/pytorch.md). Inductor's configuration is changed for this
    compilation alone, its backward part with it, so that another `torch.compile` of the process keeps its own. Raises
    UsageError for what Inductor does not know.
    """
    from torch._inductor.compile_fx import compile_fx

    from .graphs import compiler
    from .registration import register

    register()
    rewrite(graph)
    configuration = settings(mode, options or {})
    inner = compiler(may_fall_back(options or {}))
    own = decompositions(configuration)
    found: Any = compile_fx(graph, inputs, inner_compile=inner, config_patches=configuration, decompositions=own)
    return found
