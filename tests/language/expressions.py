"""Cases that are one expression over blocks x, y, z: a kernel for each type is made of a template."""

from __future__ import annotations

import importlib.util
import re
import tempfile
from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path
from types import ModuleType
from typing import Any

import mpmath as mp
import numpy as np
import torch

from .arrays import DTYPES, array, assert_near, is_float, precisely, tensor, values
from .cases import Case, Verdict, refusal

mp.mp.prec = 120
HEADER = '''"""Kernels made of expressions."""
import triton
import triton.language as tl
from triton.language.extra import libdevice


@triton.jit
def add(a, b):
    return a + b


@triton.jit
def both(a, m, b, n):
    return tl.where(b > a, b, a), tl.where(b > a, n, m)


@triton.jit
def latest(a, b):
    return a * 0 + b


'''
_FOLDER = tempfile.TemporaryDirectory(prefix="rung-language-")
_NAMES = "xyzw"

Inputs = Callable[[str], tuple[np.ndarray, ...]]


def _offsets(shape: Sequence[int]) -> str:
    """Row-major addresses of a block."""
    if not shape:
        return "0"
    count = f"tl.arange(0, {int(np.prod(shape))})"
    return count if len(shape) == 1 else f"{count}.reshape({', '.join(map(str, shape))})"


def source(text: str, inputs: Sequence[Sequence[int]], outputs: Sequence[Sequence[int]], statements: str = "") -> str:
    """A kernel that loads blocks of shapes `inputs`, and stores the results of an expression.

    Types and shapes of results must be those of the outputs."""
    given = ", ".join(
        [*(f"{n}_" for n, _ in zip(_NAMES, inputs, strict=False)), *(f"o{n}" for n in range(len(outputs)))]
    )
    lines = [f"@triton.jit\ndef kernel({given}):"]
    lines += [f"    {n} = tl.load({n}_ + {_offsets(shape)})" for n, shape in zip(_NAMES, inputs, strict=False)]
    lines += [f"    {line}" for line in statements.splitlines()]
    results = ", ".join(f"r{n}" for n in range(len(outputs)))
    lines += [f"    {results} = {text}"]
    for n, shape in enumerate(outputs):
        lines += [f"    tl.static_assert(r{n}.dtype == o{n}.dtype.element_ty, 'another type')"]
        if shape:
            lines += [
                f"    tl.static_assert(r{n}.shape[{d}] == {size}, 'another shape')" for d, size in enumerate(shape)
            ]
            lines += [f"    tl.static_assert(len(r{n}.shape) == {len(shape)}, 'another rank')"]
        lines += [f"    tl.store(o{n} + {_offsets(shape)}, r{n})"]
    return "\n".join(lines) + "\n"


@cache
def kernel_of(text: str) -> Any:
    """The kernel of a source. Triton reads it from a file."""
    path = Path(_FOLDER.name) / f"k{abs(hash(text)):x}.py"
    path.write_text(HEADER + text)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module: ModuleType = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.kernel


def evaluate(
    text: str, inputs: Sequence[np.ndarray], like: Sequence[np.ndarray], statements: str = ""
) -> list[np.ndarray]:
    """What a kernel makes of an expression, in arrays of the shapes and types of `like`."""
    kernel = kernel_of(source(text, [x.shape for x in inputs], [x.shape for x in like], statements))
    results = [torch.zeros_like(tensor(x)) for x in like]
    kernel[(1,)](*map(tensor, inputs), *results)
    return [array(result) for result in results]


def arity(text: str) -> int:
    return max((_NAMES.index(n) + 1 for n in re.findall(r"\b[xyzw]\b", text)), default=0)


def plain(
    text: str,
    shapes: Sequence[tuple[int, ...]] | None = None,
    domain: tuple[float, float] | None = None,
    edges: bool = True,
    kinds: Sequence[str | None] = (),
) -> Inputs:
    """Inputs of an expression. kinds: types of operands that are not of the case's type."""
    shapes = shapes or [(128,)] * arity(text)

    def make(kind: str) -> tuple[np.ndarray, ...]:
        each = [*kinds, *[None] * len(shapes)]
        return tuple(
            values(other or kind, shape, domain, edges, seed)
            for seed, (shape, other) in enumerate(zip(shapes, each, strict=False))
        )

    return make


def _texts(text: str) -> Callable[[], str]:
    return lambda: text


