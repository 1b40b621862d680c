"""What docs/language.md says is so: libdevice."""

from __future__ import annotations

import pytest

from tests.language import libdevice_bits, libdevices
from tests.language.cases import Case, label

TABLES = (libdevices, libdevice_bits)


@pytest.mark.parametrize("case", [case for table in TABLES for case in table.CASES], ids=label)
def test_case(case: Case) -> None:
    case.run()
