"""The launcher: Python arguments become slots, hooks and fallbacks run, and errors name the argument."""

import ctypes
import gc
import struct
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch._subclasses.fake_tensor import FakeTensorMode

from rung.errors import LaunchError
from rung.runtime import _native

KERNEL = ctypes.CFUNCTYPE(None, ctypes.POINTER(ctypes.c_int64))


class Kernel:
    """A packed kernel that records its slots."""

    def __init__(self, slots: int) -> None:
        self.calls: list[list[int]] = []
        self._entry = KERNEL(lambda p: self.calls.append([p[i] for i in range(slots)]))
        self.address: int = ctypes.cast(self._entry, ctypes.c_void_p).value or 0


def names(kinds: str) -> tuple[str, ...]:
    return tuple(f"arg{i}" for i in range(len(kinds)))


Grid = tuple[int, int, int]


def launch(kinds: str, *args: object, grid: Grid = (1, 1, 1), **options: Any) -> list[list[int]]:
    """Launch a recording kernel; the argument slots of each call, without the grid."""
    slots = len(kinds.replace("-", ""))
    kernel = Kernel(slots + 3)
    launcher = _native.Launcher(kinds, names(kinds), **options)
    launcher(*grid, None, kernel.address, None, None, None, None, *args)
    for call in kernel.calls:
        assert call[slots:] == list(grid)
    return [call[:slots] for call in kernel.calls]


def pack(kind: str, value: object) -> int:
    [[slot]] = launch(kind, value)
    return slot


def refusal(kinds: str, *args: object, **options: Any) -> str:
    with pytest.raises(LaunchError) as error:
        launch(kinds, *args, **options)
    return str(error.value)


# ---- packing


def test_slots_are_arguments_then_grid() -> None:
    assert launch("i-f-P", 7, "constexpr", 1.0, object(), None, grid=(2, 3, 4)) == [[7, 0x3F800000, 0]]


@given(st.integers(-(2**63), 2**63 - 1))
def test_signed_integers(value: int) -> None:
    assert pack("i", value) == value


@given(st.integers(0, 2**64 - 1))
def test_unsigned_integers(value: int) -> None:
    assert pack("u", value) % 2**64 == value


@pytest.mark.parametrize(("kinds", "bits"), [("cC", 8), ("sS", 16), ("wW", 32), ("iu", 64)])
def test_the_least_and_the_greatest_integer_of_a_width(kinds: str, bits: int) -> None:
    """Beyond them is a refusal: the kernel would read another number."""
    signed, unsigned = kinds
    for value in (-(2 ** (bits - 1)), -1, 2 ** (bits - 1) - 1):
        assert pack(signed, value) == value
    for value in (0, 2**bits - 1):
        assert pack(unsigned, value) % 2**64 == value
    for kind, value in (
        (signed, -(2 ** (bits - 1)) - 1),
        (signed, 2 ** (bits - 1)),
        (unsigned, -1),
        (unsigned, 2**bits),
    ):
        assert "does not fit" in refusal(kind, value)


def test_an_odd_number_is_true_where_one_bit_is_asked_for() -> None:
    """By its lowest bit, and by Python; 2 is true by one of them only."""
    assert [pack("1", value) & 1 for value in (True, False, 3, 0, 255)] == [1, 0, 1, 0, 1]
    assert "does not fit" in refusal("1", 2)


@pytest.mark.parametrize("value", [True, np.int8(-3), np.uint16(9), torch.tensor(5)])
def test_things_that_are_integers(value: Any) -> None:
    assert pack("i", value) == int(value)


@given(st.floats())
def test_floats(value: float) -> None:
    slot_of_double = struct.unpack("<q", struct.pack("<d", value))[0]
    assert pack("d", value) == slot_of_double
    single = np.float64(value).astype(np.float32) if abs(value) <= 3e38 or value != value else None
    if single is not None:
        assert pack("f", value) == int(single.view(np.uint32))
        bf16 = torch.tensor(float(single)).to(torch.bfloat16)
        if value == value:
            assert pack("b", value) == int(bf16.view(torch.int16)) & 0xFFFF
        else:
            assert pack("b", value) == 0x7FC0


@given(st.floats(-65504, 65504))
def test_half_floats(value: float) -> None:
    assert pack("e", value) == int(np.float16(value).view(np.uint16))


def test_an_integer_is_a_fine_float() -> None:
    assert pack("f", 1) == pack("f", np.float32(1)) == pack("f", torch.tensor(1.0)) == 0x3F800000


def test_pointers() -> None:
    tensor, array = torch.zeros(8, requires_grad=True), np.zeros((4, 6), np.float32)
    assert pack("P", tensor) == tensor.data_ptr()
    assert pack("P", tensor[3:]) == tensor.data_ptr() + 12
    assert pack("P", array) == array.ctypes.data
    assert pack("P", array[::-1, 1:]) == array[::-1, 1:].ctypes.data
    assert pack("P", 0x1234) == 0x1234
    assert pack("P", None) == 0
    read_only = np.arange(3)
    read_only.flags.writeable = False
    assert pack("P", read_only) == read_only.ctypes.data


