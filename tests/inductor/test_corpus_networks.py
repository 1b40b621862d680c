"""The other half of the corpus, for the other core: functions of single elements, views, layers and losses."""

from __future__ import annotations

import pytest

from tests.inductor import corpus

SECOND = ("pointwise", "views", "networks", "losses")


@pytest.mark.parametrize("graph", [graph for name in SECOND for graph in corpus.quick(name)], ids=str)
def test_once(graph: corpus.Graph) -> None:
    known, _ = graph.check()
    assert known, "eager knows none of these"


@pytest.mark.slow
@pytest.mark.parametrize("graph", [graph for name in SECOND for graph in corpus.everything(name)], ids=str)
def test_everything(graph: corpus.Graph) -> None:
    graph.check()
