import pytest
from matching import in_order, run

from rung.lowering.expand_to_integers import ExpandToIntegers
from rung.pipelines import to_llvm
from rung.targets.isa.hexagon import HEXAGON
from rung.targets.isa.x86_64 import X86_64

CAST = "func.func @f(%x: {source}) -> {target} {{\n  %r = {op} %x : {source} to {target}\n  return %r : {target}\n}}"


def expanded(op: str, source: str, target: str) -> str:
    return run(CAST.format(op=op, source=source, target=target), ExpandToIntegers())


def test_doubles_are_converted_lane_by_lane() -> None:
    in_order(
        expanded("arith.fptosi", "vector<2xf64>", "vector<2xi16>"),
        r"vector.extract %arg0\[0\]",
        "arith.fptosi .* : f64 to i32",
        r"vector.insert .*\[0\] : i32 into vector<2xi32>",
        r"vector.extract %arg0\[1\]",
        r"vector.insert .*\[1\]",
        r"arith.trunci .* : vector<2xi32> to vector<2xi16>",
    )
    assert "trunci" not in expanded("arith.fptoui", "vector<2xf64>", "vector<2xi32>")


def test_floats_become_words_first() -> None:
    in_order(
        expanded("arith.fptoui", "vector<64xf32>", "vector<64xi8>"),
        "arith.fptoui %arg0 : vector<64xf32> to vector<64xi32>",
        "arith.trunci .* to vector<64xi8>",
    )


@pytest.mark.parametrize(
    ("op", "source", "target"),
    [
        ("arith.fptosi", "vector<2xf64>", "vector<2xi64>"),
        ("arith.fptosi", "vector<64xf32>", "vector<64xi32>"),
        ("arith.fptosi", "f64", "i8"),
    ],
)
def test_leaves_others_alone(op: str, source: str, target: str) -> None:
    text = expanded(op, source, target)
    assert f"{op} %arg0 : {source} to {target}" in text and "extract" not in text


def test_the_host_keeps_its_casts() -> None:
    text = CAST.format(op="arith.fptosi", source="vector<4xf64>", target="vector<4xi16>")
    assert "llvm.fptosi %arg0 : vector<4xf64> to vector<4xi16>" in run(text, *to_llvm(X86_64))
    assert "vector<4xf64> to" not in run(text, *to_llvm(HEXAGON))
