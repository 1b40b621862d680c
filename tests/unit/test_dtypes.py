"""The table of data types, against NumPy's and torch's."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rung.dtypes import BOOLS, BY_TRITON, FLOATS, INTEGERS


@pytest.mark.parametrize("dtype", FLOATS, ids=lambda d: d.mlir)
def test_floats_are_as_torch_has_them(dtype):
    known = torch.finfo(getattr(torch, dtype.torch))
    assert (dtype.bits, dtype.epsilon, dtype.smallest_normal) == (known.bits, known.eps, known.tiny)
    assert dtype.smallest == known.smallest_normal * known.eps


@pytest.mark.parametrize("dtype", [*BOOLS, *INTEGERS], ids=lambda d: d.triton)
def test_integers_are_as_numpy_has_them(dtype):
    assert np.dtype(dtype.torch).itemsize * 8 == dtype.bits
    assert not dtype.is_float


def test_a_name_is_of_one_type():
    names = [d.triton for d in (*FLOATS, *BOOLS, *INTEGERS)]
    assert len(set(names)) == len(names)
    assert {BY_TRITON[d.mlir] for d in FLOATS} == set(FLOATS)
