"""Random rows that programs read and write: a race is found where sets of elements say that there is one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import triton
import triton.language as tl

from rung.errors import SanitizerError

SIZE, B = 4096, 128


@triton.jit
def rows(x, reads, writes, steps, counts, OUT: tl.constexpr, B: tl.constexpr):
    """Program p reads counts[p] elements of x, steps[p] apart, and writes as many of its own numbers behind them."""
    p = tl.program_id(0)
    i = tl.arange(0, B)
    step, count = tl.load(steps + p), tl.load(counts + p)
    v = tl.load(x + tl.load(reads + p) + i * step, mask=i < count, other=0)
    tl.store(x + OUT + tl.load(writes + p) + i * step, v + p.to(v.dtype) + 1, mask=i < count)


@triton.jit
def elements(x, reads, writes, steps, counts, OUT: tl.constexpr, B: tl.constexpr):
    """The same, element by element."""
    p = tl.program_id(0)
    i = tl.arange(0, B)
    step, count = tl.load(steps + p), tl.load(counts + p)
    mixed = tl.where(i % 2 == 0, i, B - i)  # the odd ones backwards: no equal steps
    v = tl.load(x + tl.load(reads + p) + mixed * step, mask=mixed < count, other=0)
    tl.store(x + OUT + tl.load(writes + p) + mixed * step, v + p.to(v.dtype) + 1, mask=mixed < count)


def races(reads: list[set[int]], writes: list[set[int]]) -> bool:
    programs = range(len(reads))
    return any(writes[p] & (writes[q] | reads[q]) for p in programs for q in programs if p != q)


@pytest.mark.parametrize("kernel", [rows, elements])
@pytest.mark.parametrize("dtype", [torch.float32, torch.int8])
def test_a_race_is_found_where_there_is_one(kernel: triton.JITFunction, dtype: torch.dtype) -> None:
    rng = np.random.default_rng(7)
    found = {True: 0, False: 0}
    for trial in range(150):
        programs = int(rng.integers(2, 5))
        steps = rng.integers(1, 4, programs) if trial % 2 else np.ones(programs, int)
        counts = rng.integers(0, B + 1, programs) if trial % 3 else np.full(programs, 64)
        last = SIZE // 2 - 4 * B
        starts = (
            rng.integers(0, last // 64, (2, programs)) * 64 if trial % 3 == 0 else rng.integers(0, last, (2, programs))
        )
        number = np.arange(B)
        places = np.where(number % 2 == 0, number, B - number) if kernel is elements else number
        out = int(rng.choice([0, SIZE // 2]))
        touched = [
            [
                {int(s + f * step) for f in places if f < count}
                for s, step, count in zip(each, steps, counts, strict=True)
            ]
            for each in (starts[0], starts[1] + out)
        ]
        expected = races(*touched)
        found[expected] += 1
        tables = [torch.from_numpy(a.astype(np.int32)) for a in (*starts, steps, counts)]
        arguments = (torch.zeros(SIZE, dtype=dtype), *tables)
        if expected:
            with pytest.raises(SanitizerError, match="race for `x`"):
                kernel[(programs,)](*arguments, OUT=out, B=B, sanitize="1")
        else:
            kernel[(programs,)](*arguments, OUT=out, B=B, sanitize="1")
    assert min(found.values()) > 20
