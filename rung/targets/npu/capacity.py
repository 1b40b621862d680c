"""Whether what a kernel keeps in a context's memory fits: known when it is compiled."""

from __future__ import annotations

from torch_mlir import ir

from ...errors import UsageError
from ...machine import Machine

_ATTRIBUTES = ("rung.scratch_bytes", "rung.scratchpad_bytes")


def check_capacity(module: ir.Module, machine: Machine) -> None:
    """Raises UsageError naming the function of the `llvm` stage whose buffers are larger than a context's share."""
    share = machine.scratchpad_bytes_per_context
    for op in module.body.operations:
        found = op.operation.attributes
        scratch, pad = (ir.IntegerAttr(found[name]).value if name in found else 0 for name in _ATTRIBUTES)
        if scratch + pad > share:
            name = ir.StringAttr(found["sym_name"]).value
            raise UsageError(
                f"`{name}` keeps {scratch + pad} bytes ({scratch} of scratch, {pad} of tiles) in a context's memory; "
                f"`{machine.name}` has {share} per context: use smaller blocks, tiles or depth"
            )
