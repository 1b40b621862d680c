"""Pointers to pointers: tables and lists of pointers that kernels read and write as such."""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl
from triton.compiler import ASTSource


def addresses(*tensors: torch.Tensor) -> torch.Tensor:
    return torch.tensor([x.data_ptr() for x in tensors])


def test_table_of_rows() -> None:
    """By a cast of a tensor of integers: one pointer for all lanes, and for each lane its own, behind a mask."""

    @triton.jit
    def kernel(table, out, n):
        rows = table.to(tl.pointer_type(tl.pointer_type(tl.float32)), bitcast=True)
        i = tl.arange(0, 8)
        tl.store(out + i, tl.load(tl.load(rows + 1) + i))
        first = tl.load(rows + i, mask=i < n, other=tl.load(rows))
        tl.store(out + 8 + i, tl.load(first + i))

    a, b, c = torch.randn(3, 8)
    out = torch.zeros(16)
    kernel[(1,)](addresses(a, b, c), out, 3)
    assert torch.equal(out[:8], b)
    expected = [a[0], b[1], c[2], *a[3:]]
    assert torch.equal(out[8:], torch.stack(expected))


def test_arguments() -> None:
    """`**fp16` is a type of Triton's; what is launched is a tensor of addresses."""

    @triton.jit
    def kernel(table, out):
        i = tl.arange(0, 4)
        tl.store(out + i, tl.load(tl.load(table + i) + 1))

    rows = torch.randn(4, 8).half()
    out = torch.zeros(4).half()
    compiled: Any = triton.compile(ASTSource(kernel, {"table": "**fp16", "out": "*fp16"}, {}))
    compiled[(1, 1, 1)](addresses(*rows), out)
    assert torch.equal(out, rows[:, 1])


def test_pointers_are_stored() -> None:
    @triton.jit
    def kernel(table, x):
        i = tl.arange(0, 16)
        tl.store(table.to(tl.pointer_type(tl.pointer_type(tl.int32)), bitcast=True) + i, x + 3 * i, mask=i < 10)

    table, x = torch.zeros(16).long(), torch.zeros(64).int()
    kernel[(1,)](table, x)
    places = x.data_ptr() + 12 * torch.arange(16)
    assert torch.equal(table, torch.where(torch.arange(16) < 10, places, 0))


def test_linked_lists() -> None:
    """Three levels: a table of lists, of which each node is the address of the next and a number."""

    @triton.jit
    def kernel(lists, out, steps):
        node = tl.load(lists + tl.program_id(0))
        total = tl.full((), 0, tl.int64)
        for _ in range(steps):
            total += tl.load((node + 1).to(tl.pointer_type(tl.int64), bitcast=True))
            node = tl.load(node).to(tl.pointer_type(tl.pointer_type(tl.int64)), bitcast=True)
        tl.store(out + tl.program_id(0), total)

    nodes = torch.zeros(8, 2, dtype=torch.int64)
    nodes[:, 1] = 10 ** torch.arange(8)
    for here, there in enumerate([2, 3, 4, 5, 0, 1, 6, 7]):  # 0 -> 2 -> 4 -> 0, 1 -> 3 -> 5 -> 1
        nodes[here, 0] = nodes[there].data_ptr()
    out = torch.zeros(2, dtype=torch.int64)
    compiled: Any = triton.compile(ASTSource(kernel, {"lists": "***i64", "out": "*i64", "steps": "i32"}, {}))
    compiled[(2, 1, 1)](addresses(nodes[0], nodes[1]), out, 4)
    assert out.tolist() == [2 + 100 + 10000, 20 + 1000 + 100000]
