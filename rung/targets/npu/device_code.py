"""One LLVM module for the device: optimised once, then written as assembly or as an object."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import llvmlite.binding as llvm
from llvmlite.binding import ffi

from ...errors import UsageError
from ...forks import free_in_forks
from ...machine import Machine
from ..isa import ISAS
from .guarded import guarded
from .ir_objects import find
from .older_llvm import adapt

LOCK = threading.RLock()
"""llvmlite works in LLVM's global context: one thread at a time."""

LLVMLITE: Any = ffi.lib._lock  # pyright: ignore[reportPrivateUsage]
"""llvmlite's own lock, which any thread takes when it finds garbage of llvmlite's."""

free_in_forks(LOCK)
free_in_forks(LLVMLITE._lock)


@dataclass(frozen=True)
class DeviceCode:
    """What is compiled for the device, and with the same blocks for the host."""

    ir: str
    """Optimised LLVM IR; the blocks of every function are named b0, b1, ..."""
    assembly: str
    machine: Machine
    has_atomics: bool
    """Plain loads and stores in `ir` and `assembly`, where contexts run one after another: LLVM would make loops of
    them that retry, whose turns nobody can know."""
    source: str = field(repr=False)
    literal: bool = False
    """Written block for block, where the back end's usual liberties cannot be followed."""

    def written_literally(self) -> DeviceCode:
        """Other machine code for the same IR, which follows its blocks more closely."""
        with LOCK:
            target = target_machine(self.machine)
            module = _without_tail_calls(self.ir)
            assembly = _written(lambda: target.emit_assembly(module).encode(), self.machine, literal=True)
        return replace(self, assembly=assembly.decode(), literal=True)

    def object_code(self) -> bytes:
        """The object file of the same code, with its atomics."""
        with LOCK:
            target = target_machine(self.machine)
            text = self.ir
            if self.has_atomics:
                whole = llvm.parse_assembly(self.source)
                _optimise(whole, target, self.machine)
                text = str(whole)
            module = _without_tail_calls(text) if self.literal else llvm.parse_assembly(text)
            return _written(lambda: target.emit_object(module), self.machine, self.literal)


def _without_tail_calls(text: str) -> llvm.ModuleRef:
    """For a call at the end of a function, the block that returns would be copied. llvmlite cannot mark calls."""
    return llvm.parse_assembly(text.replace(" tail call ", " call "))


def _written(
    write: Callable[[], bytes],
    machine: Machine,
    literal: bool = False,
    meanwhile: Callable[[], object] | None = None,
) -> bytes:
    """What LLVM's back end writes. Where it fails, it is tried once more under the ISA's switches for that."""

    def under(*options: str) -> Callable[[], bytes]:
        def attempt() -> bytes:
            for option in options:
                llvm.set_option("rung", option)
            return write()

        return attempt

    switches = machine.isa.modelled.switches
    literally = switches.literal if literal else ()
    failure = (
        f"LLVM's back end for {machine.cpu} cannot write this kernel's code; another element type, or vectorize=off "
        "in the schedule, may do. LLVM's words"
    )
    attempts = (under(*literally), under(*literally, *switches.rescue))
    return guarded(attempts, failure, LLVMLITE, meanwhile)


def compile_for_device(text: str, machine: Machine, meanwhile: Callable[[str], object] | None = None) -> DeviceCode:
    """LLVM IR as MLIR prints it -> code for `machine`. `meanwhile` is called on the code's IR while LLVM writes the
    assembly in another process.

    Raises UsageError for code that makes pointers of integers: the same module runs on the host, where they are
    wider; and for code that LLVM's back end cannot write.
    """
    with LOCK:
        target = target_machine(machine)
        source = adapt(text)
        module = llvm.parse_assembly(source)
        found = find(module, source, ("inttoptr", "ptrtoint"))
        if found is not None:
            raise UsageError(
                f"the kernel turns integers into pointers (`{found}`), which `{machine.name}` cannot model; "
                "pass pointers as arguments"
            )
        has_atomics = find(module, source, ("atomicrmw", "cmpxchg")) is not None
        _optimise(module, target, machine, plain_atomics=has_atomics)
        # Code generation changes the module.
        named = str(module)
        other = None if meanwhile is None else lambda: meanwhile(named)
        assembly = _written(lambda: target.emit_assembly(module).encode(), machine, meanwhile=other)
        return DeviceCode(named, assembly.decode(), machine, has_atomics, source)


@cache
def initialize() -> None:
    """Register the back ends and set the options, which are the process's."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    for isa in ISAS:
        for option in isa.device.switches.always if isa.device is not None else ():
            llvm.set_option("rung", option)


def target_machine(machine: Machine) -> llvm.TargetMachine:
    """LLVM's back end for a modelled device."""
    return _target_machine(machine.isa.triple, machine.cpu, machine.features)


@cache
def _target_machine(triple: str, cpu: str, features: tuple[str, ...]) -> llvm.TargetMachine:
    initialize()
    target = llvm.Target.from_triple(triple).create_target_machine(
        cpu=cpu, features=",".join(f"+{feature}" for feature in features), opt=3, reloc="pic", codemodel="default"
    )
    target.set_asm_verbosity(True)
    return target


def _optimise(
    module: llvm.ModuleRef, target: llvm.TargetMachine, machine: Machine, plain_atomics: bool = False
) -> None:
    """In place; the blocks are named, too. plain_atomics: atomic accesses become plain ones."""
    module.triple = machine.isa.triple
    module.data_layout = str(target.target_data)
    # What is scalar stays scalar, and no loop grows behind the vectorizer's back.
    tuning = llvm.create_pipeline_tuning_options(speed_level=3)
    tuning.loop_vectorization = tuning.slp_vectorization = tuning.loop_unrolling = False
    # No target's own passes: Hexagon's reuse of values between iterations fails on a phi with a constant. The code is
    # the same within a packet in a thousand without them.
    builder = llvm.create_pass_builder(None, tuning)
    if plain_atomics:
        lower = llvm.create_new_function_pass_manager()
        lower.add_lower_atomic_pass()
        for function in module.functions:
            if not function.is_declaration:
                lower.run(function, builder)
    builder.getModulePassManager().run(module, builder)
    for function in module.functions:
        for number, block in enumerate(function.blocks):
            block.name = f"rung.{number}"
        for number, block in enumerate(function.blocks):
            block.name = f"b{number}"
