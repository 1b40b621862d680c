import pytest
from torch_mlir import ir

from rung.errors import ContractError
from rung.ir.context import make_context
from rung.lowering.leave_on_failure import LeaveOnFailure
from rung.lowering.place_scratch import PlaceScratch
from rung.lowering.to_llvm import ToLlvm
from tests.filecheck.matching import in_order, run

ASSERTION = 'cf.assert %holds, "say \\"i < n\\"" {rung.where = "kernel.py:12: kernel"}'


def kernel(body: str, scratch: int = 8) -> str:
    return f"""
    func.func private @task(%frame: !llvm.ptr, %context: i64) {{ {body}
      return
    }}
    func.func private @rung_fork((!llvm.ptr, i64) -> (), !llvm.ptr, i64)
    func.func @kernel(%n: index, %holds: i1, %frame: !llvm.ptr) attributes {{rung.kernel}} {{
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %two = arith.constant 2 : i64
      %f = arith.constant 1.0 : f32
      %task = func.constant @task : (!llvm.ptr, i64) -> ()
      scf.for %program = %c0 to %n step %c1 {{
        %a = memref.alloca() : memref<{scratch}xf32>
        memref.store %f, %a[%program] : memref<{scratch}xf32>
        func.call @rung_fork(%task, %frame, %two) : ((!llvm.ptr, i64) -> (), !llvm.ptr, i64) -> ()
        ASSERTION
      }} {{rung.grid_loop}}
      func.call @rung_fork(%task, %frame, %two) : ((!llvm.ptr, i64) -> (), !llvm.ptr, i64) -> ()
      return
    }}"""


FAILING_TASK = kernel(f"%holds = arith.constant false\n{ASSERTION}", 4096)


def test_assertions_say_where_and_in_which_program() -> None:
    text = run(kernel("").replace("ASSERTION", ASSERTION), LeaveOnFailure())
    in_order(
        text,
        r'llvm.mlir.global internal constant @rung_text_1\("say \\22i < n\\22\\00"\)',
        r'llvm.mlir.global internal constant @rung_text_0\("kernel.py:12: kernel\\00"\)',
        r"scf.for %arg\d+ =",
        r"%\w+ = arith.index_cast %arg3",
        r"%\w+ = arith.xori %\w+, %true",
        r"scf.if %\w+ \{",
        r"llvm.mlir.addressof @rung_text_0",
        r"llvm.mlir.addressof @rung_text_1",
        r"call @rung_assert_failed\(%\w+, %\w+, %\w+\)",
        r"call @rung_leave\(",
        r"return",
    )
    assert "cf.assert" not in text and "rung_has_failed" not in text, "the task cannot fail"


def test_arenas_are_asked_for_and_forks_behind_which_something_follows() -> None:
    text = run(FAILING_TASK.replace("ASSERTION", ""), PlaceScratch(), LeaveOnFailure())
    in_order(
        text,
        r"func.func private @task",
        r"constant -1 : i64",
        r"addressof @rung_text_0",
        r"call @rung_assert_failed",
        r"func.func @kernel",
        r"%\w+ = call @rung_arena_enter",
        r"%\w+ = llvm.mlir.zero",
        r"llvm.icmp \"eq\" %\w+, %\w+",
        r"scf.if .* \{",
        r"call @rung_leave\(%\w+\)",
        r"scf.for",
        r"%\w+ = arith.index_cast %arg3",
        r"call @rung_fork_for\(%\w+\)",
        r"call @rung_fork\(",
        r"call @rung_has_failed",
        r"scf.if .* \{",
        r"call @rung_leave\(%\w+\)",
        r"call @rung_fork",
        r"call @rung_arena_exit",
    )
    assert text.count("call @rung_has_failed") == 1, "behind the last fork the kernel returns anyway"


def test_what_cannot_fail_is_left_alone() -> None:
    text = run(kernel("").replace("ASSERTION", ""), LeaveOnFailure())
    assert "rung_leave" not in text and "rung_has_failed" not in text
    arena = kernel("", 4096).replace("ASSERTION", "")
    assert "rung_leave" in run(arena, PlaceScratch(), LeaveOnFailure())
    assert "rung_leave" not in run(arena, PlaceScratch(), LeaveOnFailure(scratch=False))


def test_a_function_with_results_is_refused() -> None:
    text = f"func.func @f(%holds: i1) -> i1 {{\n{ASSERTION}\nreturn %holds : i1\n}}"
    with pytest.raises(ContractError, match="`f` may fail, but has results"):
        run(text, LeaveOnFailure())


def test_functions_return_behind_it() -> None:
    steps = (PlaceScratch(), LeaveOnFailure(), ToLlvm())
    text = run(FAILING_TASK.replace("ASSERTION", ASSERTION), *steps)
    for function in text.split("llvm.func ")[1:]:
        for block in function.split("^bb")[1:]:
            assert "@rung_leave(" not in block or "llvm.return" in block.split("@rung_leave(")[1].splitlines()[1]
    assert text.count("llvm.call @rung_leave") == 4
    with make_context() as context:
        assert ir.Module.parse(text, context).operation.verify()
