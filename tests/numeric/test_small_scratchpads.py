"""Tiles shrink until they fit a small scratchpad, contexts, depth and all; what cannot fit is refused with its size."""

from __future__ import annotations

from typing import Any

import pytest
import scratchpad_kernels as kernels
import torch

from rung.bench.suite import find
from rung.compile import compile_kernel
from rung.errors import UsageError
from rung.frontends.triton.capture import import_ttir, make_ttir
from rung.frontends.triton.convert import convert
from rung.frontends.triton.loader import load_kernel
from rung.ir.context import compiler_context
from rung.machine import Machine, host
from rung.pipelines import pipeline
from rung.schedule import Schedule

SHAPES: dict[str, tuple[int, ...]] = {
    "vec-add": (13, 3000),
    "gelu": (20_001,),
    "softmax": (5, 1000),
    "layer-norm": (5, 1000),
    "row-sum": (37, 5000),
    "matmul": (130, 70, 300),
}


def signature(kernel: Any, args: tuple[Any, ...], constants: dict[str, int]) -> dict[str, str]:
    """Triton's types of arguments in float32."""
    given = iter(args)
    return {name: "constexpr" if name in constants else _kind(next(given)) for name in kernel.arg_names}


def _kind(value: Any) -> str:
    return "*fp32" if isinstance(value, torch.Tensor) else "fp32" if isinstance(value, float) else "i32"


def with_scratchpad(bytes_per_context: int, kind: str = "host") -> Machine:
    return host().model_copy(update={"scratchpad_bytes": bytes_per_context * host().contexts, "kind": kind})


@pytest.mark.parametrize(
    "schedule", ["double_buffer=on", "double_buffer=on depth=3 vectorize=off threads=1", "scratchpad=on"]
)
@pytest.mark.parametrize("name", SHAPES)
def test_every_kernel_fits(name: str, schedule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNG_DEBUG_DMA", "1")
    workload, budget = find(name), 6000
    kernel, problem = load_kernel(workload.kernel), workload.problem(SHAPES[name], "f32", 0)
    constants = {**problem.constexprs}
    executable = compile_kernel(
        kernel,
        signature(kernel, problem.args, constants),
        constants,
        machine=with_scratchpad(budget),
        schedule=Schedule.parse(schedule),
    )
    executable.run(problem.args, problem.grid)
    assert problem.expected is not None
    for output, expected in zip(problem.outputs, problem.expected(), strict=True):
        tolerance = workload.tolerance("f32", SHAPES[name])
        torch.testing.assert_close(
            problem.args[output].double(), expected, rtol=tolerance.relative, atol=tolerance.absolute
        )
    text = executable.stages["llvm"]
    used = [
        int(line.split("rung.scratchpad_bytes = ")[1].split(" ")[0])
        for line in text.splitlines()
        if "rung.scratchpad_bytes" in line
    ]
    assert used and max(used) <= budget
    assert "do not fit" not in executable.stages["scheduled"]


def lower(kernel: Any, types: dict[str, str], constants: dict[str, int], machine: Machine, schedule: str) -> None:
    ttir = make_ttir(kernel, types, constants, None, None)
    context, lock = compiler_context()
    with lock:
        module = convert(import_ttir(ttir, context), distinct=True, fuse=True).module
        pipeline(machine, Schedule.parse(schedule)).run(module)


def test_a_device_without_caches_refuses_what_cannot_fit() -> None:
    types = {"x_ptr": "*fp32", "o_ptr": "*fp32", "n": "i32", "flag": "i32", "BLOCK": "constexpr"}
    constants = {"BLOCK": 128}
    lower(kernels.guarded, types, constants, with_scratchpad(1024, "npu"), "double_buffer=on")
    tiles = r"needs \d+ bytes of scratchpad \(2 buffers, 2 deep where they stream\) beside 128 of scratch"
    with pytest.raises(UsageError, match=f"{tiles}, a context has 192: reduce"):
        lower(kernels.guarded, types, constants, with_scratchpad(192, "npu"), "double_buffer=on")
    with pytest.raises(UsageError, match=r"needs 128 bytes of scratch .* its share of the scratchpad is 64: use"):
        lower(kernels.guarded, types, constants, with_scratchpad(64, "npu"), "double_buffer=on")
    lower(kernels.guarded, types, constants, with_scratchpad(64, "host"), "double_buffer=on")


def test_more_contexts_share_the_scratchpad() -> None:
    types = {"x_ptr": "*fp32", "o_ptr": "*fp32", "n": "i32", "flag": "i32", "BLOCK": "constexpr"}
    constants, machine = {"BLOCK": 128}, with_scratchpad(512, "npu")
    lower(kernels.guarded, types, constants, machine, "double_buffer=on")
    with pytest.raises(UsageError, match=f"its share of the scratchpad is {512 // 16}"):
        lower(kernels.guarded, types, constants, machine, f"double_buffer=on threads={16 * host().contexts}")
