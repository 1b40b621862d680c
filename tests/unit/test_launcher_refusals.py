"""The launcher's errors name the argument."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from rung.errors import LaunchError
from rung.runtime import _native
from tests.unit.launcher_kernels import Kernel, launch, names, pack, refusal

# ---- refusals


def test_a_tensor_elsewhere() -> None:
    message = refusal("iP", 1, torch.empty(4, device="meta"))
    assert message == "argument `arg1`: tensor is on meta; rung runs kernels on cpu tensors"


class Outer(torch.Tensor):
    """A tensor that stands for others, as those that are distributed or quantized do."""

    @staticmethod
    def __new__(cls, inner: torch.Tensor) -> torch.Tensor:
        return torch.Tensor._make_wrapper_subclass(cls, inner.size(), dtype=inner.dtype)

    @classmethod
    def __torch_dispatch__(cls, *_: Any) -> Any:
        raise NotImplementedError


def fake() -> torch.Tensor:
    with FakeTensorMode():
        return torch.empty(4)


def freed(elements: int, view: slice) -> torch.Tensor:
    tensor = torch.ones(elements)
    part = tensor[view]
    tensor.untyped_storage().resize_(0)
    return part


@pytest.mark.filterwarnings("ignore:Accessing the data pointer of FakeTensor")
@pytest.mark.parametrize(
    "make",
    [
        fake,
        lambda: freed(8, slice(8)),
        lambda: freed(8, slice(4, 8)),
        lambda: freed(1 << 22, slice(-4, None)),
        lambda: Outer(torch.ones(4)),
        lambda: torch._to_functional_tensor(torch.ones(4)),
    ],
    ids=["fake", "freed", "view of freed", "far from freed", "standing for others", "functional"],
)
def test_a_tensor_without_memory(make: Callable[[], torch.Tensor]) -> None:
    message = refusal("iP", 1, make())
    assert message == "argument `arg1`: the tensor has no memory: it is a fake one, or its storage has been freed"


@pytest.mark.parametrize("convert", [torch.Tensor.to_sparse, torch.Tensor.to_mkldnn])
def test_a_tensor_whose_memory_is_not_in_one_piece(convert: Callable[[torch.Tensor], torch.Tensor]) -> None:
    assert refusal("iP", 1, convert(torch.ones(4, 4))) == "argument `arg1`: Tensor has no memory"


def test_a_tensor_without_elements_needs_no_memory() -> None:
    assert pack("P", torch.empty(0)) == 0
    assert pack("P", torch.empty(4, 0)[1:]) == 0


@pytest.mark.parametrize(
    ("kind", "value", "reason"),
    [
        ("i", 1.5, "expected an integer, got float"),
        ("i", 2**63, "9223372036854775808 does not fit 64 bits"),
        ("u", -1, "-1 does not fit 64 unsigned bits"),
        ("w", 2**31, "2147483648 does not fit 32 bits"),
        ("s", -(2**15) - 1, "-32769 does not fit 16 bits"),
        ("c", 128, "128 does not fit 8 bits"),
        ("W", 2**32, "4294967296 does not fit 32 unsigned bits"),
        ("S", -1, "-1 does not fit 16 unsigned bits"),
        ("C", 2**63, "9223372036854775808 does not fit 8 unsigned bits"),
        ("1", 2, "2 does not fit 1 unsigned bit"),
        ("f", "1", "expected a number, got str"),
        ("e", 1e6, "1000000.0 does not fit a 16-bit float"),
        ("P", 1.5, "expected a tensor, an array, an address or None, got float"),
        ("P", -1, "-1 does not fit 64 unsigned bits"),
    ],
)
def test_wrong_arguments(kind: str, value: object, reason: str) -> None:
    assert refusal(kind, value) == f"argument `arg0`: {reason}"


def test_the_cause_is_kept() -> None:
    class Broken:
        def data_ptr(self) -> int:
            raise RuntimeError("lost it")

    with pytest.raises(LaunchError, match="argument `arg0`: Broken has no memory") as error:
        launch("P", Broken())
    assert isinstance(error.value.__cause__, RuntimeError)


def test_wrong_calls() -> None:
    assert refusal("ii", 1) == "the kernel takes 2 arguments, got 1"
    assert "grid dimension y is -1" in refusal("", grid=(1, -1, 1))
    launcher = _native.Launcher("", ())
    with pytest.raises(LaunchError, match="0 is not the address of a kernel"):
        launcher(1, 1, 1, None, 0, None, None, None, None)
    with pytest.raises(TypeError, match="got 2"):
        launcher(1, 1)  # pyright: ignore[reportCallIssue]


def test_wrong_signatures() -> None:
    with pytest.raises(ValueError, match="position 1 is none of"):
        _native.Launcher("ix", ("a", "b"))
    with pytest.raises(ValueError, match="1 kinds, but 2 names"):
        _native.Launcher("i", ("a", "b"))
    for pair in ((0, 2), (0, 1)):
        with pytest.raises(ValueError, match="is not a pointer"):
            _native.Launcher("Pi", ("a", "b"), (pair,))


def test_a_tensor_of_another_type_is_refused() -> None:
    """What `compiled[grid]` reads is what the signature says, whatever the tensor holds."""
    expected = {"dtypes": ("torch.float32", None, None)}
    x = torch.zeros(4)
    for first in (x, torch.nn.Parameter(x), None, x.numpy(), x.data_ptr()):
        assert len(launch("PPi", first, x.double(), 4, **expected)) == 1
    text = refusal("PPi", x.double(), x, 4, **expected)
    assert text == "argument `arg0`: is a tensor of torch.float64; this kernel was compiled for torch.float32"


def test_a_type_that_was_right_once_is_checked_again() -> None:
    kernel = Kernel(5)
    launcher = _native.Launcher("PP", names("PP"), dtypes=("torch.float32", "torch.int32"))
    x, n = torch.zeros(4), torch.zeros(4, dtype=torch.int32)
    for _ in range(3):
        launcher(1, 1, 1, None, kernel.address, None, None, None, None, x, n)
    with pytest.raises(LaunchError, match=r"`arg1`: is a tensor of torch.int64"):
        launcher(1, 1, 1, None, kernel.address, None, None, None, None, x, n.long())
    assert len(kernel.calls) == 3


def test_dtypes_are_as_many_as_arguments() -> None:
    with pytest.raises(ValueError, match="2 kinds, but 1 dtypes"):
        _native.Launcher("PP", names("PP"), dtypes=(None,))
