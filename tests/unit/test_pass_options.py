"""Every option of every pass has limits, for text and for Python alike; at both ends of them, the pass works."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from math import inf, nan
from pathlib import Path
from typing import Any

import pytest
import triton
import triton.language as tl
from torch_mlir import ir

from rung import machine
from rung.errors import ContractError, PassError, RungError, UsageError
from rung.frontends.triton.capture import import_ttir, make_ttir
from rung.frontends.triton.convert import convert
from rung.ir.context import make_context
from rung.passes import Pass, Pipeline, Stage, parse_pass, parse_pipeline
from rung.passes.options import Joined, Limits, OneOf, Option, options_of
from rung.pipelines import PASSES, pipeline
from rung.schedule import Schedule

OPTIONS = [(cls, option) for cls in PASSES for option in options_of(cls)]


def name(parameter: object) -> str | None:
    if isinstance(parameter, Option):
        return parameter.name
    return parameter.name if isinstance(parameter, type) and issubclass(parameter, Pass) else None


def beyond(option: Option) -> list[Any]:
    """Values that an option must not take."""
    found: list[Any] = ["hope", None, 1.5, -5, 10**9 * 10**9, [1]]
    if isinstance(option.range, Limits):
        found += [option.range.least - 1 - option.range.or_zero, option.range.most + 1, True]
        found += [option.range.least + 2] if option.range.powers_of_two and option.range.least >= 4 else []
    if option.kind is float:
        found = [value for value in found if value != 1.5] + [nan, inf, -inf]
    return [value for value in found if not (isinstance(option.range, Joined) and option.holds(value))]


def ends(option: Option) -> list[Any]:
    if option.kind is bool:
        return [False, True]
    if option.choices:
        return list(option.choices)
    if isinstance(option.range, Limits):
        return [*([0] if option.range.or_zero else []), option.range.least, option.range.most]
    if isinstance(option.range, OneOf):
        return list(option.range.texts)
    assert isinstance(option.range, Joined)
    return ["", option.range.example]


@pytest.mark.parametrize(("cls", "option"), OPTIONS, ids=name)
def test_every_option_has_limits(cls: type[Pass], option: Option) -> None:
    assert option.is_limited
    assert option.holds(option.default)
    assert all(option.holds(value) for value in ends(option))


@pytest.mark.parametrize(("cls", "option"), OPTIONS, ids=name)
def test_what_is_beyond_is_refused_alike_in_text_and_in_python(cls: type[Pass], option: Option) -> None:
    sentence = rf"^pass `{cls.name}`: {option.name} is `[^\n]*`; give {re.escape(option.words)}$"
    for value in beyond(option):
        with pytest.raises(UsageError, match=sentence):
            cls(**{option.field: value})
        written = str(value)
        if " " not in written and not option.holds(option.read(written)):
            with pytest.raises(UsageError, match=sentence):
                parse_pass(f"{cls.name}{{{option.name}={written}}}", PASSES)


def test_numbers_of_any_length_are_refused_in_a_line() -> None:
    for digits in (30, 5000):
        with pytest.raises(UsageError) as error:
            parse_pass(f"vectorize{{unroll={'9' * digits}}}", PASSES)
        assert len(str(error.value)) < 160 and "give a whole number, 0 to 16" in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("vectorize{unroll=2 unroll=4}", "unroll is given twice"),
        ("vectorize{vector-bytes=64 vector_bytes=64}", "vector_bytes is given twice"),
        ("vectorize{unroll}", "unroll has no value; give a whole number, 0 to 16"),
        ("vectorize {unroll=2}", "names `vectorize`, a pass of rung"),
        ("vectorize,cse", "steps are separated by `;`"),
        ("func.func(promote)", "names `promote`, a pass of rung"),
        ("canonicalize{foo=1}", "no such option foo"),
        ("canonicalize{max-iterations=many}", "--max-iterations option: 'many' value invalid"),
        ("func.func(cse", "unbalanced parentheses"),
        ("cse{", "missing closing '}'"),
    ],
)
def test_text_that_is_no_pipeline_is_refused_in_a_line(
    text: str, message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UsageError) as error:
        parse_pipeline(text, PASSES)
    assert message in str(error.value) and "\n" not in str(error.value)
    assert capfd.readouterr() == ("", "")


def test_byte_products_take_vectors_of_their_own_size() -> None:
    with pytest.raises(UsageError, match=r"^pass `tile-contractions`: vector-bytes is `64`; give 128"):
        parse_pass("tile-contractions{vector-bytes=64 byte-dot=llvm.hexagon.V6.vrmpybv.acc.128B}", PASSES)


def test_the_command_gives_the_sentence_and_status_2(tmp_path: Path) -> None:
    (tmp_path / "m.mlir").write_text("func.func @f() { return }")
    command = [sys.executable, "-m", "rung.cli", "opt", str(tmp_path / "m.mlir"), "--pipeline", "vectorize{unroll=-1}"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: pass `vectorize`: unroll is `-1`; give a whole number, 0 to 16\n"


# ---- what passes make at the ends of their options' limits


@triton.jit
def elementwise(x, y, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    v = tl.load(x + i, mask=i < n, other=0.0)
    tl.store(y + i, tl.exp(v) / (1 + v), mask=i < n)


@triton.jit
def rows(x, y, n, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    v = tl.load(x + tl.program_id(0) * n + i, mask=i < n, other=0.0)
    e = tl.exp(v - tl.max(v, 0))
    tl.store(y + tl.program_id(0) * n + i, e / tl.sum(e, 0), mask=i < n)


@triton.jit
def product(x, y, n, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    total = tl.zeros((BLOCK, BLOCK), tl.float32)
    for k in range(0, n, BLOCK):
        a = tl.load(x + i[:, None] * n + k + i[None, :])
        b = tl.load(x + (k + i)[:, None] * n + i[None, :])
        total = tl.dot(a, b, total)
    tl.store(y + i[:, None] * BLOCK + i[None, :], total)


@triton.jit
def bytes_product(x, y, n, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    at = i[:, None] * BLOCK + i[None, :]
    a = tl.load(x + at).to(tl.int8)
    tl.store(y + at, tl.dot(a, a).to(tl.float32))


@triton.jit
def printing(x, y, n, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    v = tl.load(x + i, mask=i < n, other=0.0)
    tl.device_print("v", v)
    tl.store(y + i, v, mask=i < n)


@triton.jit
def flipped(x, y, n, BLOCK: tl.constexpr):
    """Seen as 2 x 2 x ... x 2."""
    i = tl.arange(0, BLOCK)
    tl.store(y + i, tl.flip(tl.sort(tl.load(x + i)), 0))


@dataclass(frozen=True)
class Case:
    """A step of a pipeline that changes something, the module before it, and what comes behind."""

    step: Pass
    text: str
    behind: tuple[Pass | Stage, ...]


CONFIGURATIONS = (
    ("host", "", False),
    ("host", "double_buffer=on tile_elements=64 distribution=block-cyclic", True),
    ("host", "vectorize=off", False),
    ("hexagon-v73", "double_buffer=on tile_elements=64", False),
    ("hexagon-v73", "scratchpad=on", False),
    ("hexagon-v73 npu.matrix_macs_per_cycle={f32=1024.0}", "", False),
)
"""(device, with changes of its fields; schedule; whether transfers are checked)"""


@triton.jit
def transposed(x, y, n, BLOCK: tl.constexpr):
    i, j = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK), tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    tl.store(y + j[:, None] * n + i[None, :], tl.trans(tl.load(x + i[:, None] * n + j[None, :])))


KERNELS = (
    *((elementwise, 256), (rows, 256), (product, 32), (product, 64), (bytes_product, 64), (printing, 64), (flipped, 8)),
    (transposed, 16),
)


def steps(kernel: Any, block: int, device: str, schedule: str, checked: bool) -> Iterator[Case]:
    target = machine.load(*_named(device))
    signature = {"x": "*fp32", "y": "*fp32", "n": "i32", "BLOCK": "constexpr"}
    converted = convert(import_ttir(make_ttir(kernel, signature, {"BLOCK": block}), make_context()))
    planned = list(pipeline(target, Schedule.parse(schedule), check_dma=checked))
    for number, step in enumerate(planned):
        before = str(converted.module)
        Pipeline((step,)).run(converted.module)
        if isinstance(step, PASSES) and str(converted.module) != before:
            yield Case(step, before, tuple(planned[number + 1 :]))


def _named(device: str) -> tuple[str, list[str]]:
    base, *changes = device.split()
    return base, changes


@cache
def cases() -> dict[str, list[Case]]:
    found: dict[str, list[Case]] = {cls.name: [] for cls in PASSES}
    for configuration in CONFIGURATIONS:
        for kernel, block in KERNELS:
            for case in steps(kernel, block, *configuration):
                found[case.step.name].append(case)
    return found


@pytest.mark.parametrize(("cls", "option"), OPTIONS, ids=name)
def test_both_ends_work(cls: type[Pass], option: Option) -> None:
    tried = 0
    for case in cases()[cls.name]:
        for value in ends(option):
            module = ir.Module.parse(case.text, make_context())
            try:
                changed = replace(case.step, **{option.field: value})
                for step in (changed, *case.behind):
                    Pipeline((step,)).run(module)
                    assert module.operation.verify(), f"{changed}: not valid after `{step}`"
            except (ContractError, PassError):
                raise
            except RungError as refusal:
                assert "\n" not in str(refusal)
            tried += 1
    assert tried
