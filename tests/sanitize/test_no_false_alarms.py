"""The kernels of test_triton_kernels.py are right: watched, they compute the same, and nothing is found."""

from __future__ import annotations

import pytest

from rung.sanitizer import Sanitizer

# All tests of that module, with checks: which there are is not repeated here.
from tests.numeric.test_triton_kernels import *  # noqa: F403


@pytest.fixture
def sanitizer() -> Sanitizer | None:
    return Sanitizer()
