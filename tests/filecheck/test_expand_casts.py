import pytest
from matching import in_order, run
from torch_mlir import ir

from rung.ir.context import make_context
from rung.lowering.expand_casts import expand_flags, expand_to_integers, guard_constants
from rung.lowering.to_llvm import ToLlvm

CAST = "func.func @f(%x: {source}) -> {target} {{\n  %r = {op} %x : {source} to {target}\n  return %r : {target}\n}}"


def expanded(op: str, source: str, target: str) -> str:
    with make_context(), ir.Location.unknown():
        module = ir.Module.parse(CAST.format(op=op, source=source, target=target))
        casts = [module.body.operations[0].regions[0].blocks[0].operations[0].operation]
        expand_flags(casts) if op.endswith("itofp") else expand_to_integers(casts)
        module.operation.verify()
        return str(module)


@pytest.mark.parametrize(("op", "one"), [("arith.uitofp", "1.0"), ("arith.sitofp", "-1.0")])
def test_flags_choose_between_two_numbers(op: str, one: str) -> None:
    text = expanded(op, "vector<64xi1>", "vector<64xf16>")
    in_order(text, rf"dense<{one}00000e\+00> : vector<64xf16>", r"dense<0.0", r"arith.select %arg0", "return")
    assert op not in text


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
        ("arith.uitofp", "vector<64xi8>", "vector<64xf16>"),
        ("arith.uitofp", "i1", "f16"),
        ("arith.fptosi", "vector<2xf64>", "vector<2xi64>"),
        ("arith.fptosi", "vector<64xf32>", "vector<64xi32>"),
        ("arith.fptosi", "f64", "i8"),
    ],
)
def test_leaves_others_alone(op: str, source: str, target: str) -> None:
    text = expanded(op, source, target)
    assert f"{op} %arg0 : {source} to {target}" in text and "select" not in text and "extract" not in text


def test_the_host_keeps_its_casts() -> None:
    text = CAST.format(op="arith.fptosi", source="vector<4xf64>", target="vector<4xi16>")
    assert "llvm.fptosi %arg0 : vector<4xf64> to vector<4xi16>" in run(text, ToLlvm())
    assert "vector<4xf64> to" not in run(text, ToLlvm(index_bits=32))


def guarded(body: str, result: str) -> str:
    with make_context(), ir.Location.unknown():
        module = ir.Module.parse(f"func.func @f(%x: f32) -> {result} {{\n{body}\n  return %r : {result}\n}}")
        block = module.body.operations[0].regions[0].blocks[0]
        guard_constants([op.operation for op in block.operations if op.operation.name == "arith.fptosi"])
        module.operation.verify()
        return str(module)


def test_what_is_computed_from_constants_is_asked_whether_it_is_in_range() -> None:
    text = guarded(
        """  %c = arith.constant dense<3.0e9> : vector<4xf32>
  %s = arith.mulf %c, %c : vector<4xf32>
  %r = arith.fptosi %s : vector<4xf32> to vector<4xi32>""",
        "vector<4xi32>",
    )
    in_order(
        text,
        r"%(\d+) = arith.fptosi",
        r"arith.cmpf oge, .*vector<4xf32>",
        r"arith.cmpf olt, .*vector<4xf32>",
        r"dense<-2147483648> : vector<4xi32>",
        r"%(\d+) = arith.select .*vector<4xi1>, vector<4xi32>",
        "return",
    )


def test_what_is_not_known_is_left_to_the_processor() -> None:
    text = guarded(
        "  %c = arith.constant 2.0 : f32\n  %s = arith.mulf %c, %x : f32\n  %r = arith.fptosi %s : f32 to i64", "i64"
    )
    assert "select" not in text
