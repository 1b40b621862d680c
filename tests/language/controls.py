"""Cases of programs, iterators, hints, debugging, and of what only means something on a GPU."""

# pyright: basic

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
import triton
import triton.language as tl
from triton.language.extra import cuda, hip

from rung.errors import DeviceAssertError

from .cases import Case, Verdict, refusal, show

CASES: list[Case] = []
PROGRAMS, ITERATORS, HINTS, DEBUG, GPU = "Programs", "Iterators", "Compiler hints", "Debugging", "For GPUs only"
note = partial(show, into=CASES)


def ints(count: int = 64) -> torch.Tensor:
    return torch.zeros(count, dtype=torch.int32)


def evens() -> torch.Tensor:
    return torch.arange(0, 128, 2, dtype=torch.int32)


@triton.jit
def who(o):
    z, y, x = tl.program_id(2), tl.program_id(1), tl.program_id(axis=0)
    at = (z * tl.num_programs(1) + y) * tl.num_programs(0) + x
    tl.store(o + at, z * 100 + y * 10 + x + 1000 * tl.num_programs(2))


@note("tl.program_id", "tl.num_programs", section=PROGRAMS, kernels=[who])
def programs() -> None:
    out = ints(24)
    who[(4, 3, 2)](out)
    assert out.tolist() == [2000 + z * 100 + y * 10 + x for z in range(2) for y in range(3) for x in range(4)]


@triton.jit
def loops(o, n):
    s = 0
    for i in tl.range(2, n, 3, num_stages=2, warp_specialize=False):
        s += i
    for j in tl.static_range(4):
        s += j * 1000
    for k in tl.range(n, 0, -1, loop_unroll_factor=2):
        s += k * 100000
    tl.store(o, s)


@note(
    "tl.range",
    "tl.static_range",
    section=ITERATORS,
    kernels=[loops],
    note="`num_stages` and the other hints of `tl.range` change nothing",
)
def iterators() -> None:
    out = ints(1)
    loops[(1,)](out, 10)
    assert int(out) == sum(range(2, 10, 3)) + 6000 + sum(range(1, 11)) * 100000


@triton.jit
def while_condition(o, n):
    i = n
    while tl.condition(i > 3, disable_licm=True):
        i = i // 2
    tl.store(o, i)


@note("tl.condition", section=ITERATORS, kernels=[while_condition])
def conditions() -> None:
    out = ints(1)
    while_condition[(1,)](out, 100)
    assert int(out) == 3


@triton.jit
def hints(o, n):
    i = tl.max_contiguous(tl.multiple_of(tl.arange(0, 64), 64), 64)
    tl.assume(n > 0)
    j = tl.max_constancy(tl.where(i < n, n, n), 64)
    tl.debug_barrier()
    tl.store(o + i, i + j)


@note(
    "tl.multiple_of",
    "tl.max_contiguous",
    "tl.max_constancy",
    "tl.assume",
    section=HINTS,
    kernels=[hints],
    verdict=Verdict.NO_EFFECT,
    note="the compiler finds out for itself",
)
@note(
    "tl.debug_barrier", section=HINTS, kernels=[hints], verdict=Verdict.NO_EFFECT, note="a program runs on one thread"
)
def hints_change_nothing() -> None:
    out = ints()
    hints[(1,)](out, 7)
    assert out.tolist() == [i + 7 for i in range(64)]


@triton.jit
def static(o, N: tl.constexpr):
    tl.static_assert(N == 64, "another size")
    tl.static_print("size", N)
    tl.store(o + tl.arange(0, N), N)


@note("tl.static_assert", "tl.static_print", section=DEBUG, kernels=[static], note="while a kernel is compiled")
def static_checks() -> None:
    out = ints(128)
    static[(1,)](out, 64)
    assert out.tolist() == [64] * 64 + [0] * 64
    assert "another size" in refusal(lambda: static[(1,)](out, 128))


@triton.jit
def asserts(o, n):
    i = tl.arange(0, 64)
    tl.device_assert(i < n, "too far")
    tl.store(o + i, i)


@note(
    "tl.device_assert",
    section=DEBUG,
    kernels=[asserts],
    note="with `debug=True` or `TRITON_DEBUG=1`, of commands too; raises `DeviceAssertError`, and the process goes on",
)
def device_asserts() -> None:
    asserts[(1,)](ints(), 3)
    asserts[(1,)](ints(), 64, debug=True)
    with pytest.raises(DeviceAssertError, match="too far"):
        asserts[(1,)](ints(), 63, debug=True)


@triton.jit
def prints(o):
    tl.device_print("value", tl.arange(0, 4))
    tl.store(o, 1)


def output(launch: Callable[[], Any]) -> str:
    """What a launch writes to the process's stdout."""
    sys.stdout.flush()
    kept = os.dup(1)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 1)
        try:
            launch()
            sys.stdout.flush()
        finally:
            os.dup2(kept, 1)
            os.close(kept)
        file.seek(0)
        return file.read().decode()


