"""Inputs of torch functions as text."""

from __future__ import annotations

from typing import Any

import pytest

from rung.errors import UsageError
from rung.frontends.torch_function import DTYPES
from rung.options.examples import Example, parse


def test_tensors_numbers_and_constants() -> None:
    found = parse("f32[8,1024], i64[2x3]=0..999 , 3, -0.5,True,None, bf16[], f64[4]=-1.5..2e3, i1[5]", DTYPES)
    assert found == (
        Example("f32", (8, 1024), None),
        Example("i64", (2, 3), (0, 999)),
        3,
        -0.5,
        True,
        None,
        Example("bf16", (), None),
        Example("f64", (4,), (-1.5, 2000)),
        Example("i1", (5,), None),
    )
    assert parse("", DTYPES) == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("f33[2]", r"no type is called `f33` \(did you mean `f32`\?\)"),
        ("i64[4]", r"nothing says which integers: give i64\[4\]=0..999"),
        ("f32[2", "give inputs joined by commas"),
        (",f32[2]", "give inputs joined by commas"),
        ("f32(2)", r"--inputs has `f32\(2\)`; give a tensor, a number"),
        ("f32[2]=1", "give a tensor, a number"),
        ("i64[2]=5..1", "LOW not above HIGH"),
        ("f32[2]=a..b", "give a tensor, a number"),
        ("f32[2]=1e..2", "give LOW..HIGH as numbers"),
        ("i8[2]=0..200", "give whole numbers for i8, -128 to 127"),
        ("u8[2]=-1..2", "give whole numbers for u8, 0 to 255"),
        ("i32[2]=0.5..2", "give whole numbers for i32"),
        ("f32[9999999999,9999999999]", "give a smaller shape"),
    ],
)
def test_what_is_no_input_is_refused(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        parse(text, DTYPES)


def test_every_type_is_torch_s() -> None:
    import torch

    for name in DTYPES.values():
        found: Any = getattr(torch, name)
        assert isinstance(found, torch.dtype)
