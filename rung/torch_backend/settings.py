"""What `mode=` and `options=` of `torch.compile` come to, as Inductor's configuration."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Mapping
from typing import Any, get_origin

from ..errors import UsageError

OURS = {"cpu_backend": "triton"}
"""Kernels for CPUs are written in Triton, and neither in C++ nor for Halide."""

OWN = ("fallback", "attention")
"""Options that are rung's, True unless somebody says False: whether what cannot be compiled may run in ATen, and
whether attention may be a kernel of ours."""

DEFAULTS = {
    # Of one pixel, channels last: what follows is computed in the product.
    "conv_1x1_as_mm": True,
    # The template of a convolution with a bias, and the code that times templates with their epilogues, are for GPUs:
    # what Inductor writes for a CPU does not run.
    "max_autotune_conv_backends": "ATEN",
    "benchmark_epilogue_fusion": False,
}
"""Unless somebody asks for something else."""

IN_CPP = {
    # The kernels' code is a part of the source, and has to be there when that is written.
    "triton.autotune_at_compile_time": True,
    # Inductor's key of what it has compiled knows nothing of the processor that the code is for.
    "fx_graph_cache": False,
    # The wrapper holds no arithmetic, and should be able to say that the kernels are for another processor.
    "cpp.march": "",
    "cpp.simdlen": 1,  # of which no processor has vectors
}
"""With `cpp_wrapper`, besides."""


_PRINTED = 10
"""Lines of a table of choices, where neither options nor Inductor's configuration or environment say how many."""


def settings(mode: str | None, options: Mapping[str, Any], *, in_cpp: bool = False) -> dict[str, Any]:
    """Fields of `torch._inductor.config` by name; in_cpp: whatever the options say. Raises UsageError for what Inductor
    does not know."""
    from .attention_pass import OwnAttention
    from .fallback import MarkNodes

    if options.get("freezing") and not in_cpp and not _config().freezing:
        raise UsageError(
            "option `freezing` comes too late, since Dynamo has traced the graph by now; set "
            "torch._inductor.config.freezing = True before the first call"
        )
    allowed, attention = (_own(options, name) for name in OWN)
    options = {name: value for name, value in options.items() if name not in OWN}
    found = {**DEFAULTS, **_silence(), **_of_mode(mode), **_checked(options), **OURS}
    passes = [*_passes(found), MarkNodes(allowed), *([OwnAttention()] if attention else [])]
    if in_cpp or found.get("cpp_wrapper"):
        from .cpp_wrapper import SaveNoKernels

        found |= IN_CPP
        passes.append(SaveNoKernels())
    found["post_grad_custom_post_pass"] = passes
    if logging.getLogger("rung.torch_backend.report").isEnabledFor(logging.INFO):
        from .report import Report

        found.setdefault("_post_fusion_custom_pass", _config()._post_fusion_custom_pass or Report())
        found["fx_graph_cache"] = False  # what is taken from a cache would not be told of
    return found


def _silence() -> dict[str, Any]:
    """Inductor prints a table of what it has timed for every product. Not where nobody has said how long it may be."""
    return {"autotune_num_choices_displayed": 0} if _config().autotune_num_choices_displayed == _PRINTED else {}


def may_fall_back(options: Mapping[str, Any]) -> bool:
    """Whether what cannot be compiled may run in ATen."""
    return _own(options, "fallback")


def _own(options: Mapping[str, Any], name: str) -> bool:
    value = options.get(name, True)
    if not isinstance(value, bool):
        raise UsageError(f"option `{name}` is {value!r}; a value of type bool")
    return value


def _passes(configuration: Mapping[str, Any]) -> list[Any]:
    """The user's last passes, of the options or of the process."""
    given: Any = configuration.get("post_grad_custom_post_pass", _config().post_grad_custom_post_pass)
    return [*given] if isinstance(given, list | tuple) else [] if given is None else [given]


def _of_mode(mode: str | None) -> dict[str, Any]:
    from torch._inductor import list_mode_options

    known: dict[str, dict[str, Any]] = list_mode_options()
    if mode is None or mode == "default":
        return {}
    if mode not in known:
        raise UsageError(f"mode is `{mode}`; one of: {', '.join(['default', *sorted(set(known) - {'default'})])}")
    # Graphs of launches are CUDA's.
    return {name: value for name, value in known[mode].items() if name != "triton.cudagraphs"}


def _config() -> Any:
    import torch._inductor.config

    return torch._inductor.config  # a module that makes its functions as it is imported


def _checked(options: Mapping[str, Any]) -> dict[str, Any]:
    config = _config()
    known: dict[str, Any] = config.get_config_copy()
    checked: dict[str, Any] = {}
    for given, value in options.items():
        name = given.replace("-", "_")
        if name not in known:
            near = difflib.get_close_matches(name, [*known, *OWN], n=1)
            hint = f"; did you mean `{near[0]}`?" if near else ""
            raise UsageError(f"Inductor has no option `{given}`{hint}")
        if name in OURS and value != OURS[name]:
            raise UsageError(f'`{given}` is {OURS[name]!r} with backend="rung"; leave it out')
        kind = config.get_type(name)
        if get_origin(kind) is None and isinstance(kind, type) and not isinstance(value, kind):
            raise UsageError(f"option `{given}` is {value!r}; a value of type {kind.__name__}")
        checked[name] = value
    return checked
