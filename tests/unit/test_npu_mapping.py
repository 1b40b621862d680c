"""Assembly to packets, and packets to counters: hand-written machine code with known flows."""

from dataclasses import replace

import numpy as np
import pytest

from rung.errors import RungError
from rung.targets.isa.hexagon_assembly import HexagonBlock, read
from rung.targets.isa.packets import Block
from rung.targets.npu.instrument import Counters
from rung.targets.npu.made_up_run import made_up_run
from rung.targets.npu.mapping import MappingError, solve

LOOP = """
\t.globl\tk                               // -- Begin function k
k:                                      // @k
\t.cfi_startproc
// %bb.0:                               // %b0
\t{
\t\tr5 = r0
\t\tp0 = cmp.eq(r1,#0); if (p0.new) jump:nt .LBB0_3
\t}
// %bb.1:
\t{
\t\tloop0(.LBB0_2,r1)
\t}
.Ltmp0:                                 // Block address taken
.LBB0_2:                                // Block address taken
                                        // %b2
                                        // =>This Inner Loop Header: Depth=1
\t{
\t\tv0 = vmem(r0++#1)
\t\tv1.cur = vmem(r1++#1)
\t}
\t{
\t\tv0.sf = vadd(v0.sf,v1.sf)
\t\tvmem(r2++#1) = v0.new
\t}
\t{
\t\tnop
\t\tnop
\t}  :endloop0
.LBB0_3:                                // %b3
\t{
\t\tcall ##__hexagon_sqrtf
\t}
\t{
\t\tjumpr r31
\t}
.Lfunc_end0:
\t.size\tk, .Lfunc_end0-k
table:
\t.word\t3
"""


def counters(blocks: str, edges: tuple[tuple[str, str], ...] = ()) -> Counters:
    names = blocks.split()
    numbered = {("k", name): position for position, name in enumerate(names)}
    between = {("k", *edge): len(names) + position for position, edge in enumerate(edges)}
    return Counters(numbered, between, {}, len(names) + len(edges))


def block(label: str, name: str | None, successors: str, returns: bool = False) -> Block:
    return HexagonBlock(label, name, [["nop"]], successors.split(), returns=returns)


def test_reads_blocks_packets_and_edges() -> None:
    functions = read(LOOP)
    assert list(functions) == ["k"]
    blocks = functions["k"]
    assert [(b.label, b.name, len(b.packets), b.vector_packets) for b in blocks] == [
        ("bb.0", "b0", 1, 0),
        ("bb.1", None, 1, 0),
        (".LBB0_2", "b2", 3, 2),
        (".LBB0_3", "b3", 2, 0),
    ]
    assert [b.successors for b in blocks] == [[".LBB0_3", "bb.1"], [".LBB0_2"], [".LBB0_2", ".LBB0_3"], []]
    assert blocks[3].calls == ["__hexagon_sqrtf"] and blocks[3].returns
    # The compound compare and jump is one instruction of two parts.
    assert blocks[0].packets == [["r5 = r0", "p0 = cmp.eq(r1,#0)", "if (p0.new) jump:nt .LBB0_3"]]


def test_a_block_without_a_name_ran_as_often_as_the_edge_that_it_is_on() -> None:
    """b0 ran 7 times; the loop 100 times in 5 runs of it: its preheader, which the IR does not have, ran 5 times."""
    found = counters("b0 b2 b3", (("b0", "b3"),))
    flow = solve("k", read(LOOP)["k"], found)
    counts = np.array([7, 100, 7, 2])
    assert (flow.executions @ counts).tolist() == [7, 5, 100, 7]
    flow.check(counts)
    with pytest.raises(RungError, match=r"bb\.1, whose executions"):
        solve("k", read(LOOP)["k"], counters("b0 b2 b3"))  # how often the loop was skipped is told by the edge alone


def test_counts_that_contradict_the_edges_are_refused() -> None:
    flow = solve("k", read(LOOP)["k"], counters("b0 b2 b3", (("b0", "b3"),)))
    with pytest.raises(RungError, match=r"`k` does not follow the IR at block `\S+` \(off by 1 executions\)"):
        flow.check(np.array([7, 100, 6, 2]))


def test_blocks_of_one_name_are_told_apart_by_flow() -> None:
    """A block of the IR that became two in a row: 10 runs, of which 4 went the other way."""
    blocks = [
        block("a", "b0", "x w"),
        block("x", "b1", "y"),
        block("y", "b1", "z"),
        block("w", "b3", "z"),
        block("z", "b2", "", returns=True),
    ]
    flow = solve("k", blocks, counters("b0 b1 b2 b3"))
    assert (flow.executions @ np.array([10, 6, 10, 4])).tolist() == [10, 6, 6, 4, 10]


def test_what_the_flow_does_not_determine_is_refused() -> None:
    blocks = [
        block("a", "b0", "x y"),
        block("x", None, "z"),
        block("y", None, "z"),
        block("z", "b1", "", returns=True),
    ]
    with pytest.raises(RungError, match=r"`k` has a block, [xy], whose executions the IR does not determine"):
        solve("k", blocks, counters("b0 b1"))


