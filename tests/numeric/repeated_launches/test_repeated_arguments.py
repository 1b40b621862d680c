"""Launches that repeat earlier ones skip Triton's dispatch; whatever the arguments, it is the kernel of its choice."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
import triton
import triton.language as tl
from torch._subclasses.fake_tensor import FakeTensorMode
from triton.tools.tensor_descriptor import TensorDescriptor

from rung.errors import LaunchError
from tests.numeric.repeated_launches.repeats import F16, O, X, again, by_triton, is_repeated, repeated, scaled

STEP = tl.constexpr(2)


@triton.jit
def _stepped(x_ptr, o_ptr, N: tl.constexpr):
    i = tl.arange(0, N)
    tl.store(o_ptr + i, tl.load(x_ptr + i) + STEP)


def test_a_repeated_launch_computes(kernel: Any) -> None:
    x, o = torch.randn(1000), torch.zeros(1000)
    for n, factor in ((1000, 1.5), (900, -2.0), (1000, 3.0)):
        o.zero_()
        kernel[(16,)](x, o, n, factor, BLOCK=64)
        torch.testing.assert_close(o[:n], x[:n] * factor)
        assert not o[n:].any()


WORDS = torch.arange(80.0)
DIFFERENT = {
    "an address that is not divisible": (WORDS[1:65], O, 64, 2.5),
    "a number that is not divisible": (X, O, 63, 2.5),
    "one, which is a constant": (X, O, 1, 2.5),
    "a number of 64 bits": (X, O, 1 << 40, 2.5),
    "another type": (F16, O, 64, 2.5),
    "an integer for a float": (X, O, 64, 2),
    "a truth for a float": (X, O, 64, True),
    "a constant": (X, O, 64, 2.5, 32),
    "a parameter": (torch.nn.Parameter(torch.arange(64.0), requires_grad=False), O, 64, 2.5),
}


@pytest.mark.parametrize("what", DIFFERENT)
def test_what_differs_is_asked(kernel: Any, what: str) -> None:
    arguments = DIFFERENT[what]
    O.zero_()
    before = repeated(kernel)
    found = again(kernel, *arguments)
    assert repeated(kernel) == before
    n = min(arguments[2], arguments[4] if len(arguments) > 4 else 64)
    assert torch.equal(O[:n], arguments[0].float()[:n] * arguments[3]) and not O[n:].any()
    assert found.hash == by_triton(triton.JITFunction(scaled.fn), *arguments).hash
    again(kernel, *arguments)
    assert is_repeated(kernel, lambda: again(kernel, *arguments)), "what it said has been remembered"
    assert is_repeated(kernel, lambda: again(kernel)), "and what it said before has not been forgotten"


def test_types_that_came_first_do_not_stand_in_the_way(kernel: Any) -> None:
    """Of tensors: how each is read is remembered, of a few."""
    for number in range(6):
        other = type(f"Tensor{number}", (torch.Tensor,), {})
        again(kernel, torch.arange(64.0).as_subclass(other), O, 64, 2.5)
    for x in (X, torch.nn.Parameter(torch.arange(64.0), requires_grad=False)):
        again(kernel, x, O, 64, 2.5)
        assert is_repeated(kernel, lambda x=x: again(kernel, x, O, 64, 2.5))


@pytest.mark.parametrize("keywords", [{"enable_fp_fusion": False}, {"debug": True}, {"num_warps": 8}])
def test_options_are_asked(kernel: Any, keywords: dict[str, Any]) -> None:
    assert not is_repeated(kernel, lambda: again(kernel, **keywords))
    assert is_repeated(kernel, lambda: again(kernel, **keywords))
    assert again(kernel, **keywords).hash == by_triton(triton.JITFunction(scaled.fn), **keywords).hash


def test_arguments_by_name_are_what_they_are_by_place(kernel: Any) -> None:
    def launch() -> Any:
        return kernel[(1,)](X, factor=3.0, o_ptr=O, n=64)

    assert launch() is again(kernel)
    O.zero_()
    assert is_repeated(kernel, launch) and torch.equal(O, X * 3)


def test_a_random_walk_is_as_triton_walks() -> None:
    """Kernels by what they were compiled from, over launches that repeat and differ in any order."""
    ours, twin = triton.JITFunction(scaled.fn), triton.JITFunction(scaled.fn)
    points = list(itertools.product((X, F16, WORDS[1:65]), (1, 48, 63), (2.5, 2)))
    order = torch.randint(len(points), (150,), generator=torch.Generator().manual_seed(1)).tolist()
    for x, n, factor in (points[k] for k in order):
        O.zero_()
        expected = by_triton(twin, x, O, n, factor)
        reference = O.clone()
        O.zero_()
        assert again(ours, x, O, n, factor).hash == expected.hash
        assert torch.equal(O, reference)
    assert repeated(ours) > 60 and repeated(twin) == 0


def test_constants_that_never_repeat_are_not_all_kept() -> None:
    kernel = triton.JITFunction(_stepped.fn)
    again(kernel, X, O, 8)
    for registers, N in itertools.product(range(20), (4, 8)):
        O.zero_()
        again(kernel, X, O, N, maxnreg=registers)
        assert torch.equal(O[:N], X[:N] + 2) and not O[N:].any()
    assert kernel.run.remembered == 16


@pytest.mark.filterwarnings("ignore:Accessing the data pointer of FakeTensor")
def test_memory_that_is_elsewhere_is_refused(kernel: Any) -> None:
    meta = torch.empty(64, device="meta")
    for _ in range(4):
        with pytest.raises(LaunchError, match="argument `x_ptr`: tensor is on meta"):
            again(kernel, meta, O, 64, 2.5)
    with FakeTensorMode() as mode:
        fake = mode.from_tensor(X)
    for _ in range(3):
        with pytest.raises(LaunchError, match="argument `x_ptr`: the tensor has no memory"):
            again(kernel, fake, O, 64, 2.5)
    with pytest.raises(OverflowError):
        again(kernel, X, O, 1 << 70, 2.5)


class Wrapped(torch.Tensor):
    pass


def test_other_kinds_of_arguments_are_left_to_triton(kernel: Any) -> None:
    for x in (
        X.as_subclass(Wrapped),
        triton.reinterpret(X, torch.float32),
        triton.reinterpret(F16.view(torch.int16), tl.float16),
    ):
        for _ in range(3):
            O.zero_()
            again(kernel, x, O, 64, 2.5)
            assert torch.equal(O, X * 2.5)
    assert not is_repeated(kernel, lambda: again(kernel, X.as_subclass(Wrapped), O, 64, 2.5))


@triton.jit
def _of_a_tuple(pair, o_ptr, N: tl.constexpr):
    i = tl.arange(0, N)
    tl.store(o_ptr + i, tl.load(pair[0] + i) * pair[1])


@triton.jit
def _of_a_descriptor(source, o_ptr, N: tl.constexpr):
    tl.store(o_ptr + tl.arange(0, N), source.load([0]))


def test_tuples_and_descriptors_are_left_to_triton() -> None:
    pairs, rows = triton.JITFunction(_of_a_tuple.fn), triton.JITFunction(_of_a_descriptor.fn)
    for scale in (2, 1, 16, 3.5, 3.5):
        again(pairs, (X, scale), O, 64)
        assert torch.equal(O, X * scale)
    for x in (X, X + 1, X + 2, F16):
        again(rows, TensorDescriptor.from_tensor(x, [64]), O, 64)
        assert torch.equal(O, x.float())
    assert repeated(pairs) == repeated(rows) == 0


@triton.jit
def _twice(x):
    return x * 2


@triton.jit
def _negated(x):
    return -x


@triton.jit
def _mapped(x_ptr, o_ptr, N: tl.constexpr, F: tl.constexpr, T: tl.constexpr, SCALE: tl.constexpr):
    i = tl.arange(0, N)
    tl.store(o_ptr + i, (F(tl.load(x_ptr + i)) * SCALE).to(T))


def test_functions_and_types_are_constants() -> None:
    kernel = triton.JITFunction(_mapped.fn)
    twice = triton.JITFunction(_twice.fn)
    cases = [
        (twice, tl.float32, 2.0, X * 4),
        (_negated, tl.float32, 2.0, -X * 2),
        (twice, tl.int32, 0.5, X.int().float()),
    ]
    for _, (F, T, scale, expected) in itertools.product(range(3), cases):
        again(kernel, X, O, 64, F, T, scale)
        assert torch.equal(O, expected)
    assert repeated(kernel) == 1 + 3, "a function has no hash before it is first compiled"
    twice._unsafe_update_src(twice.src.replace("2", "3"))
    again(kernel, X, O, 64, twice, tl.float32, 2.0)
    assert torch.equal(O, X * 6)


def test_constants_that_are_equal_are_what_triton_takes_them_for() -> None:
    """Its key has one kernel for 0.0 and -0.0, and for 1 and True, whichever comes first."""
    ours, twin = triton.JITFunction(_mapped.fn), triton.JITFunction(_mapped.fn)
    for scale in (0.0, -0.0, 1, True, 1.0) * 3:
        arguments = (X, O, 64, _negated, tl.float32, scale)
        assert again(ours, *arguments).hash == by_triton(twin, *arguments).hash
    assert repeated(ours) >= 9
