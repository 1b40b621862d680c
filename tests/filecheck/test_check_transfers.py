# ruff: noqa: E501
import pytest

from rung.lowering.check_transfers import CheckTransfers
from rung.lowering.lower_transport import LowerTransport
from tests.filecheck.matching import in_order, run


def checked(body: str, *more: LowerTransport) -> str:
    text = f"""
func.func @kernel(%x: memref<?xf32>, %n: index, %lo: index, %hi: index, %st: index, %mask: vector<8xi1>) {{
  %c0 = arith.constant 0 : index
  %b = memref.alloca() : memref<2x64xf32, 1>
  %tag = memref.alloca() : memref<2xi32>
  scf.for %i = %lo to %hi step %st {{
    {body}
  }} {{rung.grid_loop}}
  return
}}"""
    return run(text, CheckTransfers(), *more)


START = "memref.dma_start %x[%i], %b[%c0, %c0], %n, %tag[%c0] : memref<?xf32>, memref<2x64xf32, 1>, memref<2xi32>"
WAIT = "memref.dma_wait %tag[%c0], %n : memref<2xi32>"


def test_transfers_and_functions_are_announced():
    text = checked(f"{START}\n{WAIT}")
    for line in (7, 8):
        assert f'("a transfer at -:{line}, grid loop at -:6\\00")' in text
    in_order(
        text,
        r"func.func @kernel",
        r"(%\w+) = call @rung_dma_enter\(\)",
        r"scf.for (%\w+) = %arg2 to %arg3 step %arg4",
        r"(%\w+) = arith.subi %\w+, %arg2",
        r"(%\w+) = arith.divsi %\w+, %arg4",
        r"call @rung_dma_at\(%\w+, %\w+, %c0_i64\w*\)",
        r"memref.dma_start",
        r"call @rung_dma_at\(",
        r"memref.dma_wait",
        r"call @rung_dma_leave\(%\w+\)",
        r"return",
    )


@pytest.mark.parametrize(
    ("access", "calls"),
    [
        ("%v = memref.load %b[%c0, %i] : memref<2x64xf32, 1>", ["%c4_i64, %c0_i64"]),
        ("%v = vector.load %b[%c0, %i] : memref<2x64xf32, 1>, vector<8xf32>", ["arith.muli %c8_i64, %c4_i64"]),
        (
            "%z = arith.constant dense<0.0> : vector<8xf32>\nvector.maskedstore %b[%c0, %i], %mask, %z : memref<2x64xf32, 1>, vector<8xi1>, vector<8xf32>",
            ["arith.select %arg5", "vector.reduction <maxsi>", "%c1_i64"],
        ),
        (
            "%z = arith.constant dense<0.0> : vector<8xf32>\n%at = arith.constant dense<3> : vector<8xi32>\n%v = vector.gather %b[%c0, %i] [%at], %mask, %z : memref<2x64xf32, 1>, vector<8xi32>, vector<8xi1>, vector<8xf32> into vector<8xf32>",
            ["vector.extract %arg5[7]", "scf.if"],
        ),
        (
            "%w = memref.reinterpret_cast %b to offset: [%i], sizes: [%n], strides: [1] : memref<2x64xf32, 1> to memref<?xf32, strided<[1], offset: ?>, 1>\nmemref.copy %w, %x : memref<?xf32, strided<[1], offset: ?>, 1> to memref<?xf32>",
            ["memref.extract_strided_metadata"],
        ),
    ],
)
def test_what_touches_the_scratchpad_is_announced(access: str, calls: list[str]):
    text = checked(f"{START}\n{WAIT}\n{access}")
    assert text.count("call @rung_dma_touch(") == (8 if "gather" in access else 1)
    assert all(call in text for call in calls), text


def test_memory_is_not_announced():
    text = checked(f"{START}\n{WAIT}\n%v = memref.load %x[%i] : memref<?xf32>")
    assert "call @rung_dma_touch(" not in text


def test_a_module_without_transfers_is_left_alone():
    assert "rung_dma" not in checked("%v = memref.load %b[%c0, %i] : memref<2x64xf32, 1>")


def test_lower_transport_calls_the_checking_engine():
    text = checked(f"{START}\n{WAIT}", LowerTransport(checked=True))
    assert "call @rung_checked_dma_start(" in text and "call @rung_checked_dma_wait(" in text
    assert "call @rung_dma_start" not in text
