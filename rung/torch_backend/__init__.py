"""`torch.compile(model, backend="rung")`: Inductor with its Triton back end on CPUs, whose kernels rung compiles."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .decompositions import decompositions
from .handler import asked, make
from .layout import channels_last
from .packages import package
from .rewrites import rewrite
from .settings import may_fall_back, settings
from .threads import share

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
    from torch._inductor import config
    from torch._inductor.compile_fx import compile_fx

    from .graphs import compiler
    from .registration import register

    register()
    share()
    rewrite(graph)
    configuration = {
        "layout_optimization": channels_last(graph),
        **settings(mode, options or {}),
        "inductor_choices_class": make,
    }
    found: Any = compile_fx(
        graph,
        inputs,
        inner_compile=asked(compiler(may_fall_back(options or {})), config.inductor_choices_class),
        config_patches=configuration,
        decompositions=decompositions(configuration),
    )
    return found
