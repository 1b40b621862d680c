"""The corpus, each function once: types and modes take turns. `pytest -m slow tests/inductor` runs all of them."""

from __future__ import annotations

import pytest

from tests.inductor import corpus

FIRST = ("binary", "reductions", "indexing", "graphs")


def test_it_is_large() -> None:
    """No case is lost on the way: every one is in a graph, and most are of several types."""
    cases = [case for module in corpus.MODULES.values() for case in module.CASES]
    names = {(case.family, case.name) for case in cases}
    assert len(names) == len(cases) >= 400
    dealt = {
        (case.family, case.name) for name in corpus.MODULES for graph in corpus.quick(name) for case in graph.cases
    }
    assert dealt == names
    assert sum(len(graph.cases) for name in corpus.MODULES for graph in corpus.everything(name)) > 8000


@pytest.mark.parametrize("graph", [graph for name in FIRST for graph in corpus.quick(name)], ids=str)
def test_once(graph: corpus.Graph) -> None:
    known, _ = graph.check()
    assert known, "eager knows none of these"


@pytest.mark.slow
@pytest.mark.parametrize("graph", [graph for name in FIRST for graph in corpus.everything(name)], ids=str)
def test_everything(graph: corpus.Graph) -> None:
    graph.check()
