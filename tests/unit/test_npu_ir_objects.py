"""LLVM IR through llvmlite's objects."""

from __future__ import annotations

import llvmlite.binding as llvm
import pytest

from rung.errors import RungError
from rung.targets.npu.ir_objects import find, functions, symbol

UNNAMED = """
declare void @atomicrmw(ptr)
define void @f(ptr %p, i1 %c) {{
  br i1 %c, label %1, label %2
1:
  {}
  br label %2
2:
  call void @atomicrmw(ptr %p)
  ret void
}}
"""


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("%o = atomicrmw add ptr %p, i32 1 monotonic", "%o = atomicrmw add ptr %p, i32 1 monotonic, align 4"),
        ("%o = load i32, ptr %p", None),
        ("store i32 0, ptr inttoptr (i32 64 to ptr)", "store i32 0, ptr inttoptr (i32 64 to ptr), align 4"),
        (
            "store i32 0, ptr getelementptr (i8, ptr inttoptr (i32 64 to ptr), i32 4)",
            "store i32 0, ptr getelementptr (i8, ptr inttoptr (i32 64 to ptr), i32 4), align 4",
        ),
    ],
)
def test_instructions_are_found_in_blocks_without_names_and_words_in_names_are_none(
    line: str, expected: str | None
) -> None:
    text = UNNAMED.format(line)
    found = find(llvm.parse_assembly(text), text, ("atomicrmw", "inttoptr"))
    assert (None if found is None else str(found)) == expected


def test_a_block_without_a_name_would_be_lost() -> None:
    with pytest.raises(RungError, match="`f` has a block without a name"):
        functions(llvm.parse_assembly(UNNAMED.format("fence acquire")))


def test_ends_of_blocks_in_the_order_of_the_text() -> None:
    module = llvm.parse_assembly("""
define void @f(i32 %x, i1 %c) {
a:
  br i1 %c, label %b, label %d
b:
  switch i32 %x, label %d [ i32 1, label %e
                            i32 2, label %b ]
d:
  br label %e
e:
  ret void
}""")
    blocks = functions(module)["f"].blocks
    ends = {name: block[-1].targets for name, block in blocks.items()}
    assert ends == {"a": ["b", "d"], "b": ["d", "e", "b"], "d": ["e"], "e": []}


def test_what_stands_for_an_operand() -> None:
    module = llvm.parse_assembly("""
@g = global i32 0
define void @f(ptr %p) {
entry:
  %q = getelementptr i8, ptr %p, i32 4
  store ptr @g, ptr %q
  store ptr null, ptr %p
  ret void
}""")
    (entry,) = functions(module)["f"].blocks.values()
    assert [[symbol(operand) for operand in i.operands] for i in entry[:3]] == [["%p", ""], ["@g", "%q"], ["", "%p"]]
