"""`RUNG_JITDUMP`: what `perf` is told about compiled kernels."""

from __future__ import annotations

import itertools
import os
import shutil
import struct
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

import pytest

PROGRAM = """
import os, sys, torch, triton, triton.language as tl

@triton.jit
def halved(x):
    return tl.exp(-x * x) * 0.5  # the callee

@triton.jit
def busy(x_ptr, y_ptr, n, steps, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i, mask=i < n, other=0.0)  # the load
    for k in range(steps):
        x = halved(x) / (1.0 + tl.abs(x))  # the loop
    tl.store(y_ptr + i, x, mask=i < n)  # the store

def launch():
    x = torch.randn(1 << 15)
    y = torch.empty_like(x)
    busy[(32,)](x, y, x.numel(), int(sys.argv[1]), BLOCK=1024)

launch()
if sys.argv[2:] == ["fork"]:
    child = os.fork()
    if child == 0:
        launch()
        triton.jit(busy.fn)[(1,)](torch.zeros(64), torch.zeros(64), 64, 1, BLOCK=64)
        os._exit(0)
    os.waitpid(child, 0)
print(open("/proc/self/maps").read())
"""


@dataclass
class Record:
    kind: int
    body: bytes


def records(path: Path) -> list[Record]:
    """By the specification: a header of 40 bytes, then records that begin with kind, size and time."""
    data = path.read_bytes()
    magic, version, size, _, _, pid = struct.unpack_from("<6I", data)
    assert (magic, version, size) == (0x4A695444, 1, 40) and path.name == f"jit-{pid}.dump"
    found, at, before = [], size, 0
    while at < len(data):
        kind, size, when = struct.unpack_from("<IIQ", data, at)
        assert when >= before
        found.append(Record(kind, data[at + 16 : at + size]))
        at, before = at + size, when
    assert at == len(data)
    return found


def code(record: Record) -> tuple[str, int, bytes]:
    """The name, the address and the bytes of a function."""
    _, _, _, address, size, _ = struct.unpack_from("<IIQQQQ", record.body)
    name, rest = record.body[40:].split(b"\0", 1)
    assert len(rest) == size
    return name.decode(), address, rest


def lines(record: Record) -> list[tuple[int, int, str]]:
    """Address, line and file, as they stand."""
    _, count = struct.unpack_from("<QQ", record.body)
    at, found = 16, []
    for _ in range(count):
        address, line, _ = struct.unpack_from("<QII", record.body, at)
        end = record.body.index(b"\0", at + 16)
        found.append((address, line, record.body[at + 16 : end].decode()))
        at = end + 1
    assert at == len(record.body)
    return found


@pytest.fixture(scope="module")
def program(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("jitdump") / "program.py"
    path.write_text(textwrap.dedent(PROGRAM))
    return path


def environment(program: Path, directory: Path) -> dict[str, str]:
    return {**os.environ, "RUNG_JITDUMP": str(directory), "TRITON_CACHE_DIR": str(program.parent / "cache")}


def marked(word: str) -> int:
    return next(n for n, line in enumerate(PROGRAM.split("\n"), 1) if line.endswith(f"# the {word}"))


def run(program: Path, directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(program), *arguments]
    return subprocess.run(command, env=environment(program, directory), capture_output=True, text=True)


def test_every_function_has_its_bytes_and_its_lines(program, tmp_path):
    done = run(program, tmp_path / "made", "3", "fork")
    assert done.returncode == 0, done.stderr
    mine, child = sorted((tmp_path / "made").iterdir(), key=lambda path: path.stat().st_mtime_ns, reverse=True)
    if str(mine) not in done.stdout:
        mine, child = child, mine
    assert f"{mine}" in next(line for line in done.stdout.splitlines() if "r-xp" in line and "jit-" in line)
    found = records(mine)
    assert {record.kind for record in found} == {0, 2}
    functions = [code(record) for record in found if record.kind == 0]
    assert "busy" in {name for name, *_ in functions}
    spans = [(address, address + len(body)) for _, address, body in functions]
    seen: set[int] = set()
    for before, after in itertools.pairwise(found):
        if before.kind == 2:  # and belongs to the function that follows
            _, address, body = code(after)
            for at, line, file in lines(before):
                assert address <= at < address + len(body) and file == str(program)
                seen.add(line)
    assert {marked(word) for word in ("callee", "load", "loop", "store")} <= seen
    assert all(one[1] <= other[0] for one, other in itertools.pairwise(sorted(spans)))
    # A process that was forked writes what it compiles to a file of its own.
    assert "busy" in {code(record)[0] for record in records(child) if record.kind == 0}


def test_a_directory_that_cannot_be_made_is_one_sentence(program, tmp_path):
    (tmp_path / "file").write_text("")
    done = run(program, tmp_path / "file" / "made", "3")
    assert done.returncode == 1 and done.stderr.splitlines()[-1].endswith(": Not a directory")
    assert "RUNG_JITDUMP: cannot write" in done.stderr


def perf_works() -> bool:
    """Samples of a process can be taken here: Debian's linux-perf is installed, and the system allows it."""
    tool = shutil.which("perf")
    command = [str(tool), "record", "-o", "/dev/null", "true"]
    return tool is not None and subprocess.run(command, capture_output=True).returncode == 0


@pytest.mark.skipif(not perf_works(), reason="no `perf` that may take samples here")
def test_perf_names_the_kernel_and_its_lines(program, tmp_path):
    raw, told = tmp_path / "perf.data", tmp_path / "perf.jit.data"
    record = ["perf", "record", "-q", "-k", "mono", "-o", str(raw), sys.executable, str(program), "20000"]
    subprocess.run(record, env=environment(program, tmp_path), capture_output=True, check=True)
    subprocess.run(["perf", "inject", "--jit", "-i", str(raw), "-o", str(told)], capture_output=True, check=True)
    script = ["perf", "script", "-i", str(told), "-F", "ip,sym,dso"]
    samples = subprocess.run(script, capture_output=True, text=True, check=True).stdout.splitlines()
    ours = [sample for sample in samples if "jitted-" in sample]
    assert len(ours) > 50 and all("busy" in sample for sample in ours)
    images = {sample[sample.index("(") + 1 : sample.rindex(")")] for sample in ours}
    tables = [
        subprocess.run(["objdump", "-dl", image], capture_output=True, text=True, check=True).stdout for image in images
    ]
    assert any(f"{program}:{marked('loop')}" in table for table in tables)
