"""The host: object code for this processor, from a module of the `llvm` stage."""

from __future__ import annotations

import os
from typing import Any

from torch_mlir import ir
from torch_mlir.dialects import llvm
from torch_mlir.execution_engine import ExecutionEngine
from torch_mlir.passmanager import PassManager

from ..errors import RungError
from ..ir.context import make_context
from ..ir.llvm_stage import check_llvm
from ..runtime import library_path

_LINE_INFO = "ensure-debug-info-scope-on-llvm-func{emission-kind=LineTablesOnly}"


def _is_exported(function: llvm.LLVMFuncOp) -> bool:
    return "internal" not in str(function.operation.attributes["linkage"])


def add_line_info(module: ir.Module) -> bool:
    """DWARF's table of lines, from the locations of the operations.

    MLIR makes a scope for every function, and LLVM wants a line for every call in one: a module in which a call has
    none loses all its locations, and the result is False.
    """
    with module.context:
        try:
            PassManager.parse(f"builtin.module({_LINE_INFO})").run(module.operation)
            return True
        except ir.MLIRError:
            PassManager.parse("builtin.module(strip-debuginfo)").run(module.operation)
            return False


def object_code(module: ir.Module | str | bytes, *, opt_level: int = 0, line_info: bool = True) -> bytes:
    """The object file (ELF, relocatable) of a module of the `llvm` stage, or of its text or bytecode.

    `opt_level`: of LLVM's IR optimizer, 0 to 3. Instructions are selected, scheduled and allocated with
    optimization at every level, so that 0 is as fast as 3 for what rung emits, vectors or scalars, at half
    the compile time. `line_info`: debuggers and profilers see the kernel's file and lines.
    """
    if isinstance(module, str | bytes):
        module = ir.Module.parse(module, make_context())
    if line_info:
        add_line_info(module)
    exported = next(
        (
            op.sym_name.value
            for op in module.body.operations
            if isinstance(op, llvm.LLVMFuncOp) and op.operation.regions[0].blocks and _is_exported(op)
        ),
        None,
    )
    if exported is None:
        raise RungError("a module without an exported function has no code that could be called")
    # MLIR gives object code only as a by-product of linking it into the process, which it does at the first look-up.
    # It writes a file, which is in memory: no disk that is full keeps a kernel from being compiled.
    with module.context, os.fdopen(os.memfd_create("kernel.o"), "rb") as file:
        engine: Any = ExecutionEngine(module, opt_level=opt_level, shared_libs=[str(library_path())])
        engine.raw_lookup(exported)
        engine.dump_to_object_file(f"/proc/self/fd/{file.fileno()}")
        found = file.read()
    if not found:
        raise RungError("LLVM gave no code for the module, for the reason that it has printed above")
    return found


def llvm_ir(module: ir.Module) -> str:
    """The text of an `llvm`-stage module as LLVM IR."""
    check_llvm(module)
    return llvm.translate_module_to_llvmir(module.operation)
