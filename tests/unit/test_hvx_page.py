"""The page on HVX is what the compiler makes now."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

_TOOL = Path(__file__).parents[2] / "tools" / "make_hvx_page.py"


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_hvx_page", _TOOL)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_up_to_date(tool: ModuleType) -> None:
    assert tool.PAGE.read_text() == tool.page(), "run: python tools/make_hvx_page.py"


@pytest.mark.parametrize(
    ("instruction", "kind"),
    [
        ("v0 = vmem(r1+#0)", "load"),
        ("vmem(r7+#0) = v0.new", "store"),
        ("if (q3) vmem(r6+#0) = v31", "store"),
        ("v0.sf = vadd(v2.sf,v0.sf)", "add, subtract"),
        ("v12.w = vsub(v12.w,v5.w)", "integer, bits"),
        ("v1:0.qf32 = vmpy(v0.hf,v6.hf)", "multiply"),
        ("v4.w += vrmpy(v1.b,v2.b)", "dot product"),
        ("v8.sf = vmin(v6.sf,v25.sf)", "minimum, maximum"),
        ("q1 = vcmp.gt(v11.sf,v6.sf)", "compare, select"),
        ("v5 = vmux(q3,v26,v4)", "compare, select"),
        ("v0.sf = v0.qf32", "conversion"),
        ("v1:0 = vshuff(v1,v0,r7)", "move, permute"),
        ("v0 = v27", "move, permute"),
        ("r6 = add(r29,#2048)", "scalar"),
    ],
)
def test_instructions_by_class(tool: ModuleType, instruction: str, kind: str) -> None:
    assert tool.kind(instruction) == kind
