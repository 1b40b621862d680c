"""What a watched launch does: it stops or goes on, knows what it was given, and leaves other launches alone."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pytest
import torch
import triton
import triton.language as tl
from triton.tools.tensor_descriptor import TensorDescriptor

from rung import machine
from rung.compile import compile_kernel
from rung.errors import SanitizerError, UsageError
from rung.sanitizer import Sanitizer, Site, mark_uninitialised
from rung.schedule import Schedule
from tests.sanitize import planted as k


@triton.jit
def copy(x, out, n, B: tl.constexpr):
    i = tl.program_id(0) * B + tl.arange(0, B)
    tl.store(out + i, tl.load(x + i, mask=i < n), mask=i < n)


@triton.jit
def copy_unmasked(x, out, B: tl.constexpr):
    i = tl.program_id(0) * B + tl.arange(0, B)
    tl.store(out + i, tl.load(x + i) + 1)


@triton.jit
def add(x, y, out, n, B: tl.constexpr):
    i = tl.program_id(0) * B + tl.arange(0, B)
    tl.store(out + i, tl.load(x + i, mask=i < n) + tl.load(y + i, mask=i < n), mask=i < n)


@triton.jit
def add_behind_a_store(x, y, out, n, B: tl.constexpr):
    i = tl.program_id(0) * B + tl.arange(0, B)
    v = tl.load(x + i, mask=i < n)
    tl.store(out + i, v, mask=i < n)
    tl.store(out + i, v + tl.load(y + i, mask=i < n), mask=i < n)


@triton.jit
def through_an_address(table, out, B: tl.constexpr):
    p = tl.load(table + tl.program_id(0)).to(tl.pointer_type(tl.float32))
    tl.store(out + tl.arange(0, B), tl.load(p + tl.arange(0, B)))


@triton.jit
def last_one_sums(x, parts, count, out, n, B: tl.constexpr):
    """Each program leaves a sum; the last that comes adds them up."""
    p = tl.program_id(0)
    tl.store(parts + p, tl.sum(tl.load(x + p * B + tl.arange(0, B)), 0))
    if tl.atomic_add(count, 1) == n - 1:
        tl.store(out, tl.sum(tl.load(parts + tl.arange(0, 4)), 0))


@triton.jit
def under_a_lock(x, lock, out):
    while tl.atomic_cas(lock, 0, 1) == 1:
        pass
    tl.store(out, tl.load(out) + tl.load(x + tl.program_id(0)))
    tl.atomic_xchg(lock, 0)


@triton.jit
def updates(out, WHICH: tl.constexpr):
    if WHICH == "add":
        tl.atomic_add(out, 1)
    elif WHICH == "max":
        tl.atomic_max(out, tl.program_id(0).to(tl.float32) - 1)
    else:
        tl.atomic_xchg(out, 1)


def fault(kernel: Any, *args: Any, grid: int = 1, **constants: Any) -> str:
    with pytest.raises(SanitizerError) as raised:
        kernel[(grid,)](*args, **constants, sanitize="1")
    return str(raised.value)


# ---- what a launch is given


def test_a_view_may_reach_over_its_whole_storage() -> None:
    storage = torch.arange(64.0)
    out = torch.zeros(64)
    copy_unmasked[(1,)](storage[16:32], out[8:16], B=32, sanitize="1")
    assert torch.equal(out[8:40], storage[16:48] + 1)


def test_a_view_is_outside_behind_its_storage_and_before_it() -> None:
    storage = torch.arange(64.0)
    text = fault(copy_unmasked, storage[40:], torch.zeros(64), B=32)
    assert text.startswith("8 elements past the end of `x` are read; is a mask missing?")
    assert "x[24] and x[31]" in text
    assert "a view: 160 bytes of its storage come before it, 0 behind" in text


def test_arrays_of_numpy_are_known_with_what_they_are_views_of() -> None:
    whole, out = np.arange(64, dtype=np.float32), np.zeros(64, np.float32)
    signature = {"x": "*fp32", "out": "*fp32", "B": "constexpr"}
    executable: Any = compile_kernel(
        copy_unmasked, signature, {"B": 32}, machine=machine.host(), schedule=Schedule(), sanitizer=Sanitizer()
    )
    executable.run((whole[8:12], out), (1, 1, 1))
    np.testing.assert_array_equal(out[:32], whole[8:40] + 1)
    with pytest.raises(SanitizerError, match=r"^8 elements past the end of `x` are read"):
        executable.run((whole[40:], out), (1, 1, 1))


def test_an_empty_tensor() -> None:
    text = fault(copy_unmasked, torch.empty(0), torch.zeros(32), B=32)
    assert text.startswith("32 elements past the end of `x` are read")


def test_what_is_there_instead() -> None:
    storage = torch.zeros(96)
    inner = torch.from_numpy(storage.numpy()[:32])  # a storage of its own, in front of `out`
    assert "there     `out`[0]" in fault(copy_unmasked, inner, storage[32:], grid=2, B=32)


def test_addresses_from_memory_are_looked_up_and_others_left_alone() -> None:
    known, unknown, out = torch.arange(32.0), torch.arange(32.0), torch.zeros(32)
    table = torch.tensor([known.data_ptr(), unknown.data_ptr()])
    through_an_address[(1,)](table, out, B=32, sanitize="1")
    assert torch.equal(out, known)
    text = fault(through_an_address, torch.tensor([0]), out, B=32)
    assert text.startswith("a null pointer is read")


@triton.jit
def copy_pair(pair, out, B: tl.constexpr):
    i = tl.arange(0, B)
    tl.store(out + i, tl.load(pair[0] + i) + tl.load(pair[1][0] + i))


def test_tensors_in_tuples() -> None:
    x, y, out = torch.arange(32.0), torch.arange(32.0), torch.zeros(32)
    copy_pair[(1,)]((x, (y,)), out, B=32, sanitize="1")
    assert torch.equal(out, x + y)
    assert fault(copy_pair, (x, (y[:31].clone(),)), out, B=32).startswith(
        "1 element past the end of `pair[1][0]` is read"
    )


@triton.jit
def copy_tile(x, out, B: tl.constexpr):
    out.store([0, 0], x.load([0, 0]))


def test_descriptors_that_claim_too_much() -> None:
    x, out = torch.arange(64.0).view(8, 8), torch.zeros(8, 8)
    tiles = [TensorDescriptor(each, [8, 8], [8, 1], [8, 8]) for each in (x, out)]
    copy_tile[(1,)](*tiles, B=8, sanitize="1")
    assert torch.equal(out, x)
    short = TensorDescriptor(torch.zeros(7, 8), [8, 8], [8, 1], [8, 8])
    assert fault(copy_tile, tiles[0], short, B=8).startswith("8 elements past the end of `out` are written")


class Foreign:
    """What Triton's launcher takes: nobody can tell how long it is."""

    def __init__(self, tensor: torch.Tensor) -> None:
        self.dtype, self._tensor = tensor.dtype, tensor

    def data_ptr(self) -> int:
        return self._tensor.data_ptr()


