"""The kernels of the study: where each one is, its inputs, its grid, its reference in float64 and its
tolerance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod, sqrt
from pathlib import Path
from typing import Any, Protocol

from ..dtypes import BY_MLIR, F32
from ..errors import UsageError, did_you_mean
from ..machine import Machine
from . import references
from .problem import DTYPES, Problem, Shape, Tolerance, check_memory, torch_dtype

HOST_BLOCK = 1024
"""Elements of a program of a pointwise kernel, on a machine with caches."""
_DMA_BLOCK = 16384
"""The same where a program's block is a DMA transfer, whose latency it has to amortise: 64 KiB of f32."""
_PACKAGE = Path(__file__).parents[1]


class Build(Protocol):
    """Makes the problem of a shape from a function that draws tensors: `draw(*shape)` is normal(0, 1) in
    the data type. `block`: elements of a program, for kernels that leave the choice."""

    def __call__(self, shape: Shape, draw: Callable[..., Any], block: int) -> Problem: ...


@dataclass(frozen=True)
class Workload:
    """One registered kernel. `shape` is the study's size; no size of `odd_shapes` divides the block."""

    name: str
    source: str
    """`file.py::kernel` below examples/kernels"""
    dimensions: tuple[str, ...]
    shape: Shape
    odd_shapes: tuple[Shape, ...]
    build: Build
    function: Callable[..., Any]
    """The same computation in torch, on the input tensors: the reference (in float64) and what Inductor
    compiles."""
    ulps: float
    """Relative tolerance in float32 epsilons; the type in memory adds one rounding."""
    absolute: float
    reason: str
    summed: int | None = None
    """The dimension that sums run over: their errors grow with the root of its size, from 1024 terms on."""
    paper: bool = False
    """Shown in full by the paper, and run by `rung ladder` without arguments."""
    flops: Callable[[Shape], int] | None = None
    """Additions and multiplications; None where transcendental functions or divisions make the number a convention."""

    def check(self, shape: Shape) -> None:
        """Raises UsageError when the shape is not one of this kernel."""
        if len(shape) != len(self.dimensions) or min(shape, default=0) < 1:
            form = "x".join(self.dimensions)
            given = "x".join(str(size) for size in shape)
            raise UsageError(f"{self.name} takes sizes of the form {form}, each at least 1; got `{given}`")
        check_memory(prod(sorted(shape)[-2:]))  # no tensor has more than two of the dimensions

    def problem(self, shape: Shape, dtype: str, seed: int, block: int = HOST_BLOCK) -> Problem:
        """Inputs drawn with `seed`; outputs filled with NaN, so that an element left out is found."""
        import torch

        self.check(shape)
        element = torch_dtype(dtype)
        generator = torch.Generator().manual_seed(seed)

        def draw(*size: int) -> torch.Tensor:
            return torch.randn(size, generator=generator, dtype=torch.float32).to(element)

        return self.build(shape, draw, block)

    def tolerance(self, dtype: str, shape: Shape) -> Tolerance:
        """float32 arithmetic, plus one rounding when the type in memory is narrower."""
        growth = 1.0 if self.summed is None else max(1.0, sqrt(shape[self.summed] / 1024))
        relative, absolute = growth * self.ulps * F32.epsilon, growth * self.absolute
        if dtype == "f32":
            return Tolerance(relative, absolute, self.reason)
        absolute = max(absolute, BY_MLIR[dtype].smallest)
        return Tolerance(relative + BY_MLIR[dtype].epsilon, absolute, f"{self.reason}; one rounding to {dtype}")

    @property
    def path(self) -> Path:
        return kernels_folder() / self.source.partition("::")[0]

    @property
    def kernel(self) -> str:
        """`/path/file.py::kernel`, as `load_kernel` takes it"""
        return f"{self.path}::{self.source.partition('::')[2]}"


def kernels_folder() -> Path:
    """The example kernels: shipped inside the package, or in the checkout that rung runs from."""
    for folder in (_PACKAGE / "kernels", _PACKAGE.parent / "examples" / "kernels"):
        if folder.is_dir():
            return folder
    raise UsageError("the example kernels are not installed; run in a checkout, or give --kernel file.py::name")


