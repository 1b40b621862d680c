from typing import Any

import pytest
import triton

from tests.numeric.repeated_launches.repeats import again, repeated, scaled


@pytest.fixture
def kernel() -> Any:
    """One that has been launched often enough to be repeated."""
    fresh = triton.JITFunction(scaled.fn)
    for _ in range(2):
        again(fresh)
    assert repeated(fresh) == 0
    assert again(fresh) is again(fresh) and repeated(fresh) == 2
    return fresh
