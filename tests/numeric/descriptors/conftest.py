"""Every schedule that descriptors are tested under."""

from __future__ import annotations

import pytest

SCHEDULES = [
    "threads=1",
    "vectorize=off threads=1",
    "threads=2 profitability=off",
    "threads=2 profitability=off double_buffer=on tile_elements=64",
]


@pytest.fixture(params=SCHEDULES, ids=["vector", "scalar", "threads", "buffers"])
def schedule(request: pytest.FixtureRequest) -> str:
    return request.param
