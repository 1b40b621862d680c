"""One pool of threads for a graph's kernels and for what ATen computes between them."""

from __future__ import annotations

import ctypes
import functools
from pathlib import Path

from ..runtime import _native


@functools.cache
def _team() -> tuple[int | None, int | None]:
    """The addresses of `GOMP_parallel` and `omp_get_max_threads` of the OpenMP that torch was linked with, or None:
    Linux's packages have it."""
    import torch

    try:
        library = ctypes.CDLL(str(Path(torch.__file__).parent / "lib" / "libtorch_cpu.so"))
        found = (library.GOMP_parallel, library.omp_get_max_threads)
    except (OSError, AttributeError):
        return None, None
    team, most = (ctypes.cast(function, ctypes.c_void_p).value for function in found)
    return team, most


def share(shared: bool = True) -> None:
    """Kernels run on the threads of torch from now on, in the whole process, or on rung's own.

    Behind an operation of ATen its threads spin for a while, on the cores that rung's would compute on: a product took
    twice as long there. `torch.set_num_threads` and `OMP_NUM_THREADS` then hold for kernels, too. Where torch's threads
    cannot be found, nothing changes.
    """
    _native.borrow_threads(*(_team() if shared else (None, None)))
