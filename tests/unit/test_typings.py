"""The type stubs are what the installed bindings tell, and what is written by hand is there."""

from __future__ import annotations

import ast
import importlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

_TOOLS = Path(__file__).parents[2] / "tools"


@pytest.fixture(scope="module")
def tool() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(_TOOLS))
        yield importlib.import_module("make_typings")


@pytest.fixture
def copy(tool: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The stubs, to be changed, while what the tool makes are those in typings/."""
    made = {
        path.relative_to(tool.STUBS).as_posix(): path.read_text() for path in (tool.STUBS / "torch_mlir").rglob("*.pyi")
    }
    shutil.copytree(tool.STUBS, tmp_path / "typings")
    monkeypatch.setattr(tool, "STUBS", tmp_path / "typings")
    monkeypatch.setattr(tool, "stubs", lambda: made)
    return tmp_path / "typings"


def test_the_stubs_are_what_is_installed_in_any_order_of_hashes() -> None:
    command = [sys.executable, str(_TOOLS / "make_typings.py"), "--check"]
    seed = {"PYTHONHASHSEED": "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"}
    ran = subprocess.run(command, capture_output=True, text=True, env=os.environ | seed, check=False)
    assert (ran.returncode, ran.stdout) == (0, ""), f"run: python tools/make_typings.py\n{ran.stdout}{ran.stderr}"


def test_a_stub_that_was_changed_is_shown(tool: ModuleType, copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stub = copy / "torch_mlir" / "dialects" / "scf.pyi"
    stub.write_text(stub.read_text().replace("def step(self) -> ir.Value: ...", "def step(self) -> int: ..."))
    assert tool.main(["--check"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line[:1] in "+-" and line[:3] not in ("+++", "---")] == [
        "-    def step(self) -> int: ...", "+    def step(self) -> ir.Value: ...",
    ]  # fmt: skip


def test_a_stub_that_is_missing_or_left_over_is_shown(tool: ModuleType, copy: Path) -> None:
    (copy / "torch_mlir" / "dialects" / "__init__.pyi").rename(copy / "torch_mlir" / "dialects" / "tensor.pyi")
    assert tool.difference(tool.stubs()).splitlines() == [
        "typings/torch_mlir/dialects/__init__.pyi: is missing",
        "typings/torch_mlir/dialects/tensor.pyi: is not made any more",
    ]


def test_the_stubs_are_written_and_then_the_same(tool: ModuleType, copy: Path) -> None:
    (copy / "torch_mlir" / "left_over.pyi").write_text("")
    (copy / "torch_mlir" / "ir.pyi").unlink()
    assert tool.main([]) == 0
    assert tool.main(["--check"]) == 0


@pytest.mark.parametrize(
    ("stub", "present", "invented", "fault"),
    [
        ("scipy/optimize.pyi", "def nnls(", "def nnls_of_old(", "scipy.optimize.nnls_of_old does not exist"),
        ("scipy/optimize.pyi", "max_nfev", "maximum", "scipy.optimize.least_squares has no parameter maximum"),
        ("scipy/optimize.pyi", "    x: ND", "    y_of_x: ND", "scipy.optimize.OptimizeResult.y_of_x does not exist"),
        ("triton/knobs.pyi", "_only", "_all", "triton.knobs.compilation_knobs.store_binary_all does not exist"),
        ("torch_mlir/passmanager.pyi", "enable:", "on:", ".PassManager.enable_verifier has no parameter on"),
    ],
)
def test_what_is_declared_and_not_installed_is_told(
    tool: ModuleType, copy: Path, stub: str, present: str, invented: str, fault: str
) -> None:
    text = (copy / stub).read_text()
    shutil.rmtree(copy)
    (copy / stub).parent.mkdir(parents=True)
    (copy / stub).write_text(text)
    assert list(tool.faults(copy)) == []
    (copy / stub).write_text(text.replace(present, invented))
    (told,) = tool.faults(copy)
    assert told.startswith(f"typings/{stub}:") and told.endswith(f"{fault}\n")


@pytest.mark.parametrize(
    ("correction", "refusal"),
    [
        ("class Value:\n    def __hash__(self) -> int: ...\n", "the correction of Value.__hash__ changes nothing"),
        ("class Valeu: ...\n", "torch_mlir.ir has no Valeu"),
    ],
)
def test_a_correction_that_corrects_nothing_is_refused(
    tool: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, correction: str, refusal: str
) -> None:
    (tmp_path / "torch_mlir").mkdir()
    (tmp_path / "torch_mlir" / "ir.pyi").write_text(correction)
    monkeypatch.setattr(tool, "CORRECTIONS", tmp_path)
    monkeypatch.setattr(tool, "corrections", tool.corrections.__wrapped__)
    with pytest.raises(SystemExit, match=refusal):
        tool.corrected.__wrapped__("torch_mlir.ir", "Value")


def test_a_stub_has_what_rung_names_and_what_its_types_are_made_of(tool: ModuleType, tmp_path: Path) -> None:
    source = tmp_path / "user.py"
    source.write_text("from torch_mlir.dialects import cf\n\ncf.AssertOp(a, b).msg\n")
    kept = tool.Reduction(tool.Uses().read([source])).kept
    assert list(kept["torch_mlir.dialects.cf"]) == ["AssertOp"]
    (operation,) = kept["torch_mlir.dialects.cf"]["AssertOp"]
    assert [*dict.fromkeys(map(tool.defined, operation.body))] == ["__init__", "msg"]
    assert {"OpView", "StringAttr", "Value", "Location"} <= kept["torch_mlir.ir"].keys()
    assert "MemRefType" not in kept["torch_mlir.ir"]


def test_signatures_have_one_form(tool: ModuleType) -> None:
    given = "def f(self, value: _ods_ir.Value[_ods_ir.IntegerType], *, kind: _Optional[_Any] = None, loc=None): ..."
    (made,) = [tool.Form("torch_mlir.dialects.cf").visit(part) for part in ast.parse(given).body]
    assert ast.unparse(ast.fix_missing_locations(made)).splitlines()[0] == (
        "def f(self, value: ir.Value, *, kind: Any=None, loc: ir.Location | None=None) -> Any:"
    )
