"""A kernel and its arguments may be called anything that Python allows, also what rung itself, its libraries and LLVM
call theirs; nothing depends on it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
import triton
import triton.language as tl
from triton.language.extra import libdevice

from rung import machine
from rung.cli import app
from rung.compile import compile_kernel
from rung.errors import RungError, UsageError
from rung.frontends.triton.libdevice_extern import _EXTERN  # pyright: ignore[reportPrivateUsage]
from rung.frontends.triton.loader import load_kernel
from rung.frontends.triton.symbols import kernel_symbol
from rung.schedule import Schedule


@triton.jit
def tan(x, y, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    v = tl.load(x + i, mask=i < n)
    tl.store(y + i, libdevice.tan(v) + libdevice.tgamma(v), mask=i < n)


@triton.jit
def tgamma(x, y, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    v = tl.load(x + i, mask=i < n)
    tl.store(y + i, libdevice.tan(v) + libdevice.tgamma(v), mask=i < n)


@triton.jit
def rung_erf_0(x, y, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(y + i, tl.math.erf(tl.load(x + i, mask=i < n)), mask=i < n)


@triton.jit
def rung_dma_start(x, y, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(y + i, tl.math.erf(tl.load(x + i, mask=i < n)), mask=i < n)


@pytest.mark.parametrize("schedule", ["", "vectorize=off threads=1", "double_buffer=on threads=2"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_names_that_the_code_uses(dtype: torch.dtype, schedule: str) -> None:
    x = torch.rand(300, dtype=dtype) + 2
    by_library = x.tan() + torch.lgamma(x).exp()
    for kernel in (tan, tgamma, rung_erf_0, rung_dma_start):
        y = torch.zeros_like(x)
        kernel[(3,)](x, y, 300, BLOCK=128, schedule=schedule)
        torch.testing.assert_close(y, torch.special.erf(x) if "rung" in kernel.__name__ else by_library)


def test_other_names_are_kept() -> None:
    assert kernel_symbol("softmax") == "softmax"
    assert kernel_symbol("expf") == "kernel_expf"
    assert kernel_symbol('a."b" c') == "a__b__c", "of TTIR that a user gives"


def test_every_function_of_the_library_that_is_called_is_known() -> None:
    """Under its own name and, for floats, with an f behind it."""
    called = [name for groups in _EXTERN.values() for name in groups.get("libm", "").split()]
    assert len(called) > 10
    for name in called:
        assert kernel_symbol(name) != name and kernel_symbol(f"{name}f") != f"{name}f"


_HOSTILE = (
    "kernel_packed", "some_task0", "some_task0_packed", "rung_fork", "rung_arena_enter", "main", "memcpy",
    "free", "out_ptr", "ptrtoint", "atomicrmw", "f0xAB", "v1", "define", "contract", "_mlir_kernel",
)  # fmt: skip
"""Of functions that rung makes, of its runtime, of libraries, of LLVM's instructions, constants and registers."""
_WITH_TASKS = ("kernel_packed", "some_task0", "some_task0_packed", "main", "f0xAB")
_KERNELS = "import triton\nimport triton.language as tl\n" + "".join(
    f"""

@triton.jit
def {name}(in_ptr0, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(in_ptr0 + i, mask=i < n)
    tl.store(out_ptr + i, x * 2 + 1, mask=i < n)
"""
    for name in ("plain", *_HOSTILE)
)
_TYPES = {"in_ptr0": "*fp32", "out_ptr": "*fp32", "n": "i32", "BLOCK": "constexpr"}
_SCALAR, _ALL = "vectorize=off threads=1", "double_buffer=on profitability=off"


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("names") / "kernels.py"
    path.write_text(_KERNELS)
    return path


def launched(file: Path, name: str, device: str, schedule: str) -> Any:
    """What the kernel bound to its arguments is; its values are checked."""
    x, y = torch.randn(1000), torch.zeros(1000)
    kernel: Any = load_kernel(f"{file}::{name}")
    found = compile_kernel(
        kernel, _TYPES, {"BLOCK": 256}, machine=machine.load(device), schedule=Schedule.parse(schedule)
    )
    bound = found.bind((x, y, 1000), (4, 1, 1))
    bound()
    torch.testing.assert_close(y, x * 2 + 1)
    return bound


@pytest.mark.parametrize("schedule", [_SCALAR, _ALL])
def test_any_name_on_the_host(file: Path, schedule: str) -> None:
    for name in _HOSTILE:
        launched(file, name, "host", schedule)


@pytest.mark.parametrize(("schedule", "names"), [(_SCALAR, _HOSTILE), (_ALL, _WITH_TASKS)])
def test_a_kernel_costs_the_same_under_any_name(file: Path, schedule: str, names: tuple[str, ...]) -> None:
    plain = launched(file, "plain", "hexagon-v73", schedule)
    for name in names:
        found = launched(file, name, "hexagon-v73", schedule)
        assert found.timeline() == plain.timeline() and found.timeline().cycles > 0, name
        assert not found.program.code.has_atomics


