"""Regressions without a clock: instructions of twelve kernels at small sizes, and what one compile of GELU costs.

    python benchmarks/instructions.py            # shows fresh counts beside those of instructions.json
    python benchmarks/instructions.py --check    # and fails where one grew by more than 5% (what CI does)
    python benchmarks/instructions.py --write    # keeps the fresh counts; refuses what --check refuses

Each kernel is compiled for one fixed processor (counting/x86-64-v3.toml), linked into a C program and run once under
valgrind's callgrind, on one context; its result is checked. Only the kernel's own instructions count, so that the
numbers are the same on every x86-64 machine. More than 5% growth needs a line in CHANGELOG.md: counting/ratchet.py.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

from counting import callgrind, ratchet
from counting.ratchet import Change, Key, Record

from rung import __version__, processor
from rung.files import write_file
from rung.report import tables

FILE = Path(__file__).with_suffix(".json")
CHANGELOG = Path(__file__).parents[1] / "CHANGELOG.md"
_PINNED = ("torch-mlir", "triton")
"""Packages whose other versions make other code."""


def count_kernels() -> dict[Key, int]:
    from counting import kernels

    def counted(row: kernels.Row) -> dict[Key, int]:
        with tempfile.TemporaryDirectory() as folder:
            return kernels.count(row, runtime, Path(folder))

    with tempfile.TemporaryDirectory() as folder:
        runtime = kernels.build_runtime(Path(folder))
        with ThreadPoolExecutor(processor.cores()) as pool:
            return {key: n for found in pool.map(counted, kernels.ROWS) for key, n in found.items()}


def holds_for() -> dict[str, str]:
    from counting import target

    return {"target": target.MACHINE.cpu, "rung": __version__, **{name: version(name) for name in _PINNED}}


def show(record: Record, fresh: Mapping[Key, int], changelog: str) -> None:
    table = tables.new_table("counts", "of", "size", "unit", "counted", "kept", "least", "")
    for key, count in fresh.items():
        kept = record.row(key)
        numbers = ("-", "-") if kept is None else (f"{kept.count:,}", f"{kept.least:,}")
        table.add_row(*key, f"{count:,}", *numbers, ratchet.judge(kept, count, changelog).value)
    tables.console().print(table)


def complaints(record: Record, fresh: Mapping[Key, int], changelog: str, complete: bool) -> list[str]:
    """What --check fails for. complete: nothing was skipped."""
    here = holds_for()
    found = [
        f"the counts hold for {name} {record.holds_for.get(name)}, and {here[name]} is used here; --write them again"
        for name in ("target", *_PINNED)
        if record.holds_for.get(name) != here[name]
    ]
    for key, count in fresh.items():
        kept = record.row(key)
        if kept is None:
            found.append(f"{' '.join(key)}: not in {FILE.name}; --write it")
        elif ratchet.judge(kept, count, changelog) is Change.MORE:
            found.append(f"grew by more than {ratchet.MOST_PERCENT}%: {ratchet.line_for(kept, count)}")
    if complete:
        gone = [row.key for row in record.rows if row.key not in fresh]
        found += [f"{' '.join(key)}: in {FILE.name}, but no longer counted; --write" for key in gone]
    return found + [f"{FILE.name}: {fault}" for fault in ratchet.faults(record, changelog)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--check", action="store_true", help=f"fail where a count grew by over {ratchet.MOST_PERCENT}%%")
    what.add_argument("--write", action="store_true", help=f"keep the fresh counts in {FILE.name}")
    options = parser.parse_args()
    for name in [name for name in os.environ if name.startswith(("RUNG_", "TRITON_")) and name != "TRITON_CACHE_DIR"]:
        del os.environ[name]  # what is counted depends on the source alone
    from counting import compile_cost

    record = ratchet.read(FILE.read_text()) if FILE.exists() else Record({}, [])
    changelog = CHANGELOG.read_text()
    fresh: dict[Key, int] = {}
    skipped: list[str] = []
    if reason := callgrind.missing(processor.cpuinfo().get("flags", "").split()):
        skipped.append(f"the kernels' instructions are not counted: {reason}")
    else:
        fresh |= count_kernels()
    fresh |= compile_cost.count()
    if not options.write and (other := compile_cost.other_python(record)):
        del fresh[compile_cost.CALLS]
        skipped.append(f"calls of functions are not compared: they hold for {other}, this is {compile_cost.PYTHON}")
    show(record, fresh, changelog)
    for text in skipped:
        print(f"skipped: {text}")
    if any(ratchet.judge(record.row(key), count, changelog) is Change.LESS for key, count in fresh.items()):
        print(f"some fell by more than {ratchet.MOST_PERCENT}%: --write them, so that they stay there")
    if options.check and (found := complaints(record, fresh, changelog, complete=not skipped)):
        print("\n".join(found), file=sys.stderr)
        return 1
    return write(record, fresh, changelog, skipped) if options.write else 0


def write(record: Record, fresh: Mapping[Key, int], changelog: str, skipped: list[str]) -> int:
    if skipped:
        print(f"not written: {'; '.join(skipped)}", file=sys.stderr)
        return 1
    try:
        write_file(ratchet.written(ratchet.renewed(record, fresh, holds_for(), changelog)), FILE)
    except ValueError as error:
        print(f"not written, for these grew; find out why, or add the line to CHANGELOG.md:\n{error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