def test_memory_of_unknown_length_is_left_alone() -> None:
    x, out = torch.arange(64.0), torch.zeros(64)
    copy_unmasked[(1,)](Foreign(x), out, B=64, sanitize="1")
    assert torch.equal(out, x + 1)
    assert fault(copy_unmasked, Foreign(torch.zeros(128)), out, B=128).startswith("64 elements past the end of `out`")
    # A pointer that changes hands may be the foreign one's.
    k.pointer_that_changes_hands[(1,)](Foreign(x), torch.zeros(128), torch.zeros(192), 64, B=64, sanitize="1")


def test_the_same_memory_twice() -> None:
    x = torch.ones(100)
    add[(2,)](x, x, x, 100, B=64, sanitize="1")
    assert torch.equal(x, torch.full((100,), 2.0))
    add_behind_a_store[(2,)](x, x, x, 100, B=64, sanitize="1")  # compiled as if they were different: another version
    assert torch.equal(x, torch.full((100,), 4.0))
    text = fault(add_behind_a_store, x, x, x, 128, grid=2, B=64)
    assert text.startswith("28 elements past the end of `x` are read; is its mask the right one?")


# ---- programs that wait for one another are no race


def test_atomics_order_what_programs_do() -> None:
    x, parts, out = torch.arange(64.0), torch.zeros(4), torch.zeros(1)
    last_one_sums[(4,)](x, parts, torch.zeros(1, dtype=torch.int32), out, 4, B=16, sanitize="1")
    assert out == x.sum()
    out.zero_()
    under_a_lock[(20,)](x, torch.zeros(1, dtype=torch.int32), out, sanitize="1")
    assert out == x[:20].sum()


@pytest.mark.parametrize(
    ("update", "dtype", "depends"),
    [
        ("add", torch.int32, False),
        ("add", torch.float32, True),
        ("max", torch.float32, False),
        ("xchg", torch.int32, True),
    ],
)
def test_atomics_that_depend_on_their_order(update: str, dtype: torch.dtype, depends: bool) -> None:
    def launch(sanitize: str) -> None:
        updates[(3,)](torch.zeros(1, dtype=dtype), update, sanitize=sanitize)

    launch("1")
    if not depends:
        launch("1,order")
        return
    with pytest.raises(SanitizerError, match=r"^what `out` holds depends on the order of atomics of several programs"):
        launch("1,order")


# ---- stopping and going on


