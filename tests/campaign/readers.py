"""Mutated inputs to every reader, given to `rung` as a user does: IR, pipelines, records, machines, command lines.

What is damaged may be refused with one sentence and status 2, or be read. A traceback, another status, a death or a
hang is a fault. `python -m tests.campaign.readers FIRST LAST` prints a line of JSON an input; the seed's remainder by
four says which reader.
"""

from __future__ import annotations

import contextlib
import io
import os
import shlex
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import NoReturn
from unittest import mock

from rung import cli
from tests.campaign import mutations
from tests.campaign.child import ROOT, Outcome, serve
from tests.fuzz.test_damaged_records import reproduction_record

READERS = ("ir", "record", "machine", "command line")
LIMIT_S = 60
SMALL = "--device hexagon-v73 --set fork_join_ns=1000"
RECORDS = {
    "ladder": f"ladder vec-add-1d {SMALL} --size 4K --explain",
    "factorial": f"ladder softmax {SMALL} --size 8x256 --factorial",
    "scale": f"scale vec-add-1d {SMALL} --sizes 256,4K --contexts 1,2",
    "overlap": f"overlap {SMALL} --degrees 1,4 --size 16K --tiles 4K --depths 2",
    "sweep": "sweep gelu --size 16K --vary contexts=1,2 --vary dma.bytes_per_cycle=2,4",
}
STUDIES = (*RECORDS, "reproduce")
"""Whose records are damaged. A reproduction takes too long to be made for it."""
LINES = (
    *RECORDS.values(),
    "ladder gelu --size 64K --rungs scalar,vec --schedule 'threads=2 tile_elements=4096' --rounds 3 --budget 0.1",
    "ladder --kernel examples/kernels/vec_add.py::vec_add_kernel --constexpr BLOCK=1024 --size 4K --grid 4",
    "ladder softmax --dtype bf16 --size 64x128 --json out.json --plot out.png --seed 3 --processes 2",
    "scale gelu --sizes 256,1K --contexts 1,2 --block 256 --schedule distribution=block-cyclic --rounds 2",
    "overlap --degrees 1,2 --size 64K --tiles 4096 --depths 2,4 --schedule threads=1 --budget 0.5",
    "trace gelu --size 16K --rung vec+mt+db --schedule depth=3 -o t.json --plot t.png",
    "compile examples/kernels/gelu.py::gelu_tanh_kernel --signature '*fp32:16, *fp32, i32, 1024' --emit linalg",
    "compile examples/kernels/softmax.py::softmax_kernel --signature '*fp16, *fp16, i32, 128' --emit llvm -o x.mlir",
    "opt IR --pipeline 'tile-blocks{elements=64}; form-virtual-threads{contexts=2}; vectorize{unroll=2}'",
    "report RECORD --plot again.png --explain",
    "machines hexagon-v73 --set dma.bytes_per_cycle=8",
    "reproduce --device hexagon-v68 --json r.json",
)
PIPELINES = (
    "tile-blocks{elements=64}",
    "form-virtual-threads{contexts=2 distribution=block-cyclic}",
    "vectorize{vector_bytes=32 unroll=2}; expand-math",
    "fit-scratchpad{scratchpad_bytes=65536 buffers=2}; promote; double-buffer{depth=2}; transport{max_rank=2}",
    "nests-to-loops; to-llvm{scalar=on}",
)


class _Late(Exception):
    """An input took longer than LIMIT_S."""


def originals(folder: Path) -> dict[str, str]:
    """Undamaged files by name: records of every study, IR of two stages, machine files."""
    for name, line in RECORDS.items():
        status, words = run([*shlex.split(line), "--json", str(folder / f"{name}.json")])
        assert status == 0, f"{line}: {words}"
    reproduction_record(folder / "reproduce.json")
    found = {name: (folder / f"{name}.json").read_text() for name in STUDIES}
    kernel = str(ROOT / "examples/kernels/softmax.py::softmax_kernel")
    for stage in ("linalg", "scheduled"):
        output = folder / f"{stage}.mlir"
        words = ["compile", kernel, "--signature", "*fp32, *fp32, i32, 64", "--emit", stage, "-o", str(output)]
        status, said = run(words)
        assert status == 0, said
        found[stage] = output.read_text()
    found |= {path.stem: path.read_text() for path in sorted((ROOT / "rung/machines").glob("*.toml"))}
    return found


