"""From counters to work: one matrix for a kernel, computed once."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...ir.attributes import MATRIX_END
from ..isa.packets import Block
from .device_code import DeviceCode
from .host_copy import HostCopy
from .instrument import RUNTIME
from .mapping import Flow, solve
from .matrix_unit import core_packets, macs_of
from .trace import Work

_FIELDS = ("packets", "vector_packets", "dram_scalar", "dram_vector", "dram_vector_bytes")


@dataclass(frozen=True)
class Weights:
    """work = matrix @ counters, with one row per field of `Work` and per library helper that the code calls."""

    matrix: npt.NDArray[np.float64]
    helpers: tuple[str, ...]
    """`memcpy.vectors` and the like stand for what such calls moved, in vectors; `rung_matrix_bf16_128x64x32` for a
    contraction that the matrix unit takes."""
    flows: tuple[Flow, ...]

    def work(self, row: npt.NDArray[np.int64]) -> Work:
        """One row of the product as a Work."""
        numbers = [int(number) for number in row]
        calls = zip(self.helpers, numbers[len(_FIELDS) :], strict=True)
        packets, vector_packets, scalar, vector, vector_bytes = numbers[: len(_FIELDS)]
        made = [(name, count) for name, count in calls if count]
        helpers = tuple((name, count) for name, count in made if macs_of(name) is None)
        macs: Counter[str] = Counter()
        for name, count in made:
            if (found := macs_of(name)) is not None:
                macs[found.element] += found.count * count
        return Work(packets, vector_packets, scalar, vector, vector_bytes, helpers, tuple(sorted(macs.items())))

    def check(self, counters: npt.NDArray[np.int64]) -> None:
        """Raises RungError when a run's counts contradict the machine code."""
        for flow in self.flows:
            flow.check(counters)

    @property
    def executions(self) -> dict[tuple[str, str], tuple[Block, npt.NDArray[np.float64]]]:
        """(function, label of a block of machine code) -> the block, its executions per counter."""
        return {
            (flow.function, block.label): (block, row)
            for flow in self.flows
            for block, row in zip(flow.blocks, flow.executions, strict=True)
        }


def weigh(code: DeviceCode, copy: HostCopy, entry: str) -> Weights:
    """Map the device's machine code to the counters of its copy on the host.

    `entry` is left out: it is the host's way into the kernel. Calls of the runtime are no helpers: what they cost is
    the machine's business.
    """
    counters, read = copy.counters, code.machine.isa.modelled.read_assembly
    functions = {name: blocks for name, blocks in read(code.assembly).items() if name != entry}
    flows = tuple(solve(name, blocks, counters) for name, blocks in functions.items())
    called = {call for flow in flows for block in flow.blocks for call in block.calls}
    outside = sorted(called - set(functions) - RUNTIME - {MATRIX_END})
    copies = [name for name in counters.copied_bytes if name in outside]
    helpers = sorted([*outside, *(f"{name}.vectors" for name in copies)])
    matrix = np.zeros((len(_FIELDS) + len(helpers), counters.count))
    row_of = {name: len(_FIELDS) + position for position, name in enumerate(helpers)}
    for flow in flows:
        own = core_packets(flow.blocks)
        for block, executions in zip(flow.blocks, flow.executions, strict=True):
            packets = own.get(block.label, block.packets)
            matrix[0] += len(packets) * executions
            matrix[1] += sum(any(map(block.is_vector, packet)) for packet in packets) * executions
            for call in block.calls:
                if call in row_of:
                    matrix[row_of[call]] += executions
    for name in copies:
        matrix[row_of[f"{name}.vectors"], counters.copied_bytes[name]] = 1 / code.machine.vector_bytes
    for place, traffic in copy.traffic.items():
        if place[0] in functions and place in counters.blocks:
            counter = counters.blocks[place]
            matrix[2:5, counter] += traffic.scalar, traffic.vector, traffic.vector_bytes
    return Weights(np.ascontiguousarray(matrix), tuple(helpers), flows)
