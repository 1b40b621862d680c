"""A kernel compiled for the modelled device: values for real, cycles from the model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...errors import RungError, UsageError
from ...evidence import Evidence, Launch
from ...machine import Machine
from ...runtime import _native
from ...runtime.sanitized import memories_of
from ..stages import AllStages
from .device_code import DeviceCode, compile_for_device
from .evidence import device_code, executions, hot_loop, hot_loop_facts
from .host_copy import HostCopy, compile_for_host
from .ledger import of
from .mapping import MappingError
from .recorder import Buffer, launcher_address, record
from .timeline import Timeline, replay
from .trace import Trace
from .weights import Weights, weigh


@dataclass
class Program:
    """The device's code, the same code for this process, and how executions of the second are work of the first."""

    name: str
    entry: str
    """The symbol of the function that launchers call."""
    code: DeviceCode
    copy: HostCopy = field(repr=False)
    weights: Weights = field(repr=False)

    def last_run(self) -> Launch:
        """Which blocks the last run executed how often, and the loop that took most packets; before the first run, the
        longest loop."""
        ran = self.copy.values
        return Launch(executions=executions(self.weights, ran), hot_loop=hot_loop_facts(self.weights, ran))


def build(llvm_ir: str, name: str, machine: Machine, entry: str) -> Program:
    """Compile the LLVM IR of the stage `llvm` twice; its kernel is `name`, which launchers call by `entry`.

    Raises UsageError for code that the device cannot be modelled for, RungError when its blocks cannot be mapped.
    """
    copies: list[HostCopy] = []
    code = compile_for_device(llvm_ir, machine, lambda ir: copies.append(compile_for_host(ir, machine)))
    copy = copies[0]
    try:
        weights = weigh(code, copy, entry)
    except MappingError:
        code = code.written_literally()
        weights = weigh(code, copy, entry)
    return Program(name, entry, code, copy, weights)


@dataclass
class NpuExecutable:
    """A kernel compiled for a machine of kind `npu`; the same surface as the host's Executable."""

    name: str
    kinds: str
    """One letter per argument, as `rung.runtime._native.Launcher` reads them."""
    metadata: dict[str, Any]
    machine: Machine
    program: Program
    parameters: tuple[str, ...] = ()
    """Names of the arguments, for messages."""
    ir_stages: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)

    @property
    def stages(self) -> Mapping[str, str]:
        """Text of every stage; `llvm-ir` is the device's module as its code generator takes it."""
        code = self.program.code
        return AllStages(self.ir_stages, {"llvm-ir": lambda: code.ir, "asm": lambda: code.assembly})

    def object_code(self) -> bytes:
        """The device's object file."""
        return self.program.code.object_code()

    @property
    def evidence(self) -> Evidence:
        """What the compiler did: decisions read back from the IR, and the device's code."""
        code = device_code(self.program.weights)
        return Evidence.of(self.metadata["decisions"], self.ir_stages.get("llvm", ""), code)

    def hot_loop(self) -> str:
        """The packets of the loop that matters most, as assembly; empty where there is no loop."""
        block = hot_loop(self.program.weights, self.program.copy.values)
        packets = block.packets if block is not None else []
        return "\n".join("{ " + "; ".join(packet) + " }" for packet in packets)

    def bind(self, args: Sequence[Any], grid: tuple[int, int, int]) -> NpuBound:
        """Pack a grid and arguments (tensors, arrays, numbers; no constexprs) for repeated launches."""
        if len(args) != len(self.kinds):
            raise UsageError(f"kernel `{self.name}` takes {len(self.kinds)} arguments, not {len(args)}")
        buffers = _buffers(args, self.parameters)
        self._check_addresses(buffers)
        bound = _native.bind(launcher_address(), self.kinds, tuple(args), grid)
        return NpuBound(self.program, self.machine, bound, buffers)

    def launched_by(self, launch: Callable[[], None], arguments: Mapping[str, object]) -> NpuBound:
        """The same for a launcher of somebody else's, which packs its arguments and calls `launcher_address()`.

        arguments: by name; tuples and tensor descriptors, too.
        """
        memories = [memory for memory in memories_of(arguments.items()) if memory is not None]
        buffers = tuple(Buffer(f"`{m.name}`", m.begin, m.end - m.begin) for m in memories)
        self._check_addresses(buffers)
        return NpuBound(self.program, self.machine, launch, buffers)

    def _check_addresses(self, buffers: Sequence[Buffer]) -> None:
        bits = self.machine.isa.index_bits
        most = (1 << bits - 1) - 1
        for buffer in buffers:
            if buffer.bytes > most:
                raise UsageError(
                    f"{buffer.name} has {buffer.bytes} bytes; an address of `{self.machine.name}` has {bits} bits: "
                    f"at most {most}"
                )

    def run(self, args: Sequence[Any], grid: tuple[int, int, int]) -> Trace:
        """Launch once: arguments are written in place."""
        return self.bind(args, grid).trace()


@dataclass
class NpuBound:
    """A kernel with its arguments. Calling it computes the values; its cycles are those of its trace."""

    program: Program = field(repr=False)
    machine: Machine
    launch: Callable[[], None] = field(repr=False)
    buffers: tuple[Buffer, ...]
    _trace: Trace | None = field(default=None, repr=False)

    def __call__(self) -> None:
        """Run for the values. Raises TransferError for transfers that are not left alone while they are in flight."""
        self.trace()

    def trace(self) -> Trace:
        """Run, and tell what happened."""
        program = self.program
        self._trace = record(program.copy, program.entry, program.weights, self.launch, self.buffers)
        share = self.machine.scratchpad_bytes_per_context
        if self._trace.scratchpad_bytes > share:
            raise RungError(
                f"kernel `{program.name}` had {self._trace.scratchpad_bytes} bytes of a context's memory in use; "
                f"`{self.machine.name}` has {share} per context: use smaller blocks, tiles or depth"
            )
        return self._trace

    def timeline(self) -> Timeline:
        """The last run on the machine, in modelled cycles; runs once if there was none."""
        return replay(self._trace or self.trace(), self.machine)

    def time(self, n: int) -> list[float]:
        """Modelled cycles, `n` times the same number: the model has no noise."""
        return [self.timeline().cycles] * n

    def counters(self) -> Launch:
        """What the device did in the last run: contexts, transfers, blocks, and where the time went."""
        trace = self._trace or self.trace()
        found = replay(trace, self.machine, record=True)
        spent = of(trace, self.machine, found)
        counted = {
            "ledger": {cause.value: max(0.0, cycles) for cause, cycles in spent.contexts.items()},
            "verdict": spent.verdict,
            "contexts_ran": found.contexts,
            "dma_transfers": found.dma_transfers,
            "dma_bytes": found.dma_bytes,
            "dma_max_in_flight": found.dma_max_in_flight,
            "scratchpad_bytes_used": trace.scratchpad_bytes,
        }
        return self.program.last_run().model_copy(update=counted)


def _buffers(args: Sequence[Any], names: Sequence[str]) -> tuple[Buffer, ...]:
    found: list[Buffer] = []
    for position, value in enumerate(args):
        name = f"`{names[position]}`" if position < len(names) else f"argument {position}"
        if hasattr(value, "data_ptr"):
            found.append(Buffer(name, value.data_ptr(), value.untyped_storage().nbytes()))
        elif hasattr(value, "ctypes"):
            found.append(Buffer(name, value.ctypes.data, value.nbytes))
    return tuple(found)
