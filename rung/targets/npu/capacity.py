"""Whether what a kernel keeps in a context's memory fits: known when it is compiled."""

from __future__ import annotations

from torch_mlir import ir

from ...errors import UsageError
from ...machine import Machine

_ATTRIBUTES = ("rung.scratch_bytes", "rung.scratchpad_bytes")


def with_room_for_scratch(module: ir.Module, machine: Machine, tried: Machine) -> Machine | None:
    """A machine to compile for again, when scratch beside the tiles is too much: `tried` with less of a scratchpad.

    How much scratch there is, is known only at the `llvm` stage, where tiles have been chosen, and it may depend on
    them. None when all fits, or scratch alone is too much.
    """
    share = machine.scratchpad_bytes_per_context
    kept = _kept(module)
    needs = [scratch + pad for _, scratch, pad in kept if pad and scratch + pad > share]
    if not needs or any(scratch >= share for _, scratch, _ in kept):
        return None
    room = tried.scratchpad_bytes_per_context * share // max(needs)
    return tried.model_copy(update={"scratchpad_bytes": room * machine.contexts})


def check_capacity(module: ir.Module, machine: Machine) -> None:
    """Raises UsageError naming the function of the `llvm` stage whose buffers are larger than a context's share."""
    share = machine.scratchpad_bytes_per_context
    for name, scratch, pad in _kept(module):
        if scratch + pad > share:
            raise UsageError(
                f"`{name}` keeps {scratch + pad} bytes ({scratch} of scratch, {pad} of tiles) in a context's share of "
                f"the scratchpad; `{machine.name}` has {share} per context: use {_remedy(scratch, share)}"
            )


def _remedy(scratch: int, share: int) -> str:
    """Scratch is what blocks need that are no tiles: smaller tiles do not make room for it."""
    if scratch < share:
        return "smaller blocks, tiles or depth"
    return "smaller blocks, or a device with more `scratchpad_bytes`" if share else "a device with `scratchpad_bytes`"


def _kept(module: ir.Module) -> list[tuple[str, int, int]]:
    """Name, bytes of scratch and bytes of tiles of every function."""
    found: list[tuple[str, int, int]] = []
    for op in module.body.operations:
        known = op.operation.attributes
        scratch, pad = (ir.IntegerAttr(known[name]).value if name in known else 0 for name in _ATTRIBUTES)
        found.append((ir.StringAttr(known["sym_name"]).value, scratch, pad))
    return found
