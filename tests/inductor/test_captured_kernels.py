"""What a call of a compiled function launches, and how its kernels become cases and files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from rung import machine as machines
from rung.bench import captured, graph, group, kernel_file, kernel_source, outcome
from rung.bench.group import Lab, Variant
from rung.bench.measure import Sampling
from rung.bench.problem import Problem, outputs, restore, snapshot
from rung.bench.toolchain import native
from rung.frontends import inductor
from rung.frontends.inductor import CapturedKernel, CompiledFunction, Launcher
from rung.frontends.torch_function import Drawn, TorchFunction, load
from rung.frontends.triton import launched
from rung.frontends.triton.loader import load_kernel
from rung.schedule import Schedule

FILE = Path(__file__).with_name("functions.py")
SCALAR, VEC = Schedule().with_mechanisms(False, False, False), Schedule().with_mechanisms(True, False, False)


@contextmanager
def compiled(name: str, *shape: int) -> Iterator[tuple[TorchFunction, CompiledFunction]]:
    function = load(f"{FILE}::{name}", [Drawn("float32", shape)] if shape else None, 0)
    with inductor.compiled(function.call, function.target, function.name) as found:
        yield function, found


def test_one_kernel_launched_three_times_stands_once() -> None:
    with compiled("Layers") as (function, found):
        first, again = found.kernels
        assert (first.launches, again.launches) == (1, 2) or (again.launches, first.launches) == (1, 2)
        assert found.breaks == []
        torch.testing.assert_close(found.call(), function.call_eager(), rtol=1e-5, atol=1e-6)


def test_arguments_are_of_the_first_launch_before_and_after() -> None:
    with compiled("scaled", 1000) as (function, found):
        (kernel,) = found.kernels
        before, after = found.arguments(kernel)
        (x,) = (each for each in before if isinstance(each, torch.Tensor) and torch.equal(each, function.inputs[0]))
        result = (function.inputs[0] * 2).sigmoid()
        assert any(isinstance(each, torch.Tensor) and torch.allclose(each, result) for each in after)
        x.zero_()
        assert function.inputs[0].count_nonzero() == 1000


def test_a_graph_break_is_named() -> None:
    with compiled("cut", 1000) as (_, found):
        assert len(found.kernels) == 2 and len(found.breaks) == 1


def test_a_kernel_that_updates_in_place_is_timed_on_the_same_numbers() -> None:
    """A thousand launches of a sigmoid on its own result come to its fixed point."""
    with compiled("in_place", 1000) as (_, found):
        (kernel,) = found.kernels
        case = captured.case(found, kernel, kernel.name)
    assert case.problem.updated and set(case.problem.updated) <= set(case.problem.written or ())
    saved = snapshot(case.problem)
    (result,) = group.measure(
        [Variant("Vec", case, VEC)], Lab(machines.host(), native(), Sampling(rounds=3, seed=0, budget_s=1))
    )
    assert result.correct
    (written,) = outputs(case.problem)
    restore(case.problem, saved)
    (begun,) = outputs(case.problem)
    torch.testing.assert_close(written, begun.sigmoid(), rtol=1e-5, atol=1e-6)


def test_whole_calls_are_of_the_rung_that_they_are_said_to_be() -> None:
    with compiled("Layers") as (function, found):
        labelled = [(kernel.name, kernel) for kernel in found.kernels]
        lab = Lab(machines.host(), native(), Sampling(rounds=5, seed=0, budget_s=1))
        got = graph.measure(function, found, labelled, [SCALAR, VEC], lab)
    assert [rung.rung for rung in got.rungs] == ["Scalar", "Vec"]
    assert all(rung.correct and len(rung.samples) == 5 for rung in got.rungs)
    assert got.rungs[0].reference == "torch eager" and got.rungs[1].step_from == "Scalar"
    assert sum(kernel.launches for kernel in got.kernels) == 3
    assert {call.name: call.calls for call in got.library} == {"aten::mm": 3}
    for rung in got.rungs:
        assert 0 < got.kernels_spent(rung.rung) < max(rung.samples)


def test_a_backward_pass_is_kernels_and_no_operator_of_its_own() -> None:
    with compiled("gradient", 1000) as (function, found):
        labelled = list(zip(captured.labels(found.kernels), found.kernels, strict=True))
        lab = Lab(machines.host(), native(), Sampling(rounds=2, seed=0, budget_s=1))
        got = graph.measure(function, found, labelled, [VEC], lab)
    assert got.rungs[0].correct and got.rungs[0].reference == "torch eager"
    assert not any(call.name.startswith("autograd") for call in got.library)


def test_other_code_runs_under_another_schedule() -> None:
    with compiled("scaled", 1000) as (_, found):
        (kernel,) = found.kernels
        begun: list[str] = []
        launchers = {s.rung: found.under(kernel, str(s)) for s in (SCALAR, VEC)}
        for rung, launch in launchers.items():
            with found.launching(lambda _, values, rung=rung, launch=launch: (begun.append(rung), launch(*values))):
                torch.testing.assert_close(found.call(), found.call())
        assert begun == ["Scalar", "Scalar", "Vec", "Vec"] and len(found.kernels) == 1


@pytest.mark.parametrize(
    ("name", "reference"),
    [("scaled", "torch eager"), ("dropped", "scalar rung, as Inductor"), ("counting", "none: two eager calls differ")],
)
def test_what_a_call_is_compared_with(name: str, reference: str) -> None:
    function = load(f"{FILE}::{name}", [Drawn("float32", (1000,))], 0)
    found = outcome.reference(function, function.call_eager, 0)
    assert found.name.startswith(reference)
    assert (found.values is None) == reference.startswith("none")


def test_inputs_that_a_call_changes_are_put_back() -> None:
    function = load(f"{FILE}::in_place", [Drawn("float32", (1000,))], 0)
    before = function.inputs[0].clone()
    found = outcome.reference(function, function.call_eager, 0)
    assert torch.equal(function.inputs[0], before)
    assert found.error(function.call_eager).within
    assert not found.error(lambda: function.inputs[0] * 2).within


def test_a_wrong_rung_has_no_times() -> None:
    with compiled("scaled", 1000) as (function, found):
        (kernel,) = found.kernels
        right = found.under

        def spoilt(kernel: CapturedKernel, schedule: str) -> Launcher:
            launch = right(kernel, schedule)

            def both(*values: Any) -> None:
                launch(*values)
                for value in values:
                    if isinstance(value, torch.Tensor):
                        value.add_(1)

            return both if "vectorize=off" in schedule else launch

        found.under = spoilt  # type: ignore[method-assign]
        lab = Lab(machines.host(), native(), Sampling(rounds=2, seed=0, budget_s=1))
        got = graph.measure(function, found, [(kernel.name, kernel)], [SCALAR, VEC], lab)
    assert [(rung.correct, len(rung.samples)) for rung in got.rungs] == [(False, 0), (True, 2)]
    assert got.kernels[0].spent.keys() == {"Vec"}


def test_a_captured_kernel_s_file_makes_the_same_case(tmp_path: Path) -> None:
    with compiled("total", 300, 200) as (_, found):
        kernel = found.kernels[0]
        before, after = found.arguments(kernel)
        case = captured.case_of(kernel, kernel.name, before, after)
        launch = kernel_file.describe(kernel, case)
        text = kernel_source.text(launch, kernel_source.of_function(kernel.fn), "About", "kernel.py")
        reference = [after[kernel.passed[position]] for position in case.problem.outputs]
        stored = kernel_file.tensors(launch, case.problem.args, reference)
    (tmp_path / "kernel.py").write_text(text)
    kernel_file.library().save_file(stored, str(tmp_path / "kernel.safetensors"))
    again = load_kernel(f"{tmp_path}/kernel.py")
    told, _ = launched.of(again) or (None, "")
    assert told == launch
    found_case = kernel_file.case(again)
    assert found_case is not None
    assert (found_case.shape, found_case.dtype, found_case.signature) == (case.shape, case.dtype, case.signature)
    assert (found_case.attrs, found_case.problem.grid) == (case.attrs, case.problem.grid)
    for mine, theirs in zip(found_case.problem.args, case.problem.args, strict=True):
        if isinstance(mine, torch.Tensor):
            assert (mine.shape, mine.stride(), mine.dtype) == (theirs.shape, theirs.stride(), theirs.dtype)
        else:
            assert mine == theirs
    assert found_case.problem.expected is not None
    torch.testing.assert_close(found_case.problem.expected(), reference)
    assert "triton_heuristics" not in text and "@triton.jit" in text


def test_arguments_that_are_one_array_are_compiled_as_such() -> None:
    """As a launch would, where the compiler took them to be different ones."""
    with compiled("in_place", 1000) as (_, found):
        (kernel,) = found.kernels
        case = captured.case(found, kernel, kernel.name)
    pairs = [[0, 1]]
    asked: list[bool] = []

    def compile(*args: Any, distinct: bool = True, **keywords: Any) -> Any:
        asked.append(distinct)
        return SimpleNamespace(metadata={"assumed": pairs if distinct else []})

    case.compile(compile, machines.host(), VEC)
    assert asked == [True, False]
    pairs.clear()
    case.compile(compile, machines.host(), VEC)
    assert asked == [True, False, True]


@pytest.mark.parametrize(
    "dtype", [torch.float32, torch.bfloat16, torch.float8_e4m3fn, torch.bool, torch.int64, torch.float64], ids=str
)
def test_arrays_of_any_type_and_stride_are_put_back(dtype: torch.dtype) -> None:
    for value in (torch.arange(24.0).reshape(4, 6).to(dtype)[:, ::2].T, torch.tensor(3.0).to(dtype), torch.zeros(0)):
        problem = Problem((value, 7), (0,), {}, (1, 1, 1), None)
        saved, before = snapshot(problem), value.clone()
        value.zero_()
        restore(problem, saved)
        assert torch.equal(value.double(), before.double())
