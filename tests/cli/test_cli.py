"""The command as a process: exit status, one message per error, no traceback; and a real ladder of small
size."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from rung import cli, processor
from rung import compile as compiler
from rung.bench.result import LadderRecord
from rung.errors import UsageError
from rung.studies import read, write
from tests.bench_fakes import ENVIRONMENT, result

_COMMAND = [sys.executable, "-m", "rung.cli"]
_ROOT = Path(__file__).parents[2]
_ENVIRONMENT = os.environ | {"PYTHONPATH": str(_ROOT), "COLUMNS": "120", "NO_COLOR": "1"}
_OWN = """
import triton
import triton.language as tl

@triton.jit
def double(x_ptr, y_ptr, n_elements, BLOCK: tl.constexpr = 256):
    offsets = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mask = offsets < n_elements
    tl.store(y_ptr + offsets, 2 * tl.load(x_ptr + offsets, mask=mask), mask=mask)

@triton.jit
def halve(x_ptr, n_elements, BLOCK: tl.constexpr):
    for start in range(tl.program_id(0) * BLOCK, n_elements, tl.num_programs(0) * BLOCK):
        offsets = start + tl.arange(0, BLOCK)
        mask = offsets < n_elements
        tl.store(x_ptr + offsets, tl.load(x_ptr + offsets, mask=mask) * 0.5, mask=mask)
"""
_SIGNATURE = "*fp32, *fp32, i32, 256"
_REFUSED = """import triton
import triton.language as tl

@triton.jit
def helper(x_ptr, B: tl.constexpr):
    return tl.load(x_ptr + tl.arange(0, B))

@triton.jit
def deep(x_ptr, BLOCK: tl.constexpr = 1000):
    tl.device_assert(helper(x_ptr, BLOCK) > 0)

@triton.jit
def mixed(x_ptr, alpha, BLOCK: tl.constexpr = 16):
    tl.store(x_ptr, tl.load(x_ptr) * alpha)
"""
_MODES = """import triton
import triton.language as tl

@triton.jit
def mode(x_ptr, y_ptr, n, MODE: tl.constexpr, KIND: tl.constexpr):
    tl.static_assert(MODE == "sq")
    i = tl.arange(0, 1024)
    x = tl.load(x_ptr + i, mask=i < n)
    tl.store(y_ptr + i, (x * x).to(KIND), mask=i < n)
"""


def rung(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*_COMMAND, *arguments], env=_ENVIRONMENT, cwd=cwd, capture_output=True, text=True, timeout=120
    )


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command line in this process, as there are many: (status, stdout, stderr)."""

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["rung", *arguments])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        found = capsys.readouterr()
        assert isinstance(stopped.value.code, int)
        return stopped.value.code, found.out, found.err

    return run


@pytest.fixture
def refused(run: Run) -> Callable[..., str]:
    """The message of a refused command line: status 2, one line on stderr, nothing on stdout."""

    def refused(*arguments: str) -> str:
        status, out, errors = run(*arguments)
        assert (status, out) == (2, "")
        lines = errors.splitlines()
        assert len(lines) == 1 and lines[0].startswith("error: "), errors
        return lines[0]

    return refused


@pytest.fixture
def own(tmp_path: Path) -> Path:
    path = tmp_path / "own.py"
    path.write_text(_OWN)
    return path


def test_help_is_quick_and_lists_the_commands() -> None:
    start = time.perf_counter()
    done = rung("--help")
    seconds = time.perf_counter() - start
    assert done.returncode == 0 and all(
        name in done.stdout for name in ("ladder", "compile", "report", "doctor", "machines", "trace", "sweep")
    )
    # 0.2 s when idle; the limit leaves room for a loaded machine but none for importing torch or triton.
    assert seconds < 1.0


def test_no_heavy_module_is_imported_for_help() -> None:
    heavy = ("torch", "triton", "matplotlib", "torch_mlir", "numpy")
    code = f"import sys, rung.cli; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], env=_ENVIRONMENT, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_without_a_command_the_help_is_shown() -> None:
    assert rung().stdout == rung("--help").stdout


