"""A kernel's text at every stage: lines without locations, each with the line of its source; loops of assembly."""

from __future__ import annotations

import triton
import triton.language as tl

from rung import machine as machines
from rung.bench import stages
from rung.bench.listing import Listing
from rung.compile import compile_kernel
from rung.schedule import Schedule


@triton.jit
def twice(x_ptr, y_ptr, n, BLOCK: tl.constexpr):
    offsets = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + offsets, mask=offsets < n)
    tl.store(y_ptr + offsets, x * 2.0, mask=offsets < n)


def listed(device: str = "host") -> Listing:
    texts = stages.Texts()
    signature = {"x_ptr": "*fp32", "y_ptr": "*fp32", "n": "i32", "BLOCK": "constexpr"}
    machine = machines.load(device, ())
    made = compile_kernel(twice, signature, {"BLOCK": 256}, machine=machine, schedule=Schedule(), observers=(texts,))
    return texts.listing("twice", twice, made)


def test_every_stage_is_there_with_lines_of_the_source() -> None:
    found = listed()
    names = [stage.name for stage in found.stages if not stage.of_pass]
    assert names == ["ttir", "linalg", "scheduled", "vector", "llvm", "llvm-ir", "asm"]
    store = found.source_first + 4
    assert "tl.store" in found.source[4]
    for stage in found.stages:
        text = [found.lines[line] for line in stage.lines]
        assert not any("loc(" in line or line.startswith("#loc") for line in text if stage.name != "llvm-ir")
        if stage.name not in ("llvm-ir", "asm"):
            assert store in stage.source, stage.name
    vector = next(stage for stage in found.stages if stage.name == "vector")
    stores = [at for line, at in zip(vector.lines, vector.source, strict=True) if "vector.store" in found.lines[line]]
    assert stores and set(stores) == {store}


def test_a_pass_that_changes_nothing_is_left_out() -> None:
    found = listed()
    texts = [tuple(stage.lines) for stage in found.stages]
    for stage, before, after in zip(found.stages[1:], texts, texts[1:], strict=False):
        assert not stage.of_pass or before != after, stage.name


def test_a_modelled_device_marks_its_loops_too() -> None:
    """Hexagon's are hardware loops, which no jump ends."""
    (assembly,) = (stage for stage in listed("hexagon-v73").stages if stage.name == "asm")
    assert assembly.loops


def test_innermost_loops_are_told_from_those_around_them() -> None:
    text = """\
0000000000000000 <kernel>:
   0:\tpush   %rbp
   1:\tmov    %rax,%rbx
   4:\tvmulps %zmm0,%zmm1,%zmm1
   8:\tadd    $0x10,%rax
   c:\tjb     4 <kernel+0x4>
  10:\tinc    %rcx
  14:\tjmp    1 <kernel+0x1>
  18:\tje     1c <kernel+0x1c>
  1c:\tret
0000000000000020 <other>:
  20:\tjmp    4 <kernel+0x4>
"""
    (loop,) = stages.innermost(text.splitlines())
    assert (loop.first, loop.last, loop.words) == (3, 5, "innermost loop, 3 instructions")
