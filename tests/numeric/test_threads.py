# ruff: noqa: E501
"""Threads, the C interface and scratch, compiled for the host: every program runs exactly once, whatever the sharing."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch_mlir import ir
from torch_mlir.dialects import arith

from rung.ir.context import make_context
from rung.ir.slicing import collect
from rung.lowering.lower_abi import LowerAbi
from rung.lowering.place_scratch import PlaceScratch
from rung.passes import Pass, Pipeline, Upstream
from rung.pipelines import to_llvm
from rung.targets.evidence import host_code
from rung.targets.host import llvm_ir, object_code
from rung.targets.isa import isa_of
from rung.targets.loaded import link
from rung.transforms.form_context_tasks import FormContextTasks
from rung.transforms.form_virtual_threads import FormVirtualThreads

ISA = isa_of(os.uname().machine)


def compiled(text: str, *mt: Pass, scalar: bool = False, opt_level: int = 1) -> bytes:
    module = ir.Module.parse(text, make_context())
    loops = Upstream("func.func(convert-linalg-to-loops)")
    Pipeline((*mt, loops, PlaceScratch(stack_bytes=0), LowerAbi(), *to_llvm(ISA, scalar))).run(module)
    return object_code(module, opt_level=opt_level)


def call(code: bytes, *arguments: np.ndarray | int | float) -> None:
    slots = np.zeros(len(arguments), np.int64)
    for i, argument in enumerate(arguments):
        if isinstance(argument, np.ndarray):
            slots[i] = argument.ctypes.data
        elif isinstance(argument, float):
            slots[i : i + 1].view(np.float32)[0] = argument
        else:
            slots[i] = argument
    linked = link(code)
    ctypes.CFUNCTYPE(None, ctypes.c_void_p)(linked.functions["kernel_packed"])(slots.ctypes.data)


COUNT = """
func.func @kernel(%seen: memref<?xi32>, %total: memref<?xf32>, %v: f32, %gx: index, %gy: index, %gz: index)
    attributes {rung.kernel} {
  scf.forall (%px, %py, %pz) in (%gx, %gy, %gz) {
    %zero = arith.constant 0 : index
    %one = arith.constant 1 : i32
    %a = arith.muli %pz, %gy : index
    %b = arith.addi %a, %py : index
    %c = arith.muli %b, %gx : index
    %d = arith.addi %c, %px : index
    %n = memref.load %seen[%d] : memref<?xi32>
    %m = arith.addi %n, %one : i32
    memref.store %m, %seen[%d] : memref<?xi32>
    %o = memref.atomic_rmw addf %v, %total[%zero] : (f32, memref<?xf32>) -> f32
    %p = memref.generic_atomic_rmw %total[%one_] : memref<?xf32> {
    ^bb0(%old: f32):
      %new = arith.subf %old, %v : f32
      memref.atomic_yield %new : f32
    }
  } {rung.grid}
  return
}""".replace("%zero = ", "%one_ = arith.constant 1 : index\n    %zero = ")

SHARES = [
    (FormVirtualThreads(contexts=1), FormContextTasks()),
    (FormVirtualThreads(contexts=2, fork_join_ns=0), FormContextTasks()),
    (FormVirtualThreads(contexts=4, fork_join_ns=0), FormContextTasks()),
    (FormVirtualThreads(contexts=3, distribution="block-cyclic", fork_join_ns=0), FormContextTasks()),
    (FormVirtualThreads(contexts=4, distribution="block-cyclic", line_bytes=16, fork_join_ns=0), FormContextTasks()),
]


@pytest.mark.parametrize("share", SHARES, ids=lambda share: str(share[0]))
def test_every_program_runs_once(share: tuple[Pass, ...]):
    code = compiled(COUNT, *share)
    for grid in [
        (0, 1, 1),
        (1, 1, 1),
        (2, 1, 1),
        (7, 1, 1),
        (5, 3, 2),
        (5, 0, 2),
        (1, 1, 9),
        (1003, 1, 1),
        (17, 61, 2),
    ]:
        programs = int(np.prod(grid))
        seen, total = np.zeros(programs + 1, np.int32), np.zeros(2, np.float32)
        call(code, seen, total, 0.5, *grid)
        assert (seen[:programs] == 1).all() and seen[programs] == 0, grid
        assert total.tolist() == [0.5 * programs, -0.5 * programs], grid


class StoreTheContext(Pass):
    """Every program stores the number of the context that runs it."""

    name = "store-the-context"

    def run(self, module: ir.Module) -> None:
        ops = collect(module.operation)
        context = next(op for op in ops if op.name == "scf.forall").regions[0].blocks[0].arguments[0]
        store = next(op for op in ops if op.name == "memref.store")
        with ir.InsertionPoint(store):
            store.operands[0] = arith.IndexCastOp(ir.IntegerType.get_signless(32), context).result


@pytest.mark.parametrize("contexts", [2, 3, 5])
@pytest.mark.parametrize("distribution", ["block", "block-cyclic"])
def test_contexts_do_not_write_to_the_same_line(contexts: int, distribution: Any):
    share = FormVirtualThreads(contexts=contexts, distribution=distribution, fork_join_ns=0)
    code = compiled(COUNT, share, StoreTheContext(), FormContextTasks())
    lines = 64 // 4
    for programs in (16 * 8 * contexts, 2003):
        seen, total = np.full(programs, -1, np.int32), np.zeros(2, np.float32)
        call(code, seen, total, 0.0, programs, 1, 1)
        padded = np.concatenate([seen, np.full(-programs % lines, seen[-1], np.int32)]).reshape(-1, lines)
        assert (padded == padded[:, :1]).all(), "one context for each line"
        counts = np.bincount(seen, minlength=contexts)
        assert counts.min() >= 0.8 * counts.max(), "and even shares"


NESTED = """
func.func @kernel(%x: memref<?xf32>, %y: memref<?xf32>, %n: i32, %gx: index, %gy: index, %gz: index)
    attributes {rung.kernel} {
  scf.forall (%px, %py, %pz) in (%gx, %gy, %gz) {
    %rows = memref.alloca() : memref<4x16xf32>
    %size = arith.constant 64 : index
    %start = arith.muli %px, %size : index
    %end = arith.index_cast %n : i32 to index
    %left = arith.subi %end, %start : index
    %b = arith.minsi %left, %size : index
    scf.forall (%i, %j) in (4, 16) {
      %k = arith.constant 16 : index
      %r = arith.muli %i, %k : index
      %e = arith.addi %r, %j : index
      %inside = arith.cmpi slt, %e, %b : index
      scf.if %inside {
        %p = arith.addi %start, %e : index
        %v = memref.load %x[%p] : memref<?xf32>
        memref.store %v, %rows[%i, %j] : memref<4x16xf32>
      }
    } {rung.tiles}
    %tiles = arith.constant 4 : index
    scf.forall (%i) in (%tiles) {
      %tile = memref.alloca() : memref<16xf32, 1>
      %row = memref.subview %rows[%i, 0] [1, 16] [1, 1] : memref<4x16xf32> to memref<16xf32, strided<[1], offset: ?>>
      memref.copy %row, %tile : memref<16xf32, strided<[1], offset: ?>> to memref<16xf32, 1>
      %k = arith.constant 16 : index
      %r = arith.muli %i, %k : index
      %o = arith.addi %start, %r : index
      %rest = arith.subi %b, %r : index
      %zero = arith.constant 0 : index
      %low = arith.maxsi %rest, %zero : index
      %m = arith.minsi %low, %k : index
      %in = memref.subview %tile[0] [%m] [1] : memref<16xf32, 1> to memref<?xf32, strided<[1]>, 1>
      %out = memref.reinterpret_cast %y to offset: [%o], sizes: [%m], strides: [1]
        : memref<?xf32> to memref<?xf32, strided<[1], offset: ?>>
      linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>],
                      iterator_types = ["parallel"]}
        ins(%in : memref<?xf32, strided<[1]>, 1>) outs(%out : memref<?xf32, strided<[1], offset: ?>>) {
      ^bb0(%e: f32, %old: f32):
        %s = arith.mulf %e, %e : f32
        linalg.yield %s : f32
      }
    } {rung.tiles}
  } {rung.grid}
  return
}"""


@pytest.mark.parametrize("contexts", [1, 2, 4])
@pytest.mark.parametrize("scalar", [False, True])
def test_tiles_within_the_grid(contexts: int, scalar: bool):
    mt = (FormVirtualThreads(contexts=contexts, fork_join_ns=0), FormContextTasks())
    code = compiled(NESTED, *mt, scalar=scalar)
    for n in (1, 64, 1000):
        x = np.random.default_rng(n).standard_normal(n).astype(np.float32)
        y = np.zeros(n + 1, np.float32)
        call(code, x, y, n, -(-n // 64), 1, 1)
        np.testing.assert_array_equal(y[:n], x * x)
        assert y[n] == 0


def test_arguments_of_every_kind():
    kinds = {"i1": 1, "i8": -7, "i16": -300, "i32": -70000, "i64": 1 << 40}
    arguments = "".join(f", %{kind}: {kind}" for kind in kinds)
    stores = ""
    for at, kind in enumerate(kinds):
        extend = (
            "" if kind == "i64" else f"%w{kind} = arith.ext{'u' if kind == 'i1' else 's'}i %{kind} : {kind} to i64\n"
        )
        value = "%i64" if kind == "i64" else f"%w{kind}"
        stores += f"{extend}%at{at} = arith.constant {at} : index\nmemref.store {value}, %x[%at{at}] : memref<?xi64>\n"
    text = f"""
