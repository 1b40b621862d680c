"""The kernels of test_triton_kernels.py on the modelled device: all are compiled and compute the same, but for those
that are named here."""

from __future__ import annotations

import pytest

# All tests of that module, with another `device`: which there are is not repeated here.
from tests.numeric.test_triton_kernels import *  # noqa: F403

SLOW = {
    "test_integer_operations[vector-int64]",
    "test_integer_operations[vector-uint64]",
    "test_integer_operations[vector-uint8]",
    "test_float_operations[vector-float64]",
    "test_arg_reductions[vector]",
    "test_math[vector-float32]",
    "test_math[vector-float64]",
}
"""Seconds in LLVM's back end."""
REFUSED = {"test_math[vector-float64]": "LLVM's back end takes more than a minute"}
"""A refusal that is not listed fails; so does one that is, and is none any more."""


@pytest.fixture
def device() -> str:
    return "hexagon-v73"
