"""Floats of eight bits leave TTIR where it is imported: what they become, and what is refused."""

from __future__ import annotations

import pytest
from torch_mlir import ir

from rung.dtypes import F8E4B8, F8E4NV, F8E5, F8E5B16, F32, Dtype
from rung.errors import UnsupportedError
from rung.frontends.triton.capture import import_ttir
from rung.ir.context import make_context
from rung.ir.float_formats import constant

HEAD = "module { tt.func public @kernel(%x: !tt.ptr<f8E5M2>, %y: !tt.ptr<f32>) {"
TAIL = "tt.return } }"


def imported(body: str) -> str:
    with make_context() as context:
        return str(import_ttir(f"{HEAD}\n{body}\n{TAIL}", context))


def test_what_computes_does_so_in_f32() -> None:
    text = imported("""
        %a = tt.load %x : !tt.ptr<f8E5M2>
        %b = arith.addf %a, %a : f8E5M2
        tt.store %x, %b : !tt.ptr<f8E5M2>
    """)
    assert '"tt.load"(%arg0)' in text and "(!tt.ptr<i8>) -> i8" in text
    assert "(%0) {rung.from_float = f8E5M2} : (i8) -> f32" in text
    assert "arith.addf %1, %2 : f32" in text
    assert "(%3) {rung.to_float = f8E5M2} : (f32) -> i8" in text
    assert "f8E5M2>" not in text


def test_what_moves_is_bytes_and_constants_are_codes() -> None:
    text = imported("""
        %c = arith.constant dense<-1.5> : tensor<8xf8E4M3FN>
        %d = arith.constant dense<0x80> : tensor<8xf8E4M3FNUZ>
        %e = arith.constant true
        %f = tt.bitcast %d : tensor<8xf8E4M3FNUZ> -> tensor<8xf8E4M3FN>
        %g = arith.select %e, %c, %f : tensor<8xf8E4M3FN>
        tt.print "g" {hex = false, isSigned = array<i32: 0>} : %g : tensor<8xf8E4M3FN>
    """)
    assert "dense<-68> : tensor<8xi8>" in text  # 0xbc
    assert "dense<-128> : tensor<8xi8>" in text
    assert "arith.select %true, " in text and ": tensor<8xi8>" in text
    assert "f8E" not in text


def test_reductions_combine_in_f32() -> None:
    text = imported("""
        %c = arith.constant dense<1.0> : tensor<8xf8E5M2>
        %s = "tt.reduce"(%c) <{axis = 0 : i32}> ({
        ^bb0(%a: f8E5M2, %b: f8E5M2):
            %1 = arith.extf %a : f8E5M2 to f32
            %2 = arith.truncf %1 : f32 to f8E5M2
            %3 = arith.mulf %2, %b : f8E5M2
            tt.reduce.return %3 : f8E5M2
        }) : (tensor<8xf8E5M2>) -> f8E5M2
        tt.store %x, %s : !tt.ptr<f8E5M2>
    """)
    assert "%3 = arith.mulf %arg2, %arg3 : f32" in text and '"tt.reduce.return"(%3) : (f32)' in text
    assert "(tensor<8xf32>) -> f32" in text
    assert text.count("rung.from_float") == text.count("rung.to_float") == 1 and text.count("tt.fp_to_fp") == 2


def test_atomics_that_compute_are_refused() -> None:
    with pytest.raises(UnsupportedError, match="atomic arithmetic on f8E5M2"):
        imported("""
            %a = tt.load %x : !tt.ptr<f8E5M2>
            %t = arith.constant true
            %b = tt.atomic_rmw fadd, acq_rel, gpu, %x, %a, %t : (!tt.ptr<f8E5M2>, f8E5M2, i1) -> f8E5M2
        """)


@pytest.mark.parametrize("dtype", [F8E5, F8E4NV, F8E4B8, F8E5B16], ids=lambda dtype: dtype.triton)
def test_the_table_says_what_mlir_says(dtype: Dtype) -> None:
    """MLIR prints a number that is not finite as its code."""
    with make_context(), ir.Location.unknown():
        kind = ir.Type.parse(dtype.mlir)
        for code in range(dtype.largest + 1):
            number = dtype.number(code)
            assert ir.FloatAttr.get(kind, number).value == number
            assert constant(number, dtype) == code
            assert constant(-number, dtype) in (code | 0x80, code)
        assert (
            str(ir.FloatAttr.get(kind, float("nan")))
            .upper()
            .startswith(f"0X{dtype.nan | (dtype is F8E5 and 2):02X}"[:3])
        )
    assert constant(float("nan"), dtype) == dtype.nan
    assert F32.number(0x7F7FFFFF) == 3.4028234663852886e38