def test_the_process_goes_on_behind_a_fault() -> None:
    x, out = torch.arange(100.0), torch.zeros(100)
    fault(k.load_without_mask, x, out, 100, grid=2, B=64)
    assert torch.equal(out[:64], x[:64])  # the first program's
    copy[(2,)](x, out, 100, B=64, sanitize="1")
    assert torch.equal(out, x)


@pytest.mark.parametrize("schedule", ["", "vectorize=off", "double_buffer=on threads=2"])
def test_report_leaves_faults_out_and_sums_up(schedule: str, capfd: pytest.CaptureFixture[str]) -> None:
    guarded = torch.full((300,), 7.0)
    x, out = torch.arange(100.0), torch.from_numpy(guarded.numpy()[100:200])
    copy_unmasked[(3,)](x, out, B=64, sanitize="report", schedule=schedule)
    assert torch.equal(out, x + 1)
    assert torch.equal(guarded[:100], torch.full((100,), 7.0))
    assert torch.equal(guarded[200:], torch.full((100,), 7.0))
    lines = capfd.readouterr().err.splitlines()
    assert lines[0] == "rung: 2 faults in a launch of `copy_unmasked`"
    assert re.match(
        r"  test_launches.py:\d+:\d+: 92 elements past the end of `x` are read; is a mask missing", lines[1]
    )
    assert re.match(r"  test_launches.py:\d+:\d+: 92 elements past the end of `out` are written", lines[2])


def test_report_leaves_out_gathers_scatters_atomics_and_scalars(capfd: pytest.CaptureFixture[str]) -> None:
    index = torch.arange(100, dtype=torch.int32)
    index[7], index[90] = -1, 100
    x, out = torch.arange(100.0) + 1, torch.zeros(100)
    k.gather[(2,)](x, index, out, 100, B=64, sanitize="report")
    expected = x.clone()
    expected[[7, 90]] = 0
    assert torch.equal(out, expected)
    out.zero_()
    k.scatter[(2,)](x, index, out, 100, B=64, sanitize="report")
    assert torch.equal(out, expected)
    counts = torch.zeros(100, dtype=torch.int32)
    k.histogram[(2,)](x, index, counts, 100, B=64, sanitize="report")
    assert torch.equal(counts, (expected > 0).int())
    k.scalar_atomic[(100,)](x, counts.zero_(), 100, B=64, sanitize="report")
    assert counts.sum() == 99
    err = capfd.readouterr().err
    assert err.count("rung: 1 fault") == 4
    assert "`x` is read" in err
    assert "`out` is written" in err
    assert err.count("`out` is updated") == 2


def test_a_compare_and_swap_cannot_be_left_out() -> None:
    """It ends the launch, so that nothing outside is changed."""
    storage = torch.zeros(300, dtype=torch.int32)
    inner = torch.from_numpy(storage.numpy()[100:200])
    with pytest.raises(SanitizerError, match=r"^1 element before the beginning of `out` is updated"):
        k.compare_and_swap[(1,)](torch.zeros(1), inner, 100, B=64, sanitize="report")
    assert storage.count_nonzero() == 0


@triton.jit
def eighty_twice(x, out, B: tl.constexpr):
    for number in tl.static_range(80):
        tl.store(x + number, 1.0)
    tl.store(out + tl.program_id(0) * B + tl.arange(0, B), 1.0)


def test_a_fault_behind_many_that_are_benign_ends_the_launch() -> None:
    """There are more of these than are told of one launch."""
    storage = torch.zeros(200)
    out = torch.from_numpy(storage.numpy()[:32])
    assert fault(eighty_twice, torch.zeros(80), out, grid=2, B=32).startswith("32 elements past the end of `out`")
    assert storage.count_nonzero() == 32


def test_misaligned_elements() -> None:
    memory, out = bytearray(300), torch.zeros(32, dtype=torch.int32)
    start = -torch.frombuffer(memory, dtype=torch.uint8).data_ptr() % 4
    copy_unmasked[(1,)](torch.frombuffer(memory, dtype=torch.int32, count=40, offset=start), out, B=32, sanitize="1")
    askew = torch.frombuffer(memory, dtype=torch.int32, count=40, offset=start + 2)
    text = fault(copy_unmasked, askew, out, B=32)
    assert text.startswith("`x` is read at no multiple of its elements' 4 bytes")


# ---- memory that nobody has written


def test_what_nobody_has_written() -> None:
    out, x = mark_uninitialised(torch.empty(100)), torch.arange(100.0)
    text = fault(copy, out, x.clone(), 100, grid=2, B=64)
    assert text.startswith("64 elements of `x` that nobody has written are read")
    copy[(1,)](x, out, 60, B=64, sanitize="1")
    copy[(1,)](out, x.clone(), 60, B=64, sanitize="1")
    text = fault(copy, out, x.clone(), 61, B=64)
    assert text.startswith("an element of `x` that nobody has written is read")
    assert "x[60]" in text
    out.zero_()
    copy[(2,)](out, x, 100, B=64, sanitize="1")


