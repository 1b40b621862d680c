"""The host: compile an `llvm`-stage module in this process and find its entry points."""

from __future__ import annotations

import ctypes
import tempfile
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import torch_mlir
from torch_mlir import ir
from torch_mlir.dialects import llvm
from torch_mlir.execution_engine import ExecutionEngine
from torch_mlir.passmanager import PassManager

from ..errors import RungError
from ..ir.context import make_context
from ..ir.llvm_stage import check_llvm

_LINE_INFO = "ensure-debug-info-scope-on-llvm-func{emission-kind=LineTablesOnly}"


class _Engine(ctypes.Structure):
    _fields_ = [("pointer", ctypes.c_void_p)]


class _StringRef(ctypes.Structure):
    _fields_ = [("data", ctypes.c_char_p), ("length", ctypes.c_size_t)]


@cache
def _c_api() -> ctypes.CDLL:
    """MLIR's C API, as the bindings have loaded it: Python's own lookup finds only packed wrappers."""
    libraries = Path(next(iter(torch_mlir.__path__))) / "_mlir_libs"
    library = ctypes.CDLL(str(next(libraries.glob("libTorchMLIRAggregateCAPI.*"))))
    library.mlirExecutionEngineLookup.restype = ctypes.c_void_p
    library.mlirExecutionEngineLookup.argtypes = [_Engine, _StringRef]
    return library


def _engine(engine: Any) -> _Engine:
    """The C handle inside a Python object."""
    capsule = engine._CAPIPtr
    name, pointer = ctypes.pythonapi.PyCapsule_GetName, ctypes.pythonapi.PyCapsule_GetPointer
    name.restype, name.argtypes = ctypes.c_char_p, [ctypes.py_object]
    pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    return _Engine(pointer(capsule, name(capsule)))


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


class Function(int):
    """The address of a function. Whoever has it has the machine code, too: code goes when nobody can call it."""

    _code: object

    def __new__(cls, address: int, code: object) -> Function:
        function = super().__new__(cls, address)
        function._code = code
        return function


class Jit:
    """A module of the `llvm` stage (or its text or bytecode), compiled; alive as long as this object or an address.

    `opt_level`: of LLVM's IR optimizer, 0 to 3. Instructions are selected, scheduled and allocated with
    optimization at every level, so that 0 is as fast as 3 for what rung emits, vectors or scalars, at half
    the compile time. `shared_libs`: libraries with the runtime's symbols. `line_info`: debuggers and profilers see the
    kernel's file and lines. `compile_ms`: what compilation took.
    """

    def __init__(
        self,
        module: ir.Module | str | bytes,
        *,
        opt_level: int = 0,
        shared_libs: Sequence[str | Path] = (),
        line_info: bool = True,
    ) -> None:
        start = time.perf_counter()
        if isinstance(module, str | bytes):
            module = ir.Module.parse(module, make_context())
        if line_info:
            add_line_info(module)
        with module.context:
            self._engine: Any = ExecutionEngine(
                module, opt_level=opt_level, shared_libs=[str(path) for path in shared_libs]
            )
            self._engine.initialize()
        # Code is generated at the first look-up, all of it.
        for op in module.body.operations:
            if isinstance(op, llvm.LLVMFuncOp) and op.operation.regions[0].blocks and _is_exported(op):
                self.address(op.sym_name.value)
                break
        self.compile_ms = (time.perf_counter() - start) * 1e3

    def address(self, name: str) -> Function:
        """The address of a function, for instance `kernel_packed`. Raises RungError when there is none."""
        found = _c_api().mlirExecutionEngineLookup(_engine(self._engine), _StringRef(name.encode(), len(name.encode())))
        if not found:
            raise RungError(
                f"the compiled module has no function `{name}`, or calls one that nobody defines (named above)"
            )
        return Function(found, self)

    def object_code(self) -> bytes:
        """The compiled object file."""
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "kernel.o"
            self._engine.dump_to_object_file(str(path))
            return path.read_bytes()


def llvm_ir(module: ir.Module) -> str:
    """The text of an `llvm`-stage module as LLVM IR."""
    check_llvm(module)
    return llvm.translate_module_to_llvmir(module.operation)
