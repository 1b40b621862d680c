"""Object code for one fixed processor, x86-64-v3, whichever compiles it."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch_mlir import ir
from torch_mlir.dialects import llvm

from rung import machine
from rung.compile import Compiled, generate_code, lower_kernel
from rung.frontends.triton.signature import signature_from_text
from rung.ir.context import compiler_context
from rung.ir.symbols import entry_point
from rung.passes import Observer
from rung.schedule import Schedule

_FILE = Path(__file__).with_name("x86-64-v3.toml")
MACHINE = machine.parse(_FILE.read_text(), str(_FILE))
SCHEDULE = Schedule(threads=1)
_TYPES = {
    "torch.float32": "fp32",
    "torch.float16": "fp16",
    "torch.bfloat16": "bf16",
    "torch.int8": "i8",
    "torch.int32": "i32",
    "torch.int64": "i64",
}


@dataclass(frozen=True)
class Object:
    """entry: the symbol that takes slots. functions: those that rung made, which are all that may be counted."""

    code: bytes
    entry: str
    functions: frozenset[str]


def signature_text(args: tuple[Any, ...]) -> str:
    """As Triton specialises a launch: what is a multiple of 16, and what is 1."""
    return ", ".join(map(_entry, args))


def _entry(value: Any) -> str:
    if hasattr(value, "dtype"):
        return f"*{_TYPES[str(value.dtype)]}:16"
    if isinstance(value, float):
        return "fp32"
    return "i32:1" if value == 1 else "i32:16" if value % 16 == 0 else "i32"


def lowered(
    kernel: Any, args: tuple[Any, ...], constants: Mapping[str, object], observers: tuple[Observer, ...] = ()
) -> Compiled:
    """A kernel down to stage `llvm`."""
    parsed = signature_from_text(signature_text(args), kernel, constants)
    return lower_kernel(
        kernel,
        parsed.signature,
        parsed.constexprs,
        attrs=parsed.attrs,
        machine=MACHINE,
        schedule=SCHEDULE,
        observers=observers,
    )


def object_code(compiled: Compiled) -> Object:
    """LLVM generates code for the processor that runs it, unless a function says which one it is for."""
    context, lock = compiler_context()
    with lock, context:
        module = ir.Module.parse(compiled.binary, context)
        functions = [op for op in module.body.operations if isinstance(op, llvm.LLVMFuncOp) and op.regions[0].blocks]
        # Any feature keeps LLVM from adding those of the processor at hand; those of `cpu` come with its name.
        features = ir.Attribute.parse('#llvm.target_features<["+avx2"]>')
        for function in functions:
            function.attributes["target_cpu"] = ir.StringAttr.get(MACHINE.cpu)
            function.attributes["target_features"] = features
        names = frozenset(function.sym_name.value for function in functions)
        entry, binary = entry_point(module), io.BytesIO()
        module.operation.write_bytecode(binary)
    # It is loaded here, too, but never run.
    code = generate_code(replace(compiled, binary=binary.getvalue()), MACHINE).object_code()
    return Object(code, entry, names)
