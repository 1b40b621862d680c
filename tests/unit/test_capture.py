"""From kernels to TTIR in torch-mlir: all parses, properties are attributes, operations know their lines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from torch_mlir import ir

from rung.errors import UnsupportedError, UsageError
from rung.frontends.triton.capture import import_ttir, make_ttir
from rung.frontends.triton.generic_text import properties_to_attributes
from rung.frontends.triton.loader import load_kernel
from rung.frontends.triton.locations import source_line
from rung.frontends.triton.options import Options
from rung.frontends.triton.signature import signature_from_text
from rung.ir.context import make_context
from tests import kernels_corpus as corpus

CORPUS_FILE = Path(corpus.__file__)


def capture(kernel, signature: str, **options: object) -> ir.Module:
    s = signature_from_text(signature, kernel)
    return import_ttir(make_ttir(kernel, s.signature, s.constexprs, s.attrs, options), make_context())


def walk(op) -> Iterator[ir.Operation]:
    yield op.operation
    for region in op.regions:
        for block in region:
            for inner in block.operations:
                yield from walk(inner)


def find(module: ir.Module, name: str) -> ir.Operation:
    return next(op for op in walk(module.operation) if op.name == name)


def of(kernel) -> tuple:
    return next(entry for entry in corpus.CORPUS if entry[0] is kernel)


@pytest.mark.parametrize("kernel, signature", corpus.CORPUS, ids=lambda v: getattr(v, "__name__", ""))
def test_corpus_is_imported_whole(kernel, signature):
    module = capture(kernel, signature, debug=True)
    assert module.operation.verify()
    assert "rung_generic_form" not in str(module)
    line = next(n for n, s in enumerate(CORPUS_FILE.read_text().split("\n"), 1) if f"def {kernel.__name__}(" in s)
    for op in walk(module.operation):
        if op.name.startswith("tt."):
            file, _, at = source_line(op).partition(":")
            # An op that a pass created may have no line; every other one names this file.
            assert file in ("", CORPUS_FILE.name) and (not at or int(at) >= line - 40)


@pytest.mark.parametrize(
    "kernel, op, attributes",
    [
        (corpus.masked_add, "tt.get_program_id", {"axis": "0 : i32"}),
        (corpus.masked_add, "tt.make_range", {"start": "0 : i32", "end": "1024 : i32"}),
        (corpus.masked_add, "tt.load", {"cache": "3 : i32", "isVolatile": "false"}),
        (corpus.masked_add, "tt.store", {"evict": "1 : i32"}),
        (corpus.argmax, "tt.reduce", {"axis": "0 : i32"}),
        (corpus.scans, "tt.scan", {"axis": "0 : i32", "reverse": "true"}),
        (corpus.atomics, "tt.atomic_rmw", {"atomic_rmw_op": "5 : i32", "sem": "1 : i32"}),
        (corpus.matmul, "tt.dot", {"maxNumImpreciseAcc": "0 : i32"}),
        (corpus.matmul, "arith.cmpi", {"predicate": "2 : i64"}),
        (corpus.libdevice_calls, "tt.extern_elementwise", {"symbol": '"math.tanh"'}),
        (corpus.inline_assembly, "tt.elementwise_inline_asm", {"asm_string": '"{ mov $0, $1; }"'}),
    ],
)
def test_attributes_are_read_by_name(kernel, op, attributes):
    found = find(capture(*of(kernel)), op)
    assert {name: str(found.attributes[name]) for name in attributes} == attributes


def test_strings_with_braces_survive():
    module = capture(*of(corpus.control_flow), debug=True, sanitize_overflow=False)
    message = ir.StringAttr(find(module, "tt.assert").attributes["message"]).value
    assert message == 'n > 0: a "quoted" message with {braces} and <{angles}>'


def test_device_assert_needs_debug():
    assert "tt.assert" not in str(capture(*of(corpus.control_flow)))


def test_divisibility_reaches_the_function():
    arguments = find(capture(*of(corpus.masked_add)), "tt.func").attributes["arg_attrs"]
    assert str(arguments).count("tt.divisibility = 16") == 3


def test_line_of_an_inlined_library_call_is_the_callers():
    reduce = find(capture(*of(corpus.softmax)), "tt.reduce")
    text = CORPUS_FILE.read_text().split("\n")
    assert "tl.max(x, axis=0)" in text[int(source_line(reduce).split(":")[1]) - 1]


def test_text_in_both_forms_is_imported():
    s = signature_from_text(of(corpus.argmax)[1], corpus.argmax)
    ttir = make_ttir(corpus.argmax, s.signature, s.constexprs)
    pretty = str(ttir)
    assert "tt.func public @argmax(" in pretty
    names = [[op.name for op in walk(import_ttir(t, make_context()).operation)] for t in (pretty, ttir)]
    assert names[0] == names[1]


def test_invalid_text_is_refused():
    with pytest.raises(UsageError, match="not valid TTIR"):
        import_ttir("module { tt.func @k() { tt.nonsense } }", make_context())


def test_shim_moves_properties_behind_nested_regions():
    before = """\
