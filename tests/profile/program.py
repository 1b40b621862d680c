"""A program as users write them, with launches of all kinds; nothing in it is rung's. What it computes is checked."""

import os
import subprocess
import sys
import threading

import torch
import triton
import triton.language as tl
from triton import knobs
from triton.tools.tensor_descriptor import TensorDescriptor


@triton.jit
def more(x_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(x_ptr + i, tl.load(x_ptr + i, mask=i < n) + 1, mask=i < n)


if "child" in sys.argv:
    more[(1,)](torch.zeros(5), 5, BLOCK=16)
    sys.exit()


@triton.jit
def copy(x_ptr, out_ptr, x_row, x_column, out_row, out_column, M: tl.constexpr, N: tl.constexpr):
    i, j = tl.arange(0, M)[:, None], tl.arange(0, N)[None, :]
    tl.store(out_ptr + i * out_row + j * out_column, tl.load(x_ptr + i * x_row + j * x_column) + 1)


# Views, in steps, transposed, in the middle of what they are views of; the same memory twice.
whole = torch.arange(64 * 128, dtype=torch.float32).reshape(64, 128)
view, out = whole[::2, ::4].t(), torch.zeros(64, 64)
copy[(1,)](view, out[16:48, 8:40], *view.stride(), *out.stride(), M=32, N=32)
assert torch.equal(out[16:48, 8:40], view + 1) and torch.count_nonzero(out) == 32 * 32
square = torch.arange(32 * 32, dtype=torch.float32).reshape(32, 32)
expected = square.clone().t() + 1
copy[(1,)](square.t(), square, *square.t().stride(), *square.stride(), M=32, N=32)
assert torch.equal(square, expected)

# Tensors without dimensions; grids without programs, that are functions; compiled kernels.
number, x = torch.zeros(()), torch.zeros(5)
more[(1,)](number, 1, BLOCK=16)
more[(0,)](x, 5, BLOCK=16)
more[lambda constants: (triton.cdiv(2, constants["BLOCK"]),)](x[2:], 2, BLOCK=16)
compiled = more.warmup(x, 5, BLOCK=16, grid=(1,))
compiled[(1, 1, 1)](x, 5, 16)
assert number.item() == 1 and x.tolist() == [1, 1, 2, 2, 1]


@triton.jit
def as_floats(x_ptr):
    i = tl.arange(0, 16)
    tl.store(x_ptr + i, tl.load(x_ptr + i) + 1.0)


@triton.jit
def corner(descriptor, out_ptr):
    i = tl.arange(0, 16)
    tl.store(out_ptr + i[:, None] * 16 + i[None, :], descriptor.load([0, 0]))


@triton.jit
def scaled(pair, out_ptr):
    i = tl.arange(0, 16)
    tl.store(out_ptr + i, tl.load(pair[0] + i) * pair[1])


bits, table, corners, triples = (
    torch.zeros(16, dtype=torch.int32),
    torch.randn(16, 32),
    torch.zeros(16, 16),
    torch.zeros(16),
)
as_floats[(1,)](triton.reinterpret(bits, tl.float32))
corner[(1,)](TensorDescriptor.from_tensor(table, [16, 16]), corners)
scaled[(1,)]((torch.ones(16), 3.0), triples)
assert bits.view(torch.float32).tolist() == [1.0] * 16
assert torch.equal(corners, table[:, :16]) and triples.tolist() == [3.0] * 16

# Hooks.
seen = []
knobs.runtime.launch_enter_hook.add(lambda metadata: seen.append(metadata.get()["name"]))
knobs.runtime.launch_exit_hook.add(lambda metadata: seen.append("end"))
more[(1,)](x, 5, BLOCK=16)
assert seen == ["more", "end"]
knobs.runtime.launch_enter_hook.calls.clear()
knobs.runtime.launch_exit_hook.calls.clear()


@triton.autotune([triton.Config({"BLOCK": block}) for block in (64, 1024)], key=["n"])
@triton.jit
def tuned(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(out_ptr + i, 2 * tl.load(x_ptr + i, mask=i < n), mask=i < n)


@triton.heuristics({"BLOCK": lambda given: triton.next_power_of_2(given["n"])})
@triton.jit
def counted(x_ptr, n, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    tl.store(x_ptr + i, i.to(tl.float32), mask=i < n)


long, twice = torch.randn(10000), torch.empty(10000)
for _ in range(2):
    tuned[lambda constants: (triton.cdiv(10000, constants["BLOCK"]),)](long, twice, 10000)
counted[(1,)](x, 5)
assert torch.equal(twice, 2 * long) and x.tolist() == [0, 1, 2, 3, 4]
print("block", tuned.best_config.kwargs["BLOCK"])


@triton.jit
def positive(x_ptr):
    tl.device_assert(tl.load(x_ptr) > 0, "positive")


@triton.jit
def wrapped(x_ptr, out_ptr, step, BLOCK: tl.constexpr):
    i = tl.program_id(0) * step + tl.arange(0, BLOCK)
    read = tl.load(x_ptr + i, mask=(i >= 0) & (i < 64), other=7.0)
    tl.store(out_ptr + tl.program_id(0) * BLOCK + tl.arange(0, BLOCK), read)


# What a launch refuses, and what a kernel fails at, reach the program. Numbers that overflow wrap.
for launch in (
    lambda: more[(1,)](torch.zeros(5, device="meta"), 5, BLOCK=16),
    lambda: positive[(1,)](torch.zeros(1), debug=True),
):
    try:
        launch()
    except Exception as error:
        print(type(error).__name__)
source, rows = torch.randn(64), torch.zeros(5, 16)
wrapped[(5,)](source, rows, 1 << 30, BLOCK=16)
assert torch.equal(rows[0], source[:16]) and torch.equal(rows[4], source[:16]) and rows[1:4].unique().item() == 7


@triton.jit
def waits(flag_ptr):
    while tl.atomic_cas(flag_ptr, 0, 0) == 0:
        pass


waits[(2,)](torch.ones(1, dtype=torch.int32))
print(
    "event", triton.testing.do_bench(lambda: tuned.fn[(10,)](long, twice, 10000, BLOCK=1024), warmup=0.001, rep=0.001)
)

# Threads and processes.
threads = [threading.Thread(target=lambda: more[(1,)](torch.zeros(5), 5, BLOCK=16)) for _ in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
if (child := os.fork()) == 0:
    more[(1,)](torch.zeros(5), 5, BLOCK=16)
    os._exit(0)
os.waitpid(child, 0)
subprocess.run([sys.executable, __file__, "child"], check=True)
sys.exit(5)
