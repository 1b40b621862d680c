"""Writes docs/language.md: what of Triton's language works, from the cases in tests/language that show it.

python tools/make_language.py
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "language.md"
sys.path.insert(0, str(ROOT))

from tests.language.cases import Case, Verdict, modules  # noqa: E402

SECTIONS = (
    "Programs",
    "Creation",
    "Shape manipulation",
    "Linear algebra",
    "Memory",
    "Indexing",
    "Math",
    "Reductions",
    "Scans and sorting",
    "Atomics",
    "Random numbers",
    "Iterators",
    "Compiler hints",
    "Debugging",
    "Operators",
    "Methods of blocks",
    "`tl.math`",
    "Data types",
    "While a kernel is compiled",
    "Tuples",
    "libdevice: functions of floats",
    "libdevice: rounding, parts of floats",
    "libdevice: integers and bits",
    "libdevice: conversions",
    "libdevice: directed rounding",
    "For GPUs only",
)

HEAD = """\
# Triton's language, function by function

*Written by `python tools/make_language.py` from the cases in `tests/language`; do not edit.*

Every row is a test that runs: kernels that use the functions on the types named, beside a reference that is not rung's
(mpmath, NumPy, SciPy, torch or a formula). One test compares this page with the cases, another the cases with the names
that the installed Triton has: a row is true, and none is missing.

- **works**: as in Triton. *error*: how far off a result may be; *exact* is bit for bit, an *ulp* is a unit in the last
  place of the result's type.
- **differs**: compiled; the note says what is not as on a GPU.
- **no effect**: accepted, and changes nothing.
- **refused**: an error when the kernel is compiled, which names the operation and the kernel's line. **refused by
  Triton**: by its front end, on any device.
"""


TABLE = ("| function | types | | error | note |", "|---|---|---|---|---|")


def counts(cases: Iterable[Case]) -> str:
    """How many names there are of which kind."""
    verdicts: dict[str, set[Verdict]] = {}
    for case in cases:
        for name in case.names:
            verdicts.setdefault(name, set()).add(case.verdict)
    refused = {name for name, found in verdicts.items() if found == {Verdict.REFUSED}}
    partly = {name for name, found in verdicts.items() if Verdict.REFUSED in found} - refused
    whole = len(verdicts) - len(refused) - len(partly)
    return (
        f"{len(verdicts)} names: {whole} are compiled, {len(partly)} in some forms only (with a row of each kind), "
        f"{len(refused)} are refused."
    )


def rows(cases: Iterable[Case]) -> list[str]:
    """A row for each case; neighbours of which the same is to be noted share one."""
    found: list[str] = []
    for (types, verdict, bound, note, _), same in groupby(cases, _said):
        names = " ".join(f"`{name.replace('tensor.__', '__')}`" for case in same for name in case.names)
        said = verdict.value if verdict == Verdict.WORKS else f"**{verdict.value}**"
        cells = (names, " ".join(types), said, bound, note)
        found.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return found


def _said(case: Case) -> tuple[tuple[str, ...], Verdict, str, str, tuple[str, ...]]:
    return case.types, case.verdict, case.bound, case.note, () if case.note else case.names


def page() -> str:
    """The whole page."""
    cases = [case for table in modules() for case in table]
    unknown = {case.section for case in cases} - set(SECTIONS)
    assert not unknown, f"sections that the page does not have: {unknown}"
    parts = [HEAD + "\n" + counts(cases)]
    for section in SECTIONS:
        shown = rows(case for case in cases if case.section == section)
        parts.append("\n".join([f"## {section}", *TABLE, *shown]))
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
    print(f"wrote {PAGE.relative_to(ROOT)}")