def test_atomics_of_what_nobody_has_written() -> None:
    counts = mark_uninitialised(torch.empty(100, dtype=torch.int32))
    text = fault(k.scalar_atomic, torch.zeros(1), counts, 100, grid=1, B=64)
    assert text.startswith("an element of `out` that nobody has written is updated")


# ---- options


def test_what_the_option_takes() -> None:
    assert Sanitizer.parse("") is Sanitizer.parse("0") is None
    assert Sanitizer.parse("1") == Sanitizer.parse("on") == Sanitizer()
    assert Sanitizer.parse("report, nan") == Sanitizer(stop=False, nan=True)
    assert Sanitizer.parse("values") == Sanitizer(values=True)
    for text in ("1", "report", "1,values", "report,overflow,nan"):
        assert str(Sanitizer.parse(text)) == text
    with pytest.raises(UsageError, match=r"RUNG_SANITIZE is `2`; give 1 .*, report .*, or 0"):
        Sanitizer.parse("2")
    with pytest.raises(UsageError, match="values, overflow, nan, order"):
        Sanitizer.parse("1,report")


def test_the_environment_and_the_keyword(monkeypatch: pytest.MonkeyPatch) -> None:
    from rung.frontends.triton.options import Options

    monkeypatch.setenv("RUNG_SANITIZE", "on")
    assert Options.of({}).sanitize == "1"
    assert Options.of({"sanitize": "report"}).sanitize == "report"
    assert Options.of({"sanitize": "0"}).sanitize == "0"
    keys = {Options.of({"sanitize": text}).hash() for text in ("0", "1", "report", "1,nan")}
    assert len(keys) == 4  # of Triton's disk cache: checked code is never taken for other code
    monkeypatch.setenv("RUNG_SANITIZE", "perhaps")
    with pytest.raises(UsageError, match=r"^RUNG_SANITIZE is `perhaps`"):
        Options.of({})
    monkeypatch.delenv("RUNG_SANITIZE")
    assert Options.of({}).sanitize == ""
    with pytest.raises(UsageError, match=r"^launch keyword sanitize is 1; give the text"):
        Options.of({"sanitize": 1})


def test_sites_survive_json() -> None:
    site = Site("atomic", "/a/b.py", 3, 4, "x", (16, 32), 4, True, True, "add", callers=(("/a/b.py", 9), ("/c.py", 1)))
    assert Site.of_json(json.loads(json.dumps(site.to_json()))) == site
    assert site.where == "b.py:3:5"
    assert site.called == "called from line 9, from c.py:1"


# ---- code without checks


@pytest.mark.parametrize("schedule", ["", "vectorize=off", "double_buffer=on"])
@pytest.mark.parametrize(
    ("kernel", "signature", "constants"),
    [
        (k.gather, {"x": "*fp32", "index": "*i32", "out": "*fp32", "n": "i32"}, {"B": 64}),
        (k.rows_that_wrap, {"x": "*fp16", "out": "*fp16", "M": "i32", "N": "i32"}, {"BM": 16, "BN": 32}),
        (k.histogram, {"x": "*fp32", "index": "*i32", "out": "*i32", "n": "i32"}, {"B": 64}),
    ],
)
def test_code_without_checks_is_the_same_to_the_bit(
    kernel: Any, signature: dict[str, str], constants: dict[str, int], schedule: str
) -> None:
    """Before and after the same kernel was compiled with checks, by one process."""

    def code(sanitizer: Sanitizer | None) -> Any:
        types = {**signature, **dict.fromkeys(constants, "constexpr")}
        made: Any = compile_kernel(
            kernel,
            types,
            constants,
            machine=machine.host(),
            schedule=Schedule.parse(schedule),
            sanitizer=sanitizer,
        )
        return made.stages["llvm-ir"], made.object_code(), made.metadata

    before, watched, after = code(None), code(Sanitizer()), code(None)
    assert before == after
    assert "rung_check" not in before[0]
    assert not {"sites", "sanitizer", "arguments"} & set(before[2])
    assert "rung_check" in watched[0]


@triton.jit
def exchanging(a, b, n, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    p, q = a, b
    for _ in range(n):
        tl.store(q + i, tl.load(p + i) * 2 + 1)
        p, q = q, p


def test_a_race_through_a_pointer_of_either_argument_names_the_one():
    a, b = torch.randn(64), torch.randn(64)
    with pytest.raises(SanitizerError) as found:
        exchanging[(2,)](a, b, 3, BLOCK=64, sanitize="1")
    assert "race for `a`" in str(found.value) or "race for `b`" in str(found.value)
    assert "no argument" not in str(found.value)