def test_version() -> None:
    done = rung("--version")
    assert done.returncode == 0 and done.stdout.startswith("rung 0.")


def test_machines() -> None:
    assert "host" in rung("machines").stdout
    assert "vector_bytes" in rung("machines", "host").stdout


def test_a_field_of_a_machine_is_set(run: Run) -> None:
    status, out, _ = run("machines", "hexagon-v73", "--set", "dma.bytes_per_cycle=8", "--set", "contexts=2")
    assert status == 0
    assert re.search(r"dma.bytes_per_cycle +8.0 ", out) and re.search(r"contexts +2 ", out)


@pytest.mark.parametrize(
    "arguments, words",
    [
        (("fly",), "No such command"),
        (("ladder", "--zz"), "No such option"),
        (("ladder", "nope"), "choose from: vec-add"),
        (("ladder", "sofmax"), "(did you mean `softmax`?)"),
        (("ladder", "--dtype", "f64"), "choose from: f32, f16, bf16"),
        (("ladder", "--size", "big"), "--size is `big`"),
        (("ladder", "--size", "0"), "--size is `0`"),
        (("ladder", "--size", "-5"), "--size is `-5`"),
        (("ladder", "--size", "4x"), "--size is `4x`"),
        (("ladder", "gelu", "--size", "64x64"), "gelu takes sizes of the form N"),
        (("ladder", "vec-add", "--size", "64"), "vec-add takes sizes of the form ROWSxCOLS"),
        (("ladder", "vec-add", "--size", "64K"), "vec-add takes sizes of the form ROWSxCOLS"),
        (("ladder", "--rungs", "fast"), "there is no rung `fast`; choose from: scalar"),
        (("ladder", "--factorial", "--rungs", "vec"), "leave --rungs out"),
        (("ladder", "--device", "moon"), "there is no machine `moon`; choose from: host"),
        (("ladder", "--schedule", "speed=9"), "fields: vectorize"),
        (("compile", "none.py::k", "--signature", "i32", "--schedule", "treads=2"), "did you mean `threads`?"),
        (("ladder", "--rounds", "-1"), "rounds is -1"),
        (("ladder", "--rounds", "many"), "--rounds"),
        (("ladder", "--budget", "0"), "budget is 0.0 s"),
        (("ladder", "--processes", "0"), "--processes is 0"),
        (("ladder", "--budget", "inf"), "budget is inf s"),
        (("ladder", "--seed", "x"), "--seed"),
        (("ladder", "--seed", "-1"), "--seed is -1; give a whole number from 0"),
        (("overlap", "--seed", "99999999999999999999999"), "--seed is 99999999999999999999999; give"),
        (("trace", "gelu", "--device", "hexagon-v73", "-o", "t.json", "--seed", "-1"), "--seed is -1"),
        (("trace", "gelu", "-o", "t.json", "--seed", "99999999999999999999"), "--seed is 99999999999999999999; give"),
        (("scale", "--seed", "-1"), "--seed is -1; give a whole number from 0"),
        (("ladder", "--size", "9" * 5000), "give whole numbers of at least 1"),
        (("ladder", "--size", "1Kx"), "--size is `1Kx`"),
        (("ladder", "--json", "/nowhere/a.json"), "no folder `/nowhere`"),
        (("ladder", "--json", "/tmp"), "is `/tmp`, which is a folder; give a file"),
        (("ladder", "--plot", "a.bmp"), "must end in one of: .png"),
        (("ladder", "--plot", "a.png", "--rungs", "vec"), "put `scalar` into --rungs"),
        (("ladder", "--signature", "i32"), "--kernel file.py::name"),
        (("ladder", "--constexpr", "A=1"), "--kernel file.py::name"),
        (("ladder", "--grid", "4"), "--kernel file.py::name"),
        (("ladder", "--range", "i=0:4"), "--kernel file.py::name"),
        (("trace", "gelu", "-o", "t.json", "--range", "i=0:4"), "give it with file.py::name"),
        (("ladder", "--kernel", "none.py::k"), "there is no file `none.py`"),
        (("ladder", "gelu", "--kernel", "none.py::k"), "not both"),
        (("ladder", "--inductor", "--kernel", "none.py::k"), "--inductor is for"),
        (("scale", "nope"), "choose from: vec-add"),
        (("scale", "--sizes", "1Q"), "--sizes is `1Q`"),
        (("scale", "--contexts", "1"), "nothing to share"),
        (("overlap", "--tiles", "1000"), "give powers of 2"),
        (("overlap", "--depths", "1"), "at least 2 buffers"),
        (("overlap", "--degrees", "1,100000"), "give 4096 at most"),
        (
            ("overlap", "--size", "10"),
            "10 elements are too few for 4 tiles, 4 per context; give a --size of at least 16",
        ),
        (("overlap", "--depths", "1M"), "bytes of scratchpad; host has"),
        (("scale", "--sizes", "9999999999M"), "elements need about"),
        (("scale", "--schedule", "unroll=1 unroll=2"), "unroll is given twice"),
        (("scale", "--schedule", "threads=3"), "gives `threads`, which this command sets itself: give --contexts"),
        (("scale", "--schedule", "vectorize=off"), "gives `vectorize`, which this command sets itself: Vec is always"),
        (("scale", "--schedule", "profitability=on"), "`profitability`, which this command sets itself: more than one"),
        (("overlap", "--schedule", "unroll=2 depth=3"), "gives `depth`, which this command sets itself: give --depths"),
        (("overlap", "--schedule", "double_buffer=on depth=3"), "gives `double_buffer`, which this command sets"),
        (("overlap", "--schedule", "scratchpad=off"), "gives `scratchpad`, which this command sets itself: each"),
        (
            ("overlap", "--schedule", "tile_elements=64"),
            "`tile_elements`, which this command sets itself: give --tiles",
        ),
        (("overlap", "--schedule", "vectorize=on"), "gives `vectorize`, which this command sets itself: Vec is"),
        (
            ("ladder", "--schedule", "vectorize=off"),
            "gives `vectorize`, which this command sets itself: say with --rungs",
        ),
        (("ladder", "--factorial", "--schedule", "double_buffer=on"), "gives `double_buffer`, which this command sets"),
        (("ladder", "--schedule", "threads=1"), "gives `threads=1`, which takes MT out: say with --rungs which"),
        (
            ("trace", "gelu", "-o", "t.json", "--schedule", "double_buffer=off"),
            "say with --rung which mechanisms are on",
        ),
        (("sweep", "gelu", "--vary", "contexts=1,2", "--schedule", "threads=1"), "say with --rung which mechanisms"),
        (("compile",), "Missing argument"),
        (("compile", "none.py::k"), "Missing option"),
        (("compile", "none.py::k", "--signature", "i32"), "there is no file `none.py`"),
        (("compile", "none.py::k", "--signature", "i32", "--emit", "ptx"), "choose from: ttir"),
        (("compile", "none.py::k", "--signature", "i32", "--schedule", "depth=1"), "depth is 1"),
        (("compile", "none.py::k", "--signature", "i32", "--device", "moon"), "there is no machine"),
        (("compile", "none.py::k", "--signature", "i32", "-o", "/nowhere/a"), "no folder `/nowhere`"),
        (("report", "none.json"), "cannot read none.json"),
        (("report", __file__), "is not a record"),
        (("machines", "moon"), "there is no machine `moon`"),
        (("trace", "gelu", "--device", "host", "-o", "t.json"), "machine host is measured, not modelled"),
        (("sweep", "gelu"), "give --vary FIELD=LIST"),
        (("sweep", "gelu", "--vary", "dma.width=1,2"), "field `dma.width`: there is no such field"),
        (("machines", "hexagon-v73", "--set", "dma.x=1"), "field `dma.x`: there is no such field; known: queue_depth"),
        (("machines", "--set", "contexts=1"), "--set changes one machine; give its name"),
        (
            ("ladder", "--set", "contexts=0"),
            "machine host: field `contexts`: is 0; a whole number, 1 to 1024",
        ),
        (("ladder", "gelu", "--size", "99999999999999"), "give a smaller size"),
        (("opt", "none.mlir"), "cannot read `none.mlir`"),
        (("opt", __file__), "no pipeline: give one with --pipeline"),
        (("opt", __file__, "--pipeline", "cse"), "this is not a module of MLIR"),
        (("opt", __file__, "--pipeline", "vectorize{lanes=4}"), "has no option `lanes`"),
        (("opt", "/dev/null", "--pipeline", "nopass"), "is neither a pass of rung nor a pipeline"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_bad_input_is_one_message(refused: Callable[..., str], arguments: tuple[str, ...], words: str) -> None:
    assert words in refused(*arguments)


@pytest.mark.parametrize(
    "signature, words",
    [
        ("*fp32, *fp32, i32, 1000", "`: arange's range must be a power of 2, with BLOCK=1000"),
        ("fp32, *fp32, i32, 1024", "Unsupported ptr type"),
        ("*fp32, *fp32, *fp32, 1024", "invalid operands of type"),
        ("*fp32, i32", "the signature has 2 entries"),
    ],
)
def test_a_signature_that_does_not_match_shows_the_line(run: Run, signature: str, words: str) -> None:
    kernel = Path(__file__).parents[2] / "examples" / "kernels" / "gelu.py"
    status, out, errors = run("compile", f"{kernel}::gelu_tanh_kernel", "--signature", signature)
    assert (status, out) == (2, "")
    assert errors.startswith("error: ") and words in errors and len(errors.splitlines()) == 1
    assert ("gelu.py:" in errors) == errors.startswith("error: Triton refuses kernel `gelu_tanh_kernel`")


def test_an_error_of_a_process() -> None:
    done = rung("ladder", "--dtype", "f64")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: --dtype is `f64`; choose from: f32, f16, bf16\n"


@pytest.mark.parametrize(
    "arguments, words",
    [
        (("--constexpr", "BLOCK"), "--constexpr is `BLOCK`; give NAME=VALUE"),
        (("--constexpr", "BLOCK="), "--constexpr is `BLOCK=`; give NAME=VALUE"),
        (("--constexpr", "BLOCK=true"), "--constexpr gives BLOCK the value `true`; Python writes True"),
        (("--constexpr", "BLOCK=a b"), "a string that is no word is quoted: --constexpr 'BLOCK=\"a b\"'"),
        (("--constexpr", "BLOCK=1", "--constexpr", "BLOCK=2"), "--constexpr gives `BLOCK` twice"),
        (
            ("--constexpr", "BLOCK=1000"),
            "own.py:7, `offsets = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)`: arange's",
        ),
        (("--constexpr", "SIZE=4"), "has no parameter `SIZE`"),
        (("--grid", "a"), "--grid is `a`"),
        (("--signature", "*fp99, i32"), "signature"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_bad_input_for_a_kernel_of_ones_own(
    refused: Callable[..., str], own: Path, arguments: tuple[str, ...], words: str
) -> None:
    assert words in refused("ladder", "--kernel", f"{own}::double", *arguments)


def test_what_triton_refuses_is_told_with_its_place_and_guesses_only_where_they_matter(
    refused: Callable[..., str], tmp_path: Path
) -> None:
    path = tmp_path / "refused.py"
    path.write_text(_REFUSED)
    words = [refused("ladder", "--kernel", f"{path}::{name}", "--size", "4K") for name in ("deep", "mixed")]
    assert "refused.py:6, `return tl.load(x_ptr + tl.arange(0, B))`: arange's" in words[0]
    assert words[0].endswith("with BLOCK=1000"), "not the fault of types that were guessed"
    assert "refused.py:14, `tl.store(x_ptr, tl.load(x_ptr) * alpha)`: " in words[1]
    assert words[1].endswith(
        "types were guessed from names (x_ptr *fp32, alpha *fp32): give --signature if one is wrong"
    )


def test_constants_may_be_text(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "modes.py"
    path.write_text(_MODES)
    words = ("ladder", "--kernel", f"{path}::mode", "--size", "1K", "--grid", "1", "--rungs", "scalar", "--rounds", "1")
    for text in ("MODE=sq", "MODE='sq'", "MODE = sq"):
        status, out, errors = run(*words, "--constexpr", text, "--constexpr", "KIND=tl.float32")
        assert (status, " ok " in out) == (0, True), errors
    status, _, errors = run(*words, "--constexpr", "MODE=cube", "--constexpr", "KIND=tl.float32")
    assert status == 2 and 'modes.py:6, `tl.static_assert(MODE == "sq")`' in errors


_UNWRITABLE = "/proc/unwritable"


@pytest.mark.parametrize(
    "words",
    [
        ("ladder", "--json", f"{_UNWRITABLE}.json"),
        ("ladder", "--plot", f"{_UNWRITABLE}.png"),
        ("ladder", "--processes", "2", "--json", f"{_UNWRITABLE}.json"),
        ("scale", "--json", f"{_UNWRITABLE}.json"),
        ("scale", "--plot", f"{_UNWRITABLE}.png"),
        ("overlap", "--json", f"{_UNWRITABLE}.json"),
        ("overlap", "--plot", f"{_UNWRITABLE}.png"),
        (
            "compile",
            f"{_ROOT}/examples/kernels/gelu.py::gelu_tanh_kernel",
            "--signature",
            _SIGNATURE,
            "-o",
            _UNWRITABLE,
        ),
        ("opt", __file__, "-o", _UNWRITABLE),
        ("trace", "gelu", "-o", f"{_UNWRITABLE}.json"),
        ("trace", "gelu", "--plot", f"{_UNWRITABLE}.png"),
        ("sweep", "gelu", "--vary", "contexts=1,2", "--json", f"{_UNWRITABLE}.json"),
        ("sweep", "gelu", "--vary", "contexts=1,2", "--plot", f"{_UNWRITABLE}.png"),
        ("reproduce", "--json", f"{_UNWRITABLE}.json"),
        ("report", "record.json", "--plot", f"{_UNWRITABLE}.png"),
    ],
    ids=" ".join,
)
def test_a_file_that_cannot_be_written_is_known_before_anything_is_done(
    refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    def nothing(*_: object, **__: object) -> None:
        raise AssertionError("something was compiled")

    monkeypatch.setattr(compiler, "lower_kernel", nothing)
    assert "cannot be written: No such file or directory" in refused(*words)


def test_report_draws_from_the_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write(LadderRecord(environment=ENVIRONMENT, results=[result("Scalar", speedup=1.0), result("Vec")]), path)
    done = rung("report", str(path), "--plot", str(tmp_path / "a.png"))
    assert done.returncode == 0, done.stderr
    assert "Vec pays: 8.00x of Scalar" in done.stdout and (tmp_path / "a.png").is_file()


def test_report_of_a_wrong_result(tmp_path: Path) -> None:
    empty = ("median", "speedup", "speedup_ci", "step", "step_ci", "step_from")
    wrong = result("Vec", correct=False, samples=[], **dict.fromkeys(empty))
    write(LadderRecord(environment=ENVIRONMENT, results=[wrong]), tmp_path / "a.json")
    done = rung("report", str(tmp_path / "a.json"))
    assert done.returncode == 1 and "WRONG" in done.stdout


def test_a_small_ladder_of_the_paper_s_kernels(tmp_path: Path) -> None:
    path, plot = tmp_path / "a.json", tmp_path / "a.png"
    done = rung("ladder", "gelu", "--size", "10007", "--rounds", "3", "--json", str(path), "--plot", str(plot))
    assert done.returncode == 0, done.stdout + done.stderr
    record = read(path)
    assert [r.rung for r in record.results] == ["Scalar", "Vec", "Vec+MT", "Vec+MT+DB"]
    assert all(r.correct and r.unit == "s" and len(r.samples) == 3 for r in record.results)
    scalar, vec, *_ = record.results
    assert scalar.evidence.object.packed_ops == 0 < vec.evidence.object.packed_ops
    assert record.environment.command[1:4] == ["ladder", "gelu", "--size"] and plot.is_file()
    assert "gelu, 10,007 f32, on host" in done.stdout


def test_a_trace_of_the_modelled_device(run: Run, tmp_path: Path) -> None:
    file, plot = tmp_path / "t.json", tmp_path / "t.png"
    status, out, errors = run("trace", "gelu", "--size", "100003", "-o", str(file), "--plot", str(plot))
    assert status == 0, errors
    assert "gelu 100003 f32, Vec+MT+DB on hexagon-v73" in out and "cycles (modelled)" in out
    events = json.loads(file.read_text())["traceEvents"]
    moved = sum(event["args"]["bytes"] for event in events if event.get("cat") == "dma")
    assert moved == 2 * 4 * 100_003 and plot.is_file()


def test_a_sweep_over_modelled_devices(run: Run, own: Path, tmp_path: Path) -> None:
    file = tmp_path / "s.json"
    vary = ("--vary", "contexts=1,2", "--vary", "dma.bytes_per_cycle=1,2", "--json", str(file))
    status, out, errors = run("sweep", f"{own}::double", "--size", "5000", *vary)
    assert status == 0, errors
    assert "4 machines, 2 compilations" in out
    cycles = [point["cycles"] for point in json.loads(file.read_text())["points"]]
    assert all(slow > fast for slow, fast in zip(cycles[::2], cycles[1::2], strict=True))
    assert run("report", str(file))[1] == out


def test_a_factorial_with_its_decisions(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    sizes = ("--size", "2000", "--rounds", "3", "--schedule", "threads=2")  # two contexts on a machine of one core, too
    done = rung("ladder", "gelu", *sizes, "--factorial", "--explain", "--json", str(path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(read(path).results) == 8 and "Shapley value" in done.stdout
    assert "the grid has 2: it " in done.stdout and "2 buffers each" in done.stdout
    assert "a program is estimated at" in rung("report", str(path), "--explain").stdout


def test_a_small_ladder_of_two_dimensions_in_f16() -> None:
    done = rung("ladder", "vec-add", "--size", "5x1000", "--dtype", "f16", "--rounds", "3", "--rungs", "scalar,vec")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "vec-add, 5 x 1000 f16" in done.stdout


def test_a_small_ladder_of_ones_own_kernel(own: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    done = rung("ladder", "--kernel", f"{own}::double", "--size", "1000", "--rounds", "3", "--json", str(path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert {r.reference for r in read(path).results} == {"scalar rung"}
    assert "reference: scalar rung" in done.stdout


@pytest.mark.parametrize(
    "command", [("ladder", "--kernel"), ("trace", "-o", "t.json"), ("sweep", "--vary", "contexts=1,2")]
)
def test_a_kernel_that_forgets_its_mask_is_told_so(command: tuple[str, ...], own: Path, tmp_path: Path) -> None:
    """In a process of its own: what writes beyond its arrays would take this one along."""
    own.write_text(own.read_text().replace("mask=mask), mask=mask)", "mask=mask))"))
    name, *rest = command
    given = [*rest, f"{own}::double"] if name == "ladder" else [f"{own}::double", *rest]
    done = rung(name, *given, "--size", "1000", cwd=tmp_path)
    assert done.returncode == 2 and "ok" not in done.stdout and not (tmp_path / "t.json").exists()
    assert "24 elements past the end of `y_ptr` are written; is a mask missing?" in done.stderr
    assert "24 elements between y_ptr[1000] and y_ptr[1023]" in done.stderr
    launched = " ".join(done.stderr.splitlines()[-1].split())
    assert launched.startswith("launched x_ptr *fp32[1000] normal(0, 1), y_ptr *fp32[1000] normal(0, 1), n_elements=")
    assert launched.endswith("grid 4x1x1 (guessed); give --size, --arg, --range or --grid if that is wrong")


@pytest.mark.parametrize("text", ["n_elements", "n_elements=5", "=1:2", "a b=1:2", "n_elements=2:2", "n_elements=x:3",
                                  "n_elements=1:2:3", "n_elements=0:inf", "n_elements=--1:3"])  # fmt: skip
def test_a_range_is_a_name_and_two_numbers(refused: Callable[..., str], own: Path, text: str) -> None:
    error = refused("ladder", "--kernel", f"{own}::double", "--range", text)
    assert f"--range is `{text}`; give NAME=LOW:HIGH" in error
    assert "names `n_elements` twice" in refused("sweep", f"{own}::double", "--vary", "contexts=1,2",
                                                 "--range", "n_elements=1:2", "--range", "n_elements=1:2")  # fmt: skip


def test_why_a_loop_in_place_does_not_overlap_is_told(own: Path) -> None:
    sizes = ("--size", "5000", "--grid", "2", "--constexpr", "BLOCK=256", "--rounds", "3", "--rungs", "vec+mt+db")
    done = rung("ladder", "--kernel", f"{own}::halve", *sizes, "--explain")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "DB: not pipelined: load of argument 0: an earlier iteration may have written it." in done.stdout


def test_fresh_processes_are_pooled(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    command = ("ladder", "gelu", "--size", "1000", "--rounds", "3", "--rungs", "scalar,vec", "--processes", "2")
    done = rung(*command, "--json", str(path))
    assert done.returncode == 0, done.stdout + done.stderr
    record = read(path)
    assert [(r.rung, len(r.samples), r.processes) for r in record.results] == [("Scalar", 6, 2), ("Vec", 6, 2)]
    assert record.results[1].speedup and "6 interleaved rounds in 2 processes" in done.stdout
    first, *_, last = done.stderr.splitlines()
    assert first == "process 1 of 2" and re.match(r"process 2 of 2(: \d+ s so far)?, about \d+ s left", last)


def test_an_interruption_ends_the_process_that_measures(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    many = ("--rounds", "1000000", "--processes", "2", "--json", str(path))
    process = subprocess.Popen(
        [*_COMMAND, "ladder", "gelu", "--size", "1000", *many], env=_ENVIRONMENT,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    assert process.stderr.readline() == "process 1 of 2\n"
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=120)
    assert (process.returncode, errors) == (130, "")
    assert "interrupted" in out and json.loads(path.read_text())["complete"] is False


def test_a_small_scale_study(tmp_path: Path) -> None:
    path, plot = tmp_path / "a.json", tmp_path / "a.png"
    done = rung("scale", "--sizes", "300,2K", "--contexts", "2,3", "--rounds", "3", "--json", str(path))
    assert done.returncode == 0, done.stdout + done.stderr
    record = read(path)
    assert record.study == "scale" and all(r.correct for r in record.results) and len(record.results) == 6
    ran = {r.schedule["threads"]: r.launch.contexts_ran for r in record.results[3:]}
    assert ran[2] == 2 and ran[3] == 3, "forking is forced"
    assert all(r.point.break_even_programs for r in record.results if r.point.contexts > 1)
    drawn = rung("report", str(path), "--plot", str(plot))
    assert drawn.returncode == 0 and plot.is_file()
    assert drawn.stdout == done.stdout


def test_a_small_overlap_study(tmp_path: Path) -> None:
    path, plot = tmp_path / "a.json", tmp_path / "a.png"
    sizes = ("--degrees", "2", "--size", "8K", "--tiles", "1K", "--depths", "2")
    done = rung("overlap", *sizes, "--rounds", "3", "--json", str(path))
    assert done.returncode == 0, done.stdout + done.stderr
    record = read(path)
    assert record.study == "overlap" and all(r.correct for r in record.results)
    by_kind = {r.point.buffering: r for r in record.results}
    assert by_kind["direct"].launch.dma_transfers == 0 < by_kind["single"].launch.dma_transfers
    assert any(d.pipelined for d in by_kind["double"].evidence.decided) and by_kind["double"].launch.dma_transfers > 0
    drawn = rung("report", str(path), "--plot", str(plot))
    assert drawn.returncode == 0 and plot.is_file() and drawn.stdout == done.stdout


def test_interruption_during_the_imports_ends_in_order(tmp_path: Path) -> None:
    """The announcement comes before torch, Triton and MLIR are loaded, which a KeyboardInterrupt would tear apart."""
    path = tmp_path / "a.json"
    command = [*_COMMAND, "ladder", "gelu", "--size", "1000", "--rounds", "1000000", "--json", str(path)]
    process = subprocess.Popen(command, env=_ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    assert "gelu on host" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=120)
    assert (process.returncode, errors.strip()) == (130, "")
    assert "interrupted" in out
    assert json.loads(path.read_text())["complete"] is False


@pytest.mark.parametrize(
    "stage, words",
    [
        ("ttir", "tt.store"),
        ("linalg", "linalg.generic"),
        ("scheduled", "func.func"),
        ("vector", "vector<"),
        ("llvm", "llvm.func"),
        ("llvm-ir", "define"),
        ("asm", "double"),
    ],
)
def test_every_stage_can_be_shown(run: Run, own: Path, stage: str, words: str) -> None:
    status, out, errors = run("compile", f"{own}::double", "--signature", _SIGNATURE, "--emit", stage)
    assert status == 0, errors
    assert words in out


@pytest.mark.parametrize("stage", ["ttir", "linalg", "scheduled", "vector", "llvm"])
def test_stages_before_machine_code_are_shown_of_a_kernel_that_the_back_end_refuses(
    run: Run, own: Path, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    def refuse(*_: object) -> None:
        raise UsageError("the back end refuses it")

    monkeypatch.setattr(compiler, "build", refuse)
    command = ("compile", f"{own}::double", "--signature", _SIGNATURE, "--device", "hexagon-v73", "--emit")
    status, out, errors = run(*command, stage)
    assert (status, errors) == (0, "") and "double" in out
    assert run(*command, "asm") == (2, "", "error: the back end refuses it\n")


def test_what_the_back_end_takes_apart_is_warned_of(run: Run, tmp_path: Path) -> None:
    """Every other element is a gather, and HVX has none that LLVM uses."""
    source = (
        "import triton\nimport triton.language as tl\n\n\n@triton.jit\ndef every_other(x, y, BLOCK: tl.constexpr):\n"
        "    i = tl.arange(0, BLOCK)\n    tl.store(y + i, tl.load(x + 2 * i))\n"
    )
    kernel = tmp_path / "own.py"
    kernel.write_text(source)
    command = ("compile", f"{kernel}::every_other", "--signature", "*fp32, *fp32, 1024", "--device", "hexagon-v73")
    status, out, errors = run(*command)
    assert status == 0 and "llvm.func" in out
    assert "warning: vector.gather on vector<32xf32> is taken apart lane by lane by LLVM's Hexagon back end" in errors


def test_object_code_goes_to_a_file(run: Run, own: Path, tmp_path: Path) -> None:
    target = tmp_path / "double.o"
    command = ("compile", f"{own}::double", "--signature", _SIGNATURE, "--emit", "obj", "-o", str(target))
    assert run(*command) == (0, "", "")
    assert target.read_bytes().startswith(b"\x7fELF")


def test_ir_after_every_pass_goes_to_stderr(own: Path) -> None:
    done = rung(
        "compile", f"{own}::double", "--signature", _SIGNATURE, "--emit", "linalg", "--print-after-all",
        "--schedule", "vectorize=off threads=1",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("// after ") > 3 and "// after " not in done.stdout


def test_doctor() -> None:
    done = rung("doctor")
    assert done.returncode == 0, done.stdout + done.stderr
    for words in ("triton", "contexts", "copy bandwidth", "empty launch", "compile GELU"):
        assert words in done.stdout
    assert ("empty fork" in done.stdout) == (processor.cores() > 1)
