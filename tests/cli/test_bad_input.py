"""Bad input is exit status 2 and one message, without a traceback."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from rung import compile as compiler
from tests.cli.command_line import ROOT, SIGNATURE, Run, rung

_GELU = ROOT / "examples" / "kernels" / "gelu.py"
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
        (("profile",), "Missing argument"),
        (("profile", "--device", "moon", "--", "x.py"), "there is no machine `moon`"),
        (("profile", "--device", "host", "--set", "contexts=1", "--", "x.py"), "--set changes a modelled device"),
        (("profile", "--device", "tpu-v5e", "--", "x.py"), "machine tpu-v5e is known by plans of programs only"),
        (("profile", "--as", "cuda", "--", "x.py"), "--as is `cuda`; choose from: hexagon-mlir"),
        (("profile", "--schedule", "treads=2", "--", "x.py"), "did you mean `threads`?"),
        (("profile", "--device", "host", "--strict", "--", "x.py"), "--strict is for modelled devices"),
        (("profile", "--html", "no/such/x.html", "--", "x.py"), "--html is `no/such/x.html`, which cannot be written"),
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
        (("compile", "none.py::k"), "there is no file `none.py`"),
        (
            ("compile", f"{_GELU}::gelu_tanh_kernel"),
            "was not captured, so that nothing says its types: give --signature",
        ),
        (("ladder", "--inductor", "none.py::f"), "there is no file `none.py`; give a function or a module"),
        (("ladder", "--inductor", "none.py::f", "gelu"), "give `none.py::f` alone"),
        (("ladder", "gelu", "--inputs", "f32[4]"), "--inputs is for torch functions"),
        (("ladder", "--inductor", "none.py::f", "--size", "64"), "a torch function's inputs say both (--inputs)"),
        (("ladder", "--inductor", "none.py::f", "--processes", "2"), "--processes is for kernels"),
        (("ladder", "--inductor", "none.py::f", "--constexpr", "B=1"), "give it with a Triton kernel, without"),
        (("ladder", "--inductor", f"{__file__}::nothing"), "there is no `nothing` in"),
        (
            ("ladder", "--inductor", f"{__file__}::test_bad_input_is_one_message"),
            "takes (refused, arguments, words) and",
        ),
        (
            ("capture", "none.py::f", "-o", "none/deeper"),
            "-o is `none/deeper`, which cannot be made: there is no folder",
        ),
        (("capture", "none.py::f", "-o", __file__), "which is a file; give a folder"),
        (("capture", "none.py::f", "-o", "/proc/kernels"), "which cannot be written: No such file"),
        (("capture", "none.py::f", "-o", str(ROOT)), "holds other files; give an empty folder, a new one, or --force"),
        (("capture", "none.py::f", "-o", "none", "--limit", "1Q"), "--limit is `1Q`"),
        (("capture", "none.py::f", "-o", "none"), "there is no file `none.py`; give a function or a module"),
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
            f"{ROOT}/examples/kernels/gelu.py::gelu_tanh_kernel",
            "--signature",
            SIGNATURE,
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


@pytest.mark.parametrize("text", ["n_elements", "n_elements=5", "=1:2", "a b=1:2", "n_elements=2:2", "n_elements=x:3",
                                  "n_elements=1:2:3", "n_elements=0:inf", "n_elements=--1:3"])  # fmt: skip
def test_a_range_is_a_name_and_two_numbers(refused: Callable[..., str], own: Path, text: str) -> None:
    error = refused("ladder", "--kernel", f"{own}::double", "--range", text)
    assert f"--range is `{text}`; give NAME=LOW:HIGH" in error
    assert "names `n_elements` twice" in refused("sweep", f"{own}::double", "--vary", "contexts=1,2",
                                                 "--range", "n_elements=1:2", "--range", "n_elements=1:2")  # fmt: skip