def test_objects_that_only_know_their_address() -> None:
    class Wrapper:  # such as Triton's TensorWrapper
        def data_ptr(self) -> int:
            return 64

    class Array:
        __array_interface__ = {"data": (128, False)}  # noqa: RUF012

    assert pack("P", Wrapper()) == 64
    assert pack("P", Array()) == 128
    dates = np.zeros(2, "datetime64[s]")  # has no buffer
    assert pack("P", dates) == dates.ctypes.data


def test_many_arguments() -> None:
    values = list(range(500))
    assert launch("i" * 500, *values) == [values]


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


# ---- launching


@pytest.mark.parametrize("grid", [(0, 1, 1), (1, 0, 1), (1, 1, 0)])
def test_an_empty_grid_launches_nothing(grid: Grid) -> None:
    assert launch("i", 1, grid=grid) == []


class Chain:
    """As Triton's HookChain."""

    def __init__(self, *calls: Any) -> None:
        self.calls = list(calls)

    def __call__(self, metadata: object) -> None:
        for call in self.calls:
            call(metadata)


def test_hooks_run_around_the_kernel() -> None:
    log: list[object] = []
    entry = KERNEL(lambda _: log.append("kernel"))
    address = ctypes.cast(entry, ctypes.c_void_p).value or 0
    launcher = _native.Launcher("", ())
    for enter, leave in [
        (lambda m: log.append(("enter", m)), lambda m: log.append(("exit", m))),
        (Chain(lambda m: log.append(("enter", m))), Chain(lambda m: log.append(("exit", m)))),
    ]:
        log.clear()
        launcher(1, 1, 1, None, address, None, "meta", enter, leave)
        assert log == [("enter", "meta"), "kernel", ("exit", "meta")]
    log.clear()
    launcher(1, 1, 1, None, address, None, "meta", Chain(), Chain())
    assert log == ["kernel"]

    def fail(_: object) -> None:
        raise KeyError("hook")

    with pytest.raises(KeyError):
        launcher(1, 1, 1, None, address, None, "meta", fail, None)
    assert log == ["kernel"]


def test_other_python_threads_run_during_a_kernel() -> None:
    released = threading.Event()
    entry = KERNEL(lambda _: released.wait(30))
    address = ctypes.cast(entry, ctypes.c_void_p).value or 0
    thread = threading.Thread(target=_native.bind(address, "", (), (1, 1, 1)))
    thread.start()
    released.set()
    thread.join(30)
    assert not thread.is_alive()


# ---- arguments that must not be the same memory


def test_equal_pointers_take_the_fallback() -> None:
    fallback: list[object] = []

    def otherwise(*call: object) -> None:
        fallback.append(call)

    x, y = torch.zeros(4), torch.zeros(4)
    options = {"alias_pairs": ((0, 2), (2, 3)), "otherwise": otherwise}
    assert launch("P-PP", x, 1, y, x, **options) == [[x.data_ptr(), y.data_ptr(), x.data_ptr()]]
    assert launch("P-PP", None, 1, None, x, **options) == [[0, 0, x.data_ptr()]]
    assert fallback == []
    assert launch("P-PP", x, 1, y, y, grid=(2, 3, 4), **options) == []
    assert fallback == [(2, 3, 4, (x, 1, y, y))]
    assert refusal("PP", x, x, alias_pairs=((0, 1),)) == (
        "arguments `arg0` and `arg1` are the same memory; this kernel was compiled for different ones"
    )


def test_a_launcher_in_a_cycle_is_collected() -> None:
    class Owner:
        def __init__(self) -> None:
            self.launcher = _native.Launcher("", (), (), self.otherwise)

        def otherwise(self, gx: int, gy: int, gz: int, args: tuple[object, ...]) -> None: ...

    owner = weakref.ref(Owner())
    gc.collect()
    assert owner() is None


# ---- bound kernels


@pytest.fixture
def kernel() -> Iterator[Kernel]:
    yield Kernel(5)


def test_bound_packs_once_and_keeps_its_arguments(kernel: Kernel) -> None:
    x = np.zeros(4)
    address = x.ctypes.data
    alive = weakref.ref(x)
    bound = _native.bind(kernel.address, "Pi", (x, 3), (1, 2, 3))
    del x
    assert alive() is not None
    bound()
    assert len(bound.time(4)) == 4
    assert all(seconds > 0 for seconds in bound.time(2))
    assert kernel.calls == [[address, 3, 1, 2, 3]] * 7
    del bound
    assert alive() is None


def test_bound_refusals(kernel: Kernel) -> None:
    with pytest.raises(LaunchError, match="argument 1: expected an integer"):
        _native.bind(kernel.address, "Pi", (None, "x"), (1, 1, 1))
    with pytest.raises(LaunchError, match="argument `n`: expected an integer"):
        _native.bind(kernel.address, "Pi", (None, "x"), (1, 1, 1), names=("p", "n"))
    with pytest.raises(LaunchError, match="2 kinds and 3 grid dimensions, but 1 arguments and 3"):
        _native.bind(kernel.address, "Pi", (None,), (1, 1, 1))
    with pytest.raises(ValueError, match="cannot time -1"):
        _native.bind(kernel.address, "", (), (1, 1, 1)).time(-1)


