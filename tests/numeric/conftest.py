"""Tests of a module that are slow, or refused, by the tables in it."""

from __future__ import annotations

import pytest

from rung.errors import RungError


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if not isinstance(item, pytest.Function):
            continue
        if item.name in getattr(item.module, "SLOW", ()):
            item.add_marker(pytest.mark.slow)
        reason = getattr(item.module, "REFUSED", {}).get(item.name)
        if reason is not None:
            # Strict: one that is refused no longer fails until its line in the table goes.
            item.add_marker(pytest.mark.xfail(raises=RungError, strict=True, reason=reason))
