"""The counts of benchmarks/instructions.py: what is read from a profile, what may grow, and what the record says."""

from __future__ import annotations

import importlib.util
import json
import sys
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
sys.path.append(str(BENCHMARKS))

from counting import callgrind, compile_cost, kernels, ratchet, target  # noqa: E402
from counting.ratchet import Change, Count, Record  # noqa: E402

from rung.targets.evidence import disassemble  # noqa: E402

KEPT = Count("softmax", "16 x 500", "instructions", count=1000, least=1000)
LINE = "- softmax 16 x 500: 1,000 -> 1,200 instructions, because rows may overlap"


def _script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("instructions", BENCHMARKS / "instructions.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_costs_of_calls_are_not_the_callers() -> None:
    """`kernel` has 10 + 3 instructions of its own, in two places, and calls a helper twice, for 70 and 7."""
    profile = callgrind.parse(
        "version: 1\nevents: Ir\n\n"
        "ob=/tmp/program\nfl=???\nfn=kernel\n0 10\ncfi=/src/arena.c\ncfn=enter\ncalls=1 0\n0 70\n0 3\n"
        "cfn=part\ncalls=4 0\n0 44\n\n"
        "fn=part\n0 44\n\nfn=main\n0 900\ncfn=kernel\ncalls=1 0\n0 134\n\nfn=enter\n0 77\n\n"
        "fn=kernel\ncfn=enter\ncalls=1 0\n0 7\n\ntotals: 1034\n"
    )
    assert profile.within(frozenset({"kernel"})) == 13
    assert profile.within(frozenset({"kernel", "part"})) == 57
    assert profile.calls_out(frozenset({"kernel", "part"})) == 2


@pytest.mark.parametrize(
    ("fresh", "changelog", "change"),
    [
        (1000, "", Change.NONE),
        (1050, "", Change.NONE),
        (1051, "", Change.MORE),
        (953, "", Change.NONE),
        (952, "", Change.LESS),
        (1200, LINE, Change.ALLOWED),
        (1260, LINE, Change.ALLOWED),
        (1261, LINE, Change.MORE),
        (1200, LINE.replace("1,000", "999"), Change.MORE),  # from another least
        (1200, LINE.replace("500", "512"), Change.MORE),
        (1200, LINE.replace("instructions", "calls out"), Change.MORE),
        (1200, LINE.partition(", because")[0], Change.MORE),  # no reason
        (1200, LINE.replace("rows may overlap", "..."), Change.MORE),  # as --check prints it
    ],
)
def test_growth_needs_a_line_of_the_changelog(fresh: int, changelog: str, change: Change) -> None:
    assert ratchet.judge(KEPT, fresh, changelog) is change


def test_no_count_grows_in_small_steps() -> None:
    """Each step is less than 5% of what was counted before it."""
    record = Record({}, [KEPT])
    record = ratchet.renewed(record, {KEPT.key: 1040}, {}, "")
    assert record.rows == [Count(*KEPT.key, count=1040, least=1000)]
    with pytest.raises(ValueError, match=r"softmax 16 x 500: 1,000 -> 1,080 instructions, because"):
        ratchet.renewed(record, {KEPT.key: 1080}, {}, "")


def test_a_line_is_used_up_when_the_count_falls() -> None:
    record = ratchet.renewed(Record({}, [KEPT]), {KEPT.key: 1200}, {}, LINE)
    record = ratchet.renewed(record, {KEPT.key: 900}, {}, LINE)
    assert ratchet.judge(record.rows[0], 1200, LINE) is Change.MORE


def test_what_costs_nothing_may_not_begin_to() -> None:
    assert ratchet.judge(Count("k", "1", "calls out", 0, 0), 1, "") is Change.MORE


def test_a_count_that_was_raised_by_hand_is_found() -> None:
    raised = Record({}, [Count(*KEPT.key, count=1100, least=1000)])
    assert ratchet.faults(raised, "") and not ratchet.faults(raised, LINE)


def test_the_record_obeys_its_rule_and_is_of_these_versions() -> None:
    text = (BENCHMARKS / "instructions.json").read_text()
    record = ratchet.read(text)
    assert ratchet.written(record) == text
    assert ratchet.faults(record, (BENCHMARKS.parent / "CHANGELOG.md").read_text()) == []
    assert record.holds_for["target"] == "x86-64-v3"
    assert all(record.holds_for[name] == version(name) for name in ("torch-mlir", "triton"))
    counted = {(row.name, row.size) for row in record.rows if row.unit == kernels.INSTRUCTIONS}
    assert counted == {(row.name, row.size) for row in kernels.ROWS} and len(counted) == 12
    assert record.row(compile_cost.OPERATIONS) is not None


def test_code_is_for_the_target_whatever_compiles_it() -> None:
    """No register or mask of AVX-512 in what is counted; the other functions are MLIR's own, which nobody calls."""
    launch = kernels.ROWS[1].launch(*kernels.ROWS[1].inputs(None))
    made = target.object_code(target.lowered(launch.kernel, launch.args, launch.meta))
    text = disassemble(made.code)
    if text is None:
        pytest.skip("no objdump")
    functions = {block.partition(">:")[0].rpartition("<")[2]: block for block in text.split("\n\n") if ">:" in block}
    counted = "".join(functions[name] for name in made.functions)
    assert "%ymm" in counted and "vfmadd" in counted
    assert "%zmm" not in counted and "%k1" not in counted and "%ymm16" not in counted


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """With a record of its own, in which one compile is one call."""
    module = _script()
    compiled = Count(*compile_cost.CALLS, count=1, least=1)
    monkeypatch.setattr(module, "FILE", tmp_path / "instructions.json")
    module.FILE.write_text(ratchet.written(Record(module.holds_for(), [KEPT, compiled])))
    monkeypatch.setattr(compile_cost, "count", lambda: {compile_cost.CALLS: 1})
    monkeypatch.setattr(callgrind, "missing", lambda flags: "")
    return module


def test_what_counting_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(callgrind.shutil, "which", lambda tool: None if tool == "valgrind" else tool)
    monkeypatch.setattr(callgrind.platform, "machine", lambda: "x86_64")
    assert "no avx2" in callgrind.missing(("fma", "f16c"))
    assert "not installed: valgrind" in callgrind.missing(("avx2", "fma", "f16c"))
    monkeypatch.setattr(callgrind.shutil, "which", lambda tool: tool)
    assert callgrind.missing(("avx2", "fma", "f16c")) == ""
    monkeypatch.setattr(callgrind.platform, "machine", lambda: "aarch64")
    assert "aarch64" in callgrind.missing(())


def test_check_fails_for_growth_with_the_line_to_write(
    script: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = script.FILE.read_text()
    monkeypatch.setattr(script, "count_kernels", lambda: {KEPT.key: 1300})
    for option in ("--check", "--write"):
        monkeypatch.setattr(sys, "argv", ["instructions.py", option])
        assert script.main() == 1
        assert "softmax 16 x 500: 1,000 -> 1,300 instructions, because ..." in capsys.readouterr().err
    assert script.FILE.read_text() == before


def test_fewer_are_told_and_written(
    script: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(script, "count_kernels", lambda: {KEPT.key: 700})
    monkeypatch.setattr(sys, "argv", ["instructions.py", "--check"])
    assert script.main() == 0
    assert "--write them" in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", ["instructions.py", "--write"])
    assert script.main() == 0
    assert json.loads(script.FILE.read_text())["counts"][0] == {
        "name": "softmax", "size": "16 x 500", "unit": "instructions", "count": 700, "least": 700,
    }  # fmt: skip


def test_a_row_that_is_gone_or_new_is_told(
    script: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(script, "count_kernels", lambda: {("softmax", "16 x 512", "instructions"): 1})
    monkeypatch.setattr(sys, "argv", ["instructions.py", "--check"])
    assert script.main() == 1
    told = capsys.readouterr().err
    assert "softmax 16 x 512 instructions: not in" in told and "softmax 16 x 500 instructions: in" in told


def test_without_valgrind_the_step_says_why_it_skips(
    script: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = script.FILE.read_text()
    monkeypatch.setattr(callgrind, "missing", lambda flags: "not installed: valgrind")
    monkeypatch.setattr(sys, "argv", ["instructions.py", "--check"])
    assert script.main() == 0
    assert "skipped: the kernels' instructions are not counted: not installed: valgrind" in capsys.readouterr().out
    monkeypatch.setattr(compile_cost, "count", lambda: {compile_cost.CALLS: 2})
    assert script.main() == 1  # the compile is compared all the same
    monkeypatch.setattr(sys, "argv", ["instructions.py", "--write"])
    assert script.main() == 1
    assert script.FILE.read_text() == before