def test_a_bound_empty_grid_launches_nothing(kernel: Kernel) -> None:
    bound = _native.bind(kernel.address, "ii", (1, 2), (1, 0, 1))
    bound()
    assert len(bound.time(3)) == 3
    assert kernel.calls == []


def test_call_packed(kernel: Kernel) -> None:
    slots = (ctypes.c_int64 * 5)(1, 2, 3, 4, 5)
    _native.call_packed(kernel.address, ctypes.addressof(slots))
    _native.call_packed(kernel.address, bytearray(bytes(slots)))
    assert kernel.calls == [[1, 2, 3, 4, 5]] * 2


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


# ---- arguments that are several


def flattened(structure: str, kinds: str, *args: object, **options: Any) -> list[list[int]]:
    return launch(kinds, *args, structure=structure, **options)


def descriptor(base: object, shape: object, strides: object, padding: str = "zero", rounds: bool = False) -> object:
    return SimpleNamespace(base=base, shape=shape, strides=strides, padding=padding, round_f32_to_tf32=rounds)


def test_tuples_are_their_elements() -> None:
    assert flattened(".(.(.).)().", "iii-i", 1, (2, (3,), None), (), 5) == [[1, 2, 3, 5]]


def test_descriptors_are_their_numbers() -> None:
    x = np.zeros(24, np.float32)
    made = descriptor(x, (4, 6), [6, 1], "nan")
    [slots] = flattened("2.", "Piiii11wwiii", made, 7)
    assert slots == [x.ctypes.data, 4, 6, 6, 1, 1, 0, 4, 6, 6, 1, 7]
    [slots] = flattened("(1)", "Pii11wi", (descriptor(x, [24], (1,), rounds=True),))
    assert slots == [x.ctypes.data, 24, 1, 0, 1, 24, 1]


def test_what_is_no_tuple_or_descriptor_of_that_kind() -> None:
    assert refusal("ii", 1, structure="(..)") == "argument `arg0`: expected a tuple of 2, got int"
    assert refusal("iii", 1, (2, 3, 4), structure=".(..)") == "argument `arg1`: expected a tuple of 2, got tuple of 3"
    assert refusal("ii", ((1,), [2]), structure="((.)(.))") == "argument `arg1`: expected a tuple of 1, got list"
    assert refusal("ii", (1, 1.5), structure="(..)") == "argument `arg1`: expected an integer, got float"
    kinds, x = "Pii11wi", np.zeros(8, np.float32)
    assert refusal(kinds, [x], structure="1") == "argument `arg0`: expected a tensor descriptor, got list"
    text = refusal(kinds, descriptor(x, (2, 4), (4, 1)), structure="1")
    assert text == "argument `arg1`: expected a tensor descriptor of rank 1, got types.SimpleNamespace"
    text = refusal(kinds, descriptor(x, 8, 1), structure="1")
    assert text == "argument `arg1`: expected a tensor descriptor of rank 1, got types.SimpleNamespace"
    text = refusal(kinds, descriptor(x, (8,), (2,)), structure="1")
    assert text == (
        "argument `arg6`: expected the last stride of a tensor descriptor to be 1, got types.SimpleNamespace"
    )
    assert refusal(kinds, descriptor(x, (1 << 40,), (1,)), structure="1") == (
        "argument `arg5`: 1099511627776 does not fit 32 bits"
    )
    assert refusal("i", 1, 2, structure="(.)") == "the kernel takes 1 arguments, got 2"


def test_references_are_given_back() -> None:
    x, items = np.zeros(8, np.float32), (object(), 3)
    shapes = [(n,) for n in (8, 1, 8, 2)]
    good, bad = descriptor(x, *shapes[:2]), descriptor(x, *shapes[2:])
    before = [sys.getrefcount(each) for each in (x, items[0], *shapes)]
    for _ in range(50):
        flattened("(..)1", "-iPii11wi", items, good)
        refusal("-iPii11wi", items, bad, structure="(..)1")
        refusal("-iPii11wi", items, (), structure="(..)1")
    after = [sys.getrefcount(each) for each in (x, items[0], *shapes)]
    assert after == before


def test_the_other_version_gets_the_elements() -> None:
    given: list[tuple[object, ...]] = []
    x = np.zeros(8, np.float32)
    launch(
        "PPi",
        (x, (x, 3)),
        structure="(.(..))",
        alias_pairs=((0, 1),),
        otherwise=lambda gx, gy, gz, args: given.append(args),
    )
    [(first, second, number)] = given
    assert first is x and second is x and number == 3


def test_wrong_structures() -> None:
    for structure in ("(", ")", ".)", "(.", "6", "0", "x", "(..))"):
        with pytest.raises(ValueError, match=r"an item is `\.`, `\(\.\.\.\)`, or a rank from 1 to 5"):
            _native.Launcher("ii", names("ii"), structure=structure)
    with pytest.raises(ValueError, match="2 kinds, but the structure has 3 arguments"):
        _native.Launcher("ii", names("ii"), structure="(..).")
