"""The C runtime under compiled kernels (`_native`): contexts, scratch, the copy engine, the launcher."""

from pathlib import Path

from . import _native


def library_path() -> Path:
    """The shared library that holds the functions of `runtime.h`, for `ExecutionEngine(shared_libs=[...])`.

    It is the extension module itself, so that compiled code and Python see one and the same pool.
    """
    return Path(_native.__file__)


def header_path() -> Path:
    """`runtime.h`, for objects that are compiled ahead of time."""
    return Path(__file__).parent / "src" / "runtime.h"
