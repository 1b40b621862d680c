"""Triton's side of a launch, with a compiler and a launcher that only record what reaches them."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch
import triton
import triton.language as tl
import triton.testing

import rung.runtime
import rung.targets.loaded
import rung.triton_backend.careful  # before there are stubs
from rung.errors import UnsupportedError, UsageError
from rung.triton_backend import driver
from rung.triton_backend.arguments import Arguments, c_type
from tests import kernels_corpus as corpus

pytestmark = pytest.mark.skipif(
    "cpu" not in triton.backends.backends,
    reason="rung is not installed: `pip install -e .` registers it with Triton",
)
LAUNCHES: list[SimpleNamespace] = []
COMPILED: list[SimpleNamespace] = []
ASSUMED: list[list[int]] = []


class RecordingLauncher:
    def __init__(self, kinds, names, alias_pairs=(), otherwise=None, dtypes=(), structure=None) -> None:
        self.kinds, self.names, self.alias_pairs, self.otherwise, self.dtypes, self.structure = (
            kinds,
            names,
            alias_pairs,
            otherwise,
            dtypes,
            structure,
        )

    def __call__(self, gx, gy, gz, stream, function, packed, launch_metadata, enter, exit, *args):
        for hook in (enter, exit):
            if hook is not None:
                hook(launch_metadata)
        LAUNCHES.append(SimpleNamespace(grid=(gx, gy, gz), function=function, args=args, **vars(self)))


def compile_nothing(ttir, *, distinct=True, fits=True, **settings):
    COMPILED.append(SimpleNamespace(ttir=str(ttir), distinct=distinct, **settings))
    metadata = {"name": "masked_add", "assumed": ASSUMED, "fits": False}
    stages = {"linalg": "linalg text", "llvm": "llvm text"}
    return SimpleNamespace(binary=b"code", stages=stages, metadata=metadata)


def loaded(code: bytes, kernel: str) -> SimpleNamespace:
    return SimpleNamespace(address=4096 + len(code))


@pytest.fixture(autouse=True)
def stubs(monkeypatch, tmp_path):
    for log in (LAUNCHES, COMPILED, ASSUMED):
        log.clear()
    compiler = SimpleNamespace(
        compile_ttir=compile_nothing,
        host_object=lambda compiled: compiled.binary,
        load=lambda compiled: loaded(compiled.binary, "masked_add"),
    )
    monkeypatch.setitem(sys.modules, "rung.compile", compiler)
    monkeypatch.setattr(rung.targets.loaded, "load", loaded)
    monkeypatch.setattr(rung.runtime, "_native", SimpleNamespace(Launcher=RecordingLauncher), raising=False)
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))


@pytest.fixture
def add():
    """A new JITFunction, so that no stub stays in the kernel's cache."""
    return triton.JITFunction(corpus.masked_add.fn)


def tensors(n: int = 100):
    return torch.zeros(n), torch.ones(n), torch.empty(n)


def test_a_launch_reaches_the_launcher(add):
    x, y, o = tensors()
    kernel = add[(7,)](x, y, o, 100, BLOCK=64)
    (launch,) = LAUNCHES
    assert launch.grid == (7, 1, 1)
    assert launch.args[:4] == (x, y, o, 100) and launch.args[4] == 64
    assert (launch.kinds, launch.names) == ("PPPw-", ("x_ptr", "y_ptr", "o_ptr", "n", "BLOCK"))
    assert launch.function == 4100
    assert kernel.asm["rung"] == b"code"
    assert (kernel.asm["linalg"], kernel.asm["llvm"]) == ("linalg text", "llvm text")
    assert "tt.func public @masked_add(" in kernel.asm["ttir"]
    add[lambda meta: (triton.cdiv(100, meta["BLOCK"]), 2)](x, y, o, 100, BLOCK=64)
    assert LAUNCHES[1].grid == (2, 2, 1)
    assert len(COMPILED) == 1


def test_the_disk_cache_is_used_by_the_next_process(add):
    add[(1,)](*tensors(), 100, BLOCK=64)
    again = triton.JITFunction(corpus.masked_add.fn)
    again[(1,)](*tensors(), 100, BLOCK=64)
    assert len(COMPILED) == 1 and len(LAUNCHES) == 2


def test_fingerprint_follows_the_machine(monkeypatch):
    from rung.triton_backend.fingerprint import fingerprint

    before = fingerprint()
    assert fingerprint() == before
    monkeypatch.setenv("RUNG_NUM_THREADS", "77")
    assert fingerprint() != before


