"""Accesses to DRAM, counted from the text of the device's code."""

from __future__ import annotations

import pytest

from rung.targets.npu.memory import Traffic, dram_traffic

MASK = "<32 x i1> %m"
MASKED_LOAD = f"call <32 x float> @llvm.masked.load.v32f32.p0(ptr align 4 %p, {MASK}, <32 x float> zeroinitializer)"
GATHER = f"tail call <32 x i32> @llvm.masked.gather.v32i32.v32p0(<32 x ptr> align 4 %v, {MASK}, <32 x i32> poison)"


def traffic(*lines: str) -> Traffic | None:
    body = "\n".join(f"  {line}" for line in lines)
    text = f"define void @f(ptr %q, ptr %p, <32 x i32> %i, {MASK}) {{\nentry:\n{body}\n  ret void\n}}\n"
    return dram_traffic(text, 128).get(("f", "entry"))


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["%a = load float, ptr %p, align 4"], Traffic(scalar=1)),
        (["%a = load <64 x float>, ptr %p, align 4"], Traffic(vector=2, vector_bytes=256)),
        ([f"%a = tail {MASKED_LOAD}"], Traffic(vector=1, vector_bytes=128)),
        (
            [f"call void @llvm.masked.store.v64f16.p0(<64 x half> %x, ptr nonnull align 128 %p, {MASK})"],
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
    ],
)
def test_what_goes_to_dram(lines: list[str], expected: Traffic | None) -> None:
    assert traffic(*lines) == expected
