"""What users say of their own kernels' arguments: --arg, --input, --reference."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from rung import machine
from rung.bench import adhoc
from rung.bench.given import Given
from rung.compile import compile_kernel
from rung.errors import UsageError
from rung.options import parse
from rung.schedule import Schedule

FILE = """
import torch
import triton
import triton.language as tl

@triton.jit
def blend(x_ptr, idx, o_ptr, alpha, shift, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mask = i < n
    at = tl.load(idx + i, mask=mask, other=0)
    v = tl.load(x_ptr + at, mask=mask) * alpha + shift
    tl.store(o_ptr + i, v, mask=mask)

def right(x, idx, o, alpha, shift, n):
    assert x.dtype == torch.float64
    return x[idx.long()] * alpha + shift

def by_name(x, idx, o, alpha, shift, n):
    return {"o_ptr": x[idx.long()] * alpha + shift}

def wrong_name(*args):
    return {"y": args[0]}

def wrong_size(*args):
    return args[0][:3]

def fails(*args):
    raise ValueError("no")
"""
SIGNATURE = "*fp32, *i32, *fp32, fp32, i32, i32, 64"


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("given") / "own.py"
    path.write_text(FILE)
    return path


def case(file: Path, **given: object) -> adhoc.Case:
    return adhoc.case(f"{file}::blend", (300,), "f32", 0, SIGNATURE, given=Given(**given))


def test_numbers_and_spans_are_what_was_given(file: Path) -> None:
    made = case(file, numbers={"alpha": 2, "shift": -7}, spans={"idx": (3, 9), "x_ptr": (-1, 1)})
    x, idx, _, alpha, shift, n = made.problem.args
    assert (alpha, shift, n) == (2.0, -7, 300) and isinstance(alpha, float)
    assert int(idx.min()) == 3 and int(idx.max()) == 9
    assert float(x.min()) >= -1 and 0.9 < float(x.max()) <= 1
    assert made.own is not None
    words = (
        "x_ptr *fp32[300] -1 to 1",
        "idx *i32[300] 3 to 9",
        "o_ptr *fp32[300] normal(0, 1)",
        "alpha=2,",
        "grid 5x1x1",
    )
    assert all(word in made.own.filled for word in words) and "n=300 (guessed)" in made.own.filled


def test_a_given_number_tells_a_parameters_kind(file: Path) -> None:
    file.with_name("scale.py").write_text(FILE.replace("idx + i", "x_ptr + i").replace("x_ptr + at", "x_ptr + i"))
    constants = {"BLOCK": 64}
    numbers = Given(numbers={"alpha": 0.5, "shift": 3})
    made = adhoc.case(f"{file.with_name('scale.py')}::blend", (100,), "f32", 0, constexprs=constants, given=numbers)
    assert made.signature["alpha"] == "fp32" and made.signature["shift"] == "i32"


@pytest.mark.parametrize("kind", ["float32", "float64", "float16"])
def test_arrays_of_files(file: Path, tmp_path: Path, kind: str) -> None:
    x, idx = np.linspace(-1, 1, 50).astype(kind), np.arange(300, dtype=np.int32) % 50
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "idx.npy", idx)
    files = {"x_ptr": tmp_path / "x.npy", "idx": tmp_path / "idx.npy"}
    made = case(file, files=files, reference=f"{file}::right")
    assert made.problem.args[0].tolist() == x.astype(np.float32).tolist()
    assert made.own is not None and made.own.indexes == {("idx", "x_ptr"): (0, 50)}
    assert "from " in made.own.filled


def test_a_given_array_tells_a_parameters_kind(file: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "idx.npy", np.arange(300, dtype=np.int64) % 50)
    constants, told = {"BLOCK": 64}, Given(numbers={"alpha": 0.5, "shift": 3}, files={"idx": tmp_path / "idx.npy"})
    made = adhoc.case(f"{file}::blend", (300,), "f32", 0, constexprs=constants, given=told)
    assert made.signature["idx"] == "*i64" and made.signature["x_ptr"] == "*fp32"


def test_spans_that_do_not_fit_are_told_as_they_were_given(file: Path) -> None:
    with pytest.raises(UsageError, match=r"--input gives `idx` 0\.\.5000000000, but it is \*i32; give numbers of"):
        case(file, spans={"idx": (0, 5000000000)})


@pytest.mark.parametrize("function", ["right", "by_name"])
def test_a_reference_is_what_is_compared(file: Path, function: str) -> None:
    made = case(file, reference=f"{file}::{function}", numbers={"alpha": 0.5, "shift": 2})
    assert made.problem.expected is not None and made.problem.outputs == (2,)
    compiled = compile_kernel(
        made.kernel, made.signature, dict(made.problem.constexprs), machine=machine.host(), schedule=Schedule()
    )
    compiled.run(made.problem.args, made.problem.grid)
    assert torch.allclose(made.problem.args[2].double(), made.problem.expected()[0], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"numbers": {"beta": 1}}, "--arg names `beta`; blend has the arguments: x_ptr, idx"),
        ({"numbers": {"x_ptr": 1}}, "--arg gives `x_ptr` a number, but it is .*--input x_ptr=FILE.npy"),
        ({"numbers": {"shift": 1.5}}, "--arg gives `shift` 1.5, but it is i32; give a whole number"),
        ({"numbers": {"shift": 2**31}}, "give a whole number, -2147483648 to 2147483647"),
        ({"numbers": {"alpha": 1}, "spans": {"alpha": (0, 1)}}, "--input gives `alpha`, which --arg gives, too"),
        ({"files": {"alpha": Path("a.npy")}}, "--input gives `alpha` an array, but it is fp32"),
        ({"files": {"x_ptr": Path("none.npy")}}, "the file none.npy: No such file"),
        ({"files": {"x_ptr": Path(__file__)}}, "which is no .npy array of numbers"),
        ({"reference": "none.py::f"}, "there is no file `none.py`"),
    ],
)
def test_what_does_not_fit_is_told(file: Path, given: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        case(file, **given)


def test_an_array_of_another_type_is_told(file: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "idx.npy", np.arange(300))
    with pytest.raises(UsageError, match=r"`idx` an array of int64, but it is \*i32; save one of that type"):
        case(file, files={"idx": tmp_path / "idx.npy"})


@pytest.mark.parametrize(
    ("function", "words"),
    [
        ("wrong_name", "gives `y`, which is no array of the kernel's arguments"),
        ("wrong_size", "gives `o_ptr` as a tensor of 3 elements; the kernel has 300 elements"),
        ("fails", "fails: ValueError: no"),
        ("none", "there is no function `none`"),
    ],
)
def test_references_that_cannot_be_are_told(file: Path, function: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        case(file, reference=f"{file}::{function}")


def test_the_command_line() -> None:
    assert parse.numbers(["alpha=2.0", "n=3"]) == {"alpha": 2.0, "n": 3}
    assert parse.inputs(["idx=0..999", "x=a/b.npy", "y=-1.5..2"]) == (
        {"idx": (0, 999), "y": (-1.5, 2)},
        {"x": Path("a/b.npy")},
    )
    for items in (["alpha"], ["alpha=x"], ["1=2"], ["a=1", "a=2"]):
        with pytest.raises(UsageError, match="--arg"):
            parse.numbers(items)
    for items in (["idx"], ["idx="], ["idx=9..0"], ["a=0..1", "a=b.npy"]):
        with pytest.raises(UsageError, match="--input"):
            parse.inputs(items)
