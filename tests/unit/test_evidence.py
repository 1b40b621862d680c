"""Evidence is typed: every attribute that a pass leaves, and every counter, is declared."""

from __future__ import annotations

import shutil
from typing import Any

import pytest

from rung import machine
from rung.bench import group, suite
from rung.bench.ladder import run
from rung.bench.measure import Sampling
from rung.bench.toolchain import native
from rung.evidence import Decision, DeviceCode, HostCode
from rung.ir.attributes import ATTRIBUTES
from rung.report import text
from rung.schedule import Schedule


def test_every_decision_that_the_registry_knows_is_a_field() -> None:
    """But for what is left at the stage `llvm` only, after decisions are read."""
    known = {each.name for each in ATTRIBUTES.values() if not each.structure and not each.carrier.startswith("`llvm.")}
    assert {name.removeprefix("rung.") for name in known} == Decision.model_fields.keys() - {"op"}


@pytest.mark.parametrize(
    ("name", "schedule", "device"),
    [
        ("gelu", "double_buffer=on", "host"),
        ("matmul", "threads=2", "host"),
        ("softmax", "prefetch=on", "host"),
        ("gelu", "double_buffer=on", "hexagon-v73"),
        ("attention", "", "hexagon-v73"),
    ],
)
def test_nothing_is_undeclared(name: str, schedule: str, device: str) -> None:
    case = group.case_of(suite.find(name), suite.find(name).odd_shapes[1], "f32", 0)
    asked, target = Schedule.parse(schedule), machine.load(device)
    code = (
        native()
        .compile(case.kernel, case.signature, dict(case.problem.constexprs), machine=target, schedule=asked)
        .evidence
    )
    assert [each.model_extra for each in code.decided] == [{}] * len(code.decided) and code.decided
    assert isinstance(code.object, HostCode if device == "host" else DeviceCode) and len(code.ir_hash) == 16


def _run(device: str) -> Any:
    case = group.case_of(suite.find("gelu"), (1000,), "f32", 0)
    lab = group.Lab(machine.load(device), native(), Sampling(rounds=2))
    return run(case, [Schedule.parse("threads=2")], lab)[0]


@pytest.mark.parametrize("device", ["host", "hexagon-v73"])
def test_counters_are_declared(device: str) -> None:
    launch = _run(device).launch
    assert launch.model_extra == {} and launch.contexts_ran is not None
    if device != "host":
        blocks = _run(device).evidence.object.blocks
        assert launch.hot_loop and launch.executions and len(launch.executions) == len(blocks) > 0


def test_a_machine_without_objdump_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    found = _run("host")
    assert found.correct and found.evidence.object is None
    assert "packed ops" not in text.evidence(found.evidence, found.launch)
