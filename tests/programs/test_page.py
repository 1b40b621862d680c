"""docs/programs.md names every file of programs, and no other."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent


def test_the_page_names_every_file() -> None:
    page = (HERE.parents[1] / "docs" / "programs.md").read_text()
    files = {path.name for path in HERE.glob("test_*.py")} - {Path(__file__).name}
    assert set(re.findall(r"`(test_\w+\.py)`", page)) == files
