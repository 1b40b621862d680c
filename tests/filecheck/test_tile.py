# ruff: noqa: E501
import pytest

from rung.transforms.fit_scratchpad import FitScratchpad
from rung.transforms.tile import TileBlocks
from tests.filecheck.matching import in_order, run

V = "memref<?xf32, strided<[1], offset: ?>>"
M = "memref<?x?xf32, strided<[?, 1], offset: ?>>"


def program(body: str, mark: str = "{rung.grid}") -> str:
    return f"""
    #a = affine_map<(d0) -> (d0)>
    #ab = affine_map<(d0, d1) -> (d0, d1)>
    #row = affine_map<(d0, d1) -> (d0)>
    func.func @kernel(%x: memref<?xf32>, %y: memref<?xf32>, %n: index, %m: index, %gx: index, %gy: index, %gz: index) {{
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      scf.forall (%p, %py, %pz) in (%gx, %gy, %gz) {{
        {body}
      }} {mark}
      return
    }}"""


def views(bound: int = 1048576) -> str:
    return "".join(
        f"""%{name} = memref.reinterpret_cast %{base} to offset: [%p], sizes: [%n], strides: [1]
          {{rung.bounds = array<i64: {bound}>}} : memref<?xf32> to {V}
        """
        for name, base in (("v", "x"), ("w", "y"))
    )


def nest(extra: str = "") -> str:
    return f"""linalg.generic {{indexing_maps = [#a, #a], iterator_types = ["parallel"]}} ins(%v : {V}) outs(%w : {V}) {{
      ^bb0(%in: f32, %out: f32):
        {extra}
        %r = arith.addf %in, %in : f32
        linalg.yield %r : f32
    }}
    """


def test_one_dimension():
    text = run(program(views() + nest()), TileBlocks())
    in_order(
        text,
        r"arith.ceildivsi %arg2, %c16384",
        r"scf.forall \((%\w+)\) in \(%\w+\)",
        r"arith.muli %\w+, %c16384",
        r"arith.subi %arg2",
        r"(%\w+) = arith.minsi",
        r"memref.reinterpret_cast %arg0 to offset: \[%\w+\], sizes: \[%\w+\], strides: \[1\] \{rung.bounds = array<i64: 16384>\}",
        r"linalg.generic",
        r"\{rung.tile = \[16384\], rung.tiles\}",
    )


def test_linalg_index_counts_from_the_start_of_the_block():
    text = run(program(views() + nest("%i = linalg.index 0 : index\n%u = arith.addi %i, %i : index")), TileBlocks())
    in_order(text, r"(%\w+) = arith.muli %\w+, %c16384", r"linalg.index 0", r"arith.addi %\w+, %\w+", r"arith.addi")


def test_outer_dimensions_first_and_accumulators_with_them():
    text = run(
        program(
            f"""%v = memref.reinterpret_cast %x to offset: [%p], sizes: [%m, %n], strides: [%n, 1]
                 {{rung.bounds = array<i64: 512, 4096>}} : memref<?xf32> to {M}
            %s = memref.alloca() : memref<512xf32>
            linalg.generic {{indexing_maps = [#ab, #row], iterator_types = ["parallel", "reduction"]}}
              ins(%v : {M}) outs(%s : memref<512xf32>) {{
              ^bb0(%in: f32, %acc: f32):
                %r = arith.addf %in, %acc : f32
                linalg.yield %r : f32
            }}"""
        ),
        TileBlocks(),
    )
    in_order(
        text,
        r"scf.forall \(%\w+\) in \(128\)",
        r"sizes: \[4, %arg2\], .* \{rung.bounds = array<i64: 4, 4096>\}",
        r"memref.reinterpret_cast %alloca to offset: \[%\w+\], sizes: \[4\]",
    )


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(program(views(16384) + nest()), id="small enough"),
        pytest.param(program(views() + nest("memref.store %in, %y[%c0] : memref<?xf32>")), id="stores in its body"),
        pytest.param(program(views() + f"scf.for %i = %c0 to %n step %c1 {{ {nest()} }}"), id="in a loop"),
        pytest.param(program(views() + nest()).replace("{rung.bounds = array<i64: 1048576>}", ""), id="no bound"),
        pytest.param(program(views() + nest(), ""), id="not in the grid"),
        pytest.param(
            program(
                views()
                + f"""%s = memref.alloca() : memref<f32>
                linalg.generic {{indexing_maps = [#a, affine_map<(d0) -> ()>], iterator_types = ["reduction"]}}
                  ins(%v : {V}) outs(%s : memref<f32>) {{
                  ^bb0(%in: f32, %acc: f32):
                    %r = arith.addf %in, %acc : f32
                    linalg.yield %r : f32
                }}"""
            ),
            id="only a reduction",
        ),
    ],
)
def test_leaves_alone(text: str):
    assert "rung.tiles" not in run(text, TileBlocks())


@pytest.mark.parametrize(("depth", "size"), [(1, 16384), (2, 16384), (3, 8192), (4, 8192), (5, 5504)])
def test_tiles_shrink_to_fit_the_scratchpad(depth: int, size: int):
    """Two views of 64 KiB, `depth` times, in 256 KiB: cut evenly, into rows of 64 elements."""
    text = run(program(views(16384) + nest()), FitScratchpad(depth=depth), TileBlocks())
    assert ("rung.tiles" in text) == (size < 16384)
    assert f"rung.bounds = array<i64: {size}>" in text


SUM = f"""%s = memref.alloca() : memref<f32>
      linalg.generic {{indexing_maps = [#a, affine_map<(d0) -> ()>], iterator_types = ["reduction"]}}
        ins(%v : {V}) outs(%s : memref<f32>) {{
        ^bb0(%in: f32, %acc: f32):
          %r = arith.addf %in, %acc : f32
          linalg.yield %r : f32
      }}"""


def test_a_reduction_that_does_not_fit_is_cut_in_order():
    text = run(program(views(16384) + SUM), FitScratchpad(16384, depth=2), TileBlocks())
    in_order(
        text,
        r"arith.ceildivsi %arg2, %c2048",
        r"scf.for %\w+ = %c0\w* to %\w+ step",
        r"array<i64: 2048>",
        r"linalg.generic",
    )
    assert "rung.tiles" not in text


def test_a_reduction_that_fits_is_whole():
    assert "scf.for " not in run(program(views(16384) + SUM), FitScratchpad(131072, depth=2), TileBlocks())


def test_a_nest_in_a_loop_that_does_not_fit_is_cut_in_order():
    text = run(
        program(views(16384) + f"scf.for %i = %c0 to %n step %c1 {{ {nest()} }}"),
        FitScratchpad(65536, depth=2),
        TileBlocks(),
    )
    in_order(text, r"scf.for", r"scf.for", r"rung.bounds = array<i64: 4096>", r"linalg.generic")
