"""First launches and compilations from many sides at once: threads, forks, spawned processes, workers of a DataLoader,
with a cache directory that is fresh, shared, read-only, full or damaged.

`python -m tests.campaign.launches FIRST LAST` prints a line of JSON a case, each a process of its own, since it forks
and starts threads. A case makes LAUNCHES first launches; its seed says how.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

from tests.campaign.child import ROOT, Outcome, serve
from tests.fuzz.interpreter import imported

LAUNCHES = 24
KERNELS = 6
WORKERS = 4
SIZE = 300
LIMIT_S = 110
WAYS = ("threads", "forks", "spawned", "loader")
CACHES = ("fresh", "shared", "read-only", "full", "damaged")
SOURCE = """
@triton.jit
def kernel{number}(x, o, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    a = tl.load(x + i, mask=i < n)
    for k in range({turns}):
        a = a * {factor} + k
    tl.store(o + i, a, mask=i < n)
"""


class Kernels:
    """Kernels that nobody has compiled yet, and what each of them gives."""

    def __init__(self, seed: int, path: Path) -> None:
        rng = Random(seed)
        self.numbers = [(rng.randrange(2, 9), rng.randrange(3, 1000) * 2 + 1) for _ in range(KERNELS)]
        text = "import triton\nimport triton.language as tl\n"
        for number, (turns, factor) in enumerate(self.numbers):
            text += "\n" + SOURCE.format(number=number, turns=turns, factor=factor)
        path.write_text(text)
        self.module = imported(path)

    def launch(self, number: int) -> bool:
        """Whether one launch is right."""
        import torch

        turns, factor = self.numbers[number]
        x = torch.arange(SIZE, dtype=torch.int32)
        given, wanted = torch.zeros_like(x), x.clone()
        getattr(self.module, f"kernel{number}")[(3,)](x, given, SIZE, BLOCK=128)
        for k in range(turns):
            wanted = wanted * factor + k
        return torch.equal(given, wanted)

    def launch_all(self, rng: Random, count: int = KERNELS) -> bool:
        numbers = [rng.randrange(KERNELS) for _ in range(count)]
        return all(self.launch(number) for number in numbers)


def threads(kernels: Kernels, seed: int) -> bool:
    """All threads begin with the same kernel at the same time."""
    start, right = threading.Barrier(WORKERS), [False] * WORKERS

    def work(worker: int) -> None:
        start.wait()
        right[worker] = kernels.launch(0) & kernels.launch_all(Random(seed + worker), LAUNCHES // WORKERS - 1)

    _together([threading.Thread(target=work, args=(k,)) for k in range(WORKERS)])
    return all(right)


def forks(kernels: Kernels, seed: int) -> bool:
    """Children of a process in which a thread compiles and launches all the time."""
    right, done = [True], threading.Event()
    first = threading.Event()

    def work() -> None:
        rng = Random(seed)
        while not done.is_set():
            right[0] &= kernels.launch(rng.randrange(KERNELS))
            for kernel in vars(kernels.module).values():
                if rng.random() < 0.5 and hasattr(kernel, "device_caches"):
                    kernel.device_caches.clear()
            first.set()

    other = threading.Thread(target=work)
    other.start()
    first.wait()
    children: list[int] = []
    for worker in range(WORKERS):
        time.sleep(Random(seed + worker).random() * 0.1)
        pid = os.fork()
        if pid == 0:
            status = 2
            try:
                status = 0 if kernels.launch_all(Random(seed + worker), LAUNCHES // WORKERS) else 1
            finally:
                os._exit(status)
        children.append(pid)
    for pid in children:
        right[0] &= os.waitpid(pid, 0)[1] == 0
    done.set()
    other.join()
    return right[0]


def spawned(kernels: Kernels, seed: int) -> bool:
    """Processes of their own that share the cache directory."""
    path = str(kernels.module.__file__)
    context = multiprocessing.get_context("spawn")
    with context.Pool(2) as pool:
        return all(pool.starmap(_in_process, [(seed, path, worker) for worker in range(WORKERS)]))


def _in_process(seed: int, path: str, worker: int) -> bool:
    return Kernels(seed, Path(path).with_suffix(f".{worker}.py")).launch_all(Random(seed + worker), LAUNCHES // WORKERS)


class _Rows:
    """A data set whose rows are computed by kernels."""

    def __init__(self, kernels: Kernels) -> None:
        self._kernels = kernels

    def __len__(self) -> int:
        return LAUNCHES

    def __getitem__(self, row: int) -> int:
        return int(self._kernels.launch(row % KERNELS))


def loader(kernels: Kernels, seed: int) -> bool:
    """Workers of a DataLoader, forked after this process has launched a kernel with several contexts."""
    from torch.utils.data import DataLoader

    right = kernels.launch(0) if seed % 2 else True
    rows: Any = _Rows(kernels)
    found = [int(x) for batch in DataLoader(rows, batch_size=4, num_workers=2) for x in batch]
    return right and len(found) == LAUNCHES and all(found)


def _together(workers: Sequence[threading.Thread]) -> None:
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


def prepare(cache: str, folder: Path, kernels: Kernels, seed: int) -> None:
    """The state of Triton's cache directory in which the launches begin."""
    if cache in ("shared", "read-only", "damaged"):
        kernels.launch_all(Random(1), 2)
        for kernel in vars(kernels.module).values():
            if hasattr(kernel, "device_caches"):
                kernel.device_caches.clear()
    if cache == "damaged":
        rng = Random(seed)
        for path in sorted(folder.rglob("*")):
            if path.is_file() and rng.random() < 0.5:
                content = path.read_bytes()
                at = rng.randrange(len(content) + 1)
                path.write_bytes(rng.choice([b"", content[:at], content[:at] + b"\xff" + content[at + 1 :]]))
    if cache == "read-only":
        subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)


@contextmanager
def mounted(cache: str, folder: Path) -> Generator[None]:
    """A file system of its own, that can be full or read-only, to root, too. Only root may mount one."""
    if cache not in ("read-only", "full"):
        yield
        return
    size = "16k" if cache == "full" else "64m"
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def one(seed: int) -> int:
    """The inside of a case."""
    way: Callable[[Kernels, int], bool] = globals()[WAYS[seed % len(WAYS)]]
    folder = Path(os.environ["TRITON_CACHE_DIR"])
    kernels = Kernels(seed, folder.parent / f"kernels{seed}.py")
    prepare(CACHES[seed // len(WAYS) % len(CACHES)], folder, kernels, seed)
    return 0 if way(kernels, seed) else 3


def case(seed: int) -> Outcome:
    features = (WAYS[seed % len(WAYS)], CACHES[seed // len(WAYS) % len(CACHES)])
    with tempfile.TemporaryDirectory() as temporary:
        cache = Path(temporary) / "cache"
        cache.mkdir()
        environment = {**os.environ, "TRITON_CACHE_DIR": str(cache), "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "tests.campaign.launches", "--one", str(seed)]
        try:
            with mounted(features[1], cache):
                done = subprocess.run(
                    command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=LIMIT_S, check=False
                )
        except subprocess.TimeoutExpired:
            return Outcome(seed, "hung", "", features)
    if done.returncode == 0:
        return Outcome(seed, "ok", "", features)
    if done.returncode < 0:
        return Outcome(seed, "killed", f"signal {-done.returncode}: {done.stderr[-500:]}", features)
    return Outcome(seed, "different" if done.returncode == 3 else "failed", done.stderr[-700:], features)


if __name__ == "__main__":
    if sys.argv[1] == "--one":
        sys.exit(one(int(sys.argv[2])))
    serve(case)
