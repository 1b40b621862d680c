"""Shared fixtures."""

from collections.abc import Iterator

import pytest

from rung.runtime import _native


@pytest.fixture(autouse=True)
def own_threads() -> Iterator[None]:
    """A test that borrows threads gives them back: others count those of the pool."""
    yield
    _native.borrow_threads(None, None)
