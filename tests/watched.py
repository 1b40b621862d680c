"""A pytest plug-in that watches all launches of other tests.

pytest -p tests.watched --watch values,overflow,nan tests/programs tests/language tests/numeric

Their kernels are right, but for numbers that `ON_PURPOSE` excuses: whatever is found in another one is a false
alarm, or a fault of the test. The run ends with what was found, and fails if there is anything.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from rung.runtime.findings_log import read_log

ON_PURPOSE = {
    "tests/numeric/test_total_integers.py": "divides by zero, and shifts too far: what that gives is tested",
    "tests/numeric/test_wrapping_integers.py": "indices that overflow",
    "tests/numeric/test_while_blocks.py::test_numbers_that_wrap": "indices that overflow",
    "tests/language/": "functions where they are infinite, division by zero, shifts too far, masked-off lanes",
}
"""What tests make numbers on purpose that nobody may rely on: the beginning of their names -> why."""

NOT_WATCHED = {
    "tests/numeric/repeated_launches/": "a launch that is watched is not repeated without Triton",
    "tests/numeric/test_first_launches.py::test_several_threads_need": "a watched kernel has one version",
    "tests/numeric/test_device_print.py::test_it_is_out_before_a_crash": "it does not crash: the access is found",
}
"""Tests of what a watched launch does not do -> why."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--watch", default="", help="What else to look for: values, overflow, nan, order.")


def pytest_configure(config: pytest.Config) -> None:
    # From the first launch on: Triton keeps what it has compiled, whatever the environment is later.
    os.environ["RUNG_SANITIZE"] = ",".join(["report", *filter(None, [config.getoption("--watch")])])


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    left = [item for item in items if not item.nodeid.startswith(tuple(NOT_WATCHED))]
    config.hook.pytest_deselected(items=[item for item in items if item not in left])
    items[:] = left


@pytest.fixture(autouse=True)
def watched(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[None]:
    """A log for each test, and its faults among what the test's report has."""
    log = tmp_path_factory.mktemp("watched") / "findings.jsonl"
    os.environ["RUNG_SANITIZE_LOG"] = str(log)
    yield
    found = read_log(log)
    excused = request.node.nodeid.startswith(tuple(ON_PURPOSE))
    faults = [page for page, _ in found.faults if not (excused and page.startswith("a number "))]
    request.node.user_properties += [("fault", page) for page in faults]
    request.node.user_properties += [("kernel", kernel) for kernel in found.kernels]


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and session.exitstatus == pytest.ExitCode.OK and _told(reporter, "fault"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.section("watched")
    faults = _told(terminalreporter, "fault")
    for page, tests in faults.items():
        terminalreporter.line(f"{page}\n  found in  {', '.join(dict.fromkeys(tests))}\n")
    kernels = _told(terminalreporter, "kernel")
    terminalreporter.line(", ".join([_count(len(kernels), "kernel") + " watched", _count(len(faults), "fault")]))


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"


def _told(reporter: pytest.TerminalReporter, what: str) -> dict[str, list[str]]:
    """Pages of faults, or names of kernels, and the tests in which each was found."""
    found: dict[str, list[str]] = {}
    for report in reporter.getreports(""):
        for key, text in report.user_properties:
            if key == what and getattr(report, "when", "") == "teardown":
                found.setdefault(str(text), []).append(report.nodeid)
    return found
