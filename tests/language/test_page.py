"""docs/language.md has every public name of Triton's language, and says what its cases show."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from tests.language.cases import Case, modules
from tests.language.names import public_names

_TOOL = Path(__file__).parents[2] / "tools" / "make_language.py"


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_language", _TOOL)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_name_has_a_case() -> None:
    named = {name for cases in modules() for case in cases for name in case.names}
    assert sorted(public_names() - named) == []


def test_every_case_has_a_name() -> None:
    named = {name for cases in modules() for case in cases for name in case.names}
    assert sorted(named - public_names()) == []


def test_the_page_is_up_to_date(tool: ModuleType) -> None:
    assert tool.PAGE.read_text() == tool.page(), "run: python tools/make_language.py"


def test_a_case_that_speaks_of_another_function_fails() -> None:
    case = Case(("tl.exp",), "Math", lambda: None, source=lambda: "tl.exp2(x)")
    case.run()
    with pytest.raises(AssertionError, match=r"does not use `tl\.sin`"):
        Case(("tl.sin",), "Math", lambda: None, source=lambda: "tl.exp2(x)").run()
