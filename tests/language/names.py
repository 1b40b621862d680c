"""The public names of Triton's language, as the installed Triton has them."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import triton.language as tl
from triton.language import core
from triton.language.extra import cuda, hip, libdevice

UNREACHED = {f"tensor.__r{name}__" for name in ("eq", "ne", "lt", "le", "gt", "ge")}
"""Python has no reflected comparisons: nothing calls these."""
MODULES = {"extra", "math", "target_info"}
"""Members of `tl` whose own members count."""


def _functions(module: ModuleType) -> list[str]:
    """Functions that are a module's, or its submodules'."""
    return [
        name
        for name, value in vars(module).items()
        if callable(value) and not name.startswith("_") and getattr(value, "__module__", "").startswith(module.__name__)
    ]


def _methods(kind: type[Any]) -> list[str]:
    """What kernels call of a value, and its operators."""
    return [
        name
        for name, value in vars(kind).items()
        if getattr(value, "__triton_builtin__", False)
        or (not name.startswith("_") and (callable(value) or name == "T"))
    ]


def public_names() -> set[str]:
    names = {f"tl.{name}" for name in tl.__all__ if name not in MODULES}
    names |= {f"tl.math.{name}" for name in _functions(tl.math)}
    names |= {f"tl.target_info.{name}" for name in _functions(tl.target_info)}
    names |= {f"tensor.{name}" for name in _methods(core.tensor)} - UNREACHED
    names |= {f"tensor_descriptor.{name}" for name in _methods(core.tensor_descriptor_base) if not name.startswith("_")}
    names |= {f"libdevice.{name}" for name in _functions(libdevice)}
    names |= {f"tl.extra.cuda.{name}" for name in _functions(cuda)} | {
        f"tl.extra.hip.{name}" for name in _functions(hip)
    }
    return names
