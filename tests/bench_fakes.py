"""A toolchain that compiles nothing: kernels are computed by torch and take the time that a test gives
them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch

from rung.bench import references
from rung.bench.overlap_result import OverlapPoint, OverlapResult
from rung.bench.result import Environment, Noise, Result
from rung.bench.scale_result import ScalePoint, ScaleResult
from rung.bench.toolchain import Toolchain
from rung.evidence import Evidence, HostCode, Launch
from rung.schedule import Schedule

KERNELS: dict[str, Callable[..., torch.Tensor]] = {
    "gelu_tanh_kernel": references.gelu_tanh,
    "vec_add_2d_kernel": references.add,
    "vec_add_kernel": references.add,
    "empty": lambda x: x,
    "exp_series_kernel": references.exp_series,
}
TIMES = {"Scalar": 8e-3, "Vec": 1e-3, "Vec+MT": 5e-4, "Vec+MT+DB": 6e-4}


@dataclass
class FakeBound:
    compute: Callable[[], None]
    seconds: float
    launches: int = 0

    def __call__(self) -> None:
        self.compute()

    def time(self, n: int) -> list[float]:
        """Even launches take 2% longer than odd ones; results are computed again, as a real launch would."""
        self.compute()
        self.launches += n
        return [self.seconds * (1.02 if (self.launches + i) % 2 else 1.0) for i in range(n)]


@dataclass
class FakeExecutable:
    kernel: Any
    schedule: Schedule
    error: float
    constexprs: Mapping[str, Any]
    stages: Mapping[str, str] = field(default_factory=lambda: {"llvm": "module {}"})

    @property
    def evidence(self) -> Evidence:
        return Evidence(object=HostCode(kind="host", packed_ops=12 if self.schedule.vectorize else 0))

    def bind(self, args: Sequence[Any], grid: tuple[int, int, int]) -> FakeBound:
        tensors = [value for value in args if isinstance(value, torch.Tensor)]
        function = KERNELS[self.kernel.__name__]
        if "DEGREE" in self.constexprs:
            function = partial(function, degree=self.constexprs["DEGREE"])

        def compute() -> None:
            if len(tensors) > 1:
                tensors[-1].copy_(function(*(t.double() for t in tensors[:-1])) + self.error)

        return FakeBound(compute, TIMES.get(self.schedule.rung, 1e-3))


def toolchain(wrong: Mapping[str, float] = {}) -> Toolchain:
    """`wrong` adds an error to the results of the rungs that it names."""

    def compile(
        kernel: Any, signature: object, constexprs: dict[str, Any], *, machine: object, schedule: Schedule
    ) -> Any:
        return FakeExecutable(kernel, schedule, wrong.get(schedule.rung, 0.0), constexprs)

    return Toolchain(compile, lambda: None, lambda: Launch(contexts_ran=2, threads_ran=2))


NOISE = Noise(
    load_before=0.5, load_after=1.0, steal=0.0, empty_launch_before_s=5e-8, empty_launch_after_s=5e-8,
    noisy=False, reasons=[],
)  # fmt: skip
ENVIRONMENT = Environment(
    rung="0.1.0", python="3.11.7", packages={"triton": "3.7.1", "torch": "2.13.0"}, os="Linux", cpu="A CPU",
    cpu_flags=["avx2"], contexts=2, governor=None, git=None, command=["rung", "ladder"], seed=0,
    started="2026-02-20T00:00:00+00:00", machine={"name": "host"}, machine_hash="0123456789abcdef",
)  # fmt: skip


def result(rung: str = "Vec", **changes: Any) -> Result:
    """A valid result; `changes` replaces fields."""
    mechanisms = {
        "vectorize": "Vec" in rung,
        "threads": 0 if "MT" in rung else 1,
        "double_buffer": "DB" in rung,
    }
    fields: dict[str, Any] = {
        "kernel": "gelu", "dtype": "f32", "shape": [1 << 20], "grid": [1024, 1, 1], "device": "host", "rung": rung,
        "schedule": mechanisms, "unit": "s", "samples": [1e-3, 1.1e-3], "warmup": [2e-3], "inner": 1,
        "median": 1.05e-3, "speedup": 8.0, "speedup_ci": (7.5, 8.5), "step": 8.0, "step_ci": (7.5, 8.5),
        "step_from": "Scalar", "correct": True, "max_abs_err": 1e-7, "max_rel_err": 1e-6,
        "tolerance": "rtol 1e-6", "reference": "torch in float64", "noise": NOISE,
        "evidence": {"object": {"kind": "host", "packed_ops": 12}}, "launch": {"contexts_ran": 2},
    }  # fmt: skip
    kinds: dict[type, type[Result]] = {ScalePoint: ScaleResult, OverlapPoint: OverlapResult}
    return kinds.get(type(changes.get("point")), Result)(**fields | changes)


def placed(found: Result, point: ScalePoint | OverlapPoint, **changes: Any) -> Any:
    """A result as a point of a study."""
    return (ScaleResult if isinstance(point, ScalePoint) else OverlapResult)(**{**dict(found), **changes}, point=point)
