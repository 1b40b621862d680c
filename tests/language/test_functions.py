"""What docs/language.md says is so: functions, memory, control, types."""

from __future__ import annotations

import pytest

from tests.language import atomics, controls, functions, memory, methods, types
from tests.language.cases import Case, label

TABLES = (
    atomics,
    controls,
    functions,
    memory,
    methods,
    types,
)


@pytest.mark.parametrize("case", [case for table in TABLES for case in table.CASES], ids=label)
def test_case(case: Case) -> None:
    case.run()