def exact(
    names: str,
    section: str,
    text: str,
    reference: Callable[..., Any],
    types: str,
    *,
    into: list[Case],
    inputs: Inputs | None = None,
    shapes: Sequence[tuple[int, ...]] | None = None,
    domain: tuple[float, float] | None = None,
    kinds: Sequence[str | None] = (),
    edges: bool = True,
    bound: float = 0,
    within: float = 0,
    note: str = "",
    verdict: Verdict = Verdict.WORKS,
    uses: Sequence[str] = (),
    statements: str = "",
) -> None:
    """An expression whose expected value is that of a function on arrays. bound: in ulp of the result; within: of the
    absolute error, instead."""
    make = inputs or plain(text, shapes, domain, edges, kinds)

    def check(kind: str) -> None:
        given = make(kind)
        found = reference(*given)
        expected = [np.asarray(x) for x in (found if isinstance(found, tuple) else (found,))]
        for result, wanted in zip(evaluate(text, given, expected, statements), expected, strict=True):
            if within:
                worst = np.abs(result.astype(np.float64) - wanted).max()
                assert worst <= within, f"off by {worst}, more than {within}"
            else:
                assert_near(result, wanted, bound, given)

    says = f"{within:g} absolute" if within else f"{bound:g} ulp" if bound else "exact"
    into.append(
        Case(
            tuple(names.split()),
            section,
            check,
            tuple(types.split()),
            verdict,
            says,
            note,
            tuple(uses),
            _texts(statements + text),
        )
    )


def real(
    names: str,
    section: str,
    text: str,
    numpy: Callable[..., Any],
    precise: Callable[..., Any],
    bounds: dict[str, float],
    *,
    into: list[Case],
    domain: tuple[float, float] | None = None,
    domains: Sequence[tuple[float, float] | None] = (),
    edges: bool = True,
    kinds: Sequence[str | None] = (),
    note: str = "",
    inputs: Inputs | None = None,
    verdict: Verdict = Verdict.WORKS,
    uses: Sequence[str] = (),
) -> None:
    """A function of real numbers: infinities and NaN are NumPy's (or SciPy's), in f64, all other values mpmath's.

    bounds: in ulp, by type; f16 and bf16 are the result of f32, rounded once more."""
    make = inputs or plain(text, None, domain, edges, kinds)

    def check(kind: str) -> None:
        given = make(kind)
        if domains:
            given = tuple(
                values(kind, x.shape, span, seed=seed) if span and is_float(x.dtype) else x
                for seed, (x, span) in enumerate(zip(given, domains, strict=False))
            )
        dtype = next(x.dtype for x in given if is_float(x.dtype))
        wide = np.asarray(numpy(*(x.astype(np.float64) if is_float(x.dtype) else x for x in given)), np.float64)
        (result,) = evaluate(text, given, [wide.astype(dtype)])
        assert_near(result, precisely(precise, given, wide), bounds[kind], given)

    groups: dict[float, list[str]] = {}
    for kind, bound in bounds.items():
        groups.setdefault(bound, []).append(kind)
    says = ", ".join(f"{bound:g} ulp ({' '.join(kinds)})" for bound, kinds in groups.items())
    if len(groups) == 1:
        says = says.partition(" (")[0]
    spans = [span for span in domains if span] or ([domain] if domain else [])
    within = " and ".join(f"{low:g} to {high:g}" for low, high in spans)
    note = "; ".join(filter(None, [note, within and f"the bound is for {within}"]))
    into.append(
        Case(tuple(names.split()), section, check, tuple(bounds), verdict, says, note, tuple(uses), _texts(text))
    )


def refused(
    names: str,
    section: str,
    text: str,
    message: str,
    types: str,
    *,
    into: list[Case],
    note: str,
    shapes: Sequence[tuple[int, ...]] | None = None,
    kinds: Sequence[str | None] = (),
    uses: Sequence[str] = (),
    result: str = "",
    like: tuple[int, ...] = (128,),
    verdict: Verdict = Verdict.REFUSED,
) -> None:
    """An expression that is not compiled; the error must have `message` in it.

    Types are of the operands; result, like: type and shape of the result."""
    make = plain(text, shapes, None, True, kinds)

    def check(kind: str) -> None:
        given = make(kind)
        results = [np.zeros(like, DTYPES[result or kind])]
        found = refusal(partial(evaluate, text, given, results))
        assert message in found, f"refused with: {found}"

    into.append(
        Case(tuple(names.split()), section, check, tuple(types.split()), verdict, "", note, tuple(uses), _texts(text))
    )
