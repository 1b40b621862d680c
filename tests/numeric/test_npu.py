"""Kernels of the study on a modelled device: values against float64, work and transfers against what they must be."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import pytest
from torch_mlir.ir import Module

from rung import machine
from rung.bench import group, problem, suite
from rung.compile import compile_kernel
from rung.errors import TransferError, UsageError
from rung.passes import Pass, Stage
from rung.schedule import Schedule
from rung.targets.npu.executable import NpuExecutable, build
from rung.targets.npu.timeline import replay
from rung.targets.npu.trace import Event, Repeat, Start, Trace, Wait

MACHINE = machine.load("hexagon-v73")
RUNGS = Schedule().factorial()
FULL = Schedule(double_buffer=True)
SOME = tuple(schedule for schedule in RUNGS if schedule.rung in ("Scalar", "Vec", "Vec+MT+DB"))


def compiled(
    name: str, shape: tuple[int, ...], dtype: str, schedule: Schedule, block: int = 1024
) -> tuple[NpuExecutable, group.Case]:
    case = group.case_of(suite.find(name), shape, dtype, seed=1, block=block)
    constexprs = dict(case.problem.constexprs)
    found = compile_kernel(case.kernel, case.signature, constexprs, machine=MACHINE, schedule=schedule)
    assert isinstance(found, NpuExecutable)
    return found, case


def check(case: group.Case) -> None:
    assert case.problem.expected is not None
    error = problem.compare(problem.outputs(case.problem), list(case.problem.expected()), case.tolerance)
    assert error.within, (error, str(case.tolerance))


def expand(events: tuple[Event, ...]) -> Iterator[Event]:
    for event in events:
        if isinstance(event, Repeat):
            for _ in range(event.count):
                yield from expand(event.body)
        else:
            yield event


def events(trace: Trace) -> list[Event]:
    return [event for region in trace.regions for stream in region.streams for event in expand(stream)]


@pytest.mark.parametrize(
    ("name", "schedule"),
    [
        *itertools.product(("vec-add", "softmax"), RUNGS),
        *itertools.product(("gelu", "rms-norm", "layer-norm", "matmul"), SOME),
    ],
    ids=lambda value: value.rung if isinstance(value, Schedule) else value,
)
def test_combinations_in_f32(name: str, schedule: Schedule) -> None:
    executable, case = compiled(name, suite.find(name).odd_shapes[1], "f32", schedule)
    executable.run(case.problem.args, case.problem.grid)
    check(case)


@pytest.mark.parametrize("name", ["vec-add", "gelu", "rms-norm"])
@pytest.mark.parametrize("dtype", ["f16", "bf16"])
def test_narrow_types(name: str, dtype: str) -> None:
    executable, case = compiled(name, suite.find(name).odd_shapes[1], dtype, FULL)
    executable.run(case.problem.args, case.problem.grid)
    check(case)


@pytest.mark.slow
@pytest.mark.timeout(0)
@pytest.mark.parametrize("dtype", ["f32", "f16", "bf16"])
@pytest.mark.parametrize("schedule", RUNGS, ids=lambda s: s.rung)
@pytest.mark.parametrize("workload", suite.WORKLOADS, ids=lambda w: w.name)
def test_everything(workload: suite.Workload, schedule: Schedule, dtype: str) -> None:
    for shape in workload.odd_shapes:
        executable, case = compiled(workload.name, shape, dtype, schedule)
        executable.run(case.problem.args, case.problem.grid)
        check(case)


def test_gathers_under_a_mask() -> None:
    """One column of a matrix: lanes that are rows apart, of which the last ones are masked off."""
    executable, case = compiled("vec-add", (1000, 1), "f32", Schedule(threads=1))
    executable.run(case.problem.args, case.problem.grid)
    check(case)


def test_every_byte_is_moved_once() -> None:
    """GELU on n elements in blocks: 4 n bytes in, 4 n bytes out, however they are cut."""
    n = 100_003
    executable, case = compiled("gelu", (n,), "f32", replace(FULL, profitability=False))
    trace = executable.run(case.problem.args, case.problem.grid)
    moved: Counter[bool] = Counter()
    for event in events(trace):
        if isinstance(event, Start):
            moved[event.write] += event.rows * event.row_bytes
    assert moved == {False: 4 * n, True: 4 * n}
    assert sum(isinstance(e, Start) for e in events(trace)) == sum(isinstance(e, Wait) for e in events(trace))
    assert {region.forked: len(region.streams) for region in trace.regions} == {False: 1, True: MACHINE.contexts}


def test_accesses_to_dram_without_a_scratchpad() -> None:
    """Scalar vec-add loads two elements and stores one; vector code moves whole vectors."""
    rows, cols = 8, 2048
    for schedule in (Schedule(vectorize=False, threads=1), Schedule(threads=1, scratchpad="off")):
        executable, case = compiled("vec-add", (rows, cols), "f32", schedule)
        trace = executable.run(case.problem.args, case.problem.grid)
        assert len(trace.works) == 1
        scalar, vector, moved = trace.works[0].dram_scalar, trace.works[0].dram_vector, trace.works[0].dram_vector_bytes
        if schedule.vectorize:
            assert (scalar, vector, moved) == (0, 3 * rows * cols // 32, 12 * rows * cols)
        else:
            assert (scalar, vector, moved) == (3 * rows * cols, 0, 0)


def test_packets_grow_with_the_problem() -> None:
    """Whole blocks cost the same each, to the packet."""
    packets: list[int] = []
    for blocks in (1, 2, 3):
        executable, case = compiled("gelu", (1024 * blocks,), "f32", Schedule(vectorize=False, threads=1))
        trace = executable.run(case.problem.args, case.problem.grid)
        packets.append(sum(work.packets for work in trace.works))
    assert packets[2] - packets[1] == packets[1] - packets[0] > 1024


def test_the_trace_of_a_big_problem_is_short() -> None:
    executable, case = compiled("gelu", (1 << 20,), "f32", FULL)
    trace = executable.run(case.problem.args, case.problem.grid)
    check(case)
    assert len(events(trace)) > 4000 and len(str(trace.regions)) < 20000
    assert replay(trace, MACHINE).dma_bytes == 8 << 20


def test_the_surface_is_that_of_an_executable() -> None:
    executable, case = compiled("gelu", (1 << 20,), "f32", FULL)
    bound = executable.bind(case.problem.args, case.problem.grid)
    bound()
    check(case)
    cycles = bound.time(3)
    assert len(cycles) == 3 and len(set(cycles)) == 1 and cycles[0] > 0
    assert bound.counters().contexts_ran == 4
    assert list(executable.stages)[-2:] == ["llvm-ir", "asm"] and "vmem" in executable.stages["asm"]
    assert executable.object_code()[:4] == b"\x7fELF"
    facts, hot = executable.evidence.object, executable.program.last_run().hot_loop
    assert hot.vector_packets > 0 and facts.packets > hot.packets
    assert facts.scalarized == {} and "expf" not in facts.helpers
    assert executable.hot_loop().count("{") == hot.packets


def test_evidence_of_what_is_taken_apart() -> None:
    """A division of vectors that rung does not expand: LLVM makes scalars of it, and the evidence says so."""
    machine_without = MACHINE.model_copy(update={"scalarized_vector_ops": ()})
    case = group.case_of(suite.find("silu"), (4096,), "f32", seed=1, block=1024)
    executable = compile_kernel(
        case.kernel,
        case.signature,
        dict(case.problem.constexprs),
        machine=machine_without,
        schedule=Schedule(threads=1),
    )
    executable.bind(case.problem.args, case.problem.grid)()
    found = executable.evidence.object.scalarized
    assert any(name.startswith(("sf", "vextract")) for name in found), found


@pytest.mark.parametrize("name", ["gelu", "matmul"])
def test_a_missing_wait_is_found(name: str) -> None:
    """Every wait of a double-buffered kernel, taken out of its code one at a time."""
    executable, case = compiled(name, {"gelu": (1 << 15,), "matmul": (1100, 257, 300)}[name], "f32", FULL)
    text = executable.program.code.ir
    waits = list(re.finditer(r"^.*call void @rung_dma_wait\(.*\n", text, re.MULTILINE))
    assert len(waits) >= 3
    for wait in waits:
        broken = text[: wait.start()] + text[wait.end() :]
        program = build(broken, executable.name, MACHINE, executable.program.entry)
        mutant = NpuExecutable(executable.name, executable.kinds, executable.metadata, MACHINE, program)
        with pytest.raises(TransferError):
            mutant.run(case.problem.args, case.problem.grid)


def test_what_cannot_fit_is_refused_when_it_is_compiled() -> None:
    small = MACHINE.model_copy(update={"scratchpad_bytes": 65536})
    case = group.case_of(suite.find("matmul"), (256, 256, 256), "f32", seed=1, block=1024)
    with pytest.raises(UsageError, match=r"keeps \d+ bytes .* has 16384 per context"):
        compile_kernel(
            case.kernel, case.signature, dict(case.problem.constexprs), machine=small, schedule=Schedule(threads=1)
        )


def test_tiles_leave_room_for_the_scratch_beside_them() -> None:
    """The tables of GELU's vectors take 256 bytes; a power of two that tiles fill to the last byte has no room."""
    small = MACHINE.model_copy(update={"scratchpad_bytes": 65536})
    case = group.case_of(suite.find("gelu"), (1 << 15,), "f32", seed=1)
    executable = compile_kernel(
        case.kernel, case.signature, dict(case.problem.constexprs), machine=small, schedule=FULL
    )
    executable.run(case.problem.args, case.problem.grid)
    check(case)


