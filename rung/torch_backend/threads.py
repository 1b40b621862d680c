"""One pool of threads for a graph's kernels and for what ATen computes between them."""

from __future__ import annotations

import ctypes
import functools
from pathlib import Path

from ..runtime import _native


@functools.cache
def _team() -> int | None:
    """The address of `GOMP_parallel` of the OpenMP that torch was linked with, or None: Linux's packages have it."""
    import torch

    try:
        library = ctypes.CDLL(str(Path(torch.__file__).parent / "lib" / "libtorch_cpu.so"))
        return ctypes.cast(library.GOMP_parallel, ctypes.c_void_p).value
    except (OSError, AttributeError):
        return None


def share(shared: bool = True) -> None:
    """Kernels run on the threads of torch from now on, in the whole process, or on rung's own.

    Behind an operation of ATen its threads spin for a while, on the cores that rung's would compute on: a product took
    twice as long there. Where torch's threads cannot be found, nothing changes.
    """
    _native.borrow_threads(_team() if shared else None)
