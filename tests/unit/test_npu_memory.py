"""Accesses to DRAM, counted in the device's code."""

from __future__ import annotations

import llvmlite.binding as llvm
import pytest

from rung.targets.npu.ir_objects import functions
from rung.targets.npu.memory import Traffic, dram_traffic

MASK = "<32 x i1> %m"
DECLARED = """
@table = constant [32 x float] zeroinitializer
declare ptr @rung_arena_enter(i64)
declare <32 x float> @llvm.masked.load.v32f32.p0(ptr, <32 x i1>, <32 x float>)
declare void @llvm.masked.store.v64f16.p0(<64 x half>, ptr, <64 x i1>)
declare <32 x i32> @llvm.masked.gather.v32i32.v32p0(<32 x ptr>, <32 x i1>, <32 x i32>)
declare void @llvm.masked.scatter.v32f32.v32p0(<32 x float>, <32 x ptr>, <32 x i1>)
"""
MASKED_LOAD = f"call <32 x float> @llvm.masked.load.v32f32.p0(ptr align 4 %p, {MASK}, <32 x float> zeroinitializer)"
GATHER = f"tail call <32 x i32> @llvm.masked.gather.v32i32.v32p0(<32 x ptr> align 4 %v, {MASK}, <32 x i32> poison)"


def traffic(*lines: str) -> Traffic | None:
    body = "\n".join(f"  {line}" for line in lines)
    arguments = f"ptr %q, ptr %p, <32 x i32> %i, {MASK}, <64 x i1> %all, <32 x float> %x, <64 x half> %h"
    text = f"{DECLARED}define void @f({arguments}) {{\nentry:\n{body}\n  ret void\n}}\n"
    return dram_traffic(functions(llvm.parse_assembly(text)), 128, 4).get(("f", "entry"))


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["%a = load float, ptr %p, align 4"], Traffic(scalar=1)),
        (["%a = load <64 x float>, ptr %p, align 4"], Traffic(vector=2, vector_bytes=256)),
        ([f"%a = tail {MASKED_LOAD}"], Traffic(vector=1, vector_bytes=128)),
        (
            ["call void @llvm.masked.store.v64f16.p0(<64 x half> %h, ptr nonnull align 128 %p, <64 x i1> %all)"],
            Traffic(vector=1, vector_bytes=128),
        ),
        (["%v = getelementptr float, ptr %p, <32 x i32> %i", f"%a = {GATHER}"], Traffic(scalar=32)),
        (
            [
                "%v = getelementptr float, ptr %p, <32 x i32> %i",
                f"call void @llvm.masked.scatter.v32f32.v32p0(<32 x float> %x, <32 x ptr> align 4 %v, {MASK})",
            ],
            Traffic(scalar=32),
        ),
        (["%a = atomicrmw fadd ptr %p, float 1.0 monotonic, align 4"], Traffic(scalar=2)),
        (["%a = cmpxchg weak ptr %p, i32 0, i32 1 monotonic monotonic, align 4"], Traffic(scalar=2)),
        (["%s = alloca [32 x float], align 128", f"%a = {MASKED_LOAD.replace('%p', '%s')}"], None),
        (
            ["%s = alloca [32 x float]", "%v = getelementptr float, ptr %s, <32 x i32> %i", f"%a = {GATHER}"],
            None,
        ),
        # Addresses of lanes that are computed from addresses of lanes.
        (
            [
                "%u = getelementptr float, ptr %p, <32 x i32> %i",
                "%v = getelementptr i8, <32 x ptr> %u, i32 4",
                f"%a = {GATHER}",
            ],
            Traffic(scalar=32),
        ),
        (["%a = load ptr, ptr %p, align 4", "%b = load <32 x ptr>, ptr %p, align 4"], Traffic(1, 1, 128)),
        (["%a = load <32 x i1>, ptr %p, align 4", "store i8 0, ptr %p"], Traffic(scalar=2)),
        (
            ["%s = call ptr @rung_arena_enter(i64 9)", "%e = getelementptr i8, ptr %s, i32 4", "store i8 0, ptr %e"],
            None,
        ),
        (["%s = alloca i8", "%e = select i1 true, ptr %p, ptr %s", "store i8 0, ptr %e"], Traffic(scalar=1)),
        (["%a = load float, ptr @table", "%b = load float, ptr getelementptr (i8, ptr @table, i32 4)"], None),
    ],
)
def test_what_goes_to_dram(lines: list[str], expected: Traffic | None) -> None:
    assert traffic(*lines) == expected


def test_the_frame_of_a_task_is_the_launchers_and_loops_of_pointers_stay_where_they_began() -> None:
    text = """
declare void @rung_fork(ptr, ptr, i64)
define void @k(ptr %p) {
entry:
  %frame = alloca [2 x i64]
  call void @rung_fork(ptr @task, ptr %frame, i64 4)
  ret void
}
define void @task(ptr %frame, i64 %context) {
entry:
  %far = load ptr, ptr %frame
  br label %loop
loop:
  %own = phi ptr [ %frame, %entry ], [ %next, %loop ]
  %out = phi ptr [ %far, %entry ], [ %on, %loop ]
  store i64 0, ptr %own
  store i64 0, ptr %out
  %next = getelementptr i64, ptr %own, i32 1
  %on = getelementptr i64, ptr %out, i32 1
  %more = icmp ult ptr %next, %far
  br i1 %more, label %loop, label %end
end:
  ret void
}"""
    found = dram_traffic(functions(llvm.parse_assembly(text)), 128, 4)
    assert found == {("task", "loop"): Traffic(scalar=1)}
