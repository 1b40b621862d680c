"""What a file that `rung capture` wrote says of its kernel's launch: the dict `LAUNCH` beside the kernel.

LAUNCH = {
    "kernel": "triton_poi_fused_gelu_0",
    "grid": (256, 1, 1),
    "signature": {"in_ptr0": "*fp32", "xnumel": "i32", "XBLOCK": "constexpr"},
    "constexprs": {"XBLOCK": 1024},
    "attrs": {(0,): [["tt.divisibility", 16]]},
    "options": {"num_warps": 4},
    "arguments": {"in_ptr0": {"dtype": "float32", "shape": (512, 512), "stride": (512, 1), "offset": 0,
                              "storage": "in_ptr0"}, "xnumel": 262144},
    "written": ("out_ptr0",),
    "updated": (),
    "size": (262144,),
    "tolerance": (1e-4, 1e-5),
}
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, cast

from ...errors import UsageError

NAME = "LAUNCH"


@dataclass(frozen=True)
class Launched:
    """As in the file. `arguments`: numbers, and tensors as views of storages that lie in the .safetensors file beside.
    `written`, `updated`: what the kernel may store to, and what it loads besides. `size`: of its index space."""

    kernel: str
    grid: tuple[int, int, int]
    signature: dict[str, str]
    constexprs: dict[str, object]
    attrs: dict[tuple[int, ...], list[list[object]]]
    options: dict[str, object]
    arguments: dict[str, Any]
    written: tuple[str, ...]
    updated: tuple[str, ...]
    size: tuple[int, ...]
    tolerance: tuple[float, float]

    @property
    def passed(self) -> list[str]:
        """The parameters that are no constants."""
        return [name for name in self.signature if name not in self.constexprs]


def of(kernel: Any) -> tuple[Launched, str] | None:
    """What the file of a JITFunction says of its launch, and the file's path; None of other kernels.

    Raises UsageError where the dict is not whole.
    """
    told = kernel.fn.__globals__.get(NAME)
    if not isinstance(told, dict) or cast(dict[str, Any], told).get("kernel") != kernel.__name__:
        return None
    path: str = kernel.fn.__code__.co_filename
    given = cast(dict[str, Any], told)
    known = {field.name for field in fields(Launched)}
    if odd := sorted(known ^ given.keys()):
        what = "has no" if odd[0] in known else "has an unknown"
        raise UsageError(f"{NAME} in {path} {what} `{odd[0]}`; leave it as `rung capture` wrote it")
    found = Launched(**given)
    if list(found.signature) != kernel.arg_names:
        listed = ", ".join(kernel.arg_names)
        raise UsageError(f"{NAME} in {path} is not of this kernel, which takes ({listed})")
    if missing := [name for name in found.passed if name not in found.arguments]:
        raise UsageError(f"{NAME} in {path} has no argument `{missing[0]}`")
    return found, path