def test_schedule_keyword_and_environment(add, monkeypatch):
    add[(1,)](*tensors(), 100, BLOCK=64, schedule="vectorize=off threads=1")
    assert COMPILED[-1].schedule.mechanisms == (False, False, False)
    monkeypatch.setenv("RUNG_SCHEDULE", "threads=1")
    add[(1,)](*tensors(), 100, BLOCK=32)
    assert COMPILED[-1].schedule.rung == "Vec+PF"
    with pytest.raises(UsageError, match=r"there is no field `treads` \(did you mean `threads`\?\); fields: vectorize"):
        add[(1,)](*tensors(), 100, BLOCK=64, schedule="treads=2")
    with pytest.raises(UsageError, match="schedule: vectorize is `maybe`; give on or off"):
        add[(1,)](*tensors(), 100, BLOCK=64, schedule="vectorize=maybe")


def test_gpu_keywords_are_accepted_and_unknown_ones_are_not(add):
    add[(1,)](*tensors(), 100, BLOCK=64, num_warps=8, num_stages=3, num_ctas=1, maxnreg=128)
    with pytest.raises(KeyError, match="Keyword argument speed was specified but unrecognised"):
        add[(1,)](*tensors(), 100, BLOCK=64, speed=9)
    with pytest.raises(UsageError, match="num_warps is 3; it must be a power of 2"):
        add[(1,)](*tensors(), 100, BLOCK=64, num_warps=3)


def test_a_kernel_is_compiled_once_for_all_gpu_keywords(add):
    for warps, stages in ((1, 1), (4, 2), (8, 3)):
        add[(1,)](*tensors(), 100, BLOCK=64, num_warps=warps, num_stages=stages, maxnreg=32 * warps)
    assert len(LAUNCHES) == 3 and len(COMPILED) == 1


def test_a_cooperative_grid_is_compiled_as_one(add):
    for cooperative in (False, True):
        add[(1,)](*tensors(), 100, BLOCK=64, launch_cooperative_grid=cooperative)
    assert [each.cooperative for each in COMPILED] == [False, True]


def test_values_that_triton_specializes_are_constants(add):
    add[(1,)](*tensors(), 1, BLOCK=64)
    assert LAUNCHES[0].kinds == "PPP--" and LAUNCHES[0].args[3] == 1
    assert "%n" not in COMPILED[0].ttir


@triton.jit
def _reverse(x_ptr, N: tl.constexpr, y_ptr):
    i = tl.arange(0, N)
    tl.store(y_ptr + N - 1 - i, tl.load(x_ptr + i))


def test_arguments_assumed_different_have_a_second_version(monkeypatch):
    bound = []
    native = SimpleNamespace(bind=lambda *args: lambda: bound.append(args))
    monkeypatch.setattr("rung.triton_backend.careful._native", native)
    ASSUMED.append([0, 1])  # as the compiler counts: without the constexpr
    x = torch.zeros(16)
    options = {"schedule": "threads=1", "enable_fp_fusion": False, "launch_cooperative_grid": True}
    triton.JITFunction(_reverse.fn)[(1,)](x, 16, x, **options)
    (launch,) = LAUNCHES
    assert launch.kinds == "P-P" and launch.alias_pairs == ((0, 2),)
    for _ in range(2):
        launch.otherwise(1, 2, 3, launch.args)
    assert bound == [(4100, "P-P", launch.args, (1, 2, 3), ("x_ptr", "N", "y_ptr"))] * 2
    first, second = COMPILED
    assert (first.distinct, second.distinct) == (True, False)
    assert (first.cooperative, second.cooperative) == (True, True)
    assert first.schedule == second.schedule and not second.fuse
    assert second.ttir.startswith("#loc") and "tt.func public @_reverse(" in second.ttir


def test_hooks(add):
    seen = []
    add.add_pre_run_hook(lambda *args, **kwargs: seen.append("pre"))
    enter, leave = (
        (lambda metadata: seen.append(metadata.get()["name"])),
        (lambda metadata: seen.append("exit")),
    )
    triton.knobs.runtime.launch_enter_hook.add(enter)
    triton.knobs.runtime.launch_exit_hook.add(leave)
    try:
        add[(1,)](*tensors(), 100, BLOCK=64)
    finally:
        triton.knobs.runtime.launch_enter_hook.remove(enter)
        triton.knobs.runtime.launch_exit_hook.remove(leave)
    assert seen == ["pre", "masked_add", "exit"]


