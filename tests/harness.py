"""Running hand-written modules: `jit(text, passes)` gives a function on NumPy arrays and scalars."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence

import numpy as np
from torch_mlir import ir
from torch_mlir.execution_engine import ExecutionEngine
from torch_mlir.passmanager import PassManager
from torch_mlir.runtime import get_ranked_memref_descriptor

from rung.ir.context import make_context
from rung.passes import Pass, Pipeline

LOWER = ",".join(
    [
        "func.func(scf-forall-to-for)",
        "expand-strided-metadata,lower-affine,canonicalize,cse,loop-invariant-code-motion",
        "arith-expand{include-bf16=true}",
        "convert-vector-to-scf{full-unroll=true},convert-scf-to-cf",
        "convert-math-to-llvm,convert-math-to-libm,expand-strided-metadata,lower-affine,canonicalize,cse",
        "convert-vector-to-llvm,convert-arith-to-llvm,finalize-memref-to-llvm,convert-func-to-llvm",
        "convert-cf-to-llvm,convert-index-to-llvm,convert-ub-to-llvm,reconcile-unrealized-casts",
    ]
)


def bf16(array: np.ndarray) -> np.ndarray:
    """float32 -> the bits of bfloat16, rounded to nearest even."""
    bits = np.ascontiguousarray(array, np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.int16)


def from_bf16(array: np.ndarray) -> np.ndarray:
    return (array.view(np.uint16).astype(np.uint32) << 16).view(np.float32)


def transform(text: str, passes: Sequence[Pass]) -> str:
    """The module after `passes`, verified, as text."""
    with make_context(), ir.Location.unknown():
        module = ir.Module.parse(text)
        Pipeline(tuple(passes)).run(module)
        module.operation.verify()
        return str(module)


def lower(module: ir.Module) -> None:
    """To the llvm dialect, in place."""
    PassManager.parse(f"builtin.module({LOWER})").run(module.operation)


def jit(text: str, passes: Sequence[Pass] = (), function: str = "kernel", opt_level: int = 1) -> Callable[..., None]:
    """The function after `passes`; memref arguments are NumPy arrays (any rank), ints are `index`."""
    with make_context(), ir.Location.unknown():
        module = ir.Module.parse(text)
        for view in module.body.operations:
            op = view.operation
            if op.name == "func.func" and ir.StringAttr(op.attributes["sym_name"]).value == function:
                op.attributes["llvm.emit_c_interface"] = ir.UnitAttr.get()
        Pipeline(tuple(passes)).run(module)
        module.operation.verify()
        lower(module)
        engine = ExecutionEngine(module, opt_level=opt_level)
    pointer = engine.raw_lookup(f"_mlir_ciface_{function}")
    assert pointer, f"there is no function `{function}`"
    packed = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(pointer)

    def call(*arguments: np.ndarray | int | float) -> None:
        slots: list[object] = []
        for argument in arguments:
            if isinstance(argument, np.ndarray):
                slots.append(ctypes.pointer(get_ranked_memref_descriptor(argument)))
            elif isinstance(argument, float):
                slots.append(ctypes.c_float(argument))
            else:
                slots.append(ctypes.c_int64(argument))
        table = (ctypes.c_void_p * len(slots))(*[ctypes.addressof(s) for s in slots])  # pyright: ignore
        packed(ctypes.addressof(table))

    call.engine = engine  # type: ignore[attr-defined]
    return call
