"""What `mode=` and `options=` of `torch.compile` come to, as Inductor's configuration."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, get_origin

from ..errors import UsageError

OURS = {"cpu_backend": "triton"}
"""Kernels for CPUs are written in Triton, and neither in C++ nor for Halide."""

DEFAULTS = {
    # Of one pixel, channels last: what follows is computed in the product.
    "conv_1x1_as_mm": True,
    # The template of a convolution with a bias, and the code that times templates with their epilogues, are for GPUs:
    # what Inductor writes for a CPU does not run.
    "max_autotune_conv_backends": "ATEN",
    "benchmark_epilogue_fusion": False,
}
"""Unless somebody asks for something else."""


def settings(mode: str | None, options: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of `torch._inductor.config` by name. Raises UsageError for what Inductor does not know."""
    return {**DEFAULTS, **_of_mode(mode), **_checked(options), **OURS}


def _of_mode(mode: str | None) -> dict[str, Any]:
    from torch._inductor import list_mode_options

    known: dict[str, dict[str, Any]] = list_mode_options()
    if mode is None or mode == "default":
        return {}
    if mode not in known:
        raise UsageError(f"mode is `{mode}`; one of: {', '.join(['default', *sorted(set(known) - {'default'})])}")
    # Graphs of launches are CUDA's.
    return {name: value for name, value in known[mode].items() if name != "triton.cudagraphs"}


def _checked(options: Mapping[str, Any]) -> dict[str, Any]:
    import torch._inductor.config

    config: Any = torch._inductor.config  # a module that makes its functions as it is imported
    known: dict[str, Any] = config.get_config_copy()
    checked: dict[str, Any] = {}
    for given, value in options.items():
        name = given.replace("-", "_")
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean `{near[0]}`?" if near else ""
            raise UsageError(f"Inductor has no option `{given}`{hint}")
        if name in OURS and value != OURS[name]:
            raise UsageError(f'`{given}` is {OURS[name]!r} with backend="rung"; leave it out')
        kind = config.get_type(name)
        if get_origin(kind) is None and isinstance(kind, type) and not isinstance(value, kind):
            raise UsageError(f"option `{given}` is {value!r}; a value of type {kind.__name__}")
        checked[name] = value
    return checked
