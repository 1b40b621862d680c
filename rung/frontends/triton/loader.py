"""Kernels from the user's Python files: `path/file.py::name`."""

from __future__ import annotations

import importlib.util
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from ...errors import UsageError


def load_kernel(spec: str) -> Any:
    """The JITFunction that `path/file.py::name` names; the file is executed.

    The name may be left out where the file has one kernel. Decorators like `@triton.autotune` are removed.
    """
    path_text, _, name = spec.partition("::")
    path = Path(path_text)
    if not path.is_file():
        raise UsageError(f"there is no file `{path_text}`; give a kernel as path/file.py::name")
    module = execute_file(path)
    kernels = _kernels(module)
    if not name and len(kernels) == 1:
        return next(iter(kernels.values()))
    if name in kernels:
        return kernels[name]
    listed = f"its kernels: {', '.join(kernels)}" if kernels else "it has no @triton.jit function"
    if not name:
        raise UsageError(f"`{spec}` does not name a kernel; give {path_text}::name; {listed}")
    if hasattr(module, name):
        raise UsageError(f"`{name}` in {path_text} is not a @triton.jit function; {listed}")
    raise UsageError(f"there is no `{name}` in {path_text}; {listed}")


def load_function(spec: str) -> Callable[..., Any]:
    """The Python function that `path/file.py::name` names; the file is executed."""
    path_text, _, name = spec.partition("::")
    path = Path(path_text)
    if not name or not path.is_file():
        why = f"there is no file `{path_text}`" if name else f"`{spec}` names no function"
        raise UsageError(f"{why}; give a function as path/file.py::name")
    found = getattr(execute_file(path), name, None)
    if not callable(found):
        raise UsageError(f"there is no function `{name}` in {path_text}")
    return found


def execute_file(path: Path) -> ModuleType:
    """The module that a file of the user's is. Raises UsageError that names the line at which it fails."""
    name = f"rung_user_file_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UsageError(f"`{path}` is not a Python file")
    module = importlib.util.module_from_spec(spec)
    folder = str(path.resolve().parent)
    sys.modules[name] = module
    sys.path.insert(0, folder)  # the file may import its neighbours
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        own = [f for f in traceback.extract_tb(error.__traceback__) if Path(f.filename) == path.resolve()]
        line = f", line {own[-1].lineno}" if own else ""
        raise UsageError(f"cannot import {path}{line}: {type(error).__name__}: {error}") from error
    finally:
        sys.path.remove(folder)
    return module


def _kernels(module: ModuleType) -> dict[str, Any]:
    """The JITFunctions that the file itself defines, by name."""
    from triton.runtime.jit import JITFunction, KernelInterface

    found: dict[str, Any] = {}
    for name, value in vars(module).items():
        while isinstance(value, KernelInterface) and not isinstance(value, JITFunction):
            value = cast(Any, value).fn  # an Autotuner or Heuristics wraps it
        if isinstance(value, JITFunction) and value.__module__ == module.__name__:
            found[name] = value
    return found
