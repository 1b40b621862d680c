"""Schedule: text round trip, ladders, refusals."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rung.errors import UsageError
from rung.schedule import Schedule

schedules = st.builds(
    Schedule,
    vectorize=st.booleans(),
    threads=st.integers(0, 64),
    double_buffer=st.booleans(),
    depth=st.integers(2, 8),
    scratchpad=st.sampled_from(["auto", "on", "off"]),
    distribution=st.sampled_from(["block", "block-cyclic"]),
    tile_elements=st.integers(1, 1 << 20),
    unroll=st.integers(0, 16),
    profitability=st.booleans(),
    prefetch=st.booleans(),
    stream_stores=st.booleans(),
)


@given(schedules)
def test_text_round_trips(schedule: Schedule) -> None:
    assert Schedule.parse(str(schedule)) == schedule


def test_the_ladder_takes_mechanisms_out_one_by_one() -> None:
    assert [s.rung for s in Schedule().ladder()] == ["Scalar", "Vec", "Vec+MT", "Vec+MT+DB"]
    assert len({s.mechanisms for s in Schedule().factorial()}) == 8


def test_no_rung_of_the_paper_s_prefetches() -> None:
    """It hides latency and is none of Vec, MT and DB; what users launch has it."""
    assert Schedule().prefetch and Schedule().rung == "Vec+MT+PF"
    assert not any(s.prefetch or s.stream_stores for s in (*Schedule().ladder(), *Schedule().factorial()))
    assert Schedule().with_mechanisms(True, False, True, pf=True).rung == "Vec+DB+PF"
    assert Schedule(vectorize=False, threads=1).rung == "Scalar", "only vector code prefetches"


@given(schedules)
def test_variants_keep_the_other_parameters(schedule: Schedule) -> None:
    for variant in schedule.factorial():
        assert variant.tile_elements == schedule.tile_elements
        assert variant.depth == schedule.depth
        assert variant.distribution == schedule.distribution


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("vectorise=on", r"there is no field `vectorise` \(did you mean `vectorize`\?\); fields: vectorize"),
        ("treads=2", r"there is no field `treads` \(did you mean `threads`\?\); fields: vectorize"),
        ("speed=9", "there is no field `speed`; fields: vectorize"),
        ("vectorize", "`vectorize` is not `field=value`, such as threads=2"),
        ("threads = 2", "`threads` is not `field=value`.*no blanks around"),
        ("vectorize=maybe", "vectorize is `maybe`; give on or off"),
        ("threads=two", "threads is `two`; give a whole number"),
        ("threads=-1", "threads is -1; give 0"),
        ("depth=1", "depth is 1; give 2 to 64 buffers"),
        ("distribution=random", "distribution is `random`; choose from: block, block-cyclic"),
        ("unroll=99", "unroll is 99; give 0"),
        ("threads=2,depth=2 threads=2", "threads is given twice"),
    ],
)
def test_bad_text_is_one_clear_sentence(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Schedule.parse(text)