@note(
    "tl.device_print",
    section=DEBUG,
    kernels=[prints],
    note="a number of the whole program once, not once for each thread; a modelled device prints nothing",
)
def device_prints() -> None:
    out = ints(1)
    lines = [f"pid (0, 0, 0) idx ({k}) value: {k}\n" for k in range(4)]
    assert output(lambda: prints[(1,)](out)) == "".join(lines) and int(out) == 1


@triton.jit
def collatz(x):
    if x < 1:
        return x
    n = 0
    while x > 1:
        if x % 2 == 0:
            x = x // 2
        else:
            x = 3 * x + 1
        n += 1
    return n


@triton.jit
def exchanged(a, b):
    return b, a


@triton.jit
def mapped(o, p):
    i = tl.arange(0, 64)
    tl.store(o + i, tl.map_elementwise(collatz, i))
    tl.store(p + i, tl.map_elementwise(exchanged, i, pack=2)[0])


@note(
    "tl.map_elementwise",
    section="Math",
    kernels=[mapped],
    note="branches, loops and early returns; with `pack`, of neighbours in row-major order; no accesses to memory",
)
def elements_mapped() -> None:
    steps, swapped = ints(), ints()
    mapped[(1,)](steps, swapped)
    assert steps.tolist() == [collatz_steps(x) for x in range(64)]
    assert swapped.tolist() == [x ^ 1 for x in range(64)]


def collatz_steps(x: int) -> int:
    n = 0
    while x > 1:
        x, n = (x // 2 if x % 2 == 0 else 3 * x + 1), n + 1
    return n


@triton.jit
def assembly(o):
    i = tl.arange(0, 64)
    tl.store(o + i, tl.inline_asm_elementwise("mov.b32 $0, $1;", "=r,r", [i], dtype=tl.int32, is_pure=True, pack=1))


@note(
    "tl.inline_asm_elementwise",
    section=GPU,
    kernels=[assembly],
    verdict=Verdict.REFUSED,
    note="the assembly is a GPU's",
)
def assembly_of_gpus() -> None:
    assert "tt.elementwise_inline_asm" in refusal(lambda: assembly[(1,)](ints()))


@triton.jit
def targets(o):
    tl.static_assert(not tl.target_info.is_cuda() and not tl.target_info.cuda_capability_geq(7))
    tl.static_assert(
        not tl.target_info.is_hip() and not tl.target_info.is_hip_cdna3() and not tl.target_info.is_hip_cdna4()
    )
    tl.store(o, tl.target_info.current_target().backend == "cpu")


@note(
    *(
        f"tl.target_info.{name}"
        for name in ("is_cuda", "cuda_capability_geq", "is_hip", "is_hip_cdna3", "is_hip_cdna4", "current_target")
    ),
    section=GPU,
    kernels=[targets],
    note='false; the back end of `current_target()` is "cpu"',
)
def target() -> None:
    out = ints(1)
    targets[(1,)](out)
    assert int(out) == 1


@triton.jit
def with_clock(o):
    tl.store(o, cuda.globaltimer())


@triton.jit
def with_processor(o):
    tl.store(o, cuda.smid())


@triton.jit
def with_dependents(o):
    cuda.gdc_launch_dependents()
    tl.store(o, 1)


@triton.jit
def with_wait(o):
    cuda.gdc_wait()
    tl.store(o, 1)


@triton.jit
def with_realtime(o):
    tl.store(o, hip.memrealtime())


@triton.jit
def with_old_floats(o):
    v = tl.load(o + tl.arange(0, 64)).to(tl.float16)
    tl.store(o + tl.arange(0, 64), cuda.convert_custom_float8_sm80(v, tl.float8e4b15).to(tl.int8, bitcast=True))


@triton.jit
def with_older_floats(o):
    v = tl.load(o + tl.arange(0, 64)).to(tl.float16)
    tl.store(o + tl.arange(0, 64), cuda.convert_custom_float8_sm70(v, tl.float8e4b15).to(tl.int8, bitcast=True))


for _name, _kernel in {
    "cuda.globaltimer": with_clock,
    "cuda.smid": with_processor,
    "cuda.gdc_launch_dependents": with_dependents,
    "cuda.gdc_wait": with_wait,
    "hip.memrealtime": with_realtime,
    "cuda.convert_custom_float8_sm80": with_old_floats,
    "cuda.convert_custom_float8_sm70": with_older_floats,
}.items():

    @note(
        f"tl.extra.{_name}",
        section=GPU,
        kernels=[_kernel],
        verdict=Verdict.REFUSED,
        uses=(_name,),
        note="the assembly is a GPU's",
    )
    def only_on_gpus(kernel: Any = _kernel) -> None:
        assert "inline_asm" in refusal(lambda: kernel[(1,)](ints()))


@triton.jit
def threads(o):
    tl.store(o, cuda.num_warps() * 1000 + cuda.num_threads())


@note(
    "tl.extra.cuda.num_warps",
    "tl.extra.cuda.num_threads",
    section=GPU,
    kernels=[threads],
    uses=("cuda.num_warps", "cuda.num_threads"),
    verdict=Verdict.DIFFERS,
    note="what the launch was given; a program runs on one thread",
)
def warps() -> None:
    out = ints(1)
    threads[(1,)](out, num_warps=8)
    assert int(out) == 8256
