"""Casts of floats of eight bits: every code widened, every f16 and bf16 narrowed, and what lies next to where rounding
turns. Golden values are torch's, or a table of the formats' numbers."""

from __future__ import annotations

from math import inf, nan

import pytest
import torch
import triton
import triton.language as tl

from rung import machine
from rung.compile import compile_kernel
from rung.schedule import Schedule
from tests.numeric.fp8_codes import (
    BITS_OF_16,
    CODES,
    E4B15,
    FLOATS,
    FORMATS,
    cast,
    cast_numbers,
    converted,
    numbers,
    same,
    saturated,
)  # fmt: skip

SCHEDULES = ["threads=1", "vectorize=off threads=1"]


# ---- casts


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("target", FLOATS, ids=str)
@pytest.mark.parametrize("source", FORMATS, ids=str)
def test_every_code_is_widened(source: torch.dtype, target: torch.dtype, schedule: str) -> None:
    x = CODES.view(source)
    same(converted(x, target, schedule), x.to(target))
    same(converted(x, target, schedule, kernel=cast_numbers), x.to(target))


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("source", FLOATS[:2], ids=str)
@pytest.mark.parametrize("target", FORMATS, ids=str)
def test_every_number_of_16_bits_is_narrowed(source: torch.dtype, target: torch.dtype, schedule: str) -> None:
    x = BITS_OF_16.view(source)
    same(converted(x, target, schedule), saturated(x, target))


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("source", FLOATS[2:], ids=str)
@pytest.mark.parametrize("target", FORMATS, ids=str)
def test_ties_go_to_even_and_all_else_to_the_nearest(source: torch.dtype, target: torch.dtype, schedule: str) -> None:
    """Beside each middle of two neighbours: an f64 that was rounded to f32 first would be taken for the middle."""
    known = numbers(target)
    codes = torch.arange(len(known) - 1)
    middle = ((known[:-1] + known[1:]) / 2).to(source)
    above, below = (torch.nextafter(middle, torch.full_like(middle, to)) for to in (inf, 0.0))
    x = torch.cat([middle, above, below])
    code = torch.cat([codes + codes % 2, codes + 1, codes]).to(torch.uint8)
    same(converted(x, target, schedule), code.view(target))
    negative = (
        torch.where(code == 0, -torch.zeros(len(code), dtype=source), x.new_tensor(0)).to(target).view(torch.uint8)
    )
    right = torch.where(code == 0, negative, code | 0x80)  # the formats without -0 have 0
    same(converted(-x, target, schedule), right.view(target))


EDGES = [0.0, -0.0, inf, -inf, nan, 3.3e38, -3.3e38, 1e-45, -1e-45, 1e-38, -1e-38, 1.0, -1.0]


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("source", [*FLOATS], ids=str)
@pytest.mark.parametrize("target", FORMATS, ids=str)
def test_what_is_too_large_or_too_small_or_no_number(source: torch.dtype, target: torch.dtype, schedule: str) -> None:
    most = torch.finfo(target).max
    x = torch.tensor([*EDGES, most, most * 1.05, most * 1.2, -most * 2, torch.finfo(target).smallest_normal]).to(source)
    same(converted(x, target, schedule), saturated(x, target))
    assert not (converted(x, target, schedule).float().abs() > most).any()


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("rounding", ["rtne", "rtz"])
@pytest.mark.parametrize("target", FORMATS, ids=str)
def test_nan_keeps_its_sign(target: torch.dtype, rounding: str, schedule: str) -> None:
    """Quiet or not; the formats without -0 have only one."""
    patterns = torch.tensor([0x7FC00000, -0x00400000, 0x7F800001, -0x007FFFFF, 0x7FFFFFFF, -1], dtype=torch.int64)
    x = patterns.to(torch.int32).view(torch.float32)
    assert x.isnan().all()
    found = converted(x, target, schedule, rounding).view(torch.uint8).tolist()
    assert found == ([0x80] * 6 if target in FORMATS[2:] else [0x7F, 0xFF] * 3)
    assert found == x.to(target).view(torch.uint8).tolist()


