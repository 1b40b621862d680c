"""The contract of transfers sees bugs that are planted into pipelined loops."""

from __future__ import annotations

import pytest
from torch_mlir import ir

from rung.errors import ContractError
from rung.ir.context import make_context
from rung.ir.dma_contract import check_transfers
from rung.ir.violations import Violation
from rung.runtime import _native
from tests.planted_transfers import BUGS, Bug, pipelined, words


@pytest.mark.parametrize("depth", [2, 3])
def test_a_pipelined_loop_keeps_the_contract(depth: int) -> None:
    module = pipelined(depth)
    with module.context, ir.Location.unknown():
        check_transfers(module)


@pytest.mark.parametrize("bug", BUGS, ids=str)
@pytest.mark.parametrize("depth", [2, 3])
def test_planted_bugs(bug: Bug, depth: int) -> None:
    module = pipelined(depth)
    with module.context, ir.Location.unknown():
        bug.plant(module)
        assert module.operation.verify()
        with pytest.raises(ContractError, match=f"transfers: {bug.transfer}: ({words(*bug.found)})"):
            check_transfers(module)


def test_bugs_of_every_kind_are_planted() -> None:
    """But for a transfer onto itself: of its two sides, one is in the scratchpad and the other is not."""
    for side in ({v for bug in BUGS for v in bug.found}, {v for bug in BUGS for v in bug.happened}):
        assert side == {*Violation} - {Violation.ONTO_ITSELF}


def test_all_engines_use_the_same_words() -> None:
    assert _native.violations() == tuple((violation.name, violation.value) for violation in Violation)


def test_one_condition_is_one_decision() -> None:
    """A load that is started, awaited and used under the same unknown condition."""
    text = """
    func.func @kernel(%x: memref<?xf32>, %y: memref<?xf32>, %n: index, %if: i1) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c64 = arith.constant 64 : index
      %b = memref.alloca() : memref<1x64xf32, 1>
      %tags = memref.alloca() : memref<1xi32>
      %clear = arith.constant 0 : i32
      memref.store %clear, %tags[%c0] : memref<1xi32>
      scf.for %p = %c0 to %n step %c1 {
        %v = memref.load %x[%p] : memref<?xf32>
        %some = arith.cmpf olt, %v, %v : f32
        scf.if %some {
          memref.dma_start %x[%p], %b[%c0, %c0], %c64, %tags[%c0] : memref<?xf32>, memref<1x64xf32, 1>, memref<1xi32>
        }
        WAIT
        %f = memref.load %b[%c0, %p] : memref<1x64xf32, 1>
        memref.store %f, %y[%p] : memref<?xf32>
      }
      return
    }"""
    wait = "memref.dma_wait %tags[%c0], %c64 : memref<1xi32>"
    cases = {
        wait: None,
        f"scf.if %some {{ {wait} }}": None,
        f"scf.if %if {{ {wait} }}": words(Violation.DESTINATION_READ),
    }
    for awaited, message in cases.items():
        module = ir.Module.parse(text.replace("WAIT", awaited), make_context())
        with module.context, ir.Location.unknown():
            if message is None:
                check_transfers(module)
                continue
            with pytest.raises(ContractError, match=message):
                check_transfers(module)
