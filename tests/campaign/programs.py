"""Random programs, run by Triton's interpreter and by rung under five schedules.

`python -m tests.campaign.programs FIRST LAST` prints a line of JSON a program.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from rung import machine
from rung.compile import compile_ttir, generate_code
from rung.schedule import Schedule
from tests.campaign.child import Outcome, serve
from tests.campaign.features import write
from tests.campaign.values import FLOATS
from tests.campaign.writer import WINDOW, Program
from tests.fuzz.interpreter import Interpreter, Uninterpretable, imported

SCHEDULES = (
    "",
    "threads=1 vectorize=off",
    "threads=2 double_buffer=on profitability=off",
    "threads=1 scratchpad=on tile_elements=32",
    "threads=3 distribution=block-cyclic profitability=off unroll=1 double_buffer=on depth=3",
)
PADDING = 64
"""Elements around every array, which no program may change."""


def contents(program: Program, seed: int) -> dict[str, np.ndarray]:
    """The arrays before a launch, inside padding. Floats are multiples of 1/16 up to 8, integers of any size."""
    rng = np.random.default_rng(seed)
    size = program.grid * WINDOW + 2 * PADDING
    arrays: dict[str, np.ndarray] = {}
    for name, dtype in program.arrays.items():
        if dtype in FLOATS:
            arrays[name] = (rng.integers(-128, 129, size) / 16).astype(dtype)
        else:
            limits = np.iinfo(dtype)
            wide = rng.integers(limits.min, limits.max, size, dtype=dtype, endpoint=True)
            small = rng.integers(0, 100, size).astype(dtype)
            arrays[name] = np.where(rng.random(size) < 0.4, wide, small)
    return arrays


def arguments(program: Program, arrays: dict[str, np.ndarray]) -> list[Any]:
    """What the kernel is called with; a shared array takes the place of the other."""
    same = dict([program.shared[::-1]]) if program.shared else {}
    return [*(arrays[same.get(n, n)] for n in program.arrays), *program.scalars.values()]


def run(seed: int, interpreter: Interpreter, folder: Path) -> Outcome:
    import torch

    program = write(Random(seed))
    path = folder / f"program{seed}.py"
    path.write_text(program.source)
    features = tuple(sorted(program.features))
    arrays = contents(program, seed)
    try:
        expected = interpreter.run(path, (program.grid,), arguments(program, arrays), PADDING)
    except Uninterpretable as error:
        return Outcome(seed, "uninterpretable", str(error)[:300], features)
    launched = seed % len(SCHEDULES)
    order = (SCHEDULES[launched], *SCHEDULES[:launched], *SCHEDULES[launched + 1 :])
    ttir = ""
    for schedule in order:
        given = arguments(program, {n: a.copy() for n, a in arrays.items()})
        passed = [torch.from_numpy(a)[PADDING:-PADDING] if isinstance(a, np.ndarray) else a for a in given]
        try:
            if not ttir:
                ttir = imported(path).kernel[(program.grid,)](*passed, schedule=schedule).asm["ttir"]
            else:
                _run_ttir(ttir, program, schedule, passed)
        except Exception as error:
            status = "refused" if type(error).__name__ == "UnsupportedError" else "failed"
            return Outcome(seed, status, f"[{schedule}] {type(error).__name__}: {error}"[:600], features)
        for name, actual, wanted in zip(program.arrays, given, expected, strict=False):
            if not np.array_equal(actual, wanted):
                places = np.flatnonzero(actual != wanted)
                detail = (
                    f"[{schedule}] `{name}` differs in {len(places)} places, first {places[0] - PADDING}: "
                    f"{actual[places[0]]} for {wanted[places[0]]}"
                )
                return Outcome(seed, "different", detail, features)
    return Outcome(seed, "ok", "", features)


def _run_ttir(ttir: str, program: Program, schedule: str, passed: list[Any]) -> None:
    """The module of an earlier launch under another schedule. Triton has made constants of arguments that are 1."""
    host, how = machine.host(), Schedule.parse(schedule)
    careful = program.shared is not None  # as a launch is compiled again whose arguments are one array
    compiled = compile_ttir(ttir, machine=host, schedule=how, distinct=not careful, fits=not careful)
    kept = [a for a in passed if not (isinstance(a, int) and a == 1)]
    generate_code(compiled, host).run(kept, (program.grid, 1, 1))


def main() -> None:
    interpreter = Interpreter()
    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("TRITON_CACHE_DIR", str(Path(folder) / "cache"))
        serve(lambda seed: run(seed, interpreter, Path(folder)))
    interpreter.close()


if __name__ == "__main__":
    main()
