"""Launches of a graph as one call: right where it repeats, and Python's where anything differs."""

from __future__ import annotations

import gc
import sys
import threading
import weakref
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch._inductor.utils import run_and_get_code

from rung.errors import DeviceAssertError
from rung.runtime import _native
from rung.torch_backend import sequences


def chain(x: torch.Tensor, weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Several kernels, with memory in between that nobody sees, and a sum that is there at the end."""
    for dim in (0, 1, 0, 1):
        x = (x * weight).softmax(dim)
    return x, x.sum(0)


def of(function: Any, *inputs: Any) -> tuple[list[_native.Sequence], str]:
    """What a first call makes, and the code of the graph."""
    before = {id(found) for found in _all()}
    _, code = run_and_get_code(function, *inputs)
    return [found for found in _all() if id(found) not in before], code[-1]


def _all() -> list[Any]:
    return [found for found in gc.get_objects() if type(found) is _native.Sequence]


def compiled(function: Callable[..., Any], **keywords: Any) -> Any:
    torch.compiler.reset()
    return torch.compile(function, backend="rung", **keywords)


def inputs(rows: int = 24, columns: int = 40) -> list[torch.Tensor]:
    return [torch.randn(rows, columns), torch.rand(columns)]


@torch.no_grad()
def test_all_launches_of_a_graph_are_one_call() -> None:
    function, given = compiled(chain), inputs()
    (found,), code = of(function, *given)
    body = code[code.index("    def call(self, args)") :]
    assert code.count(".run(") > 3 and ".run(" not in body and "empty_strided_cpu" not in body
    for n in range(1, 4):
        given = inputs()
        results = function(*given)
        assert found.taken == n
        torch.testing.assert_close(results, chain(*given))


@torch.no_grad()
def test_results_are_new_at_each_call() -> None:
    function, given = compiled(chain), inputs()
    function(*given)
    first = function(*given)
    kept = [x.clone() for x in first]
    second = function(*inputs())
    assert not {x.data_ptr() for x in first} & {x.data_ptr() for x in second}
    torch.testing.assert_close(list(first), kept)


@torch.no_grad()
@pytest.mark.parametrize("sizes", [[(8, 16), (30, 7), (8, 16), (8, 16), (100, 3)]])
def test_shapes_that_change(sizes: list[tuple[int, int]]) -> None:
    function = compiled(chain, dynamic=True)
    (found,), _ = of(function, *inputs())
    for n, size in enumerate(sizes, 1):
        given = inputs(*size)
        torch.testing.assert_close(function(*given), chain(*given))
        assert found.taken == n


def test_gradients_and_what_they_keep() -> None:
    def loss(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        return torch.tanh(chain(x, weight)[0] * 3).square().sum()

    function = compiled(loss)
    for _ in range(3):
        given, other = [[x.clone().requires_grad_() for x in inputs()] for _ in range(2)]
        other = [x.detach().clone().requires_grad_() for x in given]
        function(*given).backward()
        loss(*other).backward()
        torch.testing.assert_close([x.grad for x in given], [x.grad for x in other])
    assert any(found.taken for found in _all())


@torch.no_grad()
def test_what_a_graph_is_given_is_free_when_it_says_so() -> None:
    """As in a backward pass, whose activations are gone one by one."""
    (found,), _ = of(compiled(chain), *inputs())
    x, weight = inputs()
    seen = weakref.ref(x)
    given = [x, weight]
    before = sys.getrefcount(weight)
    del x
    results = found(given)
    assert found.taken == 1 and given == [] and seen() is None and sys.getrefcount(weight) == before - 1
    assert len(results) == 2


@torch.no_grad()
def test_arguments_in_the_same_memory() -> None:
    def function(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        y.copy_(x.softmax(0) + y)
        return y.softmax(1)

    (found,), _ = of(compiled(function), torch.randn(16, 16), torch.randn(16, 16))
    x = torch.randn(16, 16)
    expected = x.clone()
    right = function(expected, expected)
    results = found([x, x])
    assert found.taken == 1
    torch.testing.assert_close(results[-1], right)


@torch.no_grad()
def test_a_kernel_that_fails_raises_and_the_graph_goes_on() -> None:
    def function(x: torch.Tensor, at: torch.Tensor) -> torch.Tensor:
        return x.softmax(0)[at].softmax(0)

    whole = compiled(function)
    good = torch.tensor([3, 0, 2])
    x = torch.randn(4, 4)
    (found, *_), _ = of(whole, x, good)
    for _ in range(3):
        with pytest.raises(DeviceAssertError, match="index out of bounds"):
            whole(x, torch.tensor([1, 4, 0]))
        torch.testing.assert_close(whole(x, good), function(x, good))
    assert found.taken == 6


@torch.no_grad()
def test_an_input_of_another_size_is_refused_as_by_inductor() -> None:
    (found,), _ = of(compiled(chain), *inputs())
    with pytest.raises(AssertionError, match="expected size"):
        found([torch.randn(3, 40), torch.rand(40)])


@torch.no_grad()
def test_another_type_and_no_memory_are_left_to_python() -> None:
    (found,), _ = of(compiled(chain), *inputs())
    found(inputs())
    with pytest.raises(Exception, match=r"was compiled for|expected"):
        found([x.double() for x in inputs()])
    assert found.taken == 1


@torch.no_grad()
def test_threads_with_shapes_of_their_own() -> None:
    function = compiled(chain, dynamic=True)
    function(*inputs())
    wrong: list[Any] = []

    def work(rows: int) -> None:
        with torch.no_grad():
            for _ in range(40):
                given = inputs(rows, rows + 5)
                if not torch.allclose(function(*given)[0], chain(*given)[0], atol=1e-6):
                    wrong.append(rows)

    threads = [threading.Thread(target=work, args=(rows,)) for rows in (7, 16, 33)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@torch.no_grad()
def test_who_watches_launches_sees_them() -> None:
    from torch.profiler import ProfilerActivity, profile
    from triton import knobs

    function, given = compiled(chain), inputs()
    (found,), _ = of(function, *given)
    function(*given)
    with profile(activities=[ProfilerActivity.CPU]) as profiled:
        function(*given)
    assert any("triton_" in event.name for event in profiled.events() or ())
    seen: list[Any] = []
    knobs.runtime.launch_enter_hook.add(seen.append)
    try:
        function(*given)
    finally:
        knobs.runtime.launch_enter_hook.remove(seen.append)
    assert seen and found.taken == 1
    function(*given)
    assert found.taken == 2


def nothing(given: list[Any], *_: Any) -> tuple[Any, ...]:
    given.clear()
    return ()


assert_size_stride = empty_strided_cpu = reinterpret_tensor = None
"""Which `nothing` would call, if it did something."""


def test_numbers_are_told_apart_by_their_bits() -> None:
    asked: list[Any] = []

    def values(symbol: Any) -> tuple[Any, ...]:
        asked.append(symbol)
        return ()

    found = sequences.sequence(nothing, values, steps=(), results=(), inputs=0, registers=0, count=0)
    for symbol in (0.0, 0.0, -0.0, 0, 0, False, 1 << 40, 1 << 40):
        found([], symbol)
    assert list(map(repr, asked)) == ["0.0", "-0.0", "0", "False", "1099511627776"]
    assert found.taken == 7  # all but the first, behind which the steps are known
    with pytest.raises(TypeError, match="a list of tensors"):
        found((), 1)


@pytest.mark.parametrize(
    ("steps", "what"),
    [
        ((("drop", 1),), "without its register"),
        ((("drop",),), "an unknown step"),
        ((("scratch", 0, -1),), "without its value"),
    ],
)
def test_steps_that_are_none(steps: Any, what: str) -> None:
    found = sequences.sequence(nothing, lambda: (), steps=steps, results=(), inputs=0, registers=1, count=0)
    with pytest.raises(ValueError, match=what):
        found([])


def test_values_that_are_missing() -> None:
    steps = (("scratch", 0, 3), ("drop", 0))
    found = sequences.sequence(nothing, lambda: (64,), steps=steps, results=(), inputs=0, registers=1, count=1)
    found([])
    with pytest.raises(ValueError, match="a value or a grid is missing"):
        found([])


@torch.no_grad()
def test_calls_of_aten_stand_between() -> None:
    def function(x: torch.Tensor) -> torch.Tensor:
        values, _ = x.softmax(0).topk(3)
        return values.softmax(1).softmax(0)

    whole, x = compiled(function), torch.randn(9, 9)
    found, _ = of(whole, x)
    assert len(found) == 2
    for _ in range(2):
        torch.testing.assert_close(whole(x), function(x))
    assert [each.taken for each in found] == [2, 2]


@torch.no_grad()
def test_branches_are_inductors_own() -> None:
    def function(x: torch.Tensor) -> torch.Tensor:
        x = x.softmax(0)
        y = torch.cond(x.sum() > 0, lambda x: x.softmax(1) * 2, lambda x: x - 1, (x,))
        return y.softmax(0).softmax(1)

    whole, x = compiled(function), torch.randn(8, 8)
    for _ in range(3):
        torch.testing.assert_close(whole(x), function(x))


@torch.no_grad()
def test_another_compilation_of_the_process_keeps_inductors_code() -> None:
    torch.compiler.reset()
    found, code = of(torch.compile(chain), *inputs())
    assert not found and "sequence" not in code


def test_a_size_that_kernels_of_several_stretches_are_given() -> None:
    """It is computed once in a graph, in front of the first of them; the sort between them is ATen's."""

    def function(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        first = torch.diff(x, n=2)
        return first.sum(0), torch.diff(torch.sort(first + 1)[0], n=2) * 2

    compiled = torch.compile(function, backend="rung", dynamic=True)
    for rows, columns in ((7, 9), (5, 12)):
        x = torch.randn(rows, columns, requires_grad=True)
        results, expected = compiled(x), function(x)
        torch.testing.assert_close(results, expected)
        (gradient,) = torch.autograd.grad([each.square().sum() for each in results], x)
        (right,) = torch.autograd.grad([each.square().sum() for each in expected], x)
        torch.testing.assert_close(gradient, right)
