"""`rung doctor --torch`: what of torch.compile works here, and what it leaves to ATen."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from ..bench import environment
from ..errors import RungError
from ..machine import Machine
from ..report.text import counted, duration
from .doctor_items import Item

_TORCH = "2.13.0"
_KINDS = (
    ("attention", r"attention|efficientzero"),
    ("linear algebra", r"linalg|cholesky|geqrf|ormqr|lu_unpack|triangular_solve|trilinear|addbmm|grouped_mm"),
    ("special functions", r"special_|gamma|zeta|angle|gcd|i0e|i1e"),
    ("random numbers as in eager", r"rand|uniform|exponential|multinomial|rng|rrelu"),
    ("distances, histograms, what is unique", r"dist|hist|unique|bincount|nonzero|nanmedian|repeat_interleave"),
    ("pooling, interpolation, padding", r"pool|upsample|grid_sampler|replication_pad"),
    ("scans", r"cum"),
    ("scatters and embeddings", r"embedding_bag|masked_scatter|index_reduce|segment_reduce"),
    ("quantized and sparse numbers", r"quant|sparse|moving_avg|amp_"),
    ("recurrent networks", r"rnn|lstm|weight_norm"),
    ("Fourier transforms", r"fft"),
)
"""Of operations, by their names: the first that fits."""


def versions(_: Machine) -> Iterator[Item]:
    found = environment.version("torch")
    yield Item(
        "torch", found, found.split("+")[0] == _TORCH, f"rung is tested with {_TORCH}: pip install torch=={_TORCH}"
    )
    backends = [entry.value for entry in metadata.entry_points(group="torch_dynamo_backends") if entry.name == "rung"]
    registered = backends == ["rung.torch_backend:rung"]
    yield Item('backend="rung"', ", ".join(backends) or "not registered", registered, "install rung (pip install .)")


def compilation(_: Machine) -> Iterator[Item]:
    """A graph, compiled and compared with eager."""
    import torch

    from ..torch_backend import rung

    x = torch.linspace(-3, 3, 64 * 100).reshape(64, 100)

    def function(x: Any) -> Any:
        return torch.softmax(torch.sin(x) * 2, -1).sum(0)

    inductor: Any = torch
    compiled = inductor.compile(function, backend=rung, options={"fallback": False})
    start = time.perf_counter()
    try:
        right = torch.allclose(compiled(x), function(x), rtol=1e-5, atol=1e-5)
    except Exception as error:
        raise RungError(str(error).splitlines()[0]) from error
    took = duration(time.perf_counter() - start)
    yield Item("a graph, compiled", f"{took}, {'as eager' if right else 'other values than eager'}", right, "report it")


def cpp(_: Machine) -> Iterator[Item]:
    """What the C++ wrapper and packages need."""
    from torch._inductor import cpp_builder
    from torch.utils import cpp_extension

    from ..runtime import alone_path

    advice = "cpp_wrapper=True and rung.torch_backend.package need one: install g++"
    try:
        compiler = shutil.which(cpp_builder.get_cpp_compiler())
    except Exception:
        compiler = None
    version = subprocess.run([compiler, "--version"], capture_output=True, text=True).stdout if compiler else ""
    yield Item("C++ compiler", version.partition("\n")[0] or compiler or "none", compiler is not None, advice)
    headers: list[Any] = [folder for folder in cpp_extension.include_paths() if Path(folder).is_dir()]
    yield Item("torch's headers", str(headers[0]) if headers else "none", bool(headers), "install torch as a wheel")
    yield Item("runtime of packages", f"{alone_path().stat().st_size >> 10} KiB, needs libm and libgcc_s")


def left_to_aten(_: Machine) -> Iterator[Item]:
    """What Inductor calls ATen for on every back end, by kind."""
    from torch._inductor import lowering

    known: set[Any] = set(lowering.fallbacks)
    names = sorted({str(getattr(op, "overloadpacket", op)).rpartition(".")[2] for op in known})
    kinds: dict[str, list[str]] = {name: [] for name, _ in _KINDS} | {"others": []}
    for name in names:
        kinds[next((kind for kind, words in _KINDS if re.search(words, name)), "others")].append(name)
    yield Item("in ATen: products, convolutions", "mm, addmm, bmm, convolution (max-autotune: some as kernels)")
    for kind, members in kinds.items():
        shown = ", ".join(name.strip("_") for name in members[:3])
        yield Item(f"in ATen: {kind}", f"{counted(len(members), 'operation')}, such as {shown}")
