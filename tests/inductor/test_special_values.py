"""Functions of single elements where types end: infinities, NaN, zeros of both signs, denormals, extreme integers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch._inductor import config

from rung import torch_backend
from tests.inductor.cases import FLOATS, INTEGERS, TYPES, Case
from tests.inductor.comparing import leaves, widened
from tests.inductor.families import binary, pointwise
from tests.inductor.graphs import REFUSALS, STRICT

LOOSE = {"f32": 1e-5, "f16": 2e-3, "bf16": 1.6e-2, "f64": 1e-10}
"""Of a function's value."""

OF_THE_TYPE = ("nextafter", "frexp", "signbit")
"""What means something else in float64. Of all others it decides where eager rounds on the way, or is wrong."""


@pytest.fixture(autouse=True)
def in_this_process() -> Iterator[None]:
    with config.patch(compile_threads=1, force_disable_caches=True):
        torch.compiler.reset()
        yield
    torch.compiler.reset()


def specials(kind: str) -> torch.Tensor:
    dtype = TYPES[kind]
    if not dtype.is_floating_point:
        limits = torch.iinfo(dtype)
        values = {limits.min, limits.min + 1, -8, -1, 0, 1, 2, 7, limits.max - 1, limits.max}
        return torch.tensor(sorted(value for value in values if value >= limits.min), dtype=dtype)
    limits = torch.finfo(dtype)
    sizes = [0.0, limits.smallest_normal / 2, limits.smallest_normal, limits.eps, 0.5, 1.0, 1.5, 2.5, 3.0, 20.0, 100.0]
    sizes += [limits.max / 2, limits.max, math.inf]
    return torch.tensor([*sizes, *(-size for size in sizes), math.nan], dtype=torch.float64).to(dtype)


def compiled(functions: list[Callable[..., Any]]) -> Callable[..., Any]:
    """All of them, as one graph."""
    return torch.compile(
        lambda *inputs: [function(*inputs) for function in functions],
        backend=torch_backend.rung,
        dynamic=False,
        options=STRICT,
    )


def known(case: Case, inputs: tuple[torch.Tensor, ...]) -> list[torch.Tensor] | None:
    """What eager says, where it knows the type."""
    try:
        found = case.function(*inputs)
    except (RuntimeError, NotImplementedError) as error:
        assert any(word in str(error).lower() for word in REFUSALS), f"{case.name}: {error}"
        return None
    return leaves(found)


def check(cases: list[Case], inputs: tuple[torch.Tensor, ...], kind: str) -> None:
    """One graph of all of them."""
    expected = [(case, found) for case in cases if (found := known(case, inputs)) is not None]
    functions: list[Callable[..., Any]] = [case.function for case, _ in expected]
    graph = torch.compile(
        lambda *inputs: [function(*inputs) for function in functions],
        backend=torch_backend.rung,
        dynamic=False,
        options=STRICT,
    )
    said: list[str] = []
    for (case, eager), ours in zip(expected, graph(*inputs), strict=True):
        for at_result, (theirs, found) in enumerate(zip(eager, leaves(ours), strict=True)):
            tolerance = LOOSE.get(kind, 1e-5) * case.close
            wrong = _wrong(found, theirs, tolerance)
            if wrong.any() and case.name not in OF_THE_TYPE:
                wide = leaves(case.function(*widened(inputs)))[at_result]
                wrong &= _wrong(found, wide.to(theirs.dtype), tolerance)
            said += [
                f"{case.name}({', '.join(str(x.expand(found.shape)[at].item()) for x in inputs)})"
                f" = {found[at].item()}, not {theirs[at].item()}"
                for at in map(tuple, wrong.nonzero().tolist()[:3])
            ]
    assert not said, "\n" + "\n".join(said)


def _wrong(found: torch.Tensor, eager: torch.Tensor, tolerance: float) -> torch.Tensor:
    assert found.dtype == eager.dtype and found.shape == eager.shape
    if not eager.is_floating_point():
        return found != eager
    ours, theirs = found.double(), eager.double()
    close = (ours - theirs).abs() <= tolerance * theirs.abs() + 2 * torch.finfo(eager.dtype).smallest_normal
    return ~((ours == theirs) | (ours.isnan() & theirs.isnan()) | (close & theirs.isfinite()))


def of_one(*families: str) -> list[Case]:
    """Functions of one block."""
    cases = [*pointwise.CASES, *binary.CASES]
    return [case for case in cases if case.family in families and case.inputs and len(case.inputs) == 1]


def of_two(*families: str) -> list[Case]:
    cases = [*pointwise.CASES, *binary.CASES]
    return [case for case in cases if case.family in families and len(case.inputs) == 2]


@pytest.mark.parametrize("kind", FLOATS)
@pytest.mark.parametrize("family", ["unary", "activation", "unary of numbers", "of everything"])
def test_floats(family: str, kind: str) -> None:
    check(of_one(family), (specials(kind).repeat(2, 1),), kind)


@pytest.mark.parametrize("kind", INTEGERS)
def test_integers(kind: str) -> None:
    check(of_one("unary of numbers", "of everything", "bits"), (specials(kind).repeat(2, 1),), kind)


@pytest.mark.parametrize("kind", FLOATS)
def test_pairs_of_floats(kind: str) -> None:
    x = specials(kind)
    cases = of_two("binary", "binary of floats", "comparison", "of everything")
    # Nothing is wider than f64, and eager's remainders are NaN there where the quotient is beyond the largest number.
    if kind == "f64":
        cases = [case for case in cases if case.name not in ("remainder", "fmod")]
    check(cases, (x[:, None], x), kind)


@pytest.mark.parametrize("kind", INTEGERS)
def test_pairs_of_integers(kind: str) -> None:
    """Divisors are neither 0, which eager refuses, nor -1, where the smallest integer has no quotient."""
    x = specials(kind)
    divisors = x[(x != 0) & (x != -1)]
    divides = [case for case in of_two("binary") if "div" in case.name or case.name in ("remainder", "fmod")]
    check(divides, (x[:, None], divisors), kind)
    # Powers have no integer result for negative exponents; eager's gcd of the smallest integer ends the process.
    without = ("pow", "float_power", "gcd", "lcm", "left shift", "right shift")
    others = [case for case in of_two("binary", "comparison", "bits") if case not in divides]
    check([case for case in others if case.name not in without], (x[:, None], x), kind)


@pytest.mark.parametrize("kind", INTEGERS)
def test_divisors_that_have_no_quotient(kind: str) -> None:
    """Nobody may rely on a value there, but the process goes on, and the other elements are right."""
    x = specials(kind)
    y = x.new_tensor([0, -1, 3]) if kind != "u8" else x.new_tensor([0, 255, 3])
    names = ("div floor", "div trunc", "remainder", "fmod")
    functions = [case.function for case in of_two("binary") if case.name in names]
    graph = torch.compile(
        lambda x, y: [function(x, y) for function in functions], backend=torch_backend.rung, options=STRICT
    )
    for found, function in zip(graph(x[:, None], y), functions, strict=True):
        assert torch.equal(found[:, 2], function(x, y[2]))
