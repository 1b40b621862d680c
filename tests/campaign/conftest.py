"""Counts what campaigns did, for docs/reliability.md."""

from __future__ import annotations

from collections import Counter
from typing import Any


def pytest_terminal_summary(terminalreporter: Any) -> None:
    counts: dict[str, Counter[str]] = {}
    for reports in terminalreporter.stats.values():
        for report in reports:
            for name, value in getattr(report, "user_properties", ()):
                if report.when == "call" and name.startswith("campaign "):
                    found = counts.setdefault(name, Counter())
                    found[f"= {value[0]}"] += 1
                    found.update(value[1:])
    for name, found in counts.items():
        total = sum(n for word, n in found.items() if word.startswith("= "))
        terminalreporter.section(f"{name}: {total} cases")
        for word, number in sorted(found.items()):
            terminalreporter.write_line(f"{number:8} {word}")
