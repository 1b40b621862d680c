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


def in_place(strides: str, layout: str) -> str:
    """A nest that adds another view of a block to it."""
    return f"""
        func.func @f(%a: memref<8x8xf32>) {{
          %flat = memref.reinterpret_cast %a to offset: [0], sizes: [64], strides: [1]
            : memref<8x8xf32> to memref<64xf32>
          %v = memref.reinterpret_cast %flat to offset: [0], sizes: [8, 8], {strides}
            : memref<64xf32> to memref<8x8xf32, {layout}>
          linalg.generic {{indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>],
              iterator_types = ["parallel", "parallel"]}}
              ins(%v : memref<8x8xf32, {layout}>) outs(%a : memref<8x8xf32>) {{
            ^bb0(%x: f32, %y: f32):
              %z = arith.addf %x, %y : f32
              linalg.yield %z : f32
          }}
          return
        }}"""


def test_a_nest_may_read_what_it_writes_where_it_writes_it() -> None:
    check_stage("linalg", ir.Module.parse(in_place("strides: [8, 1]", "strided<[8, 1]>"), make_context()))


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
        ("linalg", in_place("strides: [1, 8]", "strided<[1, 8]>"), "operand 1 is written where operand 0 is read"),
        (
            "linalg",
            """func.func @f(%a: memref<8x8xf32>) {
              %v = memref.reinterpret_cast %a to offset: [0], sizes: [8, 8], strides: [8, 1]
                : memref<8x8xf32> to memref<8x8xf32>
              linalg.matmul ins(%v, %v : memref<8x8xf32>, memref<8x8xf32>) outs(%a : memref<8x8xf32>)
              return
            }""",
            "operand 2 is written where operand 0 is read",
        ),
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