@triton.jit
def combine0(x, y, n: tl.constexpr):
    """Of two combine functions, which are named in order."""
    i = tl.arange(0, n)
    largest, place = tl.max(tl.load(x + i), 0, return_indices=True)
    smallest, other = tl.min(tl.load(x + i), 0, return_indices=True)
    tl.store(y + tl.arange(0, 4), tl.join(tl.join(largest, smallest), tl.join(place, other).to(tl.float32)).reshape(4))


def test_a_name_of_a_combine_function() -> None:
    x, y = torch.randn(64), torch.zeros(4)
    combine0[(1,)](x, y, 64)
    torch.testing.assert_close(y, torch.stack([x.max(), x.argmax(), x.min(), x.argmin()]).float())


@triton.jit
def out_ptr(self, in_ptr0, grid, schedule, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mask = i < n
    tl.store(in_ptr0 + i, tl.load(self + i, mask=mask) * tl.load(schedule + i, mask=mask) + grid, mask=mask)


def test_names_of_arguments() -> None:
    x, y, out = torch.randn(300), torch.randn(300), torch.zeros(300)
    out_ptr[(3,)](x, out, 2, y, 300, BLOCK=128)
    torch.testing.assert_close(out, x * y + 2)
    with pytest.raises(UsageError, match="called `schedule` is passed by its position"):
        out_ptr[(5,)](x, out, 2, n=300, BLOCK=64, schedule=y)


_ARGUMENTS = """import triton
import triton.language as tl

@triton.jit
def kernel_packed(self, out_ptr, schedule, grid, in_ptr0, n, num_warps: tl.constexpr):
    i = tl.program_id(0) * num_warps + tl.arange(0, num_warps)
    total = tl.load(self + i, mask=i < n) + tl.load(schedule + i, mask=i < n) * tl.load(grid + i, mask=i < n)
    tl.store(out_ptr + i, total, mask=i < n)
    tl.store(in_ptr0 + i, -total, mask=i < n)
"""


@pytest.mark.parametrize("device", ["host", "hexagon-v73"])
@pytest.mark.parametrize("command", ["ladder", "trace", "sweep", "compile"])
def test_every_command_takes_any_names(
    command: str, device: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "own.py"
    path.write_text(_ARGUMENTS)
    source, given = f"{path}::kernel_packed", ("--constexpr", "num_warps=1024", "--size", "5000", "--grid", "5")
    words = {
        "ladder": ("ladder", "--kernel", source, *given, "--device", device, "--rounds", "2"),
        "trace": ("trace", source, *given, "--device", device, "-o", str(tmp_path / "trace.json")),
        "sweep": ("sweep", source, *given, "--device", device, "--vary", "contexts=1,2"),
        "compile": (
            "compile", source, "--signature", "*fp32, *fp32, *fp32, *fp32, *fp32, i32, 1024", "--device", device,
            "--emit", "asm",
        ),
    }[command]  # fmt: skip
    if command in ("trace", "sweep") and device == "host":
        return  # refused: a host is measured
    assert app(list(words), standalone_mode=False) == 0
    out = capfd.readouterr().out
    if command == "compile":
        assert "kernel_packed" in out and "kernel_packed_packed" in out
    elif command == "ladder":
        rows = re.findall(r"^ (Scalar|Vec\S*) +([\d.,]+).* ok ", out, re.MULTILINE)
        assert [name for name, _ in rows] == ["Scalar", "Vec", "Vec+MT", "Vec+MT+DB"]
        assert all(float(median.replace(",", "")) > 0 for _, median in rows)
    elif command == "trace":
        assert int(re.findall(r"([\d,]+) cycles \(modelled\)", out)[0].replace(",", "")) > 1000
    else:
        assert "0.0" not in out


@pytest.mark.parametrize("command", ["ladder", "trace"])
def test_a_kernel_without_a_cycle_is_refused(command: str, tmp_path: Path) -> None:
    """Nothing of it is left: a row of zeros would be no result."""
    path = tmp_path / "own.py"
    path.write_text(_ARGUMENTS.split("    i =")[0] + "    tl.load(self + tl.arange(0, num_warps))\n")
    source, given = f"{path}::kernel_packed", ("--constexpr", "num_warps=1024", "--size", "5000", "--grid", "5")
    words = ("ladder", "--kernel", source) if command == "ladder" else ("trace", source, "-o", str(tmp_path / "t.json"))
    with pytest.raises(RungError, match=r"kernel_packed, \S+: a launch takes no time at all"):
        app([*words, *given, "--device", "hexagon-v73"], standalone_mode=False)