def test_a_block_that_only_jumps_need_not_be_in_the_machine_code() -> None:
    """b2 of the IR, before the loop b3, is a block without a name: b0 entered it in 4 of 10 runs, b1 in 5 of 6."""
    blocks = [
        block("e", "b9", "a b"),
        block("a", "b0", "p z"),
        block("b", "b1", "p z"),
        block("p", None, "h"),
        block("h", "b3", "h z"),
        block("z", "b4", "", returns=True),
    ]
    between = (("b0", "b2"), ("b0", "b4"), ("b1", "b2"), ("b1", "b4"))
    found = counters("b9 b0 b1 b2 b3 b4", between)
    with pytest.raises(RungError, match="does not determine"):
        solve("k", blocks, counters("b9 b0 b1 b3 b4"))
    flow = solve("k", blocks, replace(found, forwards={("k", "b2"): "b3"}))
    counts = np.array([16, 10, 6, 9, 90, 16, 4, 6, 5, 1])
    assert (flow.executions @ counts).tolist() == [16, 10, 6, 9, 90, 16]
    flow.check(counts)


MERGED = {"b0": ("b1",), "b1": ("b2", "b3"), "b2": ("b3", "b4"), "b3": ("b4",), "b4": ("b1", "b5"), "b5": ()}
"""In a loop from b1 to b4: b1 and b2 lead to b3, b2 also past it."""


def merged() -> Counters:
    between = (("b1", "b3"), ("b2", "b3"), ("b2", "b4"), ("b4", "b1"))
    found = counters(" ".join(MERGED), between)
    return replace(found, successors={("k", block): after for block, after in MERGED.items()})


def test_a_made_up_run_conserves_flow_and_goes_over_every_edge() -> None:
    found = merged()
    counts = made_up_run("k", found)
    assert counts.min() > 0
    b0, b1, b2, b3, b4, b5, b1_b3, b2_b3, b2_b4, b4_b1 = counts.tolist()
    assert b0 == b5 and b1 == b0 + b4_b1 and b1 == b2 + b1_b3 and b2 == b2_b3 + b2_b4
    assert b3 == b1_b3 + b2_b3 and b4 == b3 + b2_b4 and b4 == b4_b1 + b5
    assert not made_up_run("k", replace(found, successors={})).any()


def test_a_block_of_one_is_a_run() -> None:
    assert made_up_run("k", replace(counters("b0"), successors={("k", "b0"): ()})).all()


def around_b3(b2: str, b3: str | None, last: str = "a w") -> list[Block]:
    return [
        block("e", "b0", "a"),
        block("a", "b1", "x y"),
        block("x", "b2", b2),
        block("y", b3, "z"),
        block("z", "b4", last),
        block("w", "b5", "", returns=True),
    ]


@pytest.mark.parametrize(
    ("b2", "b3", "runs_of_y"),
    [
        pytest.param("y z", "b3", 7, id="as in the IR"),
        pytest.param("z", None, 4, id="a block without a name, and a part of b2 under a predicate"),
        pytest.param("z", "b3", 4, id="b3, and a part of b2 under a predicate"),
    ],
)
def test_a_block_may_be_a_part_of_others_under_a_predicate(b2: str, b3: str | None, runs_of_y: int) -> None:
    flow = solve("k", around_b3(b2, b3), merged())
    counts = np.array([3, 10, 6, 7, 10, 3, 4, 3, 3, 7])
    assert (flow.executions @ counts).tolist() == [3, 10, 6, runs_of_y, 10, 3]
    flow.check(counts)


def test_a_return_may_be_a_part_of_others_under_a_predicate() -> None:
    after = {"b0": ("b1", "b2"), "b1": ("b1", "b2"), "b2": ()}
    between = tuple(("b" + b, "b" + t) for b, t in ("01", "02", "11", "12"))
    found = replace(counters("b0 b1 b2", between), successors={("k", b): to for b, to in after.items()})
    blocks = [
        block("a", "b0", "x", returns=True),
        block("x", "b1", "x y"),
        block("y", "b2", "", returns=True),
    ]
    counts = np.array([5, 30, 5, 3, 2, 27, 3])
    assert (solve("k", blocks, found).executions @ counts).tolist() == [5, 30, 3]


def test_machine_code_that_would_not_follow_the_ir_is_refused_before_it_runs() -> None:
    with pytest.raises(MappingError, match=r"`k` does not follow the IR at block `b\d`: its packets"):
        solve("k", around_b3("y z", "b3", last="y w"), merged())


def test_a_hardware_loop_may_end_above_its_head() -> None:
    """LLVM places the end of a rotated loop first; only the `loop` instruction that reaches it knows the head."""
    found = {block.label: block for block in read(ROTATED)["k"]}
    assert found[".LBB0_1"].successors == [".LBB0_3", "bb.2"]
    assert found[".LBB0_3"].successors == [".LBB0_1"]


ROTATED = """
k:                                      // @k
// %bb.0:                               // %b0
\t{
\t\tloop1(.LBB0_3,r1)
\t\tjump .LBB0_3
\t}
.LBB0_1:                                // %b1
\t{
\t\tr2 = add(r2,#1)
\t\tnop
\t} :endloop1
// %bb.2:                               // %b2
\t{
\t\tjumpr r31
\t}
.LBB0_3:                                // Block address taken
                                        // %b3
\t{
\t\tr3 = add(r3,#1)
\t\tjump .LBB0_1
\t}
.Lfunc_end0:
"""


def test_blocks_are_of_an_isa() -> None:
    with pytest.raises(TypeError, match=r"is_vector.*taken_apart"):
        Block("b")  # pyright: ignore[reportAbstractUsage]
