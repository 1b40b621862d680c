"""The registry of Triton's operations: every operation answers every question, and a new one is one class."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence

import pytest
import triton
import triton.language as tl
from torch_mlir import ir

from rung.errors import UnsupportedError
from rung.frontends.triton import operation, ops
from rung.frontends.triton.capture import import_ttir, make_ttir
from rung.frontends.triton.convert import convert
from rung.frontends.triton.ops.families import NoNumbers, Reindexing, Virtual
from rung.frontends.triton.ops.shapes import Trans
from rung.frontends.triton.signature import signature_from_text
from rung.ir.context import make_context
from tests import kernels_corpus as corpus

QUESTIONS = ("convert", "element", "sources", "affine", "steps", "bounds", "reach")
TERMINATORS = {"tt.return", "tt.reduce.return", "tt.scan.return", "scf.yield", "scf.condition", "cf.br", "cf.cond_br"}
CONTAINERS = {"tt.func", "builtin.module"}
WITHOUT_A_CLASS = {"tt.elementwise_inline_asm"}
"""docs/triton.md says so; tests/unit/test_refusals.py asks for the words."""


@pytest.fixture
def registry() -> Iterator[dict[str, operation.TtirOp]]:
    """The registry, as it was when the test is over."""
    known = operation._REGISTRY
    before = dict(known)
    yield known
    known.clear()
    known.update(before)
    operation._find.cache_clear()


def classes() -> list[operation.TtirOp]:
    return list(dict.fromkeys(operation._REGISTRY.values()))


@pytest.mark.parametrize("question", QUESTIONS)
def test_every_class_answers_every_question(question):
    assert ops
    for kind in classes():
        assert not getattr(getattr(kind, question), "__isabstractmethod__", False), kind


@pytest.mark.parametrize("question", ["element", "sources", "affine", "steps", "bounds", "reach"])
def test_a_class_that_leaves_a_question_open_is_not_registered(registry, question):
    answers = {name: getattr(NoNumbers, name, lambda *_: None) for name in QUESTIONS if name != question}
    incomplete = type("Incomplete", (Virtual,), {"names": ("test.incomplete",), **answers})
    with pytest.raises(TypeError, match=question):
        operation.register(incomplete)
    assert "test.incomplete" not in registry


def test_a_shape_operation_that_does_not_say_where_elements_come_from_is_not_registered(registry):
    with pytest.raises(TypeError, match="dims"):
        operation.register(type("Incomplete", (Reindexing,), {"names": ("test.incomplete",)}))


def test_who_asks_first_finds_them_all():
    """An analysis that is used without the conversion, as the look for indices of an own kernel, imports no classes."""
    ask = "from rung.frontends.triton import operation; print(type(operation._find('tt.trans')).__name__)"
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    assert done.stdout == "Trans\n"


def test_an_operation_has_one_class(registry):
    with pytest.raises(TypeError, match=r"two classes for `tt.trans`: Trans and Twice"):
        operation.register(type("Twice", (Trans,), {}))


def converted(kernel, signature: str) -> str:
    found = signature_from_text(signature, kernel)
    ttir = make_ttir(kernel, found.signature, found.constexprs, found.attrs)
    return str(convert(import_ttir(ttir, make_context())).module)


@pytest.mark.parametrize("kernel, signature", corpus.CORPUS, ids=lambda v: getattr(v, "__name__", ""))
def test_every_operation_of_the_corpus_has_a_class(kernel, signature):
    found = signature_from_text(signature, kernel)
    module = import_ttir(make_ttir(kernel, found.signature, found.constexprs, found.attrs), make_context())
    missing: set[str] = set()

    def visit(op: ir.Operation) -> ir.WalkResult:
        if op.name not in TERMINATORS | CONTAINERS | WITHOUT_A_CLASS and operation.find(op) is None:
            missing.add(op.name)
        return ir.WalkResult.ADVANCE

    module.operation.walk(visit)
    assert not missing


# ---- a new shape operation is one class


@triton.jit
def transposed(x, y, rows, columns):
    i, j = tl.arange(0, 16)[:, None], tl.arange(0, 32)[None, :]
    mask = (i < rows) & (j < columns)
    there = tl.trans(tl.load(x + i * 32 + j, mask=mask, other=0.0))
    tl.store(y + tl.trans(j * 16 + i), there, mask=tl.trans(mask))


def test_a_shape_operation_is_one_class(registry):
    """`tt.trans` taken away is refused; one method of a class brings it back whole: views, masks, layout and all."""
    kernel, signature = transposed, "*fp32:16, *fp32:16, i32, i32"
    before = converted(kernel, signature)
    assert "memref.load" not in before, "it is read through a view"
    del registry["tt.trans"]
    operation._find.cache_clear()
    with pytest.raises(UnsupportedError, match=r"the operation `tt.trans`"):
        converted(kernel, signature)

    class Turned(Reindexing):
        names = ("tt.trans",)

        def dims(self, op: ir.Operation) -> Sequence[int]:
            order = list(ir.DenseI32ArrayAttr(op.attributes["order"]))
            return [order.index(d) for d in range(len(order))]

    operation.register(Turned)
    assert converted(kernel, signature) == before
