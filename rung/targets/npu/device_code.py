"""One LLVM module for the device: optimised once, then written as assembly or as an object."""

from __future__ import annotations

import re
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
from .guarded import guarded
from .older_llvm import adapt

TRIPLE = "hexagon-unknown-linux-musl"
LOCK = threading.RLock()
"""llvmlite works in LLVM's global context: one thread at a time."""

_LLVMLITE: Any = ffi.lib._lock  # pyright: ignore[reportPrivateUsage]
"""llvmlite's own lock, which any thread takes when it finds garbage of llvmlite's."""

free_in_forks(LOCK)
free_in_forks(_LLVMLITE._lock)

_EXACT_MAPPING = (
    "-enable-pipeliner=false",
    "-disable-tail-duplicate",
    "-disable-early-taildup",
    "-tail-dup-placement=false",
    "-disable-block-placement",
    "-jump-is-expensive=true",
    "-enable-tail-merge=false",
    "-hexagon-eif=false",
    "-disable-hexagon-loop-align",
)
"""Switches of code generation that would duplicate or merge blocks, so that executions could not be told from the
IR's. Without the software pipeliner, scalar reductions are about 1.5 times dearer than they need be."""

_AS_WRITTEN = ("-disable-loop-idiom-all",)
"""A scalar loop that copies stays one: as a call of `memcpy` it would move vectors, and not pay for DRAM by element."""

_NO_REARRANGEMENT = "-hexagon-vector-combine=false"

_LITERAL = (
    "-hexagon-initial-cfg-cleanup=false",
    "-disable-ifcvt-simple",
    "-disable-ifcvt-simple-false",
    "-disable-ifcvt-triangle",
    "-disable-ifcvt-triangle-rev",
    "-disable-ifcvt-triangle-false",
    "-disable-ifcvt-diamond",
    "-disable-ifcvt-forked-diamond",
)
"""Also without what makes good code and may change blocks: clean-up of branches, code under a predicate in place of a
branch, which copies a block that several lead to. Scalar branches become dearer."""

_TAIL = re.compile(r"\btail call\b")
# Words that begin with @ are symbols, which may be spelt as instructions are.
_ATOMIC = re.compile(r"^\s.*(?<!@)\b(?:atomicrmw|cmpxchg)\b", re.MULTILINE)
_FROM_INTEGER = re.compile(r"^.*(?<!@)\b(?:inttoptr|ptrtoint)\b.*$", re.MULTILINE)


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
            target = _target_machine(self.machine.cpu, self.machine.features)
            module = _without_tail_calls(self.ir)
            assembly = _written(lambda: target.emit_assembly(module).encode(), self.machine, literal=True)
        return replace(self, assembly=assembly.decode(), literal=True)

    def object_code(self) -> bytes:
        """The object file of the same code, with its atomics."""
        with LOCK:
            target = _target_machine(self.machine.cpu, self.machine.features)
            text = str(_optimised(self.source, target)) if self.has_atomics else self.ir
            module = _without_tail_calls(text) if self.literal else llvm.parse_assembly(text)
            return _written(lambda: target.emit_object(module), self.machine, self.literal)


def _without_tail_calls(text: str) -> llvm.ModuleRef:
    """For a call at the end of a function, the block that returns would be copied."""
    return llvm.parse_assembly(_TAIL.sub("call", text))


def _written(
    write: Callable[[], bytes],
    machine: Machine,
    literal: bool = False,
    meanwhile: Callable[[], object] | None = None,
) -> bytes:
    """What LLVM's back end writes. Where it fails, it is tried once more without its pass that rearranges vector
    accesses, which stumbles over some masked ones."""

    def under(*options: str) -> Callable[[], bytes]:
        def attempt() -> bytes:
            for option in options:
                llvm.set_option("rung", option)
            return write()

        return attempt

    liberties = _LITERAL if literal else ()
    failure = (
        f"LLVM's back end for {machine.cpu} cannot write this kernel's code; another element type, or vectorize=off "
        "in the schedule, may do. LLVM's words"
    )
    return guarded((under(*liberties), under(*liberties, _NO_REARRANGEMENT)), failure, _LLVMLITE, meanwhile)


def compile_for_device(text: str, machine: Machine, meanwhile: Callable[[str], object] | None = None) -> DeviceCode:
    """LLVM IR as MLIR prints it -> code for `machine`. `meanwhile` is called on the code's IR while LLVM writes the
    assembly in another process.

    Raises UsageError for code that makes pointers of integers: the same module runs on the host, where they are
    wider; and for code that LLVM's back end cannot write.
    """
    found = _FROM_INTEGER.search(text)
    if found is not None:
        raise UsageError(
            f"the kernel turns integers into pointers (`{found[0].strip()}`), which `{machine.name}` cannot model; "
            "pass pointers as arguments"
        )
    with LOCK:
        target = _target_machine(machine.cpu, machine.features)
        source = adapt(text)
        has_atomics = _ATOMIC.search(source) is not None
        module = _optimised(source, target, plain_atomics=has_atomics)
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
    for option in (*_EXACT_MAPPING, *_AS_WRITTEN):
        llvm.set_option("rung", option)


@cache
def _target_machine(cpu: str, features: tuple[str, ...]) -> llvm.TargetMachine:
    initialize()
    target = llvm.Target.from_triple(TRIPLE).create_target_machine(
        cpu=cpu, features=",".join(f"+{feature}" for feature in features), opt=3, reloc="pic", codemodel="default"
    )
    target.set_asm_verbosity(True)
    return target


def _optimised(text: str, target: llvm.TargetMachine, plain_atomics: bool = False) -> llvm.ModuleRef:
    module = llvm.parse_assembly(text)
    module.triple = TRIPLE
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
    return module
