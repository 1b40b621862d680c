"""What a kernel cannot go on from becomes an exception of its launch: assertions, and a lack of memory."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch
import triton
import triton.language as tl

from rung import machine
from rung.compile import AnyExecutable, Executable, compile_kernel
from rung.errors import DeviceAssertError, OutOfMemoryError
from rung.frontends.triton.options import Options
from rung.schedule import Schedule

SCHEDULES = [
    "threads=1",
    "vectorize=off threads=1",
    "threads=2 profitability=off",
    "threads=2 profitability=off distribution=block-cyclic",
    "threads=2 profitability=off double_buffer=on tile_elements=16",
]
N = 1024


@triton.jit
def below(x, o, limit, BLOCK: tl.constexpr):
    """Every program notes that it has begun, and that it has ended."""
    pid = tl.program_id(0) + 4 * tl.program_id(1)
    v = tl.load(x + pid * BLOCK + tl.arange(0, BLOCK))
    tl.store(o + pid, 1)
    tl.device_assert(v < limit, "v < limit")
    tl.store(o + 8 + pid, tl.sum(v))


def line_of(kernel: object, text: str) -> str:
    lines, first = kernel.raw_src, kernel.starting_line_number  # pyright: ignore
    return f"{Path(__file__).name}:{first + next(k for k, line in enumerate(lines) if text in line)}"


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_of_a_block(schedule: str) -> None:
    x, o = torch.arange(N, dtype=torch.int32), torch.zeros(16, dtype=torch.int32)
    where = line_of(below, "v < limit")
    with pytest.raises(DeviceAssertError) as caught:
        below[(4, 2)](x, o, N - 1, BLOCK=128, debug=True, schedule=schedule)
    assert str(caught.value) == f"{where}: below: block: [3,1,0] Assertion `v < limit` failed"
    assert isinstance(caught.value, RuntimeError)
    assert o[15] == 0, "the program does not go on behind it"
    below[(4, 2)](x, o, N, BLOCK=128, debug=True, schedule=schedule)
    assert torch.equal(o[8:], x.reshape(8, 128).sum(1).int())


@triton.jit
def nested(x, o, n, BLOCK: tl.constexpr):
    """In loops that carry blocks, under a condition, between stores and atomics."""
    i = tl.arange(0, BLOCK)
    total = tl.zeros((BLOCK,), tl.float32)
    for k in range(4):
        total += tl.load(x + k * BLOCK + i)
        j = 0
        while j < n:
            if k > 1:
                tl.atomic_add(o, 1.0)
                tl.device_assert(j != 2, "j != 2")
                tl.atomic_add(o + 1, 1.0)
            total = tl.flip(total, 0) + 1.0
            j += 1
    tl.store(o + 2 + i, total)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_of_a_number_in_loops(schedule: str) -> None:
    x, o = torch.ones(N), torch.zeros(2 + 128)
    with pytest.raises(DeviceAssertError, match=r"nested: block: \[0,0,0\] Assertion `j != 2` failed"):
        nested[(1,)](x, o, 5, BLOCK=128, debug=True, schedule=schedule)
    assert o[0] == 3 and o[1] == 2 and not o[2:].any()
    o.zero_()
    nested[(1,)](x, o, 2, BLOCK=128, debug=True, schedule=schedule)
    assert o[:2].tolist() == [4, 4] and (o[2:] == 12).all()


@triton.jit
def in_tiles(x, o, BLOCK: tl.constexpr):
    """One program whose tiles are dealt out: where it stores is computed behind the assertion."""
    i = tl.arange(0, BLOCK)
    at = tl.load(x + i)
    tl.device_assert(at < BLOCK, "at < BLOCK")
    rank = tl.cumsum((at >= 0).to(tl.int32)) - 1
    tl.store(o + at + rank * 0, at)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_in_a_task_of_a_program(schedule: str) -> None:
    """The program that has forked the task does not go on either."""
    x = torch.arange(1 << 14, dtype=torch.int32)
    x[-1] = 1 << 30
    o = torch.zeros_like(x)
    with pytest.raises(DeviceAssertError, match=r"in_tiles: block: \[0,0,0\] Assertion `at < BLOCK` failed"):
        in_tiles[(1,)](x, o, BLOCK=1 << 14, debug=True, schedule=schedule)
    assert not o.any()


@triton.jit
def without_words(x):
    tl.device_assert(tl.load(x) > 0)


def test_without_a_message() -> None:
    with pytest.raises(DeviceAssertError, match=r"without_words: block: \[0,0,0\] Assertion failed$"):
        without_words[(1,)](torch.zeros(1), debug=True)


def test_only_where_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.zeros(1)
    without_words[(1,)](x)
    with triton.knobs.runtime.scope():
        triton.knobs.runtime.debug = True  # what TRITON_DEBUG=1 sets
        with pytest.raises(DeviceAssertError):
            without_words[(1,)](x)


@triton.jit
def bounded_sum(a, b):
    """In whatever order it is called."""
    tl.device_assert(a + b < 500, "a + b < 500")
    tl.device_assert((a > -500) & (b > -500), "above -500")
    return a + b


@triton.jit
def bounded_first(a, i, b, j):
    tl.device_assert(i < j, "i < j")
    return tl.where(a < b, b, a), tl.where(a < b, j, i)


@triton.jit
def folded(x, o, AXIS: tl.constexpr, SCAN: tl.constexpr):
    r, c = tl.arange(0, 16)[:, None], tl.arange(0, 32)[None, :]
    v = tl.load(x + r * 32 + c)
    if SCAN:
        tl.store(o + r * 32 + c, tl.associative_scan(v, AXIS, bounded_sum, reverse=True))
    else:
        tl.store(o + tl.arange(0, 32 if AXIS == 0 else 16), tl.reduce(v, AXIS, bounded_sum))


@pytest.mark.parametrize("scan", [False, True])
@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_in_a_combine_function(schedule: str, axis: int, scan: bool) -> None:
    x = torch.randint(-5, 6, (16, 32), dtype=torch.int32, generator=torch.manual_seed(0))
    o = torch.zeros((16, 32) if scan else (32 if axis == 0 else 16), dtype=torch.int32)

    def launch() -> None:
        folded[(1,)](x, o, axis, scan, debug=True, schedule=schedule)

    launch()
    assert torch.equal(o, (x.flip(axis).cumsum(axis).flip(axis) if scan else x.sum(axis)).int())
    o.zero_()
    for value, text in ((900, "a + b < 500"), (-900, "above -500")):
        x[7, 9], x[8, 9], x[7, 10] = value, value, value
        where = line_of(bounded_sum, text)
        with pytest.raises(DeviceAssertError) as caught:
            launch()
        assert str(caught.value) == f"{where}: folded: block: [0,0,0] Assertion `{text}` failed"
    assert not o.any(), "the program ends there"


@triton.jit
def greatest_at(x, o, first, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    v, at = tl.reduce((tl.load(x + i), tl.load(first) + i), 0, bounded_first)
    tl.store(o, v)
    tl.store(o + 1, at)


def test_in_a_combine_function_of_several_values() -> None:
    """Elements count, not what a reduction begins with (0). Without vectors, they come in order."""
    x = torch.randperm(64, generator=torch.manual_seed(0)).int()
    o, first = torch.zeros(2, dtype=torch.int32), torch.tensor([-100], dtype=torch.int32)
    greatest_at[(1,)](x, o, first, 64, debug=True, schedule="vectorize=off")
    assert o.tolist() == [63, int(x.argmax()) - 100]


@triton.jit
def computed(x, y, o, HOW: tl.constexpr):
    i = tl.arange(0, 8)
    a, b = tl.load(x + i), tl.load(y + i)
    tl.store(o + i, a + b if HOW == "add" else a - b if HOW == "sub" else a * b)


UNSIGNED = {torch.uint8: tl.uint8, torch.uint16: tl.uint16, torch.uint32: tl.uint32}


@pytest.mark.parametrize("how", ["add", "sub", "mul"])
@pytest.mark.parametrize("dtype", [torch.int8, torch.int16, torch.int32, *UNSIGNED])
def test_integers_that_wrap(dtype: torch.dtype, how: str) -> None:
    """An assertion of Triton's own, in a kernel that has its assertions; without them, integers wrap."""
    least, most = torch.iinfo(dtype).min, torch.iinfo(dtype).max
    a, b = {"add": (most, 1), "sub": (least, 1), "mul": (most // 2 + 1, 2)}[how]
    x, y, o = torch.full((8,), 2, dtype=dtype), torch.full((8,), b, dtype=dtype), torch.zeros(8, dtype=dtype)
    computed[(1,)](x, y, o, how, debug=True)
    x[5] = a
    with pytest.raises(DeviceAssertError, match=rf"`u?int{dtype.itemsize * 8} overflow detected for operation {how}`"):
        computed[(1,)](x, y, o, how, debug=True)
    for options in ({}, {"debug": True, "sanitize_overflow": False}):
        computed[(1,)](x, y, o, how, **options)
        assert int(o[5]) == (least if how != "sub" else most) * (how != "mul" or least != 0)


@triton.jit
def summed(x, o):
    tl.store(o, tl.sum(tl.load(x + tl.arange(0, 64))))
    tl.store(o + 1, tl.sum(tl.cumsum(tl.load(x + tl.arange(0, 64)))))


def test_sums_that_wrap() -> None:
    x, o = torch.arange(64, dtype=torch.int32), torch.zeros(2, dtype=torch.int32)
    summed[(1,)](x, o, debug=True)
    assert o.tolist() == [x.sum(), x.cumsum(0).sum()]
    x[0] = 2**31 - 2000
    with pytest.raises(DeviceAssertError, match="`int32 overflow detected for operation add`"):
        summed[(1,)](x, o, debug=True)


def compiled(target: machine.Machine, schedule: str) -> AnyExecutable:
    types = {"x": "*i32", "o": "*i32", "limit": "i32", "BLOCK": "constexpr"}
    return compile_kernel(
        below, types, {"BLOCK": 128}, machine=target, schedule=Schedule.parse(schedule), options=Options(debug=True)
    )


@pytest.mark.parametrize("checked", ["0", "1"])
@pytest.mark.parametrize("schedule", ["threads=2", "threads=1 double_buffer=on", "vectorize=off threads=2"])
@pytest.mark.parametrize("device", ["host", "hexagon-v73"])
def test_bound_kernels(device: str, schedule: str, checked: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the modelled device, too; and that transfers were left half-way is no fault of theirs."""
    monkeypatch.setenv("RUNG_DEBUG_DMA", checked)
    executable = compiled(machine.host() if device == "host" else machine.load(device), schedule)
    x, o = torch.arange(N, dtype=torch.int32), torch.zeros(16, dtype=torch.int32)
    for _ in range(2):
        with pytest.raises(DeviceAssertError, match=r"block: \[1,1,0\] Assertion"):
            executable.run([x, o, 5 * 128 + 127], (2, 2, 1))
        executable.run([x, o, N], (4, 2, 1))
        assert torch.equal(o[8:], x.reshape(8, 128).sum(1).int())


def test_timed_launches_end_with_the_first_that_fails() -> None:
    executable = compiled(machine.host(), "")
    assert isinstance(executable, Executable)
    x, o = torch.arange(N, dtype=torch.int32), torch.zeros(16, dtype=torch.int32)
    assert len(executable.bind([x, o, N], (4, 2, 1)).time(3)) == 3
    with pytest.raises(DeviceAssertError):
        executable.bind([x, o, 0], (4, 2, 1)).time(1 << 20)


def test_each_launch_raises_its_own() -> None:
    """Launches at the same time: one has the pool, the others run on their callers."""
    schedule = "threads=2 profitability=off"
    wrong: list[str] = []

    def work(number: int) -> None:
        x, o = torch.arange(N, dtype=torch.int32), torch.zeros(16, dtype=torch.int32)
        for turn in range(50):
            limit = N if (turn + number) % 2 else number * 128 + 1
            try:
                below[(4, 2)](x, o, limit, BLOCK=128, debug=True, schedule=schedule)
                found = ""
            except DeviceAssertError as error:
                found = str(error)
            if bool(found) != (limit < N):
                wrong.append(f"{limit}: {found}")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


# ---- memory

SCRIPT = '''
import resource, torch, triton, triton.language as tl
from rung.errors import OutOfMemoryError

@triton.jit
def turn(x, o, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    v = tl.load(x + i)
    for _ in range(2):
        v = tl.flip(v, 0) + 1.0
    tl.store(o + i, v)

def launch(size, programs=2):
    """Both programs compute the same; on a context each, they fail both."""
    turn[(programs,)](x, o, BLOCK=size, schedule="threads=2 profitability=off")

SMALL, LARGE = 1 << 10, 1 << 18
x, o = torch.rand(LARGE), torch.zeros(LARGE)
launch(SMALL)
launch(LARGE, programs=0)  # it is loaded
o.zero_()
before = resource.getrlimit(resource.RLIMIT_AS)
pages = int(open("/proc/self/statm").read().split()[0])
resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + (1 << 21), before[1]))
for _ in range(2):
    try:
        launch(LARGE)
        print("it did not fail")
    except OutOfMemoryError as error:
        print(isinstance(error, MemoryError), str(error)[:29])
    launch(SMALL)
    print(torch.equal(o[:SMALL], x[:SMALL] + 2))
    o.zero_()
resource.setrlimit(resource.RLIMIT_AS, before)
launch(LARGE)
print(torch.equal(o, x + 2))
'''


@pytest.mark.skipif(sys.platform != "linux", reason="the address space is limited as on Linux")
def test_no_memory_for_scratch(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True)
    failed = "True out of memory: a kernel needs"
    assert done.stdout.splitlines() == [failed, "True", failed, "True", "True"], done.stderr


def test_it_is_an_error_of_memory() -> None:
    assert issubclass(OutOfMemoryError, MemoryError) and issubclass(OutOfMemoryError, RuntimeError)
