"""Operands that lie along another dimension than the lanes: tiles in registers, the loops around them, refusals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
from torch_mlir import ir

from rung.ir.context import make_context
from rung.ir.emit import Emitter
from rung.transforms.vectorize import Vectorize
from rung.transforms.vectorize.transposes import transpose
from tests.filecheck.matching import in_order, run
from tests.numeric.vectorize_nests import generic, module, view, view_type


def nest(
    body: str = "",
    element: str = "f32",
    sizes: Sequence[object] = ("%n", "%n"),
    across: Sequence[object] = (1, "%ld"),
    kind: str = "pp",
) -> str:
    """%y[j, i] = body(%x[j, i]): %x lies along j, %y along i, the dimension of the lanes."""
    along = ["%ld", 1]
    views = view("x", "x0", element, sizes, across) + view("y", "y0", element, sizes, along)
    terms = [(f"%{name}_", "j, i", view_type(element, sizes, by)) for name, by in (("x", across), ("y", along))]
    text = f"^bb0(%a: {element}, %b: {element}):\n{body or f'linalg.yield %a : {element}'}"
    arguments = f"%x0: memref<?x{element}>, %y0: memref<?x{element}>, %n: index, %ld: index"
    return module(arguments, views, generic("j, i", kind, terms[:1], terms[1:], text))


def test_a_tile_is_transposed_in_registers() -> None:
    text = run(nest(), Vectorize())
    tile, rest = text.split("rung.vectorized = {lanes = 16 : i64, tile = 16 : i64, unroll = 1 : i64}")
    in_order(tile, r"scf.for [^\n]* step %c16 {\n *scf.for [^\n]* step %c16 {")
    assert [tile.count(f"vector.{name}") for name in ("load", "shuffle", "store", "gather")] == [16, 64, 16, 0]
    assert tile.rindex("vector.load") < tile.index("vector.shuffle") < tile.index("vector.store")
    in_order(
        rest,
        r"step %c1 {",  # beside the tiles: what whole vectors leave of every row
        r"step %c16 {\n[^}]*create_mask[^}]*vector.gather[^}]*maskedstore[^}]*} {rung.vectorized",
        r"scf.for [^\n]* step %c1 {",  # below them: whole rows
        r"step %c16 {\n[^}]*vector.gather[^}]*vector.store[^}]*} {rung.vectorized",
        r"step %c16 {\n[^}]*create_mask[^}]*vector.gather[^}]*maskedstore[^}]*} {rung.vectorized",
    )


def test_known_extents_leave_no_empty_loops() -> None:
    text = run(nest(sizes=(32, 48)), Vectorize())
    assert "gather" not in text and "mask" not in text
    assert text.count("scf.for") == 2


@pytest.mark.parametrize(
    ("element", "edge", "registers", "vector_bytes"),
    [("f64", 8, 32, 64), ("f32", 16, 32, 64), ("bf16", 16, 32, 64), ("i8", 16, 32, 64), ("f32", 8, 16, 32)],
)
def test_a_tile_takes_half_of_the_registers(element: str, edge: int, registers: int, vector_bytes: int) -> None:
    text = run(nest(element=element), Vectorize(vector_bytes, registers))
    assert f"rung.vectorized = {{lanes = {edge} : i64, tile = {edge} : i64" in text
    assert text.split("rung.vectorized")[0].count("vector.store") == edge


def test_the_body_is_written_for_every_row() -> None:
    body = "%j = linalg.index 0 : index\n%k = arith.index_cast %j : index to i32\n%f = arith.sitofp %k : i32 to f32\n"
    text = run(nest(body + "%r = arith.addf %a, %f : f32\nlinalg.yield %r : f32"), Vectorize())
    tile = text.split("rung.vectorized")[0]
    assert Counter(tile.split())["arith.addf"] == Counter(tile.split())["vector.store"] == 16


MANY = "".join(f"%v{i + 1} = arith.addf %v{i}, %b : f32\n" for i in range(40))
LONG = f"%v0 = arith.addf %a, %a : f32\n{MANY}linalg.yield %v40 : f32"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(nest(sizes=(3, 32)), id="too short for a tile"),
        pytest.param(nest(across=("%ld", "%n")), id="contiguous along no dimension"),
        pytest.param(nest(across=("%n", 1)), id="contiguous along the lanes"),
        pytest.param(nest(element="i1"), id="narrower than a byte"),
        pytest.param(nest(LONG), id="a body that is most of the time"),
    ],
)
def test_other_nests_stay_as_they_were(text: str) -> None:
    found = run(text, Vectorize())
    assert "tile =" not in found and "vector.store" in found


@pytest.mark.parametrize("options", [{"whole_registers": True}, {"unroll": 1}, {"tiles": False}])
def test_machines_and_schedules_that_want_none(options: dict[str, int | bool]) -> None:
    assert "tile =" not in run(nest(), Vectorize(**options))  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("element", "edge", "shuffles"),
    [("i8", 16, 64), ("i8", 32, 160), ("f16", 16, 64), ("f32", 4, 8), ("f32", 32, 160), ("f64", 8, 24), ("f64", 2, 2)],
)
def test_the_network_of_shuffles(element: str, edge: int, shuffles: int) -> None:
    """Its shuffles, carried out in NumPy, transpose; log2(edge) for every row."""
    with make_context(), ir.Location.unknown():
        whole = ir.Module.parse("func.func @f() { return }")
        block = whole.body.operations[0].regions[0].blocks[0]
        end = block.operations[0].operation
        row, before = ir.Type.parse(f"vector<{edge}x{element}>"), ir.InsertionPoint(end)
        rows = [ir.Operation.create("ub.poison", [row], [], ip=before) for _ in range(edge)]
        emitter = Emitter(end)
        columns = transpose(emitter, [op.result for op in rows])
        known: dict[ir.Value, np.ndarray] = {
            op.result: np.array([(r, lane) for lane in range(edge)]) for r, op in enumerate(rows)
        }
        count = 0
        for view in block.operations:
            op = view.operation
            if op.name == "arith.bitcast":
                known[op.result] = known[op.operands[0]]
            elif op.name == "vector.shuffle":
                count += 1
                both = np.concatenate([known[v] for v in op.operands])
                known[op.result] = both[list(ir.DenseI64ArrayAttr(op.attributes["mask"]))]
        for lane, column in enumerate(columns):
            assert known[column].tolist() == [[r, lane] for r in range(edge)]
        assert count == shuffles
