"""The device's module, compiled once more for the CPU that runs us: it computes the values and counts its blocks."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

import llvmlite.binding as llvm
import numpy as np
import numpy.typing as npt

from ...errors import RungError
from ...ir.attributes import COUNTERS
from ...machine import Machine
from ...runtime import library_path
from .device_code import LOCK, initialize
from .emulate import emulate
from .instrument import RUNTIME, Counters, Site, instrument, private
from .ir_objects import functions
from .matrix_unit import define_markers
from .memory import Traffic, dram_traffic


@dataclass
class HostCopy:
    """Machine code in this process; alive as long as this object."""

    counters: Counters
    sites: tuple[Site, ...]
    traffic: Mapping[tuple[str, str], Traffic]
    """What each block of the device's module moves to and from DRAM."""
    values: npt.NDArray[np.int64]
    """The counters themselves."""
    engine: llvm.ExecutionEngine = field(repr=False)

    def address(self, name: str) -> int:
        """The address of a function."""
        found = self.engine.get_function_address(name)
        if not found:
            raise RungError(f"the compiled module has no function `{name}`")
        return found


def compile_for_host(ir: str, machine: Machine) -> HostCopy:
    """Instrument a copy of the device's module, whose text is `ir`, and compile it."""
    with LOCK:
        _link_runtime()
        copy = llvm.parse_assembly(ir)
        before = {function.name: [block.name for block in function.blocks] for function in copy.functions}
        _prepare(copy)
        found = functions(copy)
        traffic = dram_traffic(found, machine.vector_bytes, machine.isa.index_bits // 8)
        target = _target_machine()  # a new one: the engine takes it over
        copy.triple, copy.data_layout = llvm.get_process_triple(), str(target.target_data)
        text, counters, sites = instrument(copy, found, before)
        module = llvm.parse_assembly(text)
        emulate(module, machine.isa)
        define_markers(module)
        engine = llvm.create_mcjit_compiler(module, target)
        engine.finalize_object()
        address = engine.get_global_value_address(COUNTERS)
    values = np.ctypeslib.as_array((ctypes.c_int64 * counters.count).from_address(address))
    return HostCopy(counters, sites, traffic, values, engine)


def _prepare(module: llvm.ModuleRef) -> None:
    """A block on every edge that needs its own counter, and a name for every value."""
    builder = llvm.create_pass_builder(None, llvm.create_pipeline_tuning_options())
    manager = llvm.create_new_function_pass_manager()
    manager.add_break_critical_edges_pass()
    manager.add_instruction_namer_pass()
    for function in module.functions:
        if not function.is_declaration:
            manager.run(function, builder)


def _target_machine() -> llvm.TargetMachine:
    initialize()
    target = llvm.Target.from_triple(llvm.get_process_triple())
    features = llvm.get_host_cpu_features().flatten()
    return target.create_target_machine(cpu=llvm.get_host_cpu_name(), features=features, opt=1, jit=True)


@cache
def _link_runtime() -> None:
    """The recording runtime under names of its own: the host's is in this process too."""
    path = str(library_path())
    llvm.load_library_permanently(path)
    library = ctypes.CDLL(path)
    for name in RUNTIME:
        llvm.add_symbol(private(name), ctypes.cast(getattr(library, private(name)), ctypes.c_void_p).value or 0)
