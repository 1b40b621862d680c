"""Random functions, fused as Inductor likes, against eager. `pytest -m slow tests/inductor -k random` takes longer."""

from __future__ import annotations

import pytest
import torch
from hypothesis import HealthCheck, given, reject, settings
from torch._inductor import config

from rung import torch_backend
from tests.inductor.comparing import difference, leaves, widened
from tests.inductor.graphs import STRICT
from tests.inductor.random_graphs import Graph, graphs

CLOSE = 20
"""Some operations, one after another."""


def check(graph: Graph, dynamic: bool = False) -> None:
    inputs = graph.make()
    try:
        expected = graph(*inputs)
    except (RuntimeError, NotImplementedError, IndexError):
        reject()
    with config.patch(compile_threads=1, force_disable_caches=True):
        torch.compiler.reset()
        compiled = torch.compile(graph.__call__, backend=torch_backend.rung, dynamic=dynamic, options=STRICT)
        found = leaves(compiled(*inputs))
    said = difference(found, leaves(expected), lambda: leaves(graph(*widened(inputs))), CLOSE)
    assert not said, said


@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(graphs(8))
def test_small(graph: Graph) -> None:
    check(graph)


@pytest.mark.slow
@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(graphs(14))
def test_random_graphs(graph: Graph) -> None:
    check(graph)


@pytest.mark.slow
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(graphs(10))
def test_random_graphs_of_any_shape(graph: Graph) -> None:
    check(graph, dynamic=True)
