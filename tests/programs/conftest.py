"""How long each kernel of these programs took to compile: `pytest tests/programs` ends with the ten slowest."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median
from time import thread_time
from typing import Any

import pytest
import torch
from triton import JITFunction

import rung.compile


@pytest.fixture(autouse=True, scope="module")
def empty_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Every kernel is compiled, whatever ran before."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRITON_CACHE_DIR", str(tmp_path_factory.mktemp("triton")))
        yield


@pytest.fixture(autouse=True)
def compilations(record_property: Any) -> Iterator[None]:
    """(kernel, milliseconds of the processor) of each compilation of a test, from source to machine code."""
    taken: list[tuple[str, float]] = []
    do_compile, load = JITFunction._do_compile, rung.compile.load

    def compile_and_note(kernel: Any, *args: Any) -> Any:
        start = thread_time()
        result = do_compile(kernel, *args)
        taken.append((kernel.__name__, (thread_time() - start) * 1e3))
        return result

    def load_and_note(binary: bytes) -> Any:
        start = thread_time()
        result = load(binary)
        name, before = taken.pop() if taken else ("", 0.0)
        taken.append((name, before + (thread_time() - start) * 1e3))
        return result

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(JITFunction, "_do_compile", compile_and_note)
        patch.setattr(rung.compile, "load", load_and_note)
        yield
    for entry in taken:
        record_property("compiled", entry)


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """The last report of a test has what its fixtures noted."""
    reports = {report.nodeid: report for report in terminalreporter.getreports("")}
    slowest = sorted(
        ((took, kernel, test) for test, report in reports.items() for key, value in report.user_properties
         if key == "compiled" for kernel, took in [value]),
        reverse=True,
    )  # fmt: skip
    if not slowest:
        return
    terminalreporter.section("compilation")
    middle = median(took for took, _, _ in slowest)
    terminalreporter.line(f"{len(slowest)} kernels, median {middle:.0f} ms of the processor")
    for took, kernel, test in slowest[:10]:
        terminalreporter.line(f"{took:7.0f} ms  {kernel}  {test}")
