"""A torch function's kernels from the command line: their ladder, and files of them that run."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from rung.bench.ladder_result import LadderRecord
from rung.studies import read
from tests.cli.command_line import ROOT, VARIABLES, Run, rung

FILECHECK = str(Path(sysconfig.get_path("scripts")) / "filecheck")
FILE = ROOT / "tests" / "inductor" / "functions.py"
QUICK = ("--rounds", "2")


def filecheck(text: str, checks: str) -> None:
    """What `filecheck` says of a text."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "checks"
        file.write_text(checks)
        done = subprocess.run([FILECHECK, str(file)], input=text, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr + text


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a process captured. Tests that change it copy it."""
    path = tmp_path_factory.mktemp("captured") / "kernels"
    done = rung("capture", f"{FILE}::total", "--inputs", "f32[200,300]", "-o", str(path))
    assert done.returncode == 0, done.stderr
    filecheck(
        done.stdout,
        """
        CHECK: functions.py::total on f32[200,300]
        CHECK: kernel_0.py triton_
        CHECK-SAME: x1 {{.*}} agrees
        CHECK-NEXT: kernel_1.py triton_
        CHECK-SAME: x1 {{.*}} agrees
        """,
    )
    return path


def python(file: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(file)], env=VARIABLES, capture_output=True, text=True, timeout=120)


def test_a_captured_kernel_runs_by_itself(folder: Path) -> None:
    done = python(folder / "kernel_0.py")
    assert done.returncode == 0, done.stderr
    filecheck(done.stdout, "CHECK: : ok, max abs error\nCHECK: : passed, median of")


def test_a_captured_kernel_that_computes_something_else_fails(folder: Path, tmp_path: Path) -> None:
    for name in ("kernel_1.py", "kernel_1.safetensors"):
        shutil.copy(folder / name, tmp_path)
    stored = load_file(tmp_path / "kernel_1.safetensors")
    (reference,) = (name for name in stored if name.startswith("reference."))
    save_file({**stored, reference: stored[reference] * 1.001}, tmp_path / "kernel_1.safetensors")
    done = python(tmp_path / "kernel_1.py")
    assert done.returncode == 1 and "WRONG" in done.stdout and "FAILED" in done.stdout


def test_the_manifest_says_what_there_is(folder: Path) -> None:
    told = json.loads((folder / "manifest.json").read_text())
    assert (told["function"], told["inputs"]) == ("functions.py::total", "f32[200,300]")
    assert [entry["file"] for entry in told["kernels"]] == ["kernel_0.py", "kernel_1.py"]
    names = {each.name for each in folder.iterdir()}
    assert names == {"manifest.json", *(f"kernel_{n}.{end}" for n in (0, 1) for end in ("py", "safetensors"))}


def test_references_are_what_the_function_computes(folder: Path) -> None:
    """The second kernel sums what the first one wrote of normal numbers, drawn with the seed."""
    x = torch.randn(200, 300, generator=torch.Generator().manual_seed(0))
    stored = load_file(folder / "kernel_1.safetensors")
    (value,) = (tensor for name, tensor in stored.items() if name.startswith("reference."))
    torch.testing.assert_close(value.double().sum(), (x.double() + 1).sigmoid().sum(), rtol=1e-5, atol=1e-3)


def test_other_commands_take_a_captured_kernel(run: Run, folder: Path) -> None:
    kernel = str(folder / "kernel_0.py")
    status, out, errors = run("ladder", f"{kernel}::{_kernel_of(folder)}", "--rungs", "scalar,vec", *QUICK)
    assert status == 0, errors
    filecheck(out, "CHECK: Scalar {{.*}} ok\nCHECK: Vec {{.*}} ok\nCHECK: reference: scalar rung, as captured")
    status, out, errors = run("compile", kernel, "--emit", "ttir")
    assert status == 0, errors
    filecheck(out, "CHECK: tt.func public @triton_\nCHECK-SAME: tt.divisibility = 16")
    status, out, errors = run("trace", f"{kernel}::{_kernel_of(folder)}")
    assert status == 0 and "cycles (modelled)" in out, errors


def _kernel_of(folder: Path) -> str:
    return json.loads((folder / "manifest.json").read_text())["kernels"][0]["kernel"]


def test_files_at_fault_are_one_sentence(refused: Callable[..., str], folder: Path, tmp_path: Path) -> None:
    file, tensors = tmp_path / "kernel_0.py", tmp_path / "kernel_0.safetensors"
    shutil.copy(folder / "kernel_0.py", file)
    command = ("ladder", f"{file}::{_kernel_of(folder)}")
    assert "with its tensors in kernel_0.safetensors, which is not beside it" in refused(*command)
    tensors.write_bytes(b"nothing")
    assert "does not hold what kernel_0.py was captured with" in refused(*command)
    file.write_text((folder / "kernel_0.py").read_text().replace("'written'", "'wrote'"))
    assert "LAUNCH in" in (said := refused(*command)) and "leave it as `rung capture` wrote it" in said


def test_without_safetensors(
    refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch, folder: Path, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "safetensors.torch", None)
    command = ("capture", f"{FILE}::scaled", "--inputs", "f32[300]", "-o", str(tmp_path / "kernels"))
    assert "pip install safetensors" in refused(*command)
    assert "pip install safetensors" in refused("ladder", f"{folder / 'kernel_0.py'}")


def test_a_capture_replaces_an_earlier_one_and_nothing_else(run: Run, tmp_path: Path) -> None:
    target, command = tmp_path / "kernels", ("capture", f"{FILE}::scaled", "--inputs", "f32[300]", "-o")
    target.mkdir()
    assert run(*command, str(target))[0] == 0
    (target / "kernel_0.py").write_text("old")
    assert run(*command, str(target))[0] == 0
    assert (target / "kernel_0.py").read_text() != "old"
    (target / "mine.txt").write_text("mine")
    assert run(*command, str(target))[0] == 0
    assert (target / "mine.txt").read_text() == "mine" and (target / "kernel_0.py").is_file()
    other = tmp_path / "other"
    other.mkdir()
    (other / "mine.txt").write_text("mine")
    status, out, errors = run(*command, str(other))
    assert (status, out) == (2, "") and "holds other files" in errors and len(list(other.iterdir())) == 1
    assert run(*command, str(other), "--force")[0] == 0
    assert (other / "mine.txt").read_text() == "mine" and (other / "manifest.json").is_file()
    assert {each.name for each in tmp_path.iterdir()} == {"kernels", "other"}


def test_what_is_too_big_is_left_out_and_told(run: Run, tmp_path: Path) -> None:
    inputs = ("--inputs", "f32[200,300]", "--limit", "1000")
    status, out, _ = run("capture", f"{FILE}::total", *inputs, "-o", str(tmp_path / "kernels"))
    assert status == 0
    filecheck(out, "CHECK: is left out: {{.*}} of tensors are more than --limit")
    kernels = json.loads((tmp_path / "kernels" / "manifest.json").read_text())["kernels"]
    assert kernels[0]["file"] is None and not (tmp_path / "kernels" / "kernel_0.py").exists()


@pytest.mark.parametrize(
    ("name", "inputs", "words"),
    [
        ("viewed", "f32[4,4]", "Inductor made no Triton kernel of `viewed`"),
        ("fails", "f32[2,3]", "`fails` fails on f32[2,3]: RuntimeError: mat1 and mat2 shapes"),
        ("picked", "f32[4,4], i64[3]=9..9", "`picked` fails on f32[4,4], i64[3]: IndexError: index 9 is out of"),
        ("scaled", "f32[3", "--inputs is `f32[3`; give inputs joined by commas"),
    ],
)
@pytest.mark.parametrize("command", ["ladder", "capture"])
def test_what_makes_no_kernels(run: Run, tmp_path: Path, command: str, name: str, inputs: str, words: str) -> None:
    own = ("ladder", "--inductor") if command == "ladder" else ("capture", "-o", str(tmp_path / "kernels"))
    status, out, errors = run(*own, f"{FILE}::{name}", "--inputs", inputs)
    assert (status, out) == (2, "") and words in errors.splitlines()[-1]
    assert errors.splitlines()[-1].startswith("error: ") and list(tmp_path.iterdir()) == []


def test_the_ladder_of_a_module_from_a_process(tmp_path: Path) -> None:
    record, plot = tmp_path / "a.json", tmp_path / "a.png"
    command = ("ladder", "--inductor", f"{FILE}::Layers", *QUICK, "--json", str(record), "--plot", str(plot))
    done = rung(*command)
    assert done.returncode == 0, done.stderr
    filecheck(
        done.stdout,
        """
        CHECK: functions.py::Layers on f32[8,32], on host: one call
        CHECK: part times Scalar Vec Vec+MT Vec+MT+DB share
        CHECK-DAG: triton_{{.*}} x2
        CHECK-DAG: triton_{{.*}} x1
        CHECK: all kernels x3
        CHECK: ATen: aten::mm x3
        CHECK: between
        CHECK: whole call {{.*}} 100.0%
        CHECK: a call: Vec
        CHECK: outputs against torch eager
        CHECK: each kernel's ladder
        CHECK: triton_{{.*}} ok
        """,
    )
    assert plot.is_file()
    again = rung("report", str(record), "--plot", str(tmp_path / "b.png"))
    assert again.returncode == 0 and (tmp_path / "b.png").is_file()
    assert "whole call" in again.stdout and "ATen: aten::mm" in again.stdout
    found = read(record)
    assert isinstance(found, LadderRecord) and found.graph is not None
    assert [rung.rung for rung in found.graph.rungs] == ["Scalar", "Vec", "Vec+MT", "Vec+MT+DB"]


def test_the_ladder_of_a_module_on_a_modelled_device(run: Run, tmp_path: Path) -> None:
    record = tmp_path / "a.json"
    command = ("ladder", "--inductor", f"{FILE}::Layers", "--device", "hexagon-v73", "--json", str(record))
    status, out, errors = run(*command)
    assert status == 0, errors
    filecheck(
        out,
        """
        CHECK: on hexagon-v73: one call, cycles (modelled)
        CHECK: all kernels x3 {{.*}} 100.0%
        CHECK: not in the sum, as the device has no ATen: aten::mm x3
        """,
    )
    found = read(record)
    assert isinstance(found, LadderRecord) and found.graph is not None
    for rung_ in found.graph.rungs:
        launches = {kernel.kernel: kernel.launches for kernel in found.graph.kernels}
        cycles = [launches[r.kernel] * (r.median or 0) for r in found.results if r.rung == rung_.rung]
        assert rung_.median == sum(cycles)


def test_a_function_that_is_cut_and_draws_random_numbers(run: Run) -> None:
    rungs = ("--rungs", "scalar,vec", *QUICK)
    status, out, errors = run("ladder", "--inductor", f"{FILE}::cut", "--inputs", "f32[300]", *rungs)
    assert status == 0, errors
    filecheck(out, "CHECK: Dynamo cut the function into several graphs: {{.+}}")
    status, out, errors = run("ladder", "--inductor", f"{FILE}::dropped", "--inputs", "f32[300]", *rungs)
    assert status == 0 and "outputs against scalar rung, as Inductor draws" in out, errors
