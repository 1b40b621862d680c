"""Relations between mechanisms that must hold on the model, at sizes that take a moment."""

from __future__ import annotations

import importlib
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rung import machine

ATTENTION = (("ROWS", 16), ("KEYS", 16), ("WIDTH", 16))


@pytest.fixture(scope="module")
def experiments() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(Path(__file__).parents[2] / "benchmarks"), *sys.path])
        yield importlib.import_module("npu_experiments")


@pytest.fixture(scope="module")
def lab(experiments: Any) -> Any:
    return experiments.Lab(machine.load("hexagon-v73", ["fork_join_ns=1000"]))


def test_stores_behind_the_computation_are_never_slower(experiments: Any, lab: Any) -> None:
    subject = experiments.Subject("gelu", (16384,), 1024)
    for threads in (1, 4):
        single, double = (replace(each, threads=threads) for each in (experiments.SINGLE, experiments.DOUBLE))
        variants: Any = {
            "single": (subject, single, experiments.as_recorded),
            "awaited": (subject, double, experiments.await_stores),
            "double": (subject, double, experiments.as_recorded),
        }
        rows = lab.rows("write-back", "gelu", variants)
        assert rows[2].cycles <= rows[1].cycles <= rows[0].cycles + lab.device.fork_join_cycles
        assert rows[1].dma_max_in_flight < rows[2].dma_max_in_flight


def test_deeper_buffers_wait_less_where_a_latency_is_longer_than_a_tile(experiments: Any, lab: Any) -> None:
    subject = experiments.Subject("gelu", (16384,), 1024)
    slow = machine.override(lab.device, ["dma.latency_cycles=5000"])
    double = replace(experiments.DOUBLE, threads=1)
    variants = experiments.series({depth: (subject, replace(double, depth=depth)) for depth in (2, 3, 4)})
    waits = [row.wait_cycles for row in lab.rows("depth", "gelu", variants, slow)]
    assert waits[0] > waits[1] > waits[2]


def test_shares_in_turn_balance_causal_attention(experiments: Any, lab: Any) -> None:
    subject = experiments.Subject("attention", (256, 16), None, ATTENTION, programs=16)
    cyclic = replace(experiments.DOUBLE, distribution="block-cyclic")
    variants = experiments.series({"block": (subject, experiments.DOUBLE), "block-cyclic": (subject, cyclic)})
    block, turns = lab.rows("distribution", "attention", variants)
    assert turns.cycles < block.cycles


@pytest.mark.parametrize(
    ("kernel", "shape", "constexprs", "programs"),
    [
        ("softmax", (16, 256), (), None),
        ("rms-norm", (16, 256), (), None),
        ("attention", (128, 16), ATTENTION, 8),
        ("matmul", (128, 128, 96), (("BLOCK_K", 32),), None),
    ],
)
def test_loops_that_are_not_pointwise_overlap(
    experiments: Any, lab: Any, kernel: str, shape: tuple[int, ...], constexprs: Any, programs: int | None
) -> None:
    """The loop is pipelined: transfers in flight together on one context, and less waiting."""
    subject = experiments.Subject(kernel, shape, None, constexprs, programs)
    one = [replace(each, threads=1) for each in (experiments.SINGLE, experiments.DOUBLE)]
    variants = experiments.series(dict(zip(("single", "double"), ((subject, each) for each in one), strict=True)))
    single, double = lab.rows("fused", kernel, variants)
    assert double.dma_max_in_flight >= 2 > single.dma_max_in_flight
    assert double.wait_cycles < single.wait_cycles
