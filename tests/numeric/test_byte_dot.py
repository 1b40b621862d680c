"""Contractions of bytes on HVX: exact sums, from an instruction that makes four products per lane."""

from __future__ import annotations

from typing import Any

import llvmlite.binding as llvm
import numpy as np
import pytest
import torch

from rung import machine
from rung.compile import compile_kernel
from rung.errors import RungError
from rung.schedule import Schedule
from rung.targets.npu.emulate import emulate
from rung.targets.npu.executable import NpuExecutable
from rung.transforms.contract import TileContractions
from rung.transforms.vectorize import Vectorize
from tests.filecheck.test_contraction import matmul
from tests.harness import transform
from tests.numeric import triton_kernels as k

MACHINE = machine.load("hexagon-v73")
WITHOUT = MACHINE.model_copy(update={"byte_dot": ""})
DOT = MACHINE.byte_dot
SIGNATURE = {"a": "*i8", "b": "*i8", "c": "*i32", "M": "i32", "N": "i32", "K": "i32"}
BLOCKS = ("BM", "BN", "BK")


def run(
    shape: tuple[int, int, int], block: tuple[int, int, int], on: machine.Machine, **schedule: Any
) -> tuple[NpuExecutable, float]:
    """The kernel after a run whose result was compared, and its modelled cycles."""
    m, n, depth = shape
    rng = np.random.default_rng(m + n + depth)
    a, b = (torch.from_numpy(rng.integers(-128, 128, s, dtype=np.int8)) for s in ((m, depth), (depth, n)))
    a.view(-1)[0] = b.view(-1)[0] = -128
    c = torch.full((m, n), 7, dtype=torch.int32)
    signature = SIGNATURE | dict.fromkeys(BLOCKS, "constexpr")
    constexprs = dict(zip(BLOCKS, block, strict=True))
    kernel = compile_kernel(k.dot_bytes, signature, constexprs, machine=on, schedule=Schedule(**schedule))
    assert isinstance(kernel, NpuExecutable)
    bound = kernel.bind([a, b, c, m, n, depth], (-(-m // block[0]), -(-n // block[1]), 1))
    bound()
    assert torch.equal(c.long(), a.long() @ b.long())
    return kernel, bound.timeline().cycles


@pytest.mark.parametrize("double_buffer", [False, True])
@pytest.mark.parametrize(
    ("shape", "block"),
    [
        ((65, 33, 7), (32, 32, 4)),
        ((100, 70, 90), (64, 64, 32)),
        ((3, 5, 6), (4, 8, 2)),  # neither whole words nor whole vectors
        ((17, 130, 41), (16, 64, 8)),
    ],
)
def test_sums_are_exact(shape: tuple[int, int, int], block: tuple[int, int, int], double_buffer: bool) -> None:
    kernel, _ = run(shape, block, MACHINE, double_buffer=double_buffer)
    assert "vrmpy" in kernel.stages["asm"]


@pytest.mark.parametrize("vector_bytes", [64, 256])
def test_vectors_of_another_width_do_without_the_instruction(vector_bytes: int) -> None:
    """The intrinsic takes registers of 128 bytes and no others."""
    other = machine.load("hexagon-v73", [f"vector_bytes={vector_bytes}"])
    kernel, _ = run((65, 33, 70), (32, 32, 32), other)
    assert "vrmpy" not in kernel.stages["asm"]


def test_four_products_per_lane() -> None:
    """A register tile of 128 x 128 x 256: 64 instructions of 128 products in the hot loop, no widening, and a fifth of
    the packets at most."""
    shape, block = (128, 128, 256), (128, 128, 256)
    kernel, cycles = run(shape, block, MACHINE, threads=1, double_buffer=True)
    plain, plain_cycles = run(shape, block, WITHOUT, threads=1, double_buffer=True)
    hot = kernel.program.last_run().hot_loop
    assert any(d.contraction.products == 4 for d in kernel.evidence.decided if d.contraction)
    assert kernel.hot_loop().count("vrmpy") == 64 and hot.packets <= 64
    assert "vrmpy" not in plain.stages["asm"]
    assert _packets(kernel) * 5 <= _packets(plain) and cycles * 2 <= plain_cycles


def _packets(kernel: NpuExecutable) -> int:
    blocks, executions = kernel.evidence.object.blocks, kernel.program.last_run().executions
    return sum(block.packets * ran for block, ran in zip(blocks, executions, strict=True))


def test_words_in_the_ir() -> None:
    text = transform(matmul(5, 40, 7, "i8", "i8", "i32"), [TileContractions(128, 32, False, byte_dot=DOT)])
    assert f'llvm.call_intrinsic "{DOT}"' in text
    # A in rows of 8 bytes, B as two rows of two vectors of words, the last columns of C under a mask.
    assert "memref<5x8xi8>" in text and "memref<2x64xi32>" in text and "vector.maskedstore" in text


@pytest.mark.parametrize(
    ("types", "dot"), [(("i8", "i8", "i32"), ""), (("i16", "i16", "i32"), DOT), (("f16", "f16", "f32"), DOT)]
)
def test_other_contractions_stay_as_they_are(types: tuple[str, str, str], dot: str) -> None:
    text = transform(matmul(16, 32, 8, *types), [TileContractions(128, 32, False, byte_dot=dot), Vectorize(128, 32)])
    assert "call_intrinsic" not in text


def test_batches_and_strided_operands() -> None:
    text = transform(matmul(4, 32, 6, "i8", "i8", "i32", batch="3x"), [TileContractions(128, 32, False, byte_dot=DOT)])
    assert "memref<3x4x8xi8>" in text and "memref<3x2x32xi32>" in text


def test_instructions_that_the_host_cannot_compute_are_refused() -> None:
    text = "declare <32 x i32> @llvm.hexagon.V6.vavgw.128B(<32 x i32>, <32 x i32>)\n"
    with pytest.raises(RungError, match=r"no code for the device's instruction `llvm\.hexagon\.V6\.vavgw\.128B`"):
        emulate(llvm.parse_assembly(text), MACHINE.isa)
