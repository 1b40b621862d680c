import pytest
from matching import in_order, run

from rung.lowering.expand_flags import ExpandFlags

CAST = "func.func @f(%x: {source}) -> {target} {{\n  %r = {op} %x : {source} to {target}\n  return %r : {target}\n}}"


def expanded(op: str, source: str, target: str) -> str:
    return run(CAST.format(op=op, source=source, target=target), ExpandFlags())


@pytest.mark.parametrize(("op", "one"), [("arith.uitofp", "1.0"), ("arith.sitofp", "-1.0")])
def test_flags_choose_between_two_numbers(op: str, one: str) -> None:
    text = expanded(op, "vector<64xi1>", "vector<64xf16>")
    in_order(text, rf"dense<{one}00000e\+00> : vector<64xf16>", r"dense<0.0", r"arith.select %arg0", "return")
    assert op not in text


@pytest.mark.parametrize(
    ("op", "source", "target"),
    [("arith.uitofp", "vector<64xi8>", "vector<64xf16>"), ("arith.uitofp", "i1", "f16")],
)
def test_leaves_others_alone(op: str, source: str, target: str) -> None:
    text = expanded(op, source, target)
    assert f"{op} %arg0 : {source} to {target}" in text and "select" not in text
