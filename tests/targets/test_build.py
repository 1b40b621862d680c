"""`rung build`: what it writes, and what it refuses."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from rung import machine as machines
from rung.bench.suite import find, kernels_folder
from rung.build import RUNTIME_SYMBOLS, Request, build
from rung.cli import main
from rung.errors import UsageError
from rung.frontends.triton.loader import load_kernel
from rung.frontends.triton.signature import signature_from_text
from rung.machine.targets import known_targets, target_machine
from rung.schedule import Schedule
from rung.targets.ahead.code import check_processor

from .emulated import needed, program, suite_library

_GELU = f"{kernels_folder() / 'gelu.py'}::gelu_tanh_kernel"
_TYPES = "*fp32:16, *fp32:16, i32, 1024"


def _request(text: str, kernel: str = _GELU) -> Request:
    found = load_kernel(kernel)
    return Request(found, text, signature_from_text(text, found))


def _rung(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr("sys.argv", ["rung", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_files_and_manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "out"
    assert _rung(monkeypatch, "build", _GELU, "--signature", _TYPES, "--target", "aarch64", "-o", str(folder)) == 0
    manifest = json.loads((folder / "manifest.json").read_text())
    assert sorted(manifest["files"]) == sorted(each.name for each in folder.iterdir())
    assert manifest["needs"] == [] and manifest["machine_hash"] == target_machine("aarch64").hash
    (function,) = manifest["functions"]
    assert [a["written"] for a in function["arguments"]] == [False, True, False]
    header = (folder / "gelu_tanh_kernel.h").read_text()
    assert "int gelu_tanh_kernel(const float *x_ptr, float *out_ptr, int32_t n, int64_t grid_x" in header
    compiler = shutil.which("g++")
    if compiler:
        strict = ["-std=c++11", "-Wall", "-Wextra", "-Werror", "-pedantic", "-fsyntax-only", "-x", "c++"]
        subprocess.run([compiler, *strict, str(folder / "gelu_tanh_kernel.h")], check=True)
    # An earlier build is replaced.
    assert _rung(monkeypatch, "build", _GELU, "--signature", _TYPES, "--target", "riscv64", "-o", str(folder)) == 0
    assert json.loads((folder / "manifest.json").read_text())["machine"] == "riscv64"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--target", "z80"], "there is no target `z80`"),
        (["--target", "aarch64+mve"], "aarch64 has no option `+mve`; it has: sve"),
        ([], "give one of --target"),
        (["--target", "aarch64", "--machine", "hexagon-v73"], "give one of --target"),
        (["--target", "aarch64", "--emit", "elf"], "--emit is `elf`"),
        (["--target", "aarch64", "--name", "a-b"], "--name is `a-b`"),
        (["--machine", "host"], "give LLVM's name in `cpu`"),
    ],
)
def test_bad_words(
    words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "out"
    assert _rung(monkeypatch, "build", _GELU, "--signature", _TYPES, "-o", str(folder), *words) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"cpu": "cortex-z9"}, "'cortex-z9' is not a recognized processor"), ({"features": ("zz9",)}, "'+zz9' is not")],
)
def test_unknown_processor(changes: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said.replace("+", r"\+")):
        check_processor(target_machine("aarch64").model_copy(update=changes))


@pytest.mark.parametrize("name", known_targets())
def test_every_target_needs_no_library(name: str) -> None:
    check_processor(target_machine(name))
    assert build([_request(_TYPES)], target_machine(name), Schedule()).needs == []


def test_programs_that_print_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "prints.py"
    file.write_text(
        "import triton\nimport triton.language as tl\n\n\n@triton.jit\ndef prints(x):\n"
        "    tl.device_print('x', tl.load(x))\n"
    )
    with pytest.raises(UsageError, match="it prints"):
        build([_request("*fp32", f"{file}::prints")], target_machine("aarch64"), Schedule())


def test_one_function_for_several_signatures(tmp_path: Path) -> None:
    target = needed("x86-64-v3")
    requests = [_request(_TYPES), _request("*fp32, *fp32, i32, 256")]
    product = build(requests, target_machine("x86-64-v3"), Schedule())
    made = program(product, target, tmp_path)
    assert [p.name for p in product.prototypes] == ["gelu_tanh_kernel_1", "gelu_tanh_kernel_2", "gelu_tanh_kernel"]
    x, out = torch.randn(1000), torch.full((1000,), torch.nan)
    # The arrays are aligned: the first is taken, of which one program does 1024 elements.
    assert made.run("gelu_tanh_kernel", [x, out, 1000], (1, 1, 1)) == 0
    torch.testing.assert_close(out, torch.nn.functional.gelu(x, approximate="tanh"), rtol=1e-3, atol=1e-6)


_REVERSE = """
import triton
import triton.language as tl


