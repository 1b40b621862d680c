"""The twelve kernels whose instructions are counted: rows of `benchmarks/peers`, at small sizes."""
# pyright: basic

from __future__ import annotations

import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

from . import callgrind, target
from .ratchet import Key

sys.path.append(str(Path(__file__).resolve().parents[1] / "peers"))

import attention
import elementwise
import movement
import products
import rowwise
import torch
from row import Launch, Row

from rung.runtime import header_path

ROWS: tuple[Row, ...] = (
    elementwise.add(4096),
    elementwise.gelu_tanh(4096),
    elementwise.gelu_erf(4099),  # a remainder
    rowwise.softmax(16, 500),
    rowwise.layer_norm(16, 768),
    rowwise.row_sum(16, 1024),
    rowwise.cumsum(16, 512),
    movement.transpose(128, 96),
    movement.embedding(64, 512, 256),
    products.matmul(128, 128, 128, gpu_blocks=True),
    products.matmul_i8(128, gpu_blocks=True),
    attention.attention(2, 128, 64, causal=True),
)
_RUNTIME = ("pool", "team", "dma", "dma_check", "flights", "arena", "failure", "programs", "fibre", "bfloat")


class Wrong(Exception):
    """A kernel whose result is not right: what it costs is of no interest."""


INSTRUCTIONS, CALLS = "instructions", "calls out"
"""Of the kernel's own code; and of the runtime and the C library, whose own depend on who compiled them."""


def count(row: Row, runtime: list[Path], folder: Path) -> dict[Key, int]:
    """One launch of a row, in a program of its own, by row of the record. Raises Wrong."""
    inputs = row.inputs(torch.Generator().manual_seed(0))
    launch: Launch = row.launch(*inputs)
    made = target.object_code(target.lowered(launch.kernel, launch.args, launch.meta))
    kernel, program, given, got = (folder / name for name in ("kernel.o", "program", "given", "got"))
    kernel.write_bytes(made.code)
    source = Path(__file__).with_name("program.c")
    build(["-no-pie", f"-DENTRY={made.entry}", source, kernel, *runtime, "-lm", "-pthread", "-o", program])
    given.write_bytes(_input(launch))
    profile = callgrind.count([program, given, got], folder)
    _check(row, inputs, launch, got.read_bytes())
    return {
        (row.name, row.size, INSTRUCTIONS): profile.within(made.functions),
        (row.name, row.size, CALLS): profile.calls_out(made.functions),
    }


def build_runtime(folder: Path) -> list[Path]:
    """Object files of rung's own runtime."""
    sources = header_path().parent
    made: list[Path] = []
    for name in _RUNTIME:
        made.append(folder / f"{name}.o")
        build(["-c", "-pthread", sources / f"{name}.c", "-o", made[-1]])
    return made


def build(arguments: list[Any]) -> None:
    done = subprocess.run(["cc", "-std=gnu11", "-O2", *arguments], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)


def _grid(launch: Launch) -> tuple[int, ...]:
    grid = launch.grid(launch.meta) if callable(launch.grid) else launch.grid
    return (*grid, 1, 1)[:3]


def _arrays(launch: Launch) -> list[torch.Tensor]:
    return [value for value in launch.args if isinstance(value, torch.Tensor)]


def _input(launch: Launch) -> bytes:
    """As program.c reads it."""
    parts: list[bytes] = []
    for value in (*launch.args, *_grid(launch)):
        if isinstance(value, torch.Tensor):
            content = value.contiguous().view(-1).view(torch.uint8).numpy().tobytes()
            parts += [struct.pack("<q", len(content)), content]
        elif isinstance(value, float):
            parts.append(struct.pack("<qf4x", -1, value))
        else:
            parts.append(struct.pack("<qq", -1, value))
    return b"".join(parts)


def _check(row: Row, inputs: tuple[torch.Tensor, ...], launch: Launch, content: bytes) -> None:
    at = 0
    for array in _arrays(launch):
        if array is launch.output:
            break
        at += array.nbytes
    size = launch.output.nbytes
    got = torch.frombuffer(bytearray(content[at : at + size]), dtype=launch.output.dtype).view(launch.output.shape)
    doubles = (x.double() if x.is_floating_point() else x for x in inputs)
    right = row.exact(*inputs) if row.exact is not None else row.torch(*doubles)
    error, limit = (got.double() - right).abs().max().item(), row.tolerance * right.abs().max().item()
    if not error <= limit:
        raise Wrong(f"{row.title}: off by {error:.2g}, {limit:.2g} allowed")