def test_warmup_compiles_without_launching(add):
    kernel = add.warmup(torch.float32, torch.float32, torch.float32, 100, BLOCK=64, grid=(1,))
    assert kernel.metadata.name == "masked_add" and len(COMPILED) == 1 and not LAUNCHES


def test_autotune_picks_a_configuration(add):
    benched = []

    def bench(call, quantiles):
        call()
        block = LAUNCHES[-1].args[4]
        benched.append(block)
        return [abs(block - 128)] * 3

    configs = [triton.Config({"BLOCK": block}) for block in (64, 128, 256)]
    tuned = triton.autotune(configs, key=["n"], do_bench=bench)(add)
    tuned[(1,)](*tensors(), 100)
    assert benched == [64, 128, 256] and tuned.best_config.kwargs == {"BLOCK": 128}


def test_autotune_with_the_drivers_own_benchmarker(add):
    configs = [triton.Config({"BLOCK": block}) for block in (64, 128)]
    tuned = triton.autotune(configs, key=["n"])(add)
    tuned[(1,)](*tensors(), 100)
    assert all(0 < t < 1 for times in tuned.configs_timings.values() for t in times)


@pytest.mark.parametrize("seconds", [0.5e-3, 2e-3])
def test_do_bench_measures_milliseconds(monkeypatch: pytest.MonkeyPatch, seconds: float):
    now = 100.0

    def work() -> None:
        nonlocal now
        now += seconds

    monkeypatch.setattr(driver, "time", SimpleNamespace(perf_counter=lambda: now))
    assert triton.testing.do_bench(work, warmup=1, rep=20, return_mode="min") == pytest.approx(seconds * 1e3)
    assert triton.testing.do_bench(work, warmup=1, rep=2, quantiles=[0.1, 0.9]) == pytest.approx([seconds * 1e3] * 2)


def test_device_properties_name_what_inductor_reads():
    properties = triton.runtime.driver.active.utils.get_device_properties(0)
    assert properties["multiprocessor_count"] >= 1
    assert {"max_shared_mem", "max_num_regs", "warpSize"} <= properties.keys()
    assert triton.runtime.driver.active.get_active_torch_device() == torch.device("cpu")


def test_argument_kinds():
    arguments = Arguments.of(
        {
            "p": "*fp32",
            "k": "*kfp16",
            "a": "i32",
            "b": "u8",
            "c": "u1",
            "d": "fp32",
            "e": "fp64",
            "f": "fp16",
            "g": "bf16",
            "h": "constexpr",
        }
    )
    assert arguments.kinds == "PPwC1fdeb-"
    assert arguments.structure is None
    with pytest.raises(UnsupportedError, match=r"argument `t\[1\]` of type `nvTmaDesc`"):
        Arguments.of({"t": ("i32", "nvTmaDesc")})
    assert [c_type(t) for t in ("*fp32", "i64", "u1", "fp32")] == ["void *", "int64_t", "uint8_t", "float"]


def test_arguments_that_are_several():
    arguments = Arguments.of({"n": "i32", "t": ("*fp32", ("constexpr", "u8")), "d": "tensordesc<fp16[32,64]>", "e": ()})
    assert arguments.structure == ".(.(..))2()"
    assert arguments.kinds == "wP-CPiiii11wwii"
    assert arguments.names[:5] == ("n", "t[0]", "t[1][0]", "t[1][1]", "d.base")
    assert arguments.names[-2:] == ("d.strides[0]", "d.strides[1]")
    assert arguments.dtypes[:5] == (None, "torch.float32", None, None, "torch.float16")


def test_an_argument_that_is_refused_names_the_kernel(add):
    from rung.triton_backend.driver import make_launcher

    source = SimpleNamespace(signature={"t": ("i32", "nvTmaDesc")}, fn=add)
    with pytest.raises(UnsupportedError) as caught:
        make_launcher(source, None)
    assert caught.value.what == "argument `t[1]` of type `nvTmaDesc`"
    assert caught.value.where == f"kernels_corpus.py:{add.fn.__code__.co_firstlineno}"


def test_another_device_goes_first(monkeypatch):
    from rung.triton_backend.driver import CpuDriver

    busy = SimpleNamespace(driver=SimpleNamespace(is_active=lambda: True))
    monkeypatch.setitem(triton.backends.backends, "npu", busy)
    assert not CpuDriver.is_active()
    monkeypatch.setenv("TRITON_DEFAULT_BACKEND", "cpu")
    assert CpuDriver.is_active()


def test_importing_triton_stays_light():
    heavy = ("torch_mlir", "pydantic", "torch", "scipy")
    code = f"import triton, sys; print([m for m in {heavy} if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"
