"""What docs/language.md says is so: creation, shapes, operators, reductions, scans, random numbers."""

from __future__ import annotations

import pytest

from tests.language import blocks, operators, orders
from tests.language.cases import Case, label

TABLES = (
    blocks,
    operators,
    orders,
)


@pytest.mark.parametrize("case", [case for table in TABLES for case in table.CASES], ids=label)
def test_case(case: Case) -> None:
    case.run()
