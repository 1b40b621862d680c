"""The contracts of the stages: they hold for the study's kernels under every schedule, and they can fail."""

from __future__ import annotations

import pytest
from torch_mlir import ir

from rung import machine
from rung.bench import group, suite
from rung.compile import compile_kernel
from rung.errors import ContractError
from rung.ir.context import make_context
from rung.ir.contracts import check_stage
from rung.schedule import Schedule

KERNELS = ("gelu", "vec-add", "softmax", "matmul")


@pytest.mark.parametrize("name", KERNELS)
def test_contracts_hold(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNG_VERIFY", "1")
    workload = suite.find(name)
    case = group.case_of(workload, workload.odd_shapes[1], "f32", seed=0)
    for schedule in Schedule(scratchpad="on").factorial():
        constexprs = dict(case.problem.constexprs)
        compile_kernel(case.kernel, case.signature, constexprs, machine=machine.host(), schedule=schedule)


@pytest.mark.parametrize(
    ("stage", "text", "problem"),
    [
        (
            "linalg",
            "func.func @f() -> tensor<4xf32> { %x = ub.poison : tensor<4xf32>  return %x : tensor<4xf32> }",
            "a tensor is left",
        ),
        ("linalg", "func.func @f(%n: index) { scf.forall (%i) in (%n) { }  return }", "not the grid"),
        ("linalg", "func.func @f(%n: index) { %a = memref.alloca(%n) : memref<?xf32>  return }", "dynamic shape"),
        ("linalg", "func.func @f(%n: i32) { %r = arith.remui %n, %n : i32  return }", "having no result"),
        ("scheduled", "func.func @f(%n: index) { scf.forall (%i) in (%n) { } {rung.grid}  return }", "dealt out"),
        ("vector", "func.func @f(%n: index) { scf.forall (%i) in (%n) { } {rung.contexts}  return }", "loop is left"),
        (
            "vector",
            "func.func @f(%a: memref<4xf32>, %z: f32) { linalg.fill ins(%z: f32) outs(%a: memref<4xf32>)  return }",
            "the dialect `linalg` has no place here",
        ),
        ("llvm", "func.func @f() { return }", "the dialect `func` has no place here"),
    ],
)
def test_a_broken_contract_is_named(stage: str, text: str, problem: str) -> None:
    module = ir.Module.parse(text, make_context())
    with pytest.raises(ContractError, match=f"stage `{stage}`: .*{problem}"):
        check_stage(stage, module)
