"""What surrounds a launch in Triton: hooks, listeners, dumps, overrides, files of IR, options, tuning."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import triton
import triton.language as tl
from triton import knobs
from triton.compiler import ASTSource
from triton.testing import do_bench

from rung.errors import LaunchKeywordError, UsageError
from rung.optimize import optimize, written_pipeline

STAGES = ["ttir", "linalg", "llvm", "rung"]


@triton.jit
def _scaled(x_ptr, o_ptr, n, factor, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(o_ptr + i, tl.load(x_ptr + i, mask=i < n) * factor, mask=i < n)


@pytest.fixture(autouse=True)
def _hooks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """A disk cache of each test's own, and none of its hooks behind it."""
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path / "cache"))
    names = ("jit_cache_hook", "jit_post_compile_hook", "add_stages_inspection_hook")
    yield
    for name in names:
        setattr(knobs.runtime, name, None)
    knobs.compilation.listener = None


def _anew() -> Any:
    """The kernel as no process has compiled it."""
    return triton.JITFunction(_scaled.fn)


def _launch(kernel: Any, factor: float = 2.5, **keywords: Any) -> torch.Tensor:
    x, o = torch.arange(100.0), torch.zeros(128)
    kernel[(2,)](x, o, 100, factor, BLOCK=64, **keywords)
    assert torch.equal(o[100:], torch.zeros(28))
    return o[:100] / x.clamp(min=1)


# ---- hooks


def test_hooks_of_compilation_are_told_the_same() -> None:
    before: list[dict[str, Any]] = []
    behind: list[dict[str, Any]] = []
    knobs.runtime.jit_cache_hook = lambda **told: before.append(told) and None
    knobs.runtime.jit_post_compile_hook = lambda **told: behind.append(told) and None
    kernel = _anew()
    kernel.warmup(torch.float32, torch.float32, 100, 2.5, BLOCK=64, grid=(1,))
    _launch(kernel), _launch(kernel, 3.5)
    assert len(before) == len(behind) == 1, "what was warmed up is launched, with any number"
    assert before[0]["compile"]["specialization_data"] == behind[0]["compile"]["specialization_data"]
    assert before[0]["compile"]["is_warmup"] and before[0]["compile"]["key"] in kernel.device_caches[0][0]
    _launch(kernel, extern_libs={"libdevice": "libdevice.10.bc"})
    assert behind[1]["compile"]["extern_libs"] == (("libdevice", "libdevice.10.bc"),)


def test_what_is_preloaded_is_not_compiled_again() -> None:
    told: list[dict[str, Any]] = []
    knobs.runtime.jit_cache_hook = lambda **each: told.append(each) and None
    first = _anew().warmup(torch.float16, torch.float16, 100, 2.5, BLOCK=64, grid=(1,), schedule="threads=1")
    data, kernel = told[0]["compile"]["specialization_data"], _anew()
    assert kernel.preload(data).hash == first.hash
    x, o = torch.arange(64).half(), torch.zeros(64).half()
    kernel[(1,)](x, o, 100, 2.5, BLOCK=64, schedule="threads=1")
    assert len(told) == 2 and torch.equal(o, x * 2.5)
    with pytest.raises(RuntimeError, match="Specialization data is for"):
        triton.JITFunction(_counted.fn).preload(data)


@triton.jit(do_not_specialize=["n"], do_not_specialize_on_alignment=["m"])
def _counted(o_ptr, n, m):
    tl.store(o_ptr, n.to(tl.int32) + m)


def test_values_that_are_not_specialized_on() -> None:
    o, kernel = (
        torch.zeros(1, dtype=torch.int32),
        triton.JITFunction(_counted.fn, do_not_specialize=["n"], do_not_specialize_on_alignment=["m"]),
    )
    for n in (1, 2, 16, 48):
        for m in (2, 16, 48):
            kernel[(1,)](o, n, m)
            assert o.item() == n + m
    assert len(kernel.device_caches[0][0]) == 1
    kernel[(1,)](o, 5, 1)
    assert len(kernel.device_caches[0][0]) == 2 and o.item() == 6, "1 is a constant all the same"


