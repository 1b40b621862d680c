"""A device's own instructions get a body that the host can run."""

from __future__ import annotations

import llvmlite.binding as llvm

from ...errors import RungError
from ..isa import Isa


def emulate(module: llvm.ModuleRef, isa: Isa) -> None:
    """before: `declare <32 x i32> @llvm.hexagon.V6.vrmpybv.acc.128B(...)`, and calls of it
    after:  `define <32 x i32> @rung.V6.vrmpybv.acc.128B(...) { ... }`, and calls of that

    Refuses intrinsics of the ISA that have no definition in its file.
    """
    prefix = isa.modelled.intrinsic_prefix
    for function in [function for function in module.functions if function.name.startswith(prefix)]:
        name = function.name
        known = isa.intrinsics.get(name)
        if known is None or known.definition is None:
            raise RungError(
                f"the host has no code for the device's instruction `{name}`: its values cannot be computed"
            )
        own = name.replace(prefix, "rung.", 1)
        function.name = own
        body = llvm.parse_assembly(known.definition(own))
        body.triple, body.data_layout = module.triple, module.data_layout
        module.link_in(body)