@pytest.mark.parametrize("source", FORMATS, ids=str)
@pytest.mark.parametrize("target", FORMATS, ids=str)
def test_from_one_format_to_another(source: torch.dtype, target: torch.dtype) -> None:
    if source == target:
        return
    x = CODES.view(source)
    same(converted(x, target), saturated(x.float(), target))


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("target", [*FORMATS, torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("source", FLOATS, ids=str)
def test_towards_zero(source: torch.dtype, target: torch.dtype, schedule: str) -> None:
    """The last number on the way to 0; infinities stay where the format has them."""
    if source.itemsize <= target.itemsize:
        return
    if target in FORMATS:
        known = numbers(target)
        between = torch.cat([known[:-1] + (known[1:] - known[:-1]) * f for f in (0, 0.25, 0.5, 0.99)])
        x = torch.cat([between, -between, torch.tensor(EDGES, dtype=torch.float64)]).to(source)
    else:
        x = torch.cat(
            [torch.randn(500) * 2.0**e for e in (-140, -126, -30, -20, -14, 0, 14, 16)] + [torch.tensor(EDGES)]
        )
        x = x.to(source)
    most = torch.finfo(target).max
    rounded = x.clamp(-most, most).to(target)
    # Of torch's rounding, what lies beyond the number is one code too large.
    kind = torch.uint8 if target.itemsize == 1 else torch.int16
    cut = torch.where(
        rounded.double().abs() > x.double().clamp(-most, most).abs(), rounded.view(kind) - 1, rounded.view(kind)
    )
    if target in FORMATS[2:]:
        cut = torch.where(cut == 0x80, 0, cut)
    right = torch.where(x.isnan(), x.to(target).view(kind), cut)
    if torch.tensor(inf).to(target).float().isinf():
        right = torch.where(x.isinf(), x.to(target).view(kind), right)
    same(converted(x, target, schedule, "rtz"), right.view(target))


# ---- e4b15, of which torch knows nothing: the lower half of an f16's exponents, seven bits less of significand


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("target", FLOATS, ids=str)
def test_e4b15_is_widened(target: torch.dtype, schedule: str) -> None:
    same(converted(triton.reinterpret(CODES, tl.float8e4b15), target, schedule), E4B15.to(target))


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_e4b15_is_narrowed_as_triton_does_it_for_gpus(schedule: str) -> None:
    """Halves go away from 0, all beyond 1.75, infinities and NaN are 1.75; wider types are cut to f16 first."""
    x = BITS_OF_16.view(torch.float16)
    size, sign = (BITS_OF_16.int() & 0x7FFF), (BITS_OF_16.int() >> 8) & 0x80
    right = ((size.clamp(max=0x3F00) * 2 + 0x80) >> 8 | sign).to(torch.uint8)
    assert torch.equal(converted(x, tl.float8e4b15, schedule), right)
    assert torch.equal(converted(x.double(), tl.float8e4b15, schedule)[x.isfinite()], right[x.isfinite()])
    y = torch.tensor([0.53124994, 0.53125, 0.531251, 1.9999, 3e9, 1e-9, -0.2])
    cut = converted(y, torch.float16, rounding="rtz")
    assert torch.equal(converted(y, tl.float8e4b15, schedule), converted(cut, tl.float8e4b15, schedule))
    assert converted(y, tl.float8e4b15, schedule)[0] == 0x70


def test_integers_are_no_e4b15() -> None:
    with pytest.raises(triton.CompilationError, match="cannot cast int64 to fp8e4b15"):
        converted(torch.arange(4), tl.float8e4b15)


# ---- schedules and machines


@pytest.mark.parametrize("schedule", ["threads=2", "double_buffer=on", "scratchpad=on", "tile_elements=32 threads=1"])
def test_other_schedules(schedule: str) -> None:
    torch.manual_seed(6)
    x = torch.randn(5000) * 100
    for target in FORMATS:
        code = converted(x, target, schedule)
        same(code, saturated(x, target))
        same(converted(code, torch.float32, schedule), code.float())


@pytest.mark.parametrize("schedule", ["", "vectorize=off"])
@pytest.mark.parametrize(
    ("triton_name", "dtype"), [("fp8e5", FORMATS[0]), ("fp8e4nv", FORMATS[1]), ("fp8e4b8", FORMATS[2])]
)
def test_on_the_modelled_device(triton_name: str, dtype: torch.dtype, schedule: str) -> None:
    def run(x: torch.Tensor, source: str, target: str, out: torch.Tensor) -> torch.Tensor:
        types = {"x": f"*{source}", "o": f"*{target}", "n": "i32", "ROUNDING": "constexpr", "BLOCK": "constexpr"}
        device, how = machine.load("hexagon-v73"), Schedule.parse(schedule)
        made = compile_kernel(cast, types, {"ROUNDING": None, "BLOCK": 256}, machine=device, schedule=how)
        made.run((x, out, len(x)), (triton.cdiv(len(x), 256), 1, 1))
        return out

    x = torch.cat([torch.randn(500) * 2.0**e for e in (-16, -8, 0, 8)])
    code = run(x, "fp32", triton_name, torch.zeros(len(x), dtype=dtype))
    same(code, saturated(x, dtype))
    same(run(CODES.view(dtype), triton_name, "fp32", torch.zeros(256)), CODES.view(dtype).float())
