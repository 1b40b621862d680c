"""MLIR contexts as rung uses them."""

from __future__ import annotations

from functools import cache
from threading import RLock

from torch_mlir import ir

from ..forks import COMPILER


def make_context() -> ir.Context:
    """A new context. Single-threaded: kernels are small, and a thread pool per context costs more."""
    context = ir.Context()
    context.enable_multithreading(False)
    # Triton's ops arrive unregistered; the front end converts every one of them or refuses.
    context.allow_unregistered_dialects = True
    return context


@cache
def _context() -> ir.Context:
    return make_context()


def compiler_context() -> tuple[ir.Context, RLock]:
    """The process's context for compiling, and the lock to hold while using it.

    Making a context costs as much as compiling a small kernel: registering all dialects takes about 10 ms.
    """
    with COMPILER:
        return _context(), COMPILER
