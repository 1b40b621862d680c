"""LLVM IR of kernels -> one module per library, and its object or assembly, by llvmlite's LLVM."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import llvmlite.binding as llvm

from ...errors import UsageError
from ...machine import Machine
from ..isa import ISAS
from ..npu.device_code import LLVMLITE, LOCK, initialize
from ..npu.guarded import guarded
from ..npu.older_llvm import adapt
from .elf import undefined


@dataclass(frozen=True)
class Part:
    """One function of a library that launchers call, and all that it calls."""

    ir: str
    """As MLIR's LLVM prints it."""
    packed: str
    """The function, as the IR names it."""
    symbol: str
    """What the library calls it."""


@dataclass(frozen=True)
class Library:
    """What is compiled for a machine."""

    machine: Machine
    ir: str = field(repr=False)
    object_code: bytes = field(repr=False)
    assembly: str = field(repr=False)

    @property
    def undefined(self) -> list[str]:
        """Functions that the program or another library must have."""
        return undefined(self.object_code)


def compile_library(parts: Sequence[Part], entries: str, machine: Machine) -> Library:
    """`entries`: LLVM IR of the functions that C programs call, which call the parts by their symbols.

    Everything else is the object's own. Raises UsageError for what LLVM's back end cannot write.
    """
    with LOCK:
        initialize()
        target = _target(machine)
        whole = _parsed(entries, target, machine)
        for part in parts:
            whole.link_in(_renamed(_parsed(adapt(part.ir), target, machine), part))
        symbols = {part.symbol for part in parts}
        for function in whole.functions:
            # Nothing is thrown: no tables for that, which some ABIs want a library for.
            function.add_function_attribute("nounwind")
            if function.name in symbols:
                function.linkage = llvm.Linkage.internal
        _optimise(whole)
        text = str(whole)
        failure = f"LLVM's back end for {machine.cpu} cannot write this kernel's code. LLVM's words"

        def written(write: Callable[[llvm.ModuleRef], bytes]) -> bytes:
            # Code generation changes the module.
            return guarded((lambda: write(llvm.parse_assembly(text)),), failure, LLVMLITE)

        machine_code = written(target.emit_object)
        assembly = written(lambda module: target.emit_assembly(module).encode()).decode()
        return Library(machine, text, machine_code, assembly)


def check_processor(machine: Machine) -> None:
    """Raises UsageError for a processor or feature that LLVM does not know, and would leave out."""
    isa = machine.isa
    if not isa.triple:
        known = ", ".join(known.name for known in ISAS)
        raise UsageError(f"machine {machine.name} has arch `{machine.arch}`, which is not known: {known}")
    if not machine.cpu:
        raise UsageError(f"machine {machine.name} says nothing of its processor: give LLVM's name in `cpu`")

    def words() -> bytes:
        _target(machine)
        return os.pread(2, 1 << 16, 0)

    with LOCK:
        initialize()
        said = guarded((words,), f"LLVM cannot make code for {machine.name}", LLVMLITE).decode(errors="replace")
    for line in said.splitlines():
        if "is not a recognized" in line:
            what = line.partition(" for this target")[0]
            raise UsageError(
                f"machine {machine.name}: {what} of {machine.arch}; `llc -march=... -mattr=help` lists them"
            )


def _target(machine: Machine) -> llvm.TargetMachine:
    words = [word for word in machine.features if word not in machine.isa.words_of_passes]
    target = llvm.Target.from_triple(machine.isa.triple).create_target_machine(
        cpu=machine.cpu, features=",".join(f"+{word}" for word in words), opt=3, reloc="pic", codemodel="default"
    )
    target.set_asm_verbosity(False)
    return target


def _parsed(text: str, target: llvm.TargetMachine, machine: Machine) -> llvm.ModuleRef:
    try:
        module = llvm.parse_assembly(text)
    except RuntimeError as error:
        raise UsageError(f"LLVM cannot read this kernel for {machine.name}: {error}") from None
    module.triple = machine.isa.triple
    module.data_layout = str(target.target_data)
    return module


def _renamed(module: llvm.ModuleRef, part: Part) -> llvm.ModuleRef:
    """With all functions its own, but the one that is called from outside."""
    for function in module.functions:
        if function.is_declaration:
            continue
        if function.name == part.packed:
            function.name = part.symbol
        else:
            function.linkage = llvm.Linkage.internal
    return module


def _optimise(module: llvm.ModuleRef) -> None:
    """In place. What is scalar stays scalar, and no loop grows behind the vectorizer's back."""
    tuning = llvm.create_pipeline_tuning_options(speed_level=3)
    tuning.loop_vectorization = tuning.slp_vectorization = tuning.loop_unrolling = False
    builder = llvm.create_pass_builder(None, tuning)
    builder.getModulePassManager().run(module, builder)
