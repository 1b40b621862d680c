from matching import run

from rung.lowering.expand_slices import ExpandSlices


def sliced(source: str, target: str, offsets: str, sizes: str) -> str:
    strides = ", ".join("1" for _ in offsets.split(","))
    where = f"{{offsets = [{offsets}], sizes = [{sizes}], strides = [{strides}]}}"
    text = f"""
func.func @f(%v: {source}) -> {target} {{
  %s = vector.extract_strided_slice %v {where} : {source} to {target}
  return %s : {target}
}}"""
    return run(text, ExpandSlices())


def test_a_part_is_a_shuffle() -> None:
    text = sliced("vector<16xf32>", "vector<4xf32>", "8", "4")
    assert "vector.shuffle %arg0, %arg0 [8, 9, 10, 11]" in text and "strided_slice" not in text


def test_leaves_slices_of_two_dimensions_alone() -> None:
    text = sliced("vector<4x8xf32>", "vector<2x8xf32>", "1, 0", "2, 8")
    assert "vector.extract_strided_slice" in text and "shuffle" not in text
