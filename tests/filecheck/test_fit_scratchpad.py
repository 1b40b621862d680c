import re

import pytest
from test_tile import M, V, nest, program, views
from torch_mlir import ir

from rung.errors import ContractError
from rung.ir.context import make_context
from rung.ir.packing import CONTRACTIONS, packed_types
from rung.ir.scratchpad_budget import placed_bytes
from rung.ir.slicing import collect
from rung.lowering.place_scratch import PlaceScratch
from rung.passes import Upstream
from rung.targets.isa import INTRINSICS
from rung.transforms.contract import TileContractions
from rung.transforms.double_buffer import DoubleBuffer
from rung.transforms.fit_scratchpad import FitScratchpad
from rung.transforms.form_virtual_threads import FormVirtualThreads
from rung.transforms.promote import Promote
from rung.transforms.tile import TileBlocks
from rung.transforms.transport import Transport
from tests.filecheck.matching import in_order, run

CLEAN = Upstream("canonicalize,cse")
BYTES = "llvm.hexagon.V6.vrmpybv.acc.128B"


def test_promote_wants_a_budget():
    with pytest.raises(ContractError, match=r"`kernel` has no `rung.scratchpad`: `fit-scratchpad` writes it"):
        run(program(views(64) + nest()), FormVirtualThreads(contexts=1), Promote())


ROWS = f"""%w = memref.reinterpret_cast %y to offset: [%p], sizes: [%m, %n], strides: [%n, 1]
      {{rung.bounds = array<i64: 100, 33>}} : memref<?xf32> to {M}
    %s = memref.alloca() : memref<100x33xf32>
    %v = memref.reinterpret_cast %x to offset: [%p], sizes: [%m, %n], strides: [%n, 1]
      {{rung.bounds = array<i64: 100, 33>}} : memref<?xf32> to {M}
    linalg.generic {{indexing_maps = [#ab, #ab], iterator_types = ["parallel", "parallel"]}}
      ins(%v : {M}) outs(%s : memref<100x33xf32>) {{
      ^bb0(%in: f32, %out: f32):
        %r = arith.addf %in, %in : f32
        linalg.yield %r : f32
    }}
    linalg.generic {{indexing_maps = [#ab, #ab], iterator_types = ["parallel", "parallel"]}}
      ins(%s : memref<100x33xf32>) outs(%w : {M}) {{
      ^bb0(%in: f32, %out: f32):
        linalg.yield %in : f32
    }}"""


@pytest.mark.parametrize("max_rank", [1, 2])
@pytest.mark.parametrize("alignment", [32, 64, 128])
@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("body", [views(1000) + nest(), ROWS], ids=["one dimension", "rows and scratch"])
def test_what_is_counted_is_what_is_placed(body: str, depth: int, alignment: int, max_rank: int):
    double = (DoubleBuffer(depth, max_rank),) if depth > 1 else ()
    text = run(
        program(body),
        FitScratchpad(1 << 20, depth, holds_scratch=True, alignment=alignment, max_rank=max_rank),
        TileBlocks(granule=alignment),
        FormVirtualThreads(contexts=1),
        CLEAN,
        Promote(),
        *double,
        Transport(max_rank),
        PlaceScratch(alignment=alignment),
    )
    numbers = {name: int(n) for name, n in re.findall(r"(budget_bytes|scratch_bytes|scratchpad_bytes) = (\d+)", text)}
    placed = re.search(r"rung.scratch_bytes = (\d+) : i64, rung.scratchpad = .*rung.scratchpad_bytes = (\d+)", text)
    assert placed is not None
    decided = re.search(r"budget_bytes = (\d+) : i64, buffers = \d+ : i64, scratch_bytes = (\d+)", text)
    assert decided is not None
    assert int(decided[2]) == int(placed[1]) == (1 << 20) - int(decided[1]), numbers


@pytest.mark.parametrize("byte_dot", ["", BYTES])
@pytest.mark.parametrize(
    "a, b, c",
    [
        ("5x7xi8", "7x40xi8", "5x40xi32"),
        ("8x8xi8", "8x64xi8", "8x64xi32"),
        ("16x32xf16", "32x64xf16", "16x64xf32"),
        ("16x32xf16", "32x64xf16", "16x64xf16"),
        ("16x32xf32", "32x64xf32", "16x64xf32"),
        ("16x32xf32", "32x64xf32, strided<[1, 32]>", "16x64xf32"),
    ],
)
def test_what_contractions_pack_is_known_before(a: str, b: str, c: str, byte_dot: str):
    """In scratch of their own, and in arguments."""
    local = f"%a = memref.alloca() : memref<{a}>"
    for head, body in ((f"%a: memref<{a}>, ", ""), ("", local)):
        module = ir.Module.parse(
            f"""func.func @f({head}%b: memref<{b}>, %c: memref<{c}>) {{
              {body}
              linalg.matmul ins(%a, %b : memref<{a}>, memref<{b}>) outs(%c : memref<{c}>)
              return
            }}""",
            make_context(),
        )
        with module.context, ir.Location.unknown():
            op = next(op for op in collect(module.operation) if op.name in CONTRACTIONS)
            there = placed(module)
            expected = sum(placed_bytes(kind.shape, kind.element_type, 64) for kind in packed_types(op, [byte_dot]))
            vector_bytes = INTRINSICS[byte_dot].vector_bytes if byte_dot else 64
            TileContractions(vector_bytes, byte_dot=byte_dot).run(module)
            assert placed(module) - there == expected


def placed(module: ir.Module) -> int:
    kinds = [ir.MemRefType(op.results[0].type) for op in collect(module.operation) if op.name == "memref.alloca"]
    return sum(placed_bytes(kind.shape, kind.element_type, 64) for kind in kinds)


def test_nests_in_loops_are_marked_last():
    text = run(program(views(16384) + f"scf.for %i = %c0 to %n step %c1 {{ {nest()} }}"), FitScratchpad(65536, depth=2))
    in_order(text, r"scf.for", r"linalg.generic", r"rung.tile = \[4096\]")
    assert V in text


def test_a_tile_of_whole_granules_is_no_reason_to_pass_over_the_next():
    """A sixth of 1024 floats is 256 in granules of 128: four buffers are 4096 bytes, and an eighth fits."""
    text = run(program(views(1024) + nest()), FitScratchpad(2304, depth=2, alignment=128))
    assert "rung.tile = [128]" in text
