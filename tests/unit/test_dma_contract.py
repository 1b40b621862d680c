"""The contract of transfers sees bugs that are planted into pipelined loops."""

from __future__ import annotations

import pytest
from torch_mlir import ir

from rung.errors import ContractError
from rung.ir.dma_contract import check_transfers
from tests.planted_transfers import BUGS, Plant, pipelined


@pytest.mark.parametrize("depth", [2, 3])
def test_a_pipelined_loop_keeps_the_contract(depth: int) -> None:
    module = pipelined(depth)
    with module.context, ir.Location.unknown():
        check_transfers(module)


@pytest.mark.parametrize(("plant", "message"), [bug[:2] for bug in BUGS])
@pytest.mark.parametrize("depth", [2, 3])
def test_planted_bugs(plant: Plant, message: str, depth: int) -> None:
    module = pipelined(depth)
    with module.context, ir.Location.unknown():
        plant(module)
        assert module.operation.verify()
        with pytest.raises(ContractError, match=message):
            check_transfers(module)
