"""Vec on HVX, from the device's code: no operation of a hot loop is on a single float, and none calls a library."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from rung.bench import suite
from rung.compile import compile_kernel
from rung.schedule import Schedule
from rung.targets.npu.evidence import hot_loop, taken_apart, vector_loops
from tests.numeric import triton_kernels as k
from tests.numeric.test_npu import MACHINE, check, compiled

RUNG = Schedule(threads=1, double_buffer=True)
LIBRARY = {"memset"}
"""Calls that a loop over vectors may hold: they cost what their bytes cost."""
TRANSPOSED = {"attention"}
"""Keys are gathered into their transpose, outside of the hot loops."""


@pytest.mark.parametrize("dtype", ["f32", "f16"])
@pytest.mark.parametrize("workload", suite.WORKLOADS, ids=lambda w: w.name)
def test_hot_loops_are_vector_code(workload: suite.Workload, dtype: str) -> None:
    executable, case = compiled(workload.name, workload.odd_shapes[1], dtype, RUNG)
    executable.run(case.problem.args, case.problem.grid)
    check(case)
    loop = executable.program.last_run().hot_loop
    left = " ".join(executable.evidence.taken_apart)
    assert left.count("vector.gather on") == left.count(" on ") == (workload.name in TRANSPOSED)
    weights = executable.program.weights
    hot = hot_loop(weights, executable.program.copy.values)
    assert hot is not None and not taken_apart(hot)
    loops = vector_loops(weights)
    for block in loops:
        # A loop over rows of one vector has a row's own scalars, too; lanes would be 32 of a kind.
        assert max(taken_apart(block).values(), default=0) < 16
        assert not taken_apart(block).keys() & {"vextract", "vinsert"}
    assert loops and {call for block in loops for call in block.calls} <= LIBRARY
    assert loop.vector_packets >= 0.8 * loop.packets


@pytest.mark.parametrize("name", ["softmax", "rms-norm", "layer-norm", "row-sum"])
def test_reductions_across_lanes_stay_in_registers(name: str) -> None:
    """Rotations and whole operations. Sixteen lanes added one by one would be 15 scalar additions per reduction; the
    scalars of a row (an exponential, a quotient) take fewer."""
    executable, _ = compiled(name, (3, 1000), "f32", RUNG)
    parts = [part for block, _ in executable.program.weights.executions.values() for p in block.packets for part in p]
    assert sum("valign(" in part or "vror(" in part for part in parts) >= 5
    assert sum("sfcmp" in part for part in parts) <= 8 and sum("sfadd(" in part for part in parts) < 15
    assert "fmaxf" not in executable.evidence.object.helpers


@pytest.mark.parametrize("dtype", ["f32", "f16"])
def test_short_dimensions_take_masked_whole_registers(dtype: str) -> None:
    """LLVM takes masked accesses to part of a register apart, with a branch per lane."""
    executable, case = compiled("softmax", (3, 5), dtype, RUNG)
    executable.run(case.problem.args, case.problem.grid)
    check(case)
    lanes = {d.vectorized.lanes for d in executable.evidence.decided if d.vectorized}
    # f16 is reduced in f32 scratch, of which 32 lanes fill a register.
    assert lanes == ({32} if dtype == "f32" else {32, 64})


@pytest.mark.parametrize("kind", ["fp32", "fp16", "bf16"])
@pytest.mark.parametrize("kernel", [k.some_places, k.to_places], ids=["gather", "scatter"])
def test_gathers_and_scatters_under_a_mask(kernel: Any, kind: str) -> None:
    """Their lanes are a loop in the IR: branches that LLVM makes while it generates code could not be counted."""
    n, block = 300, 128
    x = torch.randn(n).to({"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}[kind])
    places, y = torch.randperm(n, dtype=torch.int32), torch.zeros_like(x)
    signature = {"x": f"*{kind}", "places": "*i32", "y": f"*{kind}", "n": "i32", "BLOCK": "constexpr"}
    compiled = compile_kernel(kernel, signature, {"BLOCK": block}, machine=MACHINE, schedule=RUNG)
    compiled.run([x, places, y, n], (-(-n // block), 1, 1))
    if kernel is k.some_places:
        expected = torch.where(places % 4 == 0, x[places.long()], torch.full_like(x, -1))
    else:
        expected = torch.empty_like(x)
        expected[places.long()] = x
    assert torch.equal(y, expected)
    assert any("vector." in op for op in compiled.evidence.taken_apart)