@triton.jit
def reverse(x, out, n, BLOCK: tl.constexpr):
    place = tl.arange(0, BLOCK)
    value = tl.load(x + place, mask=place < n)
    tl.store(out + n - 1 - place, value, mask=place < n)
"""


def test_arguments_that_are_one_array(tmp_path: Path) -> None:
    """A kernel that takes its arguments to be different memory has a second version for a call where they are not."""
    target = needed("x86-64-v3")
    file = tmp_path / "reverse.py"
    file.write_text(_REVERSE)
    product = build([_request("*fp32, *fp32, i32, 1024", f"{file}::reverse")], target_machine("x86-64-v3"), Schedule())
    assert list(product.built[0].entry.pairs) == [(0, 1)]
    made = program(product, target, tmp_path, same=True)
    x = torch.randn(1000)
    expected = x.flip(0)
    assert made.run("reverse", [x, torch.zeros(1), 1000], (1, 1, 1)) == 0
    torch.testing.assert_close(x, expected, rtol=0, atol=0)


def test_freestanding(tmp_path: Path) -> None:
    """The library asks for memcpy and the like alone, and computes the same."""
    target = needed("aarch64")
    requests = [_request(_TYPES)]
    schedule = replace(Schedule(), threads=3, profitability=False)
    product = build(requests, target_machine("aarch64"), schedule, freestanding=True)
    made = program(product, target, tmp_path)
    said = subprocess.run(
        ["aarch64-linux-gnu-nm", "-u", str(tmp_path / "libkernels.a")], capture_output=True, text=True, check=True
    )
    names = {line.split()[-1] for line in said.stdout.splitlines() if line.strip().startswith("U ")}
    assert names - RUNTIME_SYMBOLS <= {"memcpy", "memset", "memmove"}
    x, out = torch.randn(5000), torch.full((5000,), torch.nan)
    assert made.run("gelu_tanh_kernel", [x, out, 5000], (5, 1, 1)) == 0
    torch.testing.assert_close(out, torch.nn.functional.gelu(x, approximate="tanh"), rtol=1e-3, atol=1e-6)


def test_hexagon_is_vector_code() -> None:
    """No emulator runs its vectors of floats: its code is looked at."""
    product = build([_request(_TYPES)], machines.load("hexagon-v73"), Schedule())
    assembly = product.library.assembly
    assert ".qf32" in assembly or ".sf" in assembly
    # A program's place in the grid.
    assert set(product.needs) <= {"__hexagon_udivsi3", "__hexagon_umodsi3"}
    assert "vextract" not in assembly and "vinsert" not in assembly


_LANES = 4
_MEASURED = {"gelu": (4096,), "vec-add-1d": (4096,), "softmax": (8, 256), "rms-norm": (8, 256), "matmul": (32, 64, 64)}


@pytest.mark.slow
@pytest.mark.parametrize("target", ["aarch64", "riscv64+v"])
@pytest.mark.parametrize("name", _MEASURED)
def test_vec_saves_instructions(name: str, target: str, tmp_path: Path) -> None:
    """Executed by the kernel alone: the program with a grid of nothing is subtracted."""
    found = needed(target)
    counts: list[int] = []
    for vectorize in (False, True):
        schedule = Schedule().with_mechanisms(vectorize, False, False)
        product = suite_library([(name, _MEASURED[name])], "f32", target, schedule)
        folder = tmp_path / str(vectorize)
        folder.mkdir()
        made = program(product, found, folder)
        problem = find(name).problem(_MEASURED[name], "f32", 0)
        function = product.prototypes[0].name
        whole, nothing = (
            made.instructions(function, problem.args, grid, folder / "log") for grid in (problem.grid, (0, 1, 1))
        )
        counts.append(whole - nothing)
    scalar, vec = counts
    print(f"{target} {name}: scalar {scalar}, vec {vec}, {scalar / vec:.2f} times")
    assert scalar / vec >= 0.7 * _LANES
