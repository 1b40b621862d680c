# ruff: noqa: E501
import re

import pytest

from rung.errors import ContractError
from rung.transforms.form_context_tasks import FormContextTasks
from tests.filecheck.matching import in_order, run


def loop(body: str, count: str = "%n") -> str:
    return f"scf.forall (%c) in ({count}) {{\n{body}\n}} {{rung.contexts}}"


def kernel(body: str, arguments: str = "%x: memref<?xf32>, %n: index, %f: f32") -> str:
    return f"func.func @kernel({arguments}) attributes {{rung.kernel}} {{\n{body}\nreturn\n}}"


def test_outlines_and_forks():
    text = run(kernel(loop("memref.store %f, %x[%c] : memref<?xf32>")), FormContextTasks())
    in_order(
        text,
        r"func.func private @rung_fork\(\(!llvm.ptr, i64\) -> \(\), !llvm.ptr, i64\)",
        r"func.func private @kernel_task0\(%arg0: !llvm.ptr, %arg1: i64\) attributes \{.*internal.*rung.task",
        r"llvm.load %arg0 : !llvm.ptr -> !llvm.ptr",
        r"builtin.unrealized_conversion_cast %\w+ : !llvm.ptr to memref<\?xf32>",
        r"llvm.getelementptr %arg0\[1\]",
        r"llvm.load %\w+ : !llvm.ptr -> f32",
        r"arith.index_cast %arg1 : i64 to index",
        r"memref.store",
        r"func.func @kernel",
        r"llvm.alloca %\w+ x i64",
        r"unrealized_conversion_cast %arg0 : memref<\?xf32> to !llvm.ptr",
        r"llvm.store %arg2, %\w+ : f32",
        r"constant @kernel_task0",
        r"call @rung_fork",
    )
    assert "scf.forall" not in text


def test_views_and_constants_are_repeated():
    text = run(
        kernel(
            """
  %zero = arith.constant 0.0 : f32
  %v = memref.reinterpret_cast %x to offset: [%n], sizes: [%n], strides: [1] {rung.bounds = array<i64: 64>}
    : memref<?xf32> to memref<?xf32, strided<[1], offset: ?>>
"""
            + loop("memref.store %zero, %v[%c] : memref<?xf32, strided<[1], offset: ?>>")
        ),
        FormContextTasks(),
    )
    task = text[text.index("@kernel_task0") : text.index("@kernel(")]
    in_order(task, "arith.constant 0.0", r"memref.reinterpret_cast .* \{rung.bounds", "memref.store")
    in_order(text[text.index("@kernel(") :], r"llvm.mlir.constant\(2 : i64\)", "llvm.alloca")


def test_scratch_and_vectors_cross():
    text = run(
        kernel(
            """
  %s = memref.alloca() : memref<4x16xf32, 1>
  %w = vector.broadcast %f : f32 to vector<16xf32>
"""
            + loop("%k = arith.constant 0 : index\nvector.store %w, %s[%c, %k] : memref<4x16xf32, 1>, vector<16xf32>")
        ),
        FormContextTasks(),
    )
    task = text[text.index("@kernel_task0") : text.index("@kernel(")]
    in_order(task, "!llvm.ptr to memref<4x16xf32, 1>", "vector.broadcast", "vector.store")


def test_nested_loops_do_not_share_frames():
    inner = loop("memref.store %f, %x[%d] : memref<?xf32>").replace("%c", "%d")
    text = run(kernel(loop(inner + "\n" + inner.replace("%d", "%e"))), FormContextTasks())
    outer = text[text.index("@kernel_task0(") : text.index("func.func @kernel(")]
    in_order(outer, "llvm.alloca", "@kernel_task1", "rung_fork", "@kernel_task2", "rung_fork")
    assert "scf.forall" not in text
    assert text.count("llvm.alloca") == 3


def test_tasks_are_named_apart_from_the_user_s_functions():
    inner = loop("memref.store %f, %x[%d] : memref<?xf32>").replace("%c", "%d")
    first = kernel(loop(inner)).replace("@kernel", "@half_task0")
    second = kernel(loop("memref.store %f, %x[%c] : memref<?xf32>")).replace("@kernel", "@half")
    text = run(first + "\n" + second, FormContextTasks())
    found = re.findall(r"func.func.* @(\w+)\(%arg0", text)
    assert sorted(found) == ["half", "half_task0", "half_task0_task0", "half_task0_task1", "half_task1"]


def test_one_context_is_inlined():
    text = run(kernel(loop("memref.store %f, %x[%c] : memref<?xf32>", "1")), FormContextTasks())
    assert "task" not in text and "scf.forall" not in text


@pytest.mark.parametrize("count", ["%n", "1"])
def test_programs_that_take_turns_are_tasks_one_by_one(count: str):
    marks = "rung.programs, rung.fork = {contexts = 3 : i64, least = 7 : i64}"
    body = loop("memref.store %f, %x[%c] : memref<?xf32>", count).replace("rung.contexts", marks)
    in_order(
        run(kernel(body), FormContextTasks()),
        r"func.func private @rung_run_programs\(\(!llvm.ptr, i64\) -> \(\), !llvm.ptr, i64, i64, i64\)",
        r"func.func private @kernel_task0\(%arg0: !llvm.ptr, %arg1: i64\) attributes \{.*rung.task",
        r"memref.store",
        r"func.func @kernel",
        r"(%c3\w*) = arith.constant 3",
        r"(%c7\w*) = arith.constant 7",
        r"call @rung_run_programs\(%\w+, %\w+, %\w+, %c3\w*, %c7\w*\)",
    )


def test_refuses_a_memref_chosen_at_run_time():
    with pytest.raises(ContractError, match="cannot be handed to a context task"):
        run(
            kernel(
                """
  %b = arith.cmpi eq, %n, %n : index
  %v = scf.if %b -> memref<?xf32, strided<[?]>> {
    %p = memref.reinterpret_cast %x to offset: [0], sizes: [%n], strides: [%n] : memref<?xf32> to memref<?xf32, strided<[?]>>
    scf.yield %p : memref<?xf32, strided<[?]>>
  } else {
    %q = memref.reinterpret_cast %x to offset: [0], sizes: [%n], strides: [%n] : memref<?xf32> to memref<?xf32, strided<[?]>>
    scf.yield %q : memref<?xf32, strided<[?]>>
  }
"""
                + loop("memref.store %f, %v[%c] : memref<?xf32, strided<[?]>>")
            ),
            FormContextTasks(),
        )
