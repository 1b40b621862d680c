import pytest
from matching import run

from rung.lowering.expand_copies import ExpandCopies
from rung.lowering.to_llvm import ToLlvm


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("memref<?x8xf32, strided<[?, 1], offset: ?>>", "llvm.intr.memcpy"),
        ("memref<?x8xf32, strided<[?, 2], offset: ?>>", "llvm.store"),
        ("memref<8x8xf32, strided<[8, 1], offset: 16>>", "llvm.intr.memcpy"),
        ("memref<8x8xf32>", "llvm.intr.memcpy"),
    ],
)
def test_copies_call_nothing(source: str, expected: str):
    target = "memref<?x8xf32>" if "?x8" in source else "memref<8x8xf32>"
    text = run(
        f"func.func @f(%a: {source}, %b: {target}) {{ memref.copy %a, %b : {source} to {target}\n return }}",
        ExpandCopies(),
        ToLlvm(),
    )
    assert expected in text and "llvm.call" not in text


def test_leaves_a_copy_of_one_block_alone() -> None:
    kind = "memref<8x8xf32>"
    text = f"func.func @f(%a: {kind}, %b: {kind}) {{ memref.copy %a, %b : {kind} to {kind}\n return }}"
    assert "memref.copy" in run(text, ExpandCopies())
