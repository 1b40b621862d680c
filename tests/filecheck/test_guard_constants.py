from matching import in_order, run

from rung.lowering.guard_constants import GuardConstants


def guarded(body: str, result: str) -> str:
    return run(f"func.func @f(%x: f32) -> {result} {{\n{body}\n  return %r : {result}\n}}", GuardConstants())


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
