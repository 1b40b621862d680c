"""The violations of the contract of transfers, by whomever they are found."""

from __future__ import annotations

from enum import Enum


class Violation(Enum):
    """A violation, and what is said of the transfer that it befalls: `load of argument 0: is never awaited`.

    | | check on the IR | checking engine | modelled device |
    |---|---|---|---|
    | TAG_IN_USE | yes | yes | yes |
    | INTO_DESTINATION | of the same place in the scratchpad | yes | yes |
    | INTO_SOURCE, FROM_DESTINATION | in the scratchpad | yes | yes |
    | ONTO_ITSELF | | yes | yes |
    | DESTINATION_READ | in the scratchpad | in the scratchpad | NaNs are computed with |
    | DESTINATION_WRITTEN, SOURCE_WRITTEN | in the scratchpad | at the access, elsewhere by the damage | by the damage |
    | TAG_WRITTEN | yes | by the damage | by the damage |
    | NEVER_AWAITED | yes | yes | yes |
    | NEVER_STARTED | tags that nobody has cleared | tags that are not 0 | tags that are not 0 |

    `rung/runtime/src/flights.h` is the same table, in the same order, for the engines: `dma_check.c`, which compiled
    kernels call with `RUNG_DEBUG_DMA=1`, and `npu.c`. The check on the IR is `dma_contract`.
    """

    TAG_IN_USE = "starts with the tag of a transfer in flight"
    INTO_DESTINATION = "starts into the destination of a transfer in flight"
    INTO_SOURCE = "starts into the source of a transfer in flight"
    FROM_DESTINATION = "starts from the destination of a transfer in flight"
    ONTO_ITSELF = "starts into its own source"
    DESTINATION_READ = "its destination is read before it is awaited"
    DESTINATION_WRITTEN = "its destination is written before it is awaited"
    SOURCE_WRITTEN = "its source is written before it is awaited"
    TAG_WRITTEN = "its tag is written before it is awaited"
    NEVER_AWAITED = "is never awaited"
    NEVER_STARTED = "waits for a transfer that was never started"
