"""Lines of the kernel's source in its machine code, for gdb, perf and crash reports."""

from __future__ import annotations

import inspect
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import triton
import triton.language as tl
from torch_mlir import ir

from rung import machine
from rung.bench import group, suite
from rung.compile import Compiled, host_object, lower_kernel
from rung.ir.context import make_context
from rung.schedule import Schedule
from rung.targets.host import add_line_info, llvm_ir

SCHEDULES = ["threads=1 vectorize=off", "", "threads=2 double_buffer=on profitability=off"]


@triton.jit
def scaled(x, factor):
    return x * factor  # the callee


@triton.jit
def rows(x_ptr, y_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i, mask=i < n, other=0.0)  # the load
    y = tl.exp(x) + 1.0  # the function
    y = scaled(y, 3.0)  # the call
    for k in range(n):
        y += tl.load(x_ptr + k)  # the loop
    tl.store(y_ptr + i, y, mask=i < n)  # the store


def marked(word: str) -> int:
    """The line of this file with the comment `word`."""
    lines, first = inspect.getsourcelines(inspect.getmodule(marked))
    return next(number for number, line in enumerate(lines, first or 1) if line.rstrip().endswith(f"# the {word}"))


def lowered(schedule: str) -> Compiled:
    signature = {"x_ptr": "*fp32", "y_ptr": "*fp32", "n": "i32"}
    return lower_kernel(rows, signature, {"BLOCK": 128}, machine=machine.host(), schedule=Schedule.parse(schedule))


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_every_statement_has_its_line(schedule):
    with make_context() as context:
        module = ir.Module.parse(lowered(schedule).binary, context)
        assert add_line_info(module)
        text = llvm_ir(module)
    lines = {int(line) for line in re.findall(r"!DILocation\(line: (\d+)", text)}
    assert {marked(word) for word in ("callee", "load", "function", "loop", "store")} <= lines
    called = re.search(rf"!DILocation\(line: {marked('callee')}, column: \d+, scope: !\d+, inlinedAt: !(\d+)\)", text)
    assert called and re.search(rf"!{called[1]} = !DILocation\(line: {marked('call')},", text)
    assert 'DIFile(filename: "test_line_info.py"' in text


@pytest.mark.parametrize("name", [workload.name for workload in suite.WORKLOADS])
def test_every_call_in_the_studys_kernels_has_a_line(name):
    """Or the kernel would have none at all."""
    workload = suite.find(name)
    case = group.case_of(workload, workload.odd_shapes[1], "f32", seed=0)
    constexprs = dict(case.problem.constexprs)
    for schedule in SCHEDULES:
        made = lower_kernel(
            case.kernel, case.signature, constexprs, machine=machine.host(), schedule=Schedule.parse(schedule)
        )
        with make_context() as context:
            assert add_line_info(ir.Module.parse(made.binary, context)), schedule


@pytest.mark.parametrize(("value", "present"), [("", True), ("0", True), ("1", False)])
def test_tritons_switch(monkeypatch, value, present):
    monkeypatch.setenv("TRITON_DISABLE_LINE_INFO", value)
    assert (b".debug_line" in host_object(lowered(""))) is present


LAUNCH = """
import ctypes, sys
from rung.runtime import _native
code = _native.Code(open(sys.argv[1], "rb").read())
x, y = (ctypes.c_float * 128)(), (ctypes.c_float * 128)()
slots = (ctypes.c_int64 * 6)(ctypes.addressof(x), ctypes.addressof(y), 128, 1, 1, 1)
_native.call_packed(code.functions["rows_packed"], slots)
print("launched", y[0])
"""


@pytest.mark.skipif(shutil.which("gdb") is None, reason="gdb is not installed")
def test_gdb_stops_at_a_line_of_stored_code(tmp_path: Path):
    """The linker tells it of the object, and of where the sections are."""
    (tmp_path / "rows.o").write_bytes(host_object(lowered("threads=1")))
    (tmp_path / "launch.py").write_text(LAUNCH)
    commands = [
        *("set breakpoint pending on", "set confirm off", f"break test_line_info.py:{marked('function')}"),
        *(f"run {tmp_path}/launch.py {tmp_path}/rows.o", "bt 3", "next", "delete", "continue"),
    ]
    given = [argument for command in commands for argument in ("-ex", command)]
    done = subprocess.run(
        ["gdb", "-q", "-nx", "-batch", *given, sys.executable], capture_output=True, text=True, timeout=200
    )
    text = done.stdout
    assert re.search(rf"Breakpoint 1, .*rows\w* \(\) at .*test_line_info.py:{marked('function')}", text), text
    assert re.search(r"#\d +0x\w+ in rows_packed \(\)", text), text
    assert "y = tl.exp(x) + 1.0  # the function" in text and "launched " in text, text
