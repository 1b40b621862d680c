"""The samples of torch's own table of operations. Slow; wants `expecttest`, as all of `torch.testing._internal`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch._inductor import config

from rung import torch_backend
from tests.inductor.comparing import cloned, difference, leaves, widened
from tests.inductor.graphs import STRICT

KINDS = ("float32", "bfloat16", "float64", "int32", "uint8", "bool")
SAMPLES = 6

DIFFERS = {
    "var_mean": "of nothing: the mean is 0",
    "std_mean": "of nothing: the mean is 0",
    "empty": "memory that nobody has written",
    "empty_like": "memory that nobody has written",
    "empty_strided": "memory that nobody has written",
    "empty_permuted": "memory that nobody has written",
    "new_empty": "memory that nobody has written",
    "new_empty_strided": "memory that nobody has written",
}
"""docs/pytorch.md has the reasons."""


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("part", range(16))
def test_samples(kind: str, part: int) -> None:
    from torch.testing._internal.common_methods_invocations import op_db

    wrong: list[str] = []
    for op in op_db[part::16]:
        if getattr(torch, kind) in op.supported_dtypes("cpu") and op.name not in DIFFERS:
            with config.patch(compile_threads=1, force_disable_caches=True, fallback_random=True):
                wrong += _differences(op, getattr(torch, kind))
    assert not wrong, "\n".join(wrong)


def _differences(op: Any, dtype: torch.dtype) -> list[str]:
    """Some samples of an operation in one graph; each alone where that fails."""
    torch.manual_seed(1)
    samples = [(each.input, tuple(each.args), dict(each.kwargs)) for each in op.sample_inputs("cpu", dtype)]
    step = max(len(samples) // SAMPLES, 1)
    samples = [sample for sample in samples[::step][:SAMPLES] if _known(op.op, sample)]
    try:
        if not _wrong(op.op, samples):
            return []
    except Exception as error:
        together = f"{type(error).__name__} {error}"
    else:
        together = "differs"
    said: list[str] = []
    for sample in samples:
        try:
            said += _wrong(op.op, [sample])
        except Exception as error:
            said.append(f"{type(error).__name__} {error}")
    return [f"{op.full_name} {dtype}: {each}" for each in said or [f"together: {together}"]]


def _known(function: Callable[..., Any], sample: tuple[Any, ...]) -> bool:
    """Whether eager takes it."""
    try:
        _called(function, [sample])
    except Exception:
        return False
    return True


def _called(function: Callable[..., Any], samples: list[tuple[Any, ...]]) -> list[list[Any]]:
    torch.manual_seed(0)
    return [leaves(function(first, *rest, **named)) for first, rest, named in cloned(samples)]


def _wrong(function: Callable[..., Any], samples: list[tuple[Any, ...]]) -> list[str]:
    torch.compiler.reset()
    compiled = torch.compile(
        lambda samples: [function(first, *rest, **named) for first, rest, named in samples],
        backend=torch_backend.rung,
        dynamic=False,
        options=STRICT,
    )
    expected = _called(function, samples)
    given = cloned(samples)
    torch.manual_seed(0)
    said: list[str] = []
    for sample, ours, eager in zip(samples, compiled(given), expected, strict=True):
        found = difference(leaves(ours), eager, lambda sample=sample: _called(function, [widened(sample)])[0], 10)
        said += [found] if found else []
    return said