func.func @kernel(%x: memref<?xi64>, %h: f16, %y: memref<?xf16>{arguments}, %gx: index, %gy: index, %gz: index)
    attributes {{rung.kernel}} {{
  %zero = arith.constant 0 : index
  memref.store %h, %y[%zero] : memref<?xf16>
  {stores}
  return
}}"""
    code = compiled(text)
    x, y = np.zeros(len(kinds), np.int64), np.zeros(1, np.float16)
    half = int(np.array([1.5], np.float16).view(np.uint16)[0])
    call(code, x, half, y, *kinds.values(), 1, 1, 1)
    assert x.tolist() == list(kinds.values()) and y[0] == 1.5


SQUARES = """
func.func @kernel(%x: memref<?xf32>, %y: memref<?xf32>, %gx: index, %gy: index, %gz: index) attributes {rung.kernel} {
  scf.forall (%px, %py, %pz) in (%gx, %gy, %gz) {
    %size = arith.constant 1024 : index
    %start = arith.muli %px, %size : index
    %in = memref.reinterpret_cast %x to offset: [%start], sizes: [1024], strides: [1]
      : memref<?xf32> to memref<1024xf32, strided<[1], offset: ?>>
    %out = memref.reinterpret_cast %y to offset: [%start], sizes: [1024], strides: [1]
      : memref<?xf32> to memref<1024xf32, strided<[1], offset: ?>>
    linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]}
      ins(%in : memref<1024xf32, strided<[1], offset: ?>>) outs(%out : memref<1024xf32, strided<[1], offset: ?>>) {
    ^bb0(%e: f32, %old: f32):
      %s = arith.mulf %e, %e : f32
      linalg.yield %s : f32
    }
  } {rung.grid}
  return
}"""


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="counts x86 instructions")
def test_scalar_code_holds_no_packed_arithmetic():
    mt = (FormVirtualThreads(contexts=2), FormContextTasks())
    scalar = host_code(compiled(SQUARES, *mt, scalar=True, opt_level=3), ISA)
    assert scalar is not None, "objdump is missing; it comes with the C compiler that rung needs anyway"
    assert scalar.packed_ops == 0 and scalar.scalar_fp_ops > 0 and "rung_fork" in scalar.calls
    free = host_code(compiled(SQUARES, *mt, opt_level=3), ISA)
    assert free.packed_ops > 0


def test_llvm_ir_text():
    module = ir.Module.parse(SQUARES, make_context())
    loops = Upstream("func.func(convert-linalg-to-loops)")
    Pipeline((FormVirtualThreads(), FormContextTasks(), loops, LowerAbi(), *to_llvm(ISA))).run(module)
    text = llvm_ir(module)
    assert "define internal void @kernel_task0(ptr" in text and "define void @kernel_packed(ptr" in text
    assert object_code(str(module)).startswith(b"\x7fELF")


def test_modules_as_text(tmp_path: Path):
    module = ir.Module.parse(SQUARES, make_context())
    loops = Upstream("func.func(convert-linalg-to-loops)")
    Pipeline((FormVirtualThreads(), FormContextTasks(), loops, LowerAbi(), *to_llvm(ISA))).run(module)
    x, y = np.arange(2048, dtype=np.float32), np.zeros(2048, np.float32)
    call(object_code(str(module)), x, y, 2, 1, 1)
    np.testing.assert_array_equal(y, x * x)


@pytest.mark.parametrize("stride", [1, 2])
def test_strided_copies(stride: int):
    layout = f"strided<[?, {stride}], offset: ?>"
    text = f"""
