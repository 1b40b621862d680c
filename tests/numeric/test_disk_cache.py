"""Triton's disk cache with entries that are damaged, and in places that are full, read-only or gone: launches go on."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import triton
import triton.language as tl
from triton.backends.compiler import GPUTarget
from triton.runtime.cache import FileCacheManager

import rung.compile
from rung.errors import UsageError
from rung.triton_backend import cache


@triton.jit
def _affine(x_ptr, o_ptr, n, A: tl.constexpr, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(o_ptr + i, tl.load(x_ptr + i, mask=i < n) * A + 1, mask=i < n)


FILES = tuple(f"_affine.{suffix}" for suffix in ("json", "json.sha256", "rung", "llvm", "linalg", "ttir", "source"))


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory of the cache."""
    directory = tmp_path / "cache"
    monkeypatch.setenv("TRITON_CACHE_DIR", str(directory))
    (tmp_path / "copies").mkdir()
    monkeypatch.setattr(cache, "_MEMORY", str(tmp_path / "copies"))
    return directory


@pytest.fixture
def compiled(place: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Grows by one with every compilation, which would leave no file if it were killed."""
    log: list[str] = []
    compile_ttir = rung.compile.compile_ttir

    def logged(ttir: Any, **options: Any) -> Any:
        log.append(str(ttir))
        assert not list(place.with_name("copies").iterdir())
        return compile_ttir(ttir, **options)

    monkeypatch.setattr(rung.compile, "compile_ttir", logged)
    return log


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    log: list[str] = []
    cache._tell.cache_clear()
    monkeypatch.setattr(cache.logging.getLogger("rung"), "warning", lambda text, *args: log.append(text % args))
    yield log
    cache._tell.cache_clear()


def launch(factor: int = 3) -> Any:
    """As a new process would: with nothing in memory. Checks the values; returns Triton's kernel."""
    x, out = torch.arange(100.0), torch.zeros(100)
    kernel = triton.JITFunction(_affine.fn)[(2,)](x, out, 100, factor, BLOCK=64)
    assert torch.equal(out, x * factor + 1)
    return kernel


def entry(place: Path) -> Path:
    (directory,) = place.iterdir()
    assert {*FILES, "__grp___affine.json"} == {path.name for path in directory.iterdir()}
    return directory


def test_an_entry_is_found_again_and_no_copy_of_it_stays(place: Path, compiled: list[str], tmp_path: Path) -> None:
    for _ in range(2):
        group = launch().metadata_group
        assert len(compiled) == 1 and not list((tmp_path / "copies").iterdir())
        assert {name: Path(path) for name, path in group.items()} == {
            name: entry(place) / name for name in FILES if not name.endswith("sha256")
        }


# ---- damage


def truncate(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def empty(file: Path) -> None:
    file.write_bytes(b"")


def garbage(file: Path) -> None:
    file.write_bytes(b'{"a": [1, 2}' + bytes(range(256)))


def a_bit(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 3] ^= 1
    file.write_bytes(content)


def another_kernel(file: Path) -> None:
    kept = set(file.parents[1].iterdir())
    launch(factor=5)
    (other,) = set(file.parents[1].iterdir()) - kept
    (other / file.name).replace(file)
    shutil.rmtree(other)


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        *((name, damage) for name in FILES[:3] for damage in (truncate, empty, garbage, a_bit, another_kernel)),
        *((name, damage) for name in FILES for damage in (Path.unlink, a_bit)),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_a_damaged_entry_is_replaced(
    place: Path, compiled: list[str], name: str, damage: Callable[[Path], object]
) -> None:
    launch()
    damage(entry(place) / name)
    before = len(compiled)
    launch()
    assert len(compiled) == before + 1
    launch()
    assert len(compiled) == before + 1
    entry(place)


def test_all_bits_of_what_is_loaded_matter(place: Path, compiled: list[str]) -> None:
    launch()
    file = entry(place) / "_affine.json.sha256"
    content = file.read_bytes()
    for position in range(0, len(content), 97):
        file.write_bytes(content[:position] + bytes([content[position] ^ 4]) + content[position + 1 :])
        launch()
        file.write_bytes(content)
    assert len(compiled) == 1 + len(range(0, len(content), 97))


def test_an_entry_under_another_key_is_not_that_kernel_s(place: Path, compiled: list[str]) -> None:
    launch()
    mine = entry(place)
    launch(factor=5)
    (other,) = set(place.iterdir()) - {mine}
    for file in mine.iterdir():
        shutil.copy(file, other)
    launch(factor=5)
    assert len(compiled) == 3


def test_a_file_that_cannot_be_read_or_replaced(place: Path, compiled: list[str], told: list[str]) -> None:
    launch()
    file = entry(place) / "_affine.rung"
    file.unlink()
    file.mkdir()
    for count in (2, 3):
        launch()
        assert len(compiled) == count and len(told) == 1
    assert f"are not kept in {place}: Is a directory; every process" in told[0]


# ---- places


def unwritable(place: Path) -> None:
    place.mkdir(mode=0o500)
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere; `below a file` is like it")


def below_a_file(place: Path) -> None:
    place.write_text("")


@pytest.mark.parametrize("make", [unwritable, below_a_file])
def test_a_place_that_cannot_be_written(
    place: Path, compiled: list[str], told: list[str], make: Callable[[Path], None]
) -> None:
    make(place)
    for count in (1, 2):
        launch()
        assert len(compiled) == count and len(told) == 1


@pytest.mark.parametrize("room", range(8))
def test_a_disk_that_is_full(
    place: Path, compiled: list[str], told: list[str], monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    """After any number of files. What is written before is not taken for an entry, and the next one that fits is."""
    put, files = FileCacheManager.put, [room]

    def put_while_there_is_room(self: Any, data: object, filename: str, binary: bool = True) -> str:
        if not files[0]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        files[0] -= 1
        return put(self, data, filename, binary)

    with monkeypatch.context() as full:
        full.setattr(FileCacheManager, "put", put_while_there_is_room)
        launch()
    assert len(told) == 1 and "No space left on device" in told[0]
    launch()
    launch()
    assert len(compiled) == (1 if room == 7 else 2)  # the eighth file is Triton's own list of the others


def test_no_room_for_what_triton_reads(place: Path, compiled: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither in memory nor on the disk. A kernel that is kept needs none; only one that cannot be is refused."""
    with monkeypatch.context() as full:
        full.setattr(cache, "_MEMORY", str(place / "nowhere"))
        launch()
        full.setattr(tempfile, "tempdir", str(place / "nowhere"))
        launch(factor=4)
        launch(factor=4)
        assert len(compiled) == 2
        below_a_file(place.with_name("file"))
        full.setenv("TRITON_CACHE_DIR", str(place.with_name("file")))
        with pytest.raises(UsageError, match=r"_affine\.source could not be written: .*; set TMPDIR to a directory"):
            launch(factor=5)
    launch(factor=5)


@pytest.mark.parametrize("moment", ["before the stages", "before it is read", "before it is read again"])
def test_the_directory_is_removed(place: Path, monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    def remove_and(work: Callable[..., Any], first: bool) -> Callable[..., Any]:
        def wrapped(*args: Any, **options: Any) -> Any:
            if first:
                shutil.rmtree(place)
            result = work(*args, **options)
            if not first:
                shutil.rmtree(place)
            return result

        return wrapped

    with monkeypatch.context() as changed:
        if moment == "before the stages":
            changed.setattr(rung.compile, "compile_ttir", remove_and(rung.compile.compile_ttir, True))
        elif moment == "before it is read":
            changed.setattr(cache.CheckedCache, "put_group", remove_and(cache.CheckedCache.put_group, False))
        else:
            launch()
            changed.setattr(cache.CheckedCache, "get_group", remove_and(cache.CheckedCache.get_group, False))
        launch()
    launch()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_processes_that_write_one_entry_at_once(place: Path, compiled: list[str]) -> None:
    """Whatever remains: a mixture of their files is no entry."""
    context = multiprocessing.get_context("fork")
    start = context.Barrier(3)
    processes = [context.Process(target=lambda: (start.wait(), launch())) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    launch()
    before = len(compiled)
    launch()
    assert len(compiled) == before


# ---- what else Triton keeps, and where


def test_results_of_tuning_are_checked_as_well(place: Path) -> None:
    benched: list[int] = []

    def bench(call: Callable[[], object], quantiles: object) -> list[float]:
        call()
        benched.append(1)
        return [float(len(benched))] * 3

    def tune() -> None:
        configs = [triton.Config({"BLOCK": block}) for block in (64, 128)]
        tuned = triton.autotune(configs, key=["n"], do_bench=bench, cache_results=True)(triton.JITFunction(_affine.fn))
        x, out = torch.arange(100.0), torch.zeros(100)
        tuned[(2,)](x, out, 100, 3)
        assert torch.equal(out, x * 3 + 1)

    tune()
    tune()
    assert len(benched) == 2
    (file,) = place.glob("*/*.autotune.json")
    assert len(json.loads(file.read_text())["configs_timings"]) == 2
    truncate(file)
    tune()
    tune()
    assert len(benched) == 4


def test_a_worker_of_inductor_compiles_what_is_damaged(place: Path, compiled: list[str]) -> None:
    """It asks for no driver: it knows the target, and launches nothing."""
    types = {"x_ptr": "*fp32", "o_ptr": "*fp32", "n": "i32", "A": "constexpr", "BLOCK": "constexpr"}
    source = triton.compiler.ASTSource(triton.JITFunction(_affine.fn), types, {"A": 3, "BLOCK": 64})
    first = triton.compile(source, target=GPUTarget("cpu", "cpu", 1))
    files = [entry(place) / name for name in ("_affine.json", "_affine.rung")]
    for damage in (truncate, garbage, Path.unlink):
        for file in files:
            damage(file)
        again = triton.compile(source, target=GPUTarget("cpu", "cpu", 1))
        assert again.metadata == first.metadata and again.asm["ttir"] == first.asm["ttir"]
    assert len(compiled) == 4


class Chosen(FileCacheManager):
    """Of the user."""

    keys: list[str] = []  # noqa: RUF012

    def __init__(self, key: str, override: bool = False, dump: bool = False) -> None:
        super().__init__(key, override, dump)
        self.keys.append(key)


def test_the_user_s_own_manager_is_used(place: Path, compiled: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(triton.knobs.cache, "manager_class", Chosen)
    launch()
    assert [path.name for path in place.iterdir()] == Chosen.keys
    a_bit(entry(place) / "_affine.rung")
    launch()
    launch()
    assert len(Chosen.keys) == 3 and len(compiled) == 2


def test_a_setting_that_leaves_out_the_binary_is_refused(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRITON_STORE_BINARY_ONLY", "1")
    with pytest.raises(UsageError, match="TRITON_STORE_BINARY_ONLY leaves out what rung loads"):
        launch()