def test_launches_tell_their_metadata() -> None:
    def metadata(grid: Any, kernel: Any, args: dict[str, Any]) -> dict[str, Any]:
        return {"grid": grid, "elements": args["n"], "of": kernel.name}

    told: list[tuple[str, dict[str, Any]]] = []
    hooks = {"enter": lambda m: told.append(("enter", m.get())), "exit": lambda m: told.append(("exit", m.get()))}
    kernel = triton.JITFunction(_scaled.fn, launch_metadata=metadata)
    knobs.runtime.launch_enter_hook.add(hooks["enter"])
    knobs.runtime.launch_exit_hook.add(hooks["exit"])
    try:
        _launch(kernel)
        x = torch.ones(8)
        kernel.warmup(x, x, 8, 2.5, BLOCK=64, grid=(1,))[(1, 1, 1)](x, x, 8, 2.5, 64)
    finally:
        knobs.runtime.launch_enter_hook.remove(hooks["enter"])
        knobs.runtime.launch_exit_hook.remove(hooks["exit"])
    assert [when for when, _ in told] == ["enter", "exit"] * 2
    assert [(m["grid"], m["elements"], m["of"]) for _, m in told[::2]] == [
        ((2,), 100, "_scaled"),
        ((1, 1, 1), 8, "_scaled"),
    ]
    assert told[0][1]["name"] == "_scaled" and torch.equal(x, torch.full((8,), 2.5))


def test_loads_are_told_in_order_before_and_in_reverse_behind() -> None:
    told: list[str] = []
    hooks = [lambda *_, name=name: told.append(name) for name in "ab"]
    for hook in hooks:
        knobs.runtime.kernel_load_start_hook.add(hook)
        knobs.runtime.kernel_load_end_hook.add(hook)
    try:
        kernel = _anew()
        _launch(kernel), _launch(kernel)
    finally:
        for hook in hooks:
            knobs.runtime.kernel_load_start_hook.remove(hook)
            knobs.runtime.kernel_load_end_hook.remove(hook)
    assert told == ["a", "b", "b", "a"]


def test_a_listener_is_told_what_a_compilation_took() -> None:
    told: list[dict[str, Any]] = []
    knobs.compilation.listener = lambda **each: told.append(each)
    _launch(_anew()), _launch(_anew())
    assert [each["cache_hit"] for each in told] == [False, True]
    assert all(each["metadata"]["target"].backend == "cpu" for each in told)
    assert [stage for stage, _ in told[0]["times"].lowering_stages] == STAGES
    assert told[0]["times"].total_lowering > 0 and told[1]["times"].total_lowering == 0


def test_stages_are_shown_and_may_be_replaced() -> None:
    told: list[tuple[list[str], Any]] = []

    def inspect(*given: Any) -> tuple[str, str] | None:
        if not given:
            return "tenfold", "tenfold"  # part of the keys of caches
        _, stages, options, _, _ = given
        told.append((list(stages), options.num_warps))
        make = stages["ttir"]
        stages["ttir"] = lambda module, metadata: _tenfold(make(module, metadata))
        return None

    assert torch.equal(_launch(_anew())[1:], torch.full((99,), 2.5))
    knobs.runtime.add_stages_inspection_hook = inspect
    assert torch.equal(_launch(_anew(), num_warps=8)[1:], torch.full((99,), 25.0))
    assert told == [(STAGES, 8)]


def _tenfold(module: Any) -> Any:
    from rung.frontends.triton.capture import parse_ttir

    text = str(module)
    assert "arith.mulf" in text
    made = "%ten = arith.constant dense<1.0e+01> : tensor<64xf32>\n"
    line = next(x for x in text.splitlines() if "arith.mulf" in x)
    result = line.split("=")[0].strip()
    more = line.replace(result, "%once", 1) + f"\n{made}{result} = arith.mulf %once, %ten : tensor<64xf32>"
    return parse_ttir(text.replace(line, more))


# ---- files


def _dumped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The directory of the kernel's stages."""
    with monkeypatch.context() as settings:
        settings.setenv("TRITON_KERNEL_DUMP", "1")
        settings.setenv("TRITON_DUMP_DIR", str(tmp_path / "dump"))
        _launch(_anew())
    [directory] = (tmp_path / "dump").iterdir()
    assert sorted(file.name for file in directory.iterdir()) == sorted(f"_scaled.{stage}" for stage in STAGES)
    return directory