def _cdiv(a: int, b: int) -> int:
    return -(-a // b)


def _nan_like(tensor: Any) -> Any:
    return tensor.new_full(tensor.shape, float("nan"))


def _power_of_two(n: int) -> int:
    return 1 << max(0, n - 1).bit_length()


def _pointwise(function: Callable[..., Any], inputs: int = 1, **constexprs: int) -> Build:
    def build(shape: Shape, draw: Callable[..., Any], block: int) -> Problem:
        (n,) = shape
        xs = [draw(n) for _ in range(inputs)]
        return Problem(
            (*xs, _nan_like(xs[0]), n),
            (inputs,),
            {**constexprs, "BLOCK": block},
            (_cdiv(n, block), 1, 1),
            lambda: [function(*(x.double() for x in xs))],
        )

    return build


def _vec_add_2d(shape: Shape, draw: Callable[..., Any], block: int) -> Problem:
    rows, cols = shape
    x, y = draw(rows, cols), draw(rows, cols)
    wide = min(block, _power_of_two(cols))
    high = block // wide
    grid = (_cdiv(rows, high), _cdiv(cols, wide), 1)
    blocks = {"BLOCK_ROWS": high, "BLOCK_COLS": wide}
    return Problem((x, y, _nan_like(x), rows, cols), (2,), blocks, grid, lambda: [x.double() + y.double()])


def _row_wise(function: Callable[..., Any], vectors: int = 0, epsilon: float | None = None) -> Build:
    """One row per program, with `vectors` weights of a row's length."""

    def build(shape: Shape, draw: Callable[..., Any], block: int) -> Problem:
        rows, cols = shape
        xs = [draw(rows, cols), *(draw(cols) for _ in range(vectors))]
        scalars = (cols,) if epsilon is None else (cols, epsilon)
        return Problem(
            (*xs, _nan_like(xs[0]), *scalars),
            (len(xs),),
            {"BLOCK": _power_of_two(cols)},
            (rows, 1, 1),
            lambda: [function(*(x.double() for x in xs))],
        )

    return build


def _row_sum(shape: Shape, draw: Callable[..., Any], block: int) -> Problem:
    rows, cols = shape
    x = draw(rows, cols)
    out = x.new_full((rows,), float("nan"))
    return Problem((x, out, cols), (1,), {"BLOCK": block}, (rows, 1, 1), lambda: [x.double().sum(dim=1)])


def _matmul(shape: Shape, draw: Callable[..., Any], block: int) -> Problem:
    m, n, k = shape
    a, b = draw(m, k), draw(k, n)
    c = a.new_full((m, n), float("nan"))
    blocks = {"BLOCK_M": 128, "BLOCK_N": 128, "BLOCK_K": 256}
    grid = (_cdiv(m, 128), _cdiv(n, 128), 1)
    return Problem((a, b, c, m, n, k), (2,), blocks, grid, lambda: [a.double() @ b.double()])


def _attention(shape: Shape, draw: Callable[..., Any], block: int) -> Problem:
    length, width = shape
    q, k, v = (draw(length, width) for _ in range(3))
    high = min(64, max(16, _power_of_two(length)))
    return Problem(
        (q, k, v, _nan_like(q), length, width, width**-0.5),
        (3,),
        {"ROWS": high, "KEYS": high, "WIDTH": max(16, _power_of_two(width))},
        (_cdiv(length, high), 1, 1),
        lambda: [references.attention(q.double(), k.double(), v.double())],
    )


_ODD = ((1,), (1000,), (100_003,))
_ODD_ROWS = ((1, 1), (3, 100), (5, 1000), (37, 1025))
_MATRIX = ("ROWS", "COLS")
_MILLION = 1 << 20

WORKLOADS: tuple[Workload, ...] = (
    Workload("vec-add", "vec_add.py::vec_add_2d_kernel", _MATRIX, (64, 16384), _ODD_ROWS,
             _vec_add_2d, references.add, 1, 0.0, "one addition, correctly rounded", paper=True, flops=prod),
    Workload("vec-add-1d", "vec_add.py::vec_add_kernel", ("N",), (1 << 24,), _ODD,
             _pointwise(references.add, 2), references.add, 1, 0.0, "one addition, correctly rounded", flops=prod),
    Workload("gelu", "gelu.py::gelu_tanh_kernel", ("N",), (_MILLION,), _ODD,
             _pointwise(references.gelu_tanh), references.gelu_tanh, 32, 1e-6,
             "exp(-2u) carries the rounding of u, up to 20 where atol takes over", paper=True),
    Workload("gelu-erf", "gelu.py::gelu_erf_kernel", ("N",), (_MILLION,), _ODD,
             _pointwise(references.gelu_erf), references.gelu_erf, 16, 1e-6,
             "1 + erf cancels for x < 0, where atol decides"),
    Workload("silu", "silu.py::silu_kernel", ("N",), (_MILLION,), _ODD,
             _pointwise(references.silu), references.silu, 16, 1e-7,
             "exp within 2 ulps, one division, one rounding each"),
    Workload("exp-series", "exp_series.py::exp_series_kernel", ("N",), (_MILLION,), _ODD,
             _pointwise(references.exp_series, DEGREE=16), references.exp_series, 32, 2e-6,
             "two roundings per degree; the sum alternates for x < 0, where atol decides"),
    Workload("softmax", "softmax.py::softmax_kernel", _MATRIX, (4096, 1024), _ODD_ROWS,
             _row_wise(references.softmax), references.softmax, 32, 1e-7,
             "exp of a difference of up to 10 carries its rounding; the sum has several accumulators", summed=1),
    Workload("rms-norm", "rms_norm.py::rms_norm_kernel", _MATRIX, (4096, 1024), _ODD_ROWS,
             _row_wise(references.rms_norm, 1, 1e-6), references.rms_norm, 16, 1e-7,
             "a sum of squares does not cancel; one root, one division, two products", summed=1),
    Workload("rms-norm-plain", "rms_norm.py::rms_norm_plain_kernel", _MATRIX, (4096, 1024), _ODD_ROWS,
             _row_wise(references.rms_norm_plain, 0, 1e-6), references.rms_norm_plain, 16, 1e-7,
             "a sum of squares does not cancel; one root, one division, one product", summed=1),
    Workload("layer-norm", "layer_norm.py::layer_norm_kernel", _MATRIX, (4096, 1024), _ODD_ROWS,
             _row_wise(references.layer_norm, 2, 1e-5), references.layer_norm, 32, 4e-6,
             "x - mean and the bias cancel, where atol decides", summed=1),
    Workload("row-sum", "row_sum.py::row_sum_kernel", _MATRIX, (4096, 4096), (*_ODD_ROWS, (3, 5000)),
             _row_sum, references.row_sum, 16, 1e-3,
             "a sum of n terms of both signs: about sqrt(n) ulps of the partial sums", summed=1,
             flops=prod),
    Workload("matmul", "matmul.py::matmul_kernel", ("M", "N", "K"), (512, 512, 512),
             ((1, 1, 1), (33, 65, 17), (130, 257, 100)), _matmul, references.matmul, 32, 2e-4,
             "a sum of K products of both signs: about sqrt(K) ulps of the partial sums", summed=2,
             flops=lambda shape: 2 * prod(shape)),
    Workload("attention", "attention.py::attention_kernel", ("LENGTH", "WIDTH"), (1024, 64),
             ((1, 1), (37, 20), (150, 33)), _attention, references.attention, 32, 4e-6,
             "weights carry the rounding of scores of up to 5; a mean of values of both signs cancels", summed=0),
)  # fmt: skip


def block_elements(machine: Machine) -> int:
    """Elements of a program, for kernels that leave the choice, as a user of the machine would choose them: 32 bytes
    each of scratch and buffers are within a context's scratchpad, where there is one."""
    if machine.kind == "host":
        return HOST_BLOCK
    fits = machine.scratchpad_bytes_per_context // 32
    return min(_DMA_BLOCK, 1 << fits.bit_length() - 1) if fits else _DMA_BLOCK


def find(name: str) -> Workload:
    """The workload of that name. Raises UsageError listing all."""
    for workload in WORKLOADS:
        if workload.name == name:
            return workload
    known = [workload.name for workload in WORKLOADS]
    raise UsageError(f"there is no kernel `{name}`{did_you_mean(name, known)}; choose from: {', '.join(known)}")


__all__ = ["DTYPES", "WORKLOADS", "Build", "Workload", "block_elements", "find", "kernels_folder"]
