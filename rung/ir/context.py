"""MLIR contexts as rung uses them."""

from __future__ import annotations

from torch_mlir import ir


def make_context() -> ir.Context:
    """A context for one compilation. Single-threaded: kernels are small, and a thread pool per context costs more."""
    context = ir.Context()
    context.enable_multithreading(False)
    # Triton's ops arrive unregistered; the front end converts every one of them or refuses.
    context.allow_unregistered_dialects = True
    return context