@pytest.mark.parametrize(("name", "scratchpad_bytes"), [("softmax", 32768), ("layer-norm", 65536), ("row-sum", 32768)])
def test_tiles_and_scratch_are_decided_together_and_once(name: str, scratchpad_bytes: int) -> None:
    """Rows of 1000 are blocks of 1024 floats, half or more of a context's share: tiles take what is left, in the loops
    over tiles that a program forks, too."""
    small = MACHINE.model_copy(update={"scratchpad_bytes": scratchpad_bytes})
    case = group.case_of(suite.find(name), (16, 1000), "f32", seed=1)
    stages: list[str] = []

    def note(event: str, step: Pass | Stage, module: Module) -> None:
        if isinstance(step, Stage):
            stages.append(step.name)

    executable = compile_kernel(
        case.kernel, case.signature, dict(case.problem.constexprs), machine=small, schedule=FULL, observers=(note,)
    )
    assert stages == ["linalg", "scheduled", "vector", "llvm"]
    executable.run(case.problem.args, case.problem.grid)
    check(case)


def test_masked_accesses_that_llvm_stumbles_over() -> None:
    """Its pass that rearranges vector accesses aborts on these; without it, they are compiled."""
    import torch

    from tests.numeric import triton_kernels as k

    signature = {"x": "*fp32", "o": "*fp32", "n": "i32", "lo": "i32", "BLOCK": "constexpr"}
    executable = compile_kernel(k.mask_residual, signature, {"BLOCK": 64}, machine=MACHINE, schedule=Schedule())
    x, o, i = torch.randn(128), torch.zeros(128), torch.arange(128)
    executable.run([x, o, 70, 10], (2, 1, 1))
    a = torch.where((i % 3 == 0) & (i < 70), x, -1)
    b = torch.where((i >= 10) & (i < 70), x, 2)
    c = torch.where((i < 70) & (i != 5), x, 0.5)
    torch.testing.assert_close(o, a + 10 * b + 100 * c + 1000 * torch.where(i < 70, x, a), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize(
    ("source", "target"),
    [
        *itertools.product(("fp64",), ("i8", "u8", "i16", "i32", "i64", "fp32")),
        *(("i1", "fp16"), ("fp16", "i8"), ("i32", "i64"), ("i64", "i8"), ("i64", "fp64")),
    ],
)
def test_casts_that_the_vector_unit_has_not(source: str, target: str) -> None:
    """LLVM ends the process for some, never ends for others, or makes branches per lane."""
    import torch

    from tests.numeric import triton_kernels as k

    types = {"i1": torch.bool, "u8": torch.uint8, "fp16": torch.float16, "fp32": torch.float32, "fp64": torch.float64}
    types |= {f"i{width}": getattr(torch, f"int{width}") for width in (8, 16, 32, 64)}
    signature = {"x": f"*{source}", "o": f"*{target}", "n": "i32", "BLOCK": "constexpr"}
    executable = compile_kernel(k.to_type, signature, {"BLOCK": 64}, machine=MACHINE, schedule=Schedule())
    x = (torch.arange(150) % 100 - (0 if target == "u8" else 50)).to(types[source])
    o = torch.full((150,), 99, dtype=types[target])
    executable.run([x, o, 140], (3, 1, 1))
    assert torch.equal(o[:140], x.to(types[target])[:140]) and o[140:].eq(99).all()


def test_casts_to_several_types_at_once() -> None:
    """One conversion to bytes and one to half words of the same float: LLVM turns one into the other for ever."""
    import torch

    from tests.numeric import triton_kernels as k

    kinds = [torch.int8, torch.int16, torch.int32, torch.int64, torch.uint8, torch.uint16, torch.uint32, torch.uint64]
    names = [f"{'u' if 'u' in str(kind) else 'i'}{8 * kind.itemsize}" for kind in kinds]
    signature = {"x": "*fp16", **{name: f"*{name}" for name in names}, "i1": "*i1", "n": "i32", "BLOCK": "constexpr"}
    executable = compile_kernel(k.cast_int, signature, {"BLOCK": 64}, machine=MACHINE, schedule=Schedule())
    x = (torch.arange(150) % 100).to(torch.float16)
    outs = [torch.zeros(150, dtype=kind) for kind in (*kinds, torch.bool)]
    executable.run([x, *outs, 150], (3, 1, 1))
    for out in outs:
        assert torch.equal(out, x.to(out.dtype))


def test_code_that_llvm_cannot_write_is_refused() -> None:
    text = """
define void @kernel(ptr %x, ptr %o) {
  %a = load <128 x i8>, ptr %x
  %m = icmp ne <128 x i8> %a, zeroinitializer
  %f = uitofp <128 x i1> %m to <128 x half>
  store <128 x half> %f, ptr %o
  ret void
}"""
    with pytest.raises(UsageError, match=r"for hexagonv73 cannot write this kernel's code.*Cannot select"):
        build(text, "kernel", MACHINE, "kernel")


def test_addresses_have_32_bits() -> None:
    import numpy as np

    executable, case = compiled("gelu", (4096,), "f32", Schedule())
    huge = np.broadcast_to(np.zeros(1, np.float32), (1 << 29,))
    with pytest.raises(UsageError, match="`x_ptr` has 2147483648 bytes"):
        executable.bind((huge, *case.problem.args[1:]), case.problem.grid)


@pytest.mark.parametrize(
    "scratchpad_bytes, advice",
    [
        (0, "has 0 per context: use a device with `scratchpad_bytes`$"),
        (4096, "has 1024 per context: use smaller blocks, or a device with more `scratchpad_bytes`$"),
    ],
)
def test_scratch_that_fits_no_scratchpad_is_refused_with_what_helps(scratchpad_bytes: int, advice: str) -> None:
    small = machine.load("hexagon-v73", [f"scratchpad_bytes={scratchpad_bytes}"])
    case = group.case_of(suite.find("softmax"), (8, 256), "f32", seed=1)
    where = r"of scratch, 0 of tiles\) in a context's share of the scratchpad; `hexagon-v73` "
    with pytest.raises(UsageError, match=where + advice):
        compile_kernel(
            case.kernel, case.signature, dict(case.problem.constexprs), machine=small, schedule=Schedule(threads=1)
        )


def test_a_device_without_a_scratchpad_leaves_tiles_where_they_are() -> None:
    bare = machine.load("hexagon-v73", ["scratchpad_bytes=0"])
    block = suite.block_elements(bare)
    assert block == suite.block_elements(MACHINE)
    case = group.case_of(suite.find("gelu"), (100_000,), "f32", seed=1, block=block)
    found = compile_kernel(
        case.kernel, case.signature, dict(case.problem.constexprs), machine=bare, schedule=Schedule(double_buffer=True)
    )
    assert isinstance(found, NpuExecutable)
    trace = found.run(case.problem.args, case.problem.grid)
    check(case)
    assert not any(isinstance(event, Start | Wait) for event in events(trace)) and trace.scratchpad_bytes == 0