@pytest.mark.parametrize("stage", STAGES)
def test_what_is_dumped_may_be_changed_and_put_in_its_place(
    stage: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    source = _dumped(monkeypatch, tmp_path)
    place = tmp_path / "override" / source.name
    place.mkdir(parents=True)
    name = f"_scaled.{stage}"
    (place / name).write_bytes((source / name).read_bytes().replace(b"arith.mulf", b"arith.addf"))
    monkeypatch.setenv("TRITON_KERNEL_OVERRIDE", "1")
    monkeypatch.setenv("TRITON_OVERRIDE_DIR", str(tmp_path / "override"))
    monkeypatch.setenv("TRITON_ALWAYS_COMPILE", "1")
    if stage == "ttir":
        x = torch.arange(100.0)
        assert torch.equal(_launch(_anew()), (x + 2.5) / x.clamp(min=1))
    else:
        with pytest.raises(UsageError, match=f"{name} cannot be overridden: change the kernel's .ttir instead"):
            _launch(_anew())


@triton.jit
def _sorted(x_ptr, o_ptr, BLOCK: tl.constexpr):
    """Calls, a combine function, descriptors and a block pointer: what Triton's passes take away."""
    x = tl.make_tensor_descriptor(x_ptr, [BLOCK], [1], [BLOCK]).load([0])
    o = tl.make_block_ptr(o_ptr, (BLOCK,), (1,), (0,), (BLOCK,), (0,))
    tl.store(o, tl.sort(x) - tl.min(x))


@pytest.mark.parametrize("stage", ["source", "ttir"])
@pytest.mark.filterwarnings("ignore:tl.make_block_ptr")
def test_a_file_of_ttir_is_compiled_as_any_stage_has_it(stage: str, tmp_path: Path) -> None:
    x, o = torch.randn(64), torch.zeros(64)
    compiled = _sorted[(1,)](x, o, BLOCK=64)
    file = tmp_path / "file.ttir"
    file.write_text(compiled.asm[stage])
    again = triton.compile(str(file))
    assert torch.equal(o, x.sort().values - x.min())
    o.zero_()
    again[(1, 1, 1)](x, o)
    assert torch.equal(o, x.sort().values - x.min())
    o.zero_()
    again[(1, 1, 1)](x.data_ptr(), o.data_ptr())
    assert torch.equal(o, x.sort().values - x.min())


def test_reproducers_are_written_where_they_are_wanted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TRITON_REPRODUCER_PATH", str(tmp_path / "replay"))
    compiled = triton.compile(ASTSource(_scaled, _SIGNATURE, {"BLOCK": 64}))
    assert "pipeline:" in (tmp_path / "replay.make_ttir.repro.mlir").read_text()
    text = (tmp_path / "replay.make_llvm.repro.mlir").read_text()
    replayed = optimize(text, written_pipeline(text))
    for name in ("llvm.func", "llvm.fmul", "llvm.call", "llvm.intr.masked.load", "llvm.store"):
        assert replayed.count(f"{name} ") == compiled.asm["llvm"].count(f"{name} "), name
    assert "llvm.fmul " in replayed
    monkeypatch.setenv("TRITON_REPRODUCER_PATH", str(tmp_path / "none" / "replay"))
    monkeypatch.setenv("TRITON_ALWAYS_COMPILE", "1")
    with pytest.raises(
        UsageError, match=r"TRITON_REPRODUCER_PATH: .*none/replay.make_llvm.repro.mlir cannot be written"
    ):
        _launch(_anew())


_SIGNATURE = {"x_ptr": "*fp32", "o_ptr": "*fp32", "n": "i32", "factor": "fp32", "BLOCK": "constexpr"}


# ---- options


@pytest.mark.parametrize("said", ["launch", "environment"])
@pytest.mark.parametrize("fuses", [True, False])
def test_multiplications_and_additions_fuse_where_it_is_wanted(
    said: str, fuses: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    keywords: dict[str, Any] = {}
    if said == "launch":
        monkeypatch.setenv("TRITON_DEFAULT_FP_FUSION", "01"[not fuses])
        keywords["enable_fp_fusion"] = fuses
    else:
        monkeypatch.setenv("TRITON_DEFAULT_FP_FUSION", "01"[fuses])
    x, o = torch.randn(128), torch.empty(128)
    triton.JITFunction(_multiplied_and_added.fn)[(1,)](x, o, **keywords)
    factor, term = torch.tensor([1.1, 0.3]).double()  # as f32 has them
    once, twice = (x.double() * factor + term).float(), x * 1.1 + 0.3
    assert not torch.equal(once, twice)
    assert torch.equal(o, once if fuses else twice)


@triton.jit
def _multiplied_and_added(x_ptr, o_ptr):
    i = tl.arange(0, 128)
    tl.store(o_ptr + i, tl.load(x_ptr + i) * 1.1 + 0.3)


def test_a_keyword_that_cannot_be_is_an_assertion_as_elsewhere_in_triton() -> None:
    with pytest.raises(AssertionError, match="must be a power of 2"):
        _launch(_anew(), num_warps=3)
    with pytest.raises(LaunchKeywordError, match="num_stages is -1; give a whole number"):
        _launch(_anew(), num_stages=-1)


# ---- tuning


def _tuned(**settings: Any) -> Any:
    """The kernel in blocks of 32 and of 128, which adds to what is there."""
    configurations = [triton.Config({"BLOCK": 32}), triton.Config({"BLOCK": 128})]

    def bench(run: Any, quantiles: Any) -> Any:
        return do_bench(run, quantiles=quantiles, warmup=1, rep=1)

    return triton.autotune(configurations, key=["n"], **{"do_bench": bench, **settings})(triton.JITFunction(_added.fn))


@triton.jit
def _added(o_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(o_ptr + i, tl.load(o_ptr + i, mask=i < n) + 1, mask=i < n)


def _grid(chosen: dict[str, Any]) -> tuple[int]:
    return (triton.cdiv(1000, chosen["BLOCK"]),)


def test_tuning_leaves_no_trace_in_what_is_restored_or_reset() -> None:
    o = torch.full((1000,), 7.0)
    _tuned(restore_value=["o_ptr"])[_grid](o, 1000)
    assert torch.equal(o, torch.full((1000,), 8.0))
    _tuned(reset_to_zero=["o_ptr"])[_grid](o_ptr=o, n=1000)
    assert torch.equal(o, torch.ones(1000))


def test_tuned_configurations_are_pruned_and_kept_on_disk() -> None:

    def never(run: Any, quantiles: Any) -> None:
        pytest.fail("nothing is measured")

    first = _tuned(cache_results=True)
    first[_grid](torch.zeros(1000), 1000)
    again = _tuned(cache_results=True, do_bench=never)
    again[_grid](torch.zeros(1000), 1000)
    assert str(again.best_config) == str(first.best_config)

    ranked = _tuned(prune_configs_by={"perf_model": lambda BLOCK, **_: -BLOCK, "top_k": 1})
    ranked[_grid](torch.zeros(1000), 1000)
    assert ranked.best_config.kwargs == {"BLOCK": 128}
    pruned = _tuned(prune_configs_by={"early_config_prune": lambda found, named, **_: found[:1]})
    pruned[_grid](torch.zeros(1000), 1000)
    assert pruned.best_config.kwargs == {"BLOCK": 32}
    with pytest.raises(triton.TritonError, match="No valid autotuner configs after pruning"):
        _tuned(prune_configs_by={"early_config_prune": lambda found, named, **_: []})[_grid](torch.zeros(1000), 1000)


def test_a_configuration_may_bring_its_own_ttir(tmp_path: Path) -> None:
    compiled = triton.JITFunction(_added.fn).warmup(torch.float32, 1000, BLOCK=32, grid=(1,))
    file = tmp_path / "changed.ttir"
    file.write_text(compiled.asm["ttir"].replace("dense<1.000000e+00>", "dense<5.000000e+00>"))
    configuration = triton.Config({"BLOCK": 32, "ir_override": str(file)})
    kernel = triton.autotune([configuration], key=["n"])(triton.JITFunction(_added.fn))
    o = torch.zeros(1000)
    kernel[_grid](o, 1000)
    assert torch.equal(o, torch.full((1000,), 5.0))
