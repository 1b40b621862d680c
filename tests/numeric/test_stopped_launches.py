"""Launches that end before their programs do: Ctrl-C, and memory for programs that wait. Afterwards all goes on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.timeout(120)

SETUP = """if True:
    import os, resource, signal, sys, threading, time
    import numpy as np
    import waiting_kernels as kernels
    from rung import machine
    from rung.compile import compile_kernel
    from rung.errors import OutOfMemoryError
    from rung.schedule import Schedule

    def compiled(kernel, types, **blocks):
        signature = dict(zip(kernel.arg_names, [*types.split(), *["constexpr"] * len(blocks)], strict=True))
        host = machine.host().model_copy(update={"fork_join_ns": 0.0})
        return compile_kernel(kernel, signature, blocks, machine=host, schedule=Schedule(threads=THREADS))

    def ints(n):
        return np.zeros(n, np.int32)

    def all_goes_on():
        for n in (1, 100):
            flag, y = ints(n), np.zeros(n, np.float32)
            chain.run([flag, y, n], (n, 1, 1))
            assert y.tolist() == list(range(n))
            o = np.zeros((n, 2048), np.float32)
            normalize.run([np.zeros_like(o), o, np.zeros(n, np.float32), ints(n)], (n, 1, 1))
            np.testing.assert_allclose(o, 1 / n, rtol=1e-5)

    chain = compiled(kernels.chain, "*i32 *fp32 i32")
    normalize = compiled(kernels.normalize, "*fp32 *fp32 *fp32 *i32", BLOCK=2048)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a test runner in the background may ignore it
"""


def run_alone(script: str, threads: int) -> str:
    """In a process of its own, without torch."""
    done = subprocess.run(
        [sys.executable, "-c", f"THREADS = {threads}\n{SETUP}{script}"],
        capture_output=True,
        text=True,
        timeout=100,
        cwd=Path(__file__).parent,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_ctrl_c_reaches_programs_that_wait(threads: int) -> None:
    """All of them, the first one and the last one only; and launches that are timed in C."""
    script = """
    def interrupted(launch):
        timer = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        began = time.perf_counter()
        try:
            launch()
        except KeyboardInterrupt:
            print("interrupted", time.perf_counter() - began < 5)
        timer.join()

    forever = compiled(kernels.forever_some, "*i32 *i32 i32 i32")
    for programs, first, last in ((1, 0, 0), (500, 0, 499), (500, 0, 0), (500, 499, 499)):
        o = ints(programs)
        interrupted(lambda: forever.run([ints(1), o, first, last], (programs, 1, 1)))
        assert not o[first : last + 1].any() and o.sum() <= programs - (last - first + 1)
        all_goes_on()
    interrupted(lambda: forever.bind([ints(1), ints(8), 0, 7], (8, 1, 1)).time(3))
    all_goes_on()
    """
    assert run_alone(script, threads).split("\n")[:-1] == ["interrupted True"] * 5


def test_a_handler_that_does_not_raise_lets_programs_wait_on() -> None:
    script = """
    flag, o, seen = ints(1), ints(8), []
    def handler(number, frame):
        seen.append(number)
        flag[0] = 1
    signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.1)
    compiled(kernels.forever, "*i32 *i32").run([flag, o], (8, 1, 1))
    print(len(seen), o.tolist())
    """
    assert run_alone(script, 2) == f"1 {[1] * 8}\n"


@pytest.mark.skipif(sys.platform != "linux", reason="limits of address space")
@pytest.mark.parametrize("threads", [1, 2])
def test_too_little_memory_for_programs_that_wait_is_an_error(threads: int) -> None:
    """For their stacks; for their scratch; and programs that end leave theirs to others."""
    script = """
    def limited(launch):
        with open("/proc/self/statm") as statm:
            used = int(statm.read().split()[0]) * resource.getpagesize()
        before = resource.getrlimit(resource.RLIMIT_AS)
        # A thread's first `malloc` takes 64 MiB of addresses, and for a moment 128 MiB to find a multiple in.
        resource.setrlimit(resource.RLIMIT_AS, (used + (256 << 20), before[1]))
        try:
            launch()
            print("ran")
        except OutOfMemoryError as error:
            text = str(error)
            print("scratch" if "bytes of scratch" in text else "stack" if int(text.split()[3]) > 10 else text)
        finally:
            resource.setrlimit(resource.RLIMIT_AS, before)

    all_goes_on()
    n = 3000
    limited(lambda: chain.run([ints(n), np.zeros(n, np.float32), n], (n, 1, 1)))
    all_goes_on()
    wide = compiled(kernels.normalize, "*fp32 *fp32 *fp32 *i32", BLOCK=1 << 18)
    x = np.zeros((280, 1 << 18), np.float32)
    limited(lambda: wide.run([x, x, np.zeros(280, np.float32), ints(280)], (280, 1, 1)))
    all_goes_on()
    order = ints(n)
    lock = compiled(kernels.spin_lock, "*i32 *i32 *i32 i32")
    limited(lambda: lock.run([ints(1), ints(1), order, n], (n, 1, 1)))
    assert sorted(order.tolist()) == list(range(n))
    """
    assert run_alone(script, threads) == "stack\nscratch\nran\n"
