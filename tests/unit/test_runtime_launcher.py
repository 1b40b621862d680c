"""The launcher: Python arguments become slots, one or several."""

import struct
import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rung.runtime import _native
from tests.unit.launcher_kernels import launch, names, pack, refusal

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
