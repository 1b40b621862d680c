"""Models that are compiled ahead of time: loaded in processes that cannot import rung, and by a C++ program."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch._inductor import config
from torch.utils import cpp_extension

from rung import processor
from rung.errors import FallbackWarning, UsageError
from rung.torch_backend import package

needs_cpp = pytest.mark.skipif(shutil.which("g++") is None, reason="Inductor's wrapper is compiled by g++")


class Block(nn.Module):
    """A product, elementwise operations, reductions over rows and over everything."""

    def __init__(self, width: int = 48) -> None:
        super().__init__()
        self.norm, self.up, self.down = nn.LayerNorm(width), nn.Linear(width, 96), nn.Linear(96, width)

    def forward(self, x: torch.Tensor, scale: torch.Tensor) -> tuple[torch.Tensor, ...]:
        y = x + self.down(F.gelu(self.up(self.norm(x))))
        return torch.softmax(y * scale, -1), y.amax(-1), (x + scale).sum()


def inputs(rows: int, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(rows)
    return torch.randn(rows, 48, generator=random).to(dtype), torch.rand(48, generator=random).to(dtype)


def packaged(path: Path, dtype: torch.dtype, dynamic: bool) -> nn.Module:
    torch.manual_seed(0)
    model = Block().eval().to(dtype)
    rows = {0: torch.export.Dim("rows", min=2, max=4096)}
    exported = torch.export.export(
        model, inputs(33, dtype), dynamic_shapes={"x": rows, "scale": {}} if dynamic else None
    )
    with config.patch(compile_threads=1):
        assert package(exported, path) == str(path)
    return model


@pytest.fixture(scope="module")
def dynamic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, nn.Module]]:
    path = tmp_path_factory.mktemp("package") / "dynamic.pt2"
    yield path, packaged(path, torch.float32, dynamic=True)


WITHOUT_RUNG = """
import sys

class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("rung", "triton"):
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Hidden())
import torch

model = torch._inductor.aoti_load_package(sys.argv[1])
outputs = [model(*given) for given in torch.load(sys.argv[2])]
torch.save([list(out) if isinstance(out, (list, tuple)) else [out] for out in outputs], sys.argv[3])
assert not {name.split(".")[0] for name in sys.modules} & {"rung", "triton"}
"""


def without_rung(package: Path, given: list[tuple[torch.Tensor, ...]], directory: Path) -> list[list[torch.Tensor]]:
    torch.save(given, directory / "in.pt")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, "-c", WITHOUT_RUNG, str(package), str(directory / "in.pt"), str(directory / "out.pt")]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=directory, timeout=120)
    if done.returncode:
        raise RuntimeError(done.stderr)
    assert "mismatch" not in done.stderr  # of what torch knows of the processor
    return torch.load(directory / "out.pt")


@needs_cpp
def test_python_without_rung(dynamic: tuple[Path, nn.Module], tmp_path: Path) -> None:
    path, model = dynamic
    given = [inputs(rows, torch.float32) for rows in (33, 2, 1000)]
    for found, one in zip(without_rung(path, given, tmp_path), given, strict=True):
        torch.testing.assert_close(found, [out.detach() for out in model(*one)])


@needs_cpp
@pytest.mark.slow
def test_bfloat16_of_one_shape(tmp_path: Path) -> None:
    model, given = packaged(tmp_path / "static.pt2", torch.bfloat16, dynamic=False), inputs(33, torch.bfloat16)
    (found,) = without_rung(tmp_path / "static.pt2", [given], tmp_path)
    torch.testing.assert_close(found, [out.detach() for out in model(*given)], rtol=2e-2, atol=2e-2)


PROGRAM = """
#include <ATen/ops/empty.h>
#include <torch/csrc/inductor/aoti_package/model_package_loader.h>

#include <cstdio>
#include <cstdlib>
#include <exception>

