"""rung: Triton kernels through upstream MLIR, and what each latency-hiding mechanism is worth.

Compile with `rung.compile_kernel`, describe devices with `rung.Machine` and what to do with `rung.Schedule`.
Names are loaded when they are used: Triton imports the plug-in while it is itself being imported, and `import rung`
must stay cheap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .compile import Executable, compile_kernel, compile_ttir
    from .errors import RungError
    from .machine import Machine, host
    from .schedule import Schedule
    from .tensors import as_tensor

__version__ = "0.1.0"

_HOME = {
    "Executable": "compile",
    "compile_kernel": "compile",
    "compile_ttir": "compile",
    "RungError": "errors",
    "Machine": "machine",
    "host": "machine",
    "Schedule": "schedule",
    "as_tensor": "tensors",
}

__all__ = ["Executable", "Machine", "RungError", "Schedule", "as_tensor", "compile_kernel", "compile_ttir", "host"]


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in _HOME:
        raise AttributeError(f"module `rung` has no attribute `{name}`")
    return getattr(import_module(f".{_HOME[name]}", __name__), name)
