"""The C runtime under compiled kernels (`_native`): contexts, scratch, the copy engine, the launcher."""

from collections.abc import Generator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from . import _native


def library_path() -> Path:
    """The shared library that holds the functions of `runtime.h`, for `ExecutionEngine(shared_libs=[...])`.

    It is the extension module itself, so that compiled code and Python see one and the same pool.
    """
    return Path(_native.__file__)


def alone_path() -> Path:
    """The library that runs kernels where there is no Python (`alone.h`)."""
    found = find_spec(f"{__name__}._alone")
    assert found is not None and found.origin is not None, "rung was built without it"
    return Path(found.origin)


@contextmanager
def threads_as_before() -> Generator[None]:
    """What borrows threads while the context is open (`backend="rung"` does, for the whole process) gives them back:
    what is measured behind it runs on those that ran what was measured before."""
    before = _native.borrow_threads(None, None)
    _native.borrow_threads(*before)
    try:
        yield
    finally:
        _native.borrow_threads(*before)


def header_path() -> Path:
    """`runtime.h`, for objects that are compiled ahead of time."""
    return Path(__file__).parent / "src" / "runtime.h"
