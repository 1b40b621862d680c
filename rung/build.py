"""Kernels + signatures + Machine + Schedule -> a library for programs without Python: what `rung build` writes."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from .abi import packed_symbol
from .compile import Compiled, compile_ttir, lower_kernel
from .errors import UsageError
from .frontends.triton import reach
from .frontends.triton.capture import import_ttir
from .frontends.triton.signature import Signature
from .ir.context import compiler_context
from .ir.symbols import entry_point
from .machine import Machine
from .schedule import Schedule
from .targets.ahead.code import Library, Part, compile_library
from .targets.ahead.entry import Dispatch, Entry, entries_ir, kinds_of
from .targets.ahead.header import Parameter, Prototype, header
from .targets.ahead.toolchain import RUNTIME, Tools, archive, runtime_file
from .targets.host import llvm_ir

_RUNTIME = """
    rung_launch rung_fork rung_fork_for rung_has_failed rung_assert_failed rung_leave
    rung_arena_enter rung_arena_exit rung_dma_start rung_dma_wait
"""
RUNTIME_SYMBOLS = frozenset(_RUNTIME.split())
"""What rung_runtime.c has for kernels."""
MEMORY_SYMBOLS = frozenset(("memcpy", "memmove", "memset"))
"""What LLVM may call anywhere, of a C library or not."""
MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Request:
    """One function to build."""

    kernel: Any
    text: str
    """The signature as it was given."""
    signature: Signature


@dataclass
class Built:
    request: Request
    entry: Entry
    prototype: Prototype
    compiled: Compiled
    parts: list[Part] = field(default_factory=list[Part])


def build(requests: Sequence[Request], machine: Machine, schedule: Schedule, freestanding: bool = False) -> Product:
    """Compiles all requests into one library. Raises UsageError for what the target cannot have."""
    totals = Counter(request.kernel.__name__ for request in requests)
    seen: Counter[str] = Counter()
    built: list[Built] = []
    for request in requests:
        plain = request.kernel.__name__
        seen[plain] += 1
        name = plain if totals[plain] == 1 else f"{plain}_{seen[plain]}"
        built.append(_build(request, name, machine, schedule))
    dispatches = _dispatches(built)
    entries = entries_ir([each.entry for each in built], [dispatch for dispatch, _ in dispatches])
    library = compile_library([part for each in built for part in each.parts], entries, machine)
    needs = sorted(set(library.undefined) - RUNTIME_SYMBOLS - MEMORY_SYMBOLS)
    _check_needs(needs, machine, freestanding)
    prototypes = [each.prototype for each in built] + [prototype for _, prototype in dispatches]
    return Product(library, machine, schedule, built, prototypes, needs, freestanding)


def _build(request: Request, name: str, machine: Machine, schedule: Schedule) -> Built:
    signature = request.signature
    compiled = lower_kernel(
        request.kernel,
        signature.signature,
        signature.constexprs,
        machine=machine,
        schedule=schedule,
        attrs=signature.attrs,
    )
    facts = compiled.metadata
    names = [n for n in signature.signature if n not in signature.constexprs]
    types = [str(signature.signature[n]) for n in names]
    careful: Compiled | None = None
    if facts["fits"] or facts["assumed"]:
        settings = {key: facts[key] for key in ("fuse", "cooperative")}
        text = compiled.stages["ttir"]
        careful = compile_ttir(text, machine=machine, schedule=schedule, distinct=False, fits=False, **settings)
    pairs = [(int(a), int(b)) for a, b in facts["assumed"]]
    positions = {path[0] for path in signature.attrs}
    all_names = list(signature.signature)
    multiples = [k for k, n in enumerate(names) if all_names.index(n) in positions]
    entry = Entry(name, kinds_of(types), f"{name}.usual", f"{name}.careful" if careful else None, pairs, multiples)
    parts = [_part(compiled, entry.usual)]
    if careful is not None and entry.careful is not None:
        parts.append(_part(careful, entry.careful))
    written = _written(compiled.stages["ttir"])
    parameters = [
        Parameter(n, kind, k in written, k in multiples) for k, (n, kind) in enumerate(zip(names, types, strict=True))
    ]
    fixed = ", ".join(f"{key}={value}" for key, value in signature.constexprs.items())
    about = (f"Kernel {request.kernel.__name__}{f', {fixed}' if fixed else ''}, for {machine.name}.",)
    return Built(request, entry, Prototype(name, parameters, about), compiled, parts)


def _written(ttir: str) -> set[int]:
    """Numbers of the arguments through which a kernel may write."""
    context, lock = compiler_context()
    with lock:
        return set(reach.written(import_ttir(ttir, context)))


def _part(compiled: Compiled, symbol: str) -> Part:
    from torch_mlir import ir

    context, lock = compiler_context()
    with lock:
        module = ir.Module.parse(compiled.binary, context)
        return Part(llvm_ir(module), entry_point(module), symbol)


def _dispatches(built: Sequence[Built]) -> list[tuple[Dispatch, Prototype]]:
    """One function for each kernel with several signatures of the same C types."""
    by_kernel: dict[str, list[Built]] = {}
    for each in built:
        by_kernel.setdefault(each.request.kernel.__name__, []).append(each)
    found: list[tuple[Dispatch, Prototype]] = []
    for name, several in by_kernel.items():
        types = {tuple(p.type for p in each.prototype.parameters) for each in several}
        if len(several) < 2 or len(types) > 1:
            continue
        parameters = [replace(p, is_multiple=False) for p in several[0].prototype.parameters]
        choices = ", ".join(each.entry.name for each in several)
        about = (f"The first of {choices} that takes", "arguments aligned as these are; RUNG_UNFIT where none does.")
        found.append((Dispatch(name, [each.entry for each in several]), Prototype(name, parameters, about)))
    return found


def _check_needs(needs: Sequence[str], machine: Machine, freestanding: bool) -> None:
    runtime = [name for name in needs if name.startswith("rung_")]
    if runtime:
        what = {
            "rung_run_programs": "its programs wait for one another",
            "rung_yield": "its programs wait for one another",
            "rung_print": "it prints (tl.device_print)",
        }.get(runtime[0], f"it calls {runtime[0]}")
        raise UsageError(f"the kernel cannot be built for {machine.name}: {what}, which the C runtime has no means for")
    # The compiler's own helpers, such as divisions where the processor has none, come with any compiler.
    library = [name for name in needs if not name.startswith("__")]
    if library and freestanding:
        raise UsageError(
            f"the kernel calls {', '.join(library)} of a C library on {machine.name}, which --freestanding excludes; "
            "leave the option out, or turn vectorize on in the schedule"
        )


@dataclass(frozen=True)
class Product:
    """A library, whole and in memory."""

    library: Library
    machine: Machine
    schedule: Schedule
    built: Sequence[Built]
    prototypes: Sequence[Prototype]
    needs: Sequence[str]
    """Functions of the target's own libraries that it calls."""
    freestanding: bool

    def write(self, folder: Path, name: str, tools: Tools | None) -> None:
        """All files into a folder that is empty. tools: for the static library; None: the runtime stays source."""
        (folder / f"{name}.o").write_bytes(self.library.object_code)
        (folder / f"{name}.h").write_text(header(f"RUNG_{name.upper()}_H", self.prototypes))
        for file in RUNTIME:
            (folder / file).write_text(runtime_file(file))
        if tools is not None:
            archive(tools, folder, [f"{name}.o"], f"lib{name}.a", self.freestanding)
        (folder / MANIFEST).write_text(json.dumps(self.manifest(name, tools), indent=1) + "\n")

    def manifest(self, name: str, tools: Tools | None) -> dict[str, Any]:
        """What was built of what."""
        files = [f"{name}.o", f"{name}.h", *RUNTIME, *([f"lib{name}.a"] if tools else []), MANIFEST]
        return {
            "rung": version("rung"),
            "versions": {package: version(package) for package in ("torch-mlir", "triton", "llvmlite")},
            "machine": self.machine.name,
            "machine_hash": self.machine.hash,
            "triple": self.machine.isa.triple,
            "cpu": self.machine.cpu,
            "features": list(self.machine.features),
            "schedule": str(self.schedule),
            "freestanding": self.freestanding,
            "object_bytes": len(self.library.object_code),
            "needs": list(self.needs),
            "files": files,
            "functions": [
                {
                    "name": each.entry.name,
                    "kernel": each.request.kernel.__name__,
                    "signature": each.request.text,
                    "constexprs": {str(key): str(value) for key, value in each.request.signature.constexprs.items()},
                    "arguments": [
                        {"name": p.name, "type": p.type, "written": p.is_written} for p in each.prototype.parameters
                    ],
                    "packed": packed_symbol(each.compiled.metadata["name"]),
                }
                for each in self.built
            ],
        }


def known(folder: Path) -> list[str] | None:
    """The files of an earlier build; None of any other folder."""
    try:
        found = json.loads((folder / MANIFEST).read_text())
        return [str(name) for name in found["files"]] if "functions" in found else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
