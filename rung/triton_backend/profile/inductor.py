"""What Inductor times to choose a configuration is no work of the program's, and takes the time of the device."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from .recorder import Recorder


def take_part(recorder: Recorder) -> None:
    """Inductor times all that it compares by one object's `benchmark_cpu`: where it is loaded, that asks `recorder`."""
    module = sys.modules.get("torch._inductor.runtime.benchmarking")
    if module is None or "benchmark_cpu" in vars(module.benchmarker):
        return
    usual = module.benchmarker.benchmark_cpu

    def benchmark_cpu(run: Callable[[], object], *settings: Any, **more: Any) -> Any:
        return recorder.tune(run, partial(usual, run, *settings, **more))

    module.benchmarker.benchmark_cpu = benchmark_cpu