// model.pt2 rows in.raw out.raw: x is rows x 48, the scale 48 numbers behind it
int main(int, char** given) {
  try {
    torch::inductor::AOTIModelPackageLoader loader(given[1]);
    const int64_t rows = std::atol(given[2]);
    at::Tensor x = at::empty({rows, 48}, at::kFloat), scale = at::empty({48}, at::kFloat);
    std::FILE* file = std::fopen(given[3], "rb");
    std::size_t read = std::fread(x.data_ptr(), 4, rows * 48, file);
    read += std::fread(scale.data_ptr(), 4, 48, file);
    if (read != std::size_t(rows * 48 + 48)) return 2;
    std::fclose(file);
    file = std::fopen(given[4], "wb");
    for (const at::Tensor& out : loader.run({x, scale})) std::fwrite(out.contiguous().data_ptr(), 4, out.numel(), file);
    std::fclose(file);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\\n", error.what());
    return 1;
  }
}
"""


@needs_cpp
@pytest.mark.slow
def test_a_program_without_python(dynamic: tuple[Path, nn.Module], tmp_path: Path) -> None:
    path, model = dynamic
    (tmp_path / "main.cpp").write_text(PROGRAM)
    libraries = cpp_extension.library_paths()
    subprocess.run(
        ["g++", "-std=c++20", "-O0", "main.cpp", "-o", "main"]
        + [f"-I{folder}" for folder in cpp_extension.include_paths()]
        + [f"{flag}{folder}" for folder in libraries for flag in ("-L", "-Wl,-rpath,")]
        + ["-Wl,--no-as-needed", "-ltorch", "-ltorch_cpu", "-lc10"],
        cwd=tmp_path,
        check=True,
    )
    for rows in (5, 300):
        x, scale = inputs(rows, torch.float32)
        (tmp_path / "in.raw").write_bytes(x.numpy().tobytes() + scale.numpy().tobytes())
        for threads in ("1", ""):
            environment = {"PATH": os.environ["PATH"], "RUNG_NUM_THREADS": threads}
            subprocess.run(["./main", path, str(rows), "in.raw", "out.raw"], cwd=tmp_path, check=True, env=environment)
            found = torch.frombuffer(bytearray((tmp_path / "out.raw").read_bytes()), dtype=torch.float32)
            want = torch.cat([out.detach().flatten() for out in model(x, scale)])
            torch.testing.assert_close(found, want)


@needs_cpp
def test_another_processor_is_told(dynamic: tuple[Path, nn.Module], tmp_path: Path) -> None:
    """The package as a machine would have made it that has an extension which no processor has."""
    path, _ = dynamic
    with zipfile.ZipFile(path) as archive:
        archive.extractall(tmp_path)
    (library,) = tmp_path.glob("*/data/aotinductor/model/*.so")
    known = max(processor.detect().extensions, key=len)
    content, invented = library.read_bytes(), known[:-1] + "?"
    assert known.encode() + b"\0" in content or known.encode() + b" " in content
    library.write_bytes(content.replace(known.encode(), invented.encode()))
    with pytest.raises(RuntimeError) as raised:
        without_rung(next(tmp_path.glob("*/data")).parent, [inputs(33, torch.float32)], tmp_path)
    assert f"this model was compiled for another processor; this one lacks: {invented}" in str(raised.value)


def test_what_is_no_exported_program_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"a Block cannot be packaged; give what torch.export.export returns"):
        package(Block(), tmp_path / "model.pt2")  # pyright: ignore[reportArgumentType]
    exported = torch.export.export(Block().eval(), inputs(33, torch.float32))
    with pytest.raises(UsageError, match=r"give a name that ends in \.pt2"):
        package(exported, tmp_path / "model")
    with pytest.raises(UsageError, match="which cannot be written: there is no folder"):
        package(exported, tmp_path / "none" / "model.pt2")
    (tmp_path / "folder.pt2").mkdir()
    with pytest.raises(UsageError, match="which is a folder; give a file"):
        package(exported, tmp_path / "folder.pt2")
    with pytest.raises(UsageError, match="no option `fallbck`; did you mean `fallback`"):
        package(exported, tmp_path / "model.pt2", options={"fallbck": True})


@needs_cpp
@pytest.mark.slow
def test_a_package_with_a_node_in_aten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torch._inductor.lowering import lowerings

    class Model(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.erfinv(x.sin()) * 2

    def broken(*_: object) -> None:
        raise NotImplementedError("out of order")

    x = torch.rand(20, 30)
    monkeypatch.setitem(lowerings, torch.ops.aten.erfinv.default, broken)
    exported = torch.export.export(Model(), (x,))
    with pytest.warns(FallbackWarning, match=r"aten\.erfinv\.default .*out of order"), config.patch(compile_threads=1):
        package(exported, tmp_path / "model.pt2")
    (found,) = without_rung(tmp_path / "model.pt2", [(x,)], tmp_path)
    torch.testing.assert_close(found[0], Model()(x))
