"""Hexagon with HVX: the ISA of the modelled NPU. Names and switches are those of LLVM's back end."""

from __future__ import annotations

from collections.abc import Sequence

from .base import FOR_OTHER_INDEX, Device, Intrinsic, Isa, Switches, Wrong
from .core import Core
from .hexagon_assembly import read
from .hexagon_intrinsics import byte_dot

_CPUS = tuple(f"hexagonv{version}" for version in (60, 62, 65, 66, 67, 68, 69, 71, 73, 75, 79))
"""Those that may have HVX, oldest first."""
_LENGTH = "hvx-length128b"

_EXACT_MAPPING = (
    "-enable-pipeliner=false",
    "-disable-tail-duplicate",
    "-disable-early-taildup",
    "-tail-dup-placement=false",
    "-disable-block-placement",
    "-jump-is-expensive=true",
    "-enable-tail-merge=false",
    "-hexagon-eif=false",
    "-disable-hexagon-loop-align",
)
"""What would duplicate or merge blocks, so that executions could not be told from the IR's. Without the software
pipeliner, scalar reductions are about 1.5 times dearer than they need be."""

_AS_WRITTEN = ("-disable-loop-idiom-all",)
"""A scalar loop that copies stays one: as a call of `memcpy` it would move vectors, and not pay for DRAM by element."""

_LITERAL = (
    "-hexagon-initial-cfg-cleanup=false",
    "-disable-ifcvt-simple",
    "-disable-ifcvt-simple-false",
    "-disable-ifcvt-triangle",
    "-disable-ifcvt-triangle-rev",
    "-disable-ifcvt-triangle-false",
    "-disable-ifcvt-diamond",
    "-disable-ifcvt-forked-diamond",
)
"""Without what makes good code and may change blocks: clean-up of branches, code under a predicate in place of a
branch, which copies a block that several lead to. Scalar branches become dearer."""

_NO_REARRANGEMENT = ("-hexagon-vector-combine=false",)
"""Without the pass that rearranges vector accesses, which stumbles over some masked ones."""


def _check(cpu: str, features: Sequence[str]) -> Wrong | None:
    """LLVM ignores the names that it does not know, and then writes code for another processor; in the 64-byte mode,
    which is the default of HVX, it aborts."""
    if cpu not in _CPUS:
        return Wrong("cpu", f"is {cpu}; choose from: {', '.join(_CPUS)}")
    extensions = [name.replace("hexagon", "hvx") for name in _CPUS[: _CPUS.index(cpu) + 1]]
    known = (*extensions, _LENGTH, "hvx-ieee-fp", "hvx-qfloat")
    for feature in features:
        if feature not in known:
            return Wrong("features", f"has {feature}; {cpu} may have: {', '.join(known)}")
        if feature in extensions and _LENGTH not in features:
            return Wrong("features", f"has {feature} without {_LENGTH}; vectors are modelled in that mode only")
    return None


# In packets, as LLVM's schedules of rung's code turn out: an operation on floats takes one; loads, stores and addresses
# share it. Floats are divided by a dozen steps of Newton's method.
_CORE = Core(
    issue_per_cycle=2.0,
    pipe_bytes=128,
    divide_cycles=12.0,
    root_cycles=12.0,
    integer_divide_cycles=25.0,
    multiply_latency_cycles=1.0,
    add_latency_cycles=1.0,
    divide_latency_cycles=12.0,
    logic_latency_cycles=1.0,
    load_latency_cycles=1.0,
    window=1024.0,
)

HEXAGON = Isa(
    name="hexagon",
    triple="hexagon-unknown-linux-musl",
    index_bits=32,
    legalisations=(
        # LLVM would take them apart with branches of its own, which no counter could follow.
        "expand-gathers",
        # LLVM cannot select them, and ends the process, or never ends.
        "expand-flags",
        "expand-to-integers",
        *FOR_OTHER_INDEX,
    ),
    # Elements of HVX have 32 bits at most: LLVM would make a branch per lane.
    llvm_legalisations=("expand-wide-masks",),
    intrinsics={"llvm.hexagon.V6.vrmpybv.acc.128B": Intrinsic(vector_bytes=128, definition=byte_dot)},
    core=_CORE,
    device=Device(
        intrinsic_prefix="llvm.hexagon.",
        least_vector_bytes=64,
        check=_check,
        read_assembly=read,
        switches=Switches(always=(*_EXACT_MAPPING, *_AS_WRITTEN), literal=_LITERAL, rescue=_NO_REARRANGEMENT),
    ),
)
