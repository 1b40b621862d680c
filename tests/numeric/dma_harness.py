# ruff: noqa: E501
"""Runs hand-written loops through the scratchpad passes and the JIT, against copy engines that are as unkind as allowed."""

from __future__ import annotations

import ctypes
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch_mlir import ir
from torch_mlir.dialects import linalg
from torch_mlir.execution_engine import ExecutionEngine
from torch_mlir.runtime import get_ranked_memref_descriptor

from rung import machine
from rung.ir.context import make_context
from rung.ir.dma_contract import check_transfers
from rung.ir.slicing import collect
from rung.lowering.lower_transport import LowerTransport
from rung.lowering.place_scratch import PlaceScratch
from rung.passes import Pass, Pipeline, Upstream
from rung.pipelines import to_llvm
from rung.transforms.double_buffer import DoubleBuffer
from rung.transforms.fit_scratchpad import FitScratchpad
from rung.transforms.promote import Promote
from rung.transforms.transport import Transport

# early: all is done at the start. late: nothing is done before it, or a later transfer, is awaited, and until then the
# destination holds NaNs. unordered: nothing is done before it is awaited itself. A store reads its source when it is done.
TIMINGS = ("early", "late", "unordered")
_ENGINE = r"""
#include <stdint.h>
#include <string.h>
typedef struct { char *dst; const char *src; int64_t rows, bytes, ds, ss; int32_t *tag; } job;
static job jobs[4096];
static int count, errors, started, late;
void engine_set_timing(int t) { late = t; }
void stub_dma_start(void *dst, const void *src, int64_t rows, int64_t bytes, int64_t ds, int64_t ss, int32_t *tag) {
  job j = {dst, src, rows, bytes, ds, ss, tag};
  for (int i = 0; i < count; i++) if (jobs[i].tag == tag) errors++;
  started++;
  if (!late) {
    for (int64_t r = 0; r < rows; r++) memcpy(j.dst + r * ds, j.src + r * ss, bytes);
    *tag = 0;
    return;
  }
  for (int64_t r = 0; r < rows; r++) memset(j.dst + r * ds, 0xff, bytes);
  *tag = 1;
  jobs[count++] = j;
}
void stub_dma_wait(int32_t *tag) {
  int last = count - 1;
  while (last >= 0 && jobs[last].tag != tag) last--;
  if (last < 0 && *tag != 0) errors++;
  int first = late == 2 ? last : 0;
  for (int i = first < 0 ? 0 : first; i <= last; i++) {
    for (int64_t r = 0; r < jobs[i].rows; r++) memcpy(jobs[i].dst + r * jobs[i].ds, jobs[i].src + r * jobs[i].ss, jobs[i].bytes);
    *jobs[i].tag = 0;
  }
  if (last < 0) return;
  memmove(jobs + first, jobs + last + 1, sizeof(job) * (count - last - 1));
  count -= last + 1 - first;
}
int engine_errors(void) { int e = errors + 1000 * count; errors = count = 0; return e; }
int engine_started(void) { int s = started; started = 0; return s; }
"""
_LOOPS = Upstream("func.func(convert-linalg-to-loops)")


def build_engine(directory: Path) -> Path:
    source, library = directory / "engine.c", directory / "libengine.so"
    source.write_text(_ENGINE)
    subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", str(library), str(source)], check=True)
    return library


def set_timing(engine: Path, timing: str) -> None:
    """Choose the engine's timing. The JIT binds symbols per process, so there is one library."""
    ctypes.CDLL(str(engine)).engine_set_timing(TIMINGS.index(timing))


def schedule(depth: int, scratchpad_bytes: int = 1 << 22, max_rank: int = 2) -> tuple[Pass, ...]:
    """The scratchpad passes; depth 1 is single buffering, 0 none at all."""
    if depth == 0:
        return ()
    double = (DoubleBuffer(depth, max_rank),) if depth > 1 else ()
    return (
        FitScratchpad(scratchpad_bytes, depth),
        Promote(),
        *double,
        Transport(max_rank),
        Upstream("canonicalize,cse"),
    )


@dataclass
class Result:
    text: str
    """The IR after the scratchpad passes."""
    started: int
    """Transfers that were started."""


def run(source: str, passes: tuple[Pass, ...], engine: Path, *args: np.ndarray | int) -> Result:
    """Compile `@kernel` and call it; arrays are changed in place."""
    with make_context(), ir.Location.unknown():
        module = ir.Module.parse(source)
        Pipeline(passes).run(module)
        module.operation.verify()
        text = str(module)
        check_transfers(module)
        for op in collect(module.operation):
            _emit_c_interface(op)
        for copy in [op for op in collect(module.operation) if op.name == "memref.copy"]:
            with ir.InsertionPoint(copy):
                linalg.copy(copy.operands[0], outs=[copy.operands[1]])
            copy.erase()
        Pipeline((LowerTransport(), PlaceScratch(stack_bytes=1 << 20), _LOOPS, *to_llvm(machine.host().isa))).run(
            module
        )
        # Symbols are those of the process: rung's own engine may have been loaded by another test.
        module = ir.Module.parse(str(module).replace("@rung_dma_", "@stub_dma_"))
        jit = ExecutionEngine(module, opt_level=1, shared_libs=[str(engine)])
        packed = [
            ctypes.pointer(ctypes.pointer(get_ranked_memref_descriptor(arg)))
            if isinstance(arg, np.ndarray)
            else ctypes.pointer(ctypes.c_int64(arg))
            for arg in args
        ]
        jit.invoke("kernel", *packed)
    library = ctypes.CDLL(str(engine))
    assert library.engine_errors() == 0, "a tag was reused in flight, or a transfer was never awaited"
    return Result(text, library.engine_started())


def _emit_c_interface(op: ir.Operation) -> None:
    if op.name == "func.func" and ir.StringAttr(op.attributes["sym_name"]).value == "kernel":
        op.attributes["llvm.emit_c_interface"] = ir.UnitAttr.get()
