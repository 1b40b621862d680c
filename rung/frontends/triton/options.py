"""The launch keywords of Triton's `cpu` backend (`kernel[grid](..., num_warps=4, schedule="threads=1")`)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from ... import knobs
from ...errors import LaunchKeywordError, UsageError
from ...sanitizer import Sanitizer
from ...schedule import Schedule

_FOR_GPUS = frozenset({"num_warps", "num_ctas", "num_stages", "warp_size", "maxnreg", "launch_pdl"})
"""Options that change no code here."""

DOT_PRECISIONS = ("ieee", "tf32", "tf32x3", "bf16x3", "bf16x6")


@dataclass(frozen=True)
class Options:
    """Keywords that Triton, its language and Inductor read by name, and two of our own: `schedule` and `sanitize`.

    Keywords that steer a GPU (`num_warps`, `num_stages`, `maxnreg` ...) are accepted and change nothing.
    """

    schedule: str = ""
    """Text form of `rung.schedule.Schedule`; empty means `RUNG_SCHEDULE`, then the default schedule."""

    sanitize: str = ""
    """`1` or `report`: check all accesses to memory (docs/debugging.md); empty means `RUNG_SANITIZE`."""

    debug: bool = False
    """Keep `tl.device_assert`."""
    sanitize_overflow: bool = True
    """With `debug`: sums, differences and products of integers of up to 32 bits assert that they do not wrap."""
    enable_fp_fusion: bool = True
    """Allow a multiplication and an addition to become one fused operation; `TRITON_DEFAULT_FP_FUSION` where no launch
    says it."""
    num_warps: int = 4
    num_ctas: int = 1
    num_stages: int = 1
    warp_size: int = 1
    maxnreg: int | None = None
    launch_cooperative_grid: bool = False
    """All programs run at the same time: any `while` loop that reads memory may wait for another program."""
    launch_pdl: bool = False
    extern_libs: Mapping[str, str] | tuple[tuple[str, str], ...] | None = None
    ir_override: str | None = None
    """Path of a `.ttir` file that replaces Triton's own (a keyword for autotune configurations)."""
    instrumentation_mode: str = ""
    backend_name: str = "cpu"
    arch: str = "cpu"
    supported_fp8_dtypes: tuple[str, ...] = ("fp8e5", "fp8e4nv", "fp8e4b8", "fp8e5b16", "fp8e4b15")
    deprecated_fp8_dot_operand_dtypes: tuple[str, ...] = ()
    default_dot_input_precision: str = "ieee"
    allowed_dot_input_precisions: tuple[str, ...] = DOT_PRECISIONS
    max_num_imprecise_acc_default: int = 0

    def __post_init__(self) -> None:
        if isinstance(self.extern_libs, Mapping):  # as users give it; the rest of Triton reads pairs
            object.__setattr__(self, "extern_libs", tuple(self.extern_libs.items()))
        for name in ("num_warps", "num_ctas", "num_stages", "warp_size"):
            value: object = getattr(self, name)
            if not isinstance(value, int) or value < (0 if name == "num_stages" else 1):
                raise LaunchKeywordError(f"launch keyword {name} is {value!r}; give a whole number of at least 1")
        if self.num_warps & (self.num_warps - 1):
            raise LaunchKeywordError(f"launch keyword num_warps is {self.num_warps}; it must be a power of 2")
        if self.default_dot_input_precision not in DOT_PRECISIONS:
            raise LaunchKeywordError(
                f"launch keyword default_dot_input_precision is `{self.default_dot_input_precision}`; "
                f"choose from: {', '.join(DOT_PRECISIONS)}"
            )
        if not self.debug:  # Triton would build, for nothing, what the assertions ask
            object.__setattr__(self, "sanitize_overflow", False)
        # Launch keywords are not checked against the annotation.
        if not isinstance(self.schedule, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise LaunchKeywordError(
                f"launch keyword schedule is a `{type(self.schedule).__name__}`; give text such as `vectorize=off "
                "threads=2` (an argument of the kernel's own that is called `schedule` is passed by its position)"
            )
        Schedule.parse(self.schedule)
        if not isinstance(self.sanitize, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise LaunchKeywordError(f"launch keyword sanitize is {self.sanitize!r}; give the text 1, report or 0")
        Sanitizer.parse(self.sanitize, "launch keyword sanitize")

    @staticmethod
    def of(keywords: Mapping[str, Any]) -> Options:
        """Options from launch keywords. Names that are not options are left for Triton to report."""
        known = {f.name: keywords[f.name] for f in fields(Options) if keywords.get(f.name) is not None}
        given = known.get("schedule", "")
        if isinstance(given, str):  # what is no text is refused later, be it an argument of the kernel's own
            known["schedule"] = given or _usual_schedule()
        known.setdefault("sanitize", _usual_sanitizer())
        known.setdefault("enable_fp_fusion", _triton_knobs().language.default_fp_fusion)
        return Options(**known)

    def hash(self) -> str:
        """Part of the key of Triton's disk cache: what changes the code.

        `@triton.autotune` often tries one kernel with many numbers of warps and stages, which is compiled once.
        """
        known = sorted((name, value) for name, value in asdict(self).items() if name not in _FOR_GPUS)
        return hashlib.sha256(repr(known).encode()).hexdigest()


def asserts(kernel: Any) -> bool:
    """Whether a kernel keeps its assertions where no launch says so: `@triton.jit(debug=True)`, or `TRITON_DEBUG=1`."""
    return bool(getattr(kernel, "debug", None) or _triton_knobs().runtime.debug)


def _triton_knobs() -> Any:
    """Imported late: Triton itself imports its back ends, and they this file."""
    from triton import knobs as triton_knobs

    return triton_knobs


def _usual_schedule() -> str:
    """What `RUNG_SCHEDULE` says, if anything. Raises UsageError, which names it: the launch has no such text."""
    text = knobs.schedule() or ""
    try:
        Schedule.parse(text)
    except UsageError as error:
        raise UsageError(f"RUNG_SCHEDULE, {error}") from None
    return text


def _usual_sanitizer() -> str:
    """What `RUNG_SANITIZE` says, as `Sanitizer` writes it."""
    found = Sanitizer.parse(knobs.sanitize() or "")
    return "" if found is None else str(found)
