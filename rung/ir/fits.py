"""Kernels that are right for some launches only: a function of the same arguments says whether they are for one.

func.func private @kernel_fits(%x: memref<?xf32>, %n: i32, %gx: index, %gy: index, %gz: index) -> i1 {rung.fits}
"""

from __future__ import annotations

from torch_mlir import ir
from torch_mlir.dialects import func

from .attributes import FITS
from .pointers import functions


def fits_function(module: ir.Module) -> func.FuncOp | None:
    """The function of a module's one kernel."""
    return next((f for f in functions(module) if FITS in f.operation.attributes), None)