"builtin.module"() ({
  "tt.func"() <{sym_name = "k}\\"{", arg_attrs = [{}]}> ({
    %0:2 = "tt.reduce"(%a, %b) <{axis = 0 : i32}> ({
      %1 = "tt.x"(%a) <{s = "<{ }>"}> {keep = dense<"0xFF"> : tensor<1xi8>} : (i32) -> i32 loc(#loc1)
      "scf.if"(%c) ({
        "scf.yield"() : () -> ()
      }, {
      }) : (i1) -> ()
    }) {own} : (i32, i32) -> (i32, i32)
  }) {noinline = false} : () -> ()
}) : () -> ()"""
    after = """\
"builtin.module"() ({
  "tt.func"() ({
    %0:2 = "tt.reduce"(%a, %b) ({
      %1 = "tt.x"(%a) {s = "<{ }>", keep = dense<"0xFF"> : tensor<1xi8>} : (i32) -> i32 loc(#loc1)
      "scf.if"(%c) ({
        "scf.yield"() : () -> ()
      }, {
      }) : (i1) -> ()
    }) {axis = 0 : i32, own} : (i32, i32) -> (i32, i32)
  }) {sym_name = "k}\\"{", arg_attrs = [{}], noinline = false} : () -> ()
}) : () -> ()"""
    assert properties_to_attributes(before) == after


def test_signature_follows_tritons_tool():
    s = signature_from_text("*fp32:16, *fp32, *fp32, i32:16, 1024", corpus.masked_add)
    assert s.signature == {
        "x_ptr": "*fp32",
        "y_ptr": "*fp32",
        "o_ptr": "*fp32",
        "n": "i32",
        "BLOCK": "constexpr",
    }
    assert s.constexprs == {"BLOCK": 1024}
    assert s.attrs == {(0,): [["tt.divisibility", 16]], (3,): [["tt.divisibility", 16]]}
    one = signature_from_text("*fp32, *fp32, *fp32, i32:1, 64", corpus.masked_add)
    assert one.constexprs == {"n": 1, "BLOCK": 64}


@pytest.mark.parametrize(
    "text, message",
    [
        ("*fp32, i32", r"2 entries, but kernel `masked_add` takes 5 arguments: `x_ptr`.*`BLOCK: constexpr`"),
        ("*fp32, *fp32, *fp32, i32, 64, 1", "6 entries"),
        (
            "*fp32, *fp32, *fp32, i32, i32",
            "argument 5 `BLOCK: constexpr` is `i32`, a type; give the constant",
        ),
        ("*fp32, *fp32, *fp32, int, 64", "argument 4 `n` is `int`; give a type such as"),
        ("*fp32:8, *fp32, *fp32, i32, 64", "argument 1 `x_ptr` is `.fp32:8`; the hint"),
    ],
)
def test_wrong_signatures_are_refused(text, message):
    with pytest.raises(UsageError, match=message):
        signature_from_text(text, corpus.masked_add)


def test_load_kernel(tmp_path):
    file = tmp_path / "user.py"
    (tmp_path / "neighbour.py").write_text("SIZE = 3")
    file.write_text(
        "import triton, neighbour\n"
        "@triton.jit\ndef one(x):\n  pass\n"
        "@triton.autotune(configs=[], key=[])\n@triton.jit\ndef two(x):\n  pass\n"
    )
    assert load_kernel(f"{file}::one").__name__ == "one"
    assert load_kernel(f"{file}::two").arg_names == ["x"]
    for spec, message in [
        (f"{tmp_path}/no.py::k", "there is no file"),
        (f"{file}::three", "there is no `three` in .*its kernels: one, two"),
        (f"{file}::neighbour", "`neighbour` in .* is not a @triton.jit function; its kernels: one, two"),
        (f"{file}", "does not name a kernel"),
    ]:
        with pytest.raises(UsageError, match=message):
            load_kernel(spec)
    file.write_text("import triton\nraise OSError('gone')")
    with pytest.raises(UsageError, match=r"cannot import .*user.py, line 2: OSError: gone"):
        load_kernel(f"{file}::one")


def test_options_refuse_bad_values():
    with pytest.raises(UsageError, match="num_warps is 3; it must be a power of 2"):
        Options.of({"num_warps": 3})
    with pytest.raises(UsageError, match="schedule: there is no field `speed`"):
        Options.of({"schedule": "speed=9"})


def test_approximation_of_gpus_is_refused_by_name(tmp_path):
    (tmp_path / "k.py").write_text(
        "import triton, triton.language as tl\nfrom triton.language.extra import libdevice\n"
        "@triton.jit\ndef k(x):\n  tl.store(x, libdevice.rcp64h(tl.load(x)))\n"
    )
    kernel = load_kernel(f"{tmp_path}/k.py")
    with pytest.raises(Exception, match=r"(?s)rcp64h") as caught:
        capture(kernel, "*fp64")
    assert isinstance(caught.value.__cause__, UnsupportedError)
