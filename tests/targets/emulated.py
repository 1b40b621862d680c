"""Libraries of kernels, run in a C program: under an emulator, or by this processor where it knows the code."""

from __future__ import annotations

import shutil
import struct
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from rung.bench.problem import Problem, compare, outputs, signature
from rung.bench.suite import Workload, find
from rung.build import Product, Request, build
from rung.frontends.triton.loader import load_kernel
from rung.frontends.triton.signature import Signature
from rung.machine import Machine
from rung.machine.targets import known_targets, target_machine
from rung.processor import detect
from rung.schedule import Schedule
from rung.targets.ahead.toolchain import tools
from rung.targets.isa import Target

_MAIN = """
#include "{name}.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef union {{ void *p; float f; double d; uint64_t u; }} value;
static value args[64];
static int64_t sizes[64], grid[3];

/* An argument is its size, and so many bytes; of a number the size is 0, and 8 bytes follow. */
static void read_all(int count) {{
  for (int k = 0; k < count; k++) {{
    if (fread(&sizes[k], 8, 1, stdin) != 1) exit(90);
    if (!sizes[k]) {{ if (fread(&args[k].u, 8, 1, stdin) != 1) exit(91); continue; }}
    if (posix_memalign(&args[k].p, 64, (size_t)sizes[k] + 64)) exit(92);
    memset((char *)args[k].p + sizes[k], 0x5a, 64);
    if (fread(args[k].p, 1, (size_t)sizes[k], stdin) != (size_t)sizes[k]) exit(93);
  }}
  if (fread(grid, 8, 3, stdin) != 3) exit(94);
}}

/* Exit status 80: something was written behind an array. */
static void write_all(int count) {{
  for (int k = 0; k < count; k++) {{
    if (!sizes[k]) continue;
    for (int i = 0; i < 64; i++) if (((unsigned char *)args[k].p)[sizes[k] + i] != 0x5a) exit(80);
    fwrite(args[k].p, 1, (size_t)sizes[k], stdout);
  }}
}}

int main(int argc, char **argv) {{
  (void)argc;
  int code = 99;
{calls}
  return code;
}}
"""


@dataclass(frozen=True)
class Program:
    """A C program that calls the functions of one library."""

    path: Path
    command: tuple[str, ...]

    def run(self, function: str, args: Sequence[Any], grid: Sequence[int]) -> int:
        """What the function returns. Tensors change in place."""
        given = b"".join(map(_bytes, args)) + struct.pack("<3q", *grid)
        done = subprocess.run([*self.command, str(self.path), function], input=given, capture_output=True, timeout=300)
        assert done.returncode < 80, (done.returncode, done.stderr.decode())
        at = 0
        for tensor in args:
            if isinstance(tensor, torch.Tensor):
                flat = _flat(tensor)
                flat.copy_(torch.frombuffer(bytearray(done.stdout[at : at + flat.numel()]), dtype=torch.uint8))
                at += flat.numel()
        return done.returncode

    def instructions(self, function: str, args: Sequence[Any], grid: Sequence[int], log: Path) -> int:
        """Executed by the whole program, as the emulator counts them: a line of its log each."""
        given = b"".join(map(_bytes, args)) + struct.pack("<3q", *grid)
        counting = (*self.command, "-singlestep", "-d", "exec,nochain", "-D", str(log), str(self.path), function)
        done = subprocess.run(counting, input=given, capture_output=True, timeout=300)
        assert done.returncode == 0, done.stderr.decode()
        with log.open("rb") as lines:
            return sum(1 for _ in lines)


def _flat(tensor: torch.Tensor) -> torch.Tensor:
    assert tensor.is_contiguous()
    return tensor.view(-1).view(torch.uint8)


def _bytes(value: Any) -> bytes:
    if isinstance(value, torch.Tensor):
        return struct.pack("<q", _flat(value).numel()) + _flat(value).numpy().tobytes()
    return struct.pack("<qq", 0, value) if isinstance(value, int) else struct.pack("<qf4x", 0, value)


def needed(name: str) -> Target:
    """The target; skips, and says so, where it can be neither linked nor run."""
    target = known_targets()[name][1]
    if tools(target) is None:
        pytest.skip(f"no C compiler for {name} is installed: apt-get install {target.package}")
    if _command(target) is None:
        pytest.skip(f"{name} does not run here: apt-get install qemu-user")
    return target


def _command(target: Target) -> tuple[str, ...] | None:
    if target.emulator == "qemu-x86_64":  # which does not know AVX-512
        return () if target.flags <= detect().flags else None
    emulator = shutil.which(target.emulator)
    if emulator is None:
        return None
    return (emulator, "-cpu", target.emulated_cpu) if target.emulated_cpu else (emulator,)


def program(product: Product, target: Target, folder: Path, name: str = "kernels", same: bool = False) -> Program:
    """Writes the library into the folder, and links it. same: all pointers are the first argument."""
    found = tools(target)
    command = _command(target)
    assert found is not None and command is not None
    product.write(folder, name, found)
    calls = "\n".join(_call(p.name, [q.type for q in p.parameters], same) for p in product.prototypes)
    (folder / "main.c").write_text(_MAIN.format(name=name, calls=calls))
    flags = ["-std=c11", "-D_POSIX_C_SOURCE=200809L", "-Wall", "-Wextra", "-Werror", "-static", "-pthread"]
    linked = [found.compiler, *flags, "main.c", "-L.", f"-l{name}", "-lm", "-o", "main"]
    done = subprocess.run(linked, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return Program(folder / "main", command)


def _call(function: str, types: Sequence[str], same: bool) -> str:
    field = {"fp32": "f", "fp64": "d"}
    handed = [
        f"args[{0 if same else k}].p" if kind.startswith("*") else f"args[{k}].{field.get(kind, 'u')}"
        for k, kind in enumerate(types)
    ]
    return (
        f'  if (!strcmp(argv[1], "{function}")) {{ read_all({len(types)}); '
        f"code = {function}({', '.join([*handed, 'grid[0]', 'grid[1]', 'grid[2]'])}); write_all({len(types)}); }}"
    )


def request(workload: Workload, problem: Problem) -> Request:
    """For `build`, with the types of a problem's arguments."""
    kernel = load_kernel(workload.kernel)
    types: dict[str, Any] = dict(signature(kernel.arg_names, problem))
    return Request(kernel, "", Signature(types, {**problem.constexprs}, {}))


Case = tuple[str, tuple[int, ...]]
"""A kernel of the suite, and a shape."""


def suite_library(cases: Sequence[Case], dtype: str, target: str, schedule: Schedule) -> Product:
    """One library of kernels of the suite, a function for each case."""
    machine: Machine = target_machine(target)
    found = [find(name) for name, _ in cases]
    requests = [request(w, w.problem(shape, dtype, 0)) for w, (_, shape) in zip(found, cases, strict=True)]
    return build(requests, machine, schedule)


def check(program: Program, product: Product, cases: Sequence[Case], dtype: str) -> None:
    """Runs the functions of a library that `suite_library` made, and compares with torch."""
    for (name, shape), prototype in zip(cases, product.prototypes, strict=False):
        workload = find(name)
        problem = workload.problem(shape, dtype, 0)
        assert problem.expected is not None
        reference = problem.expected()
        assert program.run(prototype.name, problem.args, problem.grid) == 0
        error = compare(outputs(problem), reference, workload.tolerance(dtype, shape))
        assert error.within, f"{name} {shape} {dtype}: {error}"
