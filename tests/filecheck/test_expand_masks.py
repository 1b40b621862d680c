from matching import in_order, run

from rung.lowering.expand_masks import ExpandMasks


def masks(kind: str, bounds: str) -> str:
    text = f"func.func @f(%n: index) -> {kind} {{ %m = vector.create_mask {bounds} : {kind}\n return %m : {kind} }}"
    return run(text, ExpandMasks())


def test_the_first_lanes_are_those_below_the_bound() -> None:
    in_order(
        masks("vector<4xi1>", "%n"),
        r"arith.index_cast %arg0 : index to i32",
        r"vector.broadcast %\w+ : i32 to vector<4xi32>",
        r"dense<\[0, 1, 2, 3\]> : vector<4xi32>",
        r"arith.cmpi slt, %\w+, %\w+ : vector<4xi32>",
    )


def test_leaves_masks_of_two_dimensions_alone() -> None:
    assert "vector.create_mask" in masks("vector<2x4xi1>", "%n, %n")