func.func @kernel(%x: memref<?xf32>, %y: memref<?xf32>, %m: i32, %n: i32, %gx: index, %gy: index, %gz: index)
    attributes {{rung.kernel}} {{
  %rows = arith.index_cast %m : i32 to index
  %columns = arith.index_cast %n : i32 to index
  %three = arith.constant 3 : index
  %pitch = arith.constant 40 : index
  %a = memref.reinterpret_cast %x to offset: [%three], sizes: [%rows, %columns], strides: [%pitch, {stride}]
    : memref<?xf32> to memref<?x?xf32, {layout}>
  %b = memref.reinterpret_cast %y to offset: [%gx], sizes: [%rows, %columns], strides: [%columns, 1]
    : memref<?xf32> to memref<?x?xf32, strided<[?, 1], offset: ?>>
  memref.copy %a, %b : memref<?x?xf32, {layout}> to memref<?x?xf32, strided<[?, 1], offset: ?>>
  return
}}"""
    x, y = np.arange(400, dtype=np.float32), np.zeros(40, np.float32)
    call(compiled(text), x, y, 5, 7, 2, 1, 1)
    expected = np.zeros(40, np.float32)
    expected[2:37] = np.lib.stride_tricks.as_strided(x[3:], (5, 7), (160, 4 * stride)).ravel()
    np.testing.assert_array_equal(y, expected)
