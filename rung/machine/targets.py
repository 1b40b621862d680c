"""Processors that objects are made for, as Machines: by the names of their ISAs' targets."""

from __future__ import annotations

from ..errors import UsageError
from ..targets.isa import ISAS, Isa, Target
from .description import Machine

# Of no processor in particular: what the passes choose tiles by. A Machine file says what is there.
_CONTEXTS, _L1_BYTES, _L2_BYTES = 4, 32 << 10, 256 << 10


def known_targets() -> dict[str, tuple[Isa, Target]]:
    """All targets of all ISAs, those with an option among them, by name."""
    plain = [(isa, target) for isa in ISAS for target in isa.targets]
    found = [each for isa, target in plain for each in ((isa, target), *((isa, o) for o in target.options.values()))]
    return {target.name: (isa, target) for isa, target in found}


def target_machine(name: str) -> Machine:
    """Raises UsageError for a name that no ISA has."""
    known = known_targets()
    if name not in known:
        plain, plus, option = name.partition("+")
        if plus and plain in known:
            options = ", ".join(known[plain][1].options)
            raise UsageError(f"target {plain} has no option `+{option}`; it has: {options or 'none'}")
        raise UsageError(f"there is no target `{name}`; `rung targets` lists them: {', '.join(known)}")
    isa, target = known[name]
    unit = isa.vector_unit(target.flags)
    return Machine(
        name=target.name,
        kind="host",
        arch=isa.name,
        cpu=target.cpu,
        features=tuple(dict.fromkeys((*unit.features, *target.llvm_features))),
        vector_bytes=unit.vector_bytes,
        vector_registers=unit.vector_registers,
        masked_memory=unit.masked_memory,
        byte_dot=isa.dot("i32", unit.vector_bytes, target.flags) if target.flags else "",
        contexts=_CONTEXTS,
        l1_bytes=_L1_BYTES,
        l2_bytes=_L2_BYTES,
        scratchpad_bytes=_L2_BYTES // 2 * _CONTEXTS,
        fork_join_ns=10_000.0,
        clock_ghz=2.0,
    )