def run(words: Sequence[str]) -> tuple[int | str, str]:
    """(status, what it said on stderr) of a command line in this process. A traceback stands for a status."""

    def late(*_: object) -> NoReturn:
        raise _Late

    said = io.StringIO()
    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(LIMIT_S)
    try:
        with (
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(said),
            mock.patch.object(sys, "argv", ["rung", *words]),
        ):
            try:
                cli.main()
            except SystemExit as stopped:
                return (stopped.code if isinstance(stopped.code, int) else 0), said.getvalue()
            except _Late:
                return "late", ""
            except BaseException:
                return "traceback", "".join(traceback.format_exc().splitlines(keepends=True)[-5:])
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    return "no status", ""


def damaged(seed: int, files: dict[str, str], folder: Path) -> list[str]:
    """A command line that reads what this seed damaged."""
    rng = Random(seed)
    reader = READERS[seed % len(READERS)]
    if reader == "ir":
        source, pipeline = files[rng.choice(["linalg", "scheduled"])], rng.choice(PIPELINES)
        if rng.random() < 0.5:
            source = mutations.text(rng, source)
        else:
            pipeline = mutations.text(rng, pipeline)
        return ["opt", _file(folder, "damaged.mlir", source), "--pipeline", pipeline]
    if reader == "record":
        original = files[rng.choice(STUDIES)]
        source = (mutations.tree if rng.random() < 0.7 else mutations.text)(rng, original)
        path = _file(folder, "damaged.json", source)
        return ["report", path, *rng.choice([[], ["--explain"], ["--plot", str(folder / "p.png")]])]
    if reader == "machine":
        name = rng.choice([n for n in files if n not in STUDIES and n not in ("linalg", "scheduled")])
        path = _file(folder, "damaged.toml", mutations.text(rng, files[name]))
        return [["machines", path], ["trace", "gelu", "--size", "2K", "--device", path, "-o", str(folder / "t.json")]][
            rng.random() < 0.3
        ]
    line = rng.choice(LINES).replace("IR", str(folder / "linalg.mlir")).replace("RECORD", str(folder / "ladder.json"))
    return _words(rng, shlex.split(line))


def _words(rng: Random, words: list[str]) -> list[str]:
    """A command line with slips: in a word, a word too many, too few, or in another place."""
    for _ in range(rng.choice([1, 1, 2])):
        at = rng.randrange(1, len(words)) if len(words) > 1 else 0
        form = rng.random()
        if form < 0.6:
            words[at] = mutations.text(rng, words[at]).replace("\x00", "")
        elif form < 0.75:
            del words[at]
        elif form < 0.9:
            words.insert(at, rng.choice([*words, *mutations.WORDS]).replace("\x00", ""))
        else:
            other = rng.randrange(len(words))
            words[at], words[other] = words[other], words[at]
    return words


def _file(folder: Path, name: str, content: str) -> str:
    path = folder / name
    path.write_bytes(content.encode(errors="surrogateescape"))
    return str(path)


def case(seed: int, files: dict[str, str], folder: Path) -> Outcome:
    words = damaged(seed, files, folder)
    status, said = run(words)
    features = (READERS[seed % len(READERS)],)
    line = shlex.join(words)
    if status == 2:
        lines = said.splitlines()
        if not lines or not any(x.startswith("error: ") for x in lines):
            return Outcome(seed, "no sentence", f"{line}\n{said[-600:]}", features)
        return Outcome(seed, "refused", "", features)
    if status in (0, 1):
        return Outcome(seed, "ok", "", features)
    return Outcome(seed, str(status), f"{line}\n{said[-900:]}", features)


def main() -> None:
    measured: Callable[..., int] = mock.Mock(return_value=0)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        os.chdir(ROOT)
        files = originals(folder)
        (folder / "work").mkdir()
        links = ("examples", "rung", "tests")
        for name in links:
            (folder / "work" / name).symlink_to(ROOT / name)
        os.chdir(folder / "work")  # what a slip makes of an output's name is written here
        # Nothing is measured on the host: a command line has been read when measuring would begin.
        with mock.patch("rung.studies.session.carry_out", measured):
            serve(lambda seed: case(seed, files, folder))


if __name__ == "__main__":
    main()
