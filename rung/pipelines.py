"""(Machine, Schedule) -> Pipeline: the page to read first. Each mechanism is a group of passes to take out."""

from __future__ import annotations

from .cost.forking import Price
from .lowering.check_transfers import CheckTransfers
from .lowering.expand_atomics import ExpandAtomics
from .lowering.expand_copies import ExpandCopies
from .lowering.expand_flags import ExpandFlags
from .lowering.expand_gathers import ExpandGathers
from .lowering.expand_masks import ExpandMasks
from .lowering.expand_math import ExpandMath
from .lowering.expand_scalarized import ExpandScalarized
from .lowering.expand_slices import ExpandSlices
from .lowering.expand_to_integers import ExpandToIntegers
from .lowering.expand_wide_masks import ExpandWideMasks
from .lowering.guard_constants import GuardConstants
from .lowering.leave_on_failure import LeaveOnFailure
from .lowering.lower_abi import LowerAbi
from .lowering.lower_prints import LowerPrints
from .lowering.lower_transport import LowerTransport
from .lowering.place_scratch import PlaceScratch
from .lowering.private_updates import PrivateUpdates
from .lowering.to_llvm import ToLlvm
from .machine import Machine
from .passes import Pass, Pipeline, Stage, Upstream
from .schedule import Schedule
from .targets.isa import Isa
from .transforms.align_accesses import AlignAccesses
from .transforms.band_grid import BandGrid
from .transforms.collapse_nests import CollapseNests
from .transforms.contract import TileContractions
from .transforms.double_buffer import DoubleBuffer
from .transforms.fit_scratchpad import FitScratchpad
from .transforms.form_context_tasks import FormContextTasks
from .transforms.form_virtual_threads import FormVirtualThreads
from .transforms.hand_to_matrix_unit import HandToMatrixUnit
from .transforms.join_lanes import JoinLanes
from .transforms.mark_kept import MarkKept
from .transforms.prefetch import Prefetch
from .transforms.promote import Promote
from .transforms.read_in_place import ReadInPlace
from .transforms.stream_stores import StreamStores
from .transforms.tile import TileBlocks
from .transforms.transport import Transport
from .transforms.vectorize import NestsToLoops, Vectorize

Steps = tuple[Pass | Stage, ...]

PASSES: tuple[type[Pass], ...] = (
    FitScratchpad,
    TileBlocks,
    BandGrid,
    FormVirtualThreads,
    Promote,
    DoubleBuffer,
    Transport,
    MarkKept,
    CollapseNests,
    JoinLanes,
    ReadInPlace,
    HandToMatrixUnit,
    TileContractions,
    Vectorize,
    NestsToLoops,
    Prefetch,
    StreamStores,
    AlignAccesses,
    ExpandMath,
    ExpandScalarized,
    CheckTransfers,
    LowerTransport,
    FormContextTasks,
    PrivateUpdates,
    PlaceScratch,
    LowerPrints,
    LeaveOnFailure,
    LowerAbi,
    ExpandAtomics,
    ExpandCopies,
    GuardConstants,
    ExpandGathers,
    ExpandFlags,
    ExpandToIntegers,
    ExpandMasks,
    ExpandSlices,
    ToLlvm,
    ExpandWideMasks,
)
"""Every pass of rung's own, for reading pipelines from text."""

CLEAN = Upstream(passes="canonicalize,cse")
HOIST = Upstream(passes="func.func(loop-invariant-code-motion),cse")


def pipeline(machine: Machine, schedule: Schedule, check_dma: bool = False) -> Pipeline:
    """From stage `linalg` to stage `llvm`. check_dma: transfers by the engine that checks their contract."""
    return Pipeline(
        (
            CLEAN,
            Stage("linalg"),
            *tiles(machine, schedule),
            *order(machine, schedule),
            *threads(machine, schedule),
            *scratchpad(machine, schedule),
            Stage("scheduled"),
            *panels(machine, schedule),
            # Before anything is hoisted: what moved out of a task would have to be handed to it.
            FormContextTasks(),
            *vectors(machine, schedule),
            Stage("vector"),
            *transport(check_dma),
            # Behind `form-context-tasks`: scratch that contexts share is an argument of theirs.
            PrivateUpdates(),
            PlaceScratch(alignment=machine.buffer_alignment_bytes),
            LowerPrints(keep=machine.kind == "host"),
            # The memory of a device has been counted; what a host has left is seen at a launch.
            LeaveOnFailure(scratch=machine.kind == "host"),
            LowerAbi(),
            *to_llvm(machine.isa, scalar=not schedule.vectorize),
            Stage("llvm"),
        )
    )


def tiles(machine: Machine, schedule: Schedule) -> Steps:
    """Blocks larger than a tile become loops over tiles; with a scratchpad, all live tiles must fit it."""
    alignment = machine.buffer_alignment_bytes
    cut = TileBlocks(schedule.tile_elements, granule=alignment)
    if not uses_scratchpad(machine, schedule):
        return (cut,)
    fit = FitScratchpad(
        scratchpad_bytes(machine, schedule),
        buffers(schedule),
        # A device has no other memory for it; a host's is cached like all others.
        holds_scratch=machine.kind == "npu",
        alignment=alignment,
        tile_elements=schedule.tile_elements,
        max_rank=machine.dma.max_rank,
        byte_dot=machine.usable_byte_dot if schedule.vectorize else "",
        bf16_dot=machine.usable_bf16_dot if schedule.vectorize else "",
    )
    return fit, cut


def order(machine: Machine, schedule: Schedule) -> Steps:
    """Programs run in an order in which neighbours find in the caches what they share, where there are caches."""
    return (BandGrid(),) if schedule.band_grid and all_is_cached(machine, schedule) else ()


def threads(machine: Machine, schedule: Schedule) -> Steps:
    """MT: programs, or tiles of one big program, are dealt out to the hardware contexts."""
    return (
        FormVirtualThreads(
            contexts=contexts(machine, schedule),
            distribution=schedule.distribution,
            fork_join_ns=machine.fork_join_ns,
            clock_ghz=machine.clock_ghz,
            lanes=machine.vector_bytes // 4 if schedule.vectorize else 1,
            fma="fma" in machine.features,
            prices=str(Price.of(machine, uses_scratchpad(machine, schedule), buffers(schedule))),
            profitability=schedule.profitability,
            line_bytes=machine.cache_line_bytes,
            turns=machine.kind == "host",
        ),
    )


def scratchpad(machine: Machine, schedule: Schedule) -> Steps:
    """Scratchpad and DB: footprints move through the scratchpad, ahead of and behind the computation."""
    if not uses_scratchpad(machine, schedule):
        return ()
    # A cached CPU reaches memory without a scratchpad, too; other machines do not.
    on_overflow = "direct" if machine.kind == "host" else "error"
    structure = (DoubleBuffer(schedule.depth, machine.dma.max_rank),) if schedule.double_buffer else ()
    return CLEAN, Promote(on_overflow), *structure, Transport(machine.dma.max_rank)


def vectors(machine: Machine, schedule: Schedule) -> Steps:
    """Vec: nests become loops over vectors with polynomial math, or over scalars with the same polynomials."""
    fma, avx512 = "fma" in machine.features, "avx512" in machine.features
    if not schedule.vectorize:
        math = () if machine.library_math else (ExpandMath(fma, avx512=avx512),)
        return TileContractions(vector_bytes=0, fma=fma), NestsToLoops(), *math, HOIST
    return (
        CollapseNests(machine.vector_bytes // 4),
        JoinLanes(machine.vector_bytes // 4),
        *in_place(machine, schedule),
        *matrix_unit(machine),
        TileContractions(
            machine.vector_bytes,
            machine.vector_registers,
            fma,
            byte_dot=machine.usable_byte_dot,
            bf16_dot=machine.usable_bf16_dot,
            panel_bytes=panel_bytes(machine, schedule),
            keep_bytes=keep_bytes(machine, schedule),
        ),
        Vectorize(
            machine.vector_bytes,
            machine.vector_registers,
            machine.masked_memory,
            schedule.unroll,
            machine.whole_registers,
            machine.streaming_vector_bytes,
        ),
        *caches(machine, schedule),
        ExpandMath(fma, "arith.divf" not in machine.scalarized_vector_ops, avx512),
        *vector_unit(machine),
        HOIST,
    )


def matrix_unit(machine: Machine) -> Steps:
    """Contractions of the types that the machine's matrix unit multiplies are its business, where there is one."""
    return (HandToMatrixUnit("+".join(machine.matrix_elements)),) if machine.matrix_elements else ()


def panel_bytes(machine: Machine, schedule: Schedule) -> int:
    """Of an operand that stays in the first-level cache beside another. Elsewhere, contractions stay as they are."""
    return machine.l1_bytes // 2 if schedule.gather_steps and all_is_cached(machine, schedule) else 0


def keep_bytes(machine: Machine, schedule: Schedule) -> int:
    """Of operands that stay packed from program to program: beside them, the others pass through the second-level
    cache."""
    kept = schedule.vectorize and schedule.keep_panels and all_is_cached(machine, schedule)
    return machine.l2_bytes // 2 if kept else 0


def panels(machine: Machine, schedule: Schedule) -> Steps:
    """What is kept is found while the kernel's arguments are in sight."""
    return (MarkKept(),) if keep_bytes(machine, schedule) else ()


def in_place(machine: Machine, schedule: Schedule) -> Steps:
    """Where all memory is cached, a block is as near where it is as in a copy."""
    if not schedule.read_in_place or not all_is_cached(machine, schedule):
        return ()
    return (ReadInPlace(byte_dot=machine.usable_byte_dot, bf16_dot=machine.usable_bf16_dot),)


def caches(machine: Machine, schedule: Schedule) -> Steps:
    """PF: what the next program reads is fetched into the cache, where there is one. What a launch writes goes past
    them where they could not hold it."""
    steps: Steps = ()
    if schedule.prefetch and machine.prefetch_bytes:
        steps += (Prefetch(machine.prefetch_bytes, machine.l1_bytes, machine.cache_line_bytes),)
    if schedule.stream_stores and machine.last_cache_bytes and (fence := machine.isa.store_fence):
        share = machine.last_cache_bytes // contexts(machine, schedule)
        steps += (StreamStores(fence, share, machine.cache_line_bytes),)
    return steps


def vector_unit(machine: Machine) -> Steps:
    """What the machine's vector unit lacks is made of what it has; where it wants alignment, it is told."""
    lacks = "+".join(machine.scalarized_vector_ops)
    expand = (ExpandScalarized(lacks),) if lacks else ()
    return (*expand, AlignAccesses(machine.vector_bytes)) if machine.aligned_vectors else expand


def to_llvm(isa: Isa, scalar: bool = False) -> Steps:
    """To the `llvm` dialect, around what the ISA's back end needs besides. scalar: LLVM may not vectorize."""
    return (
        # LLVM has no instruction for these, or none that means the same everywhere.
        ExpandAtomics(),
        ExpandCopies(),
        GuardConstants(),
        *legalise(isa.legalisations),
        ToLlvm(scalar, isa.index_bits),
        *legalise(isa.llvm_legalisations),
    )


def legalise(passes: tuple[str, ...]) -> Steps:
    """The passes that an ISA names."""
    known = {step.name: step for step in PASSES}
    return tuple(known[name]() for name in passes)


def uses_scratchpad(machine: Machine, schedule: Schedule) -> bool:
    """Whether tiles move through the scratchpad: asked for, needed by DB, or wanted by the machine's vector code.
    Never where there is none."""
    if not machine.scratchpad_bytes:
        return False
    wanted = machine.vectors_from_scratchpad and schedule.vectorize
    return schedule.double_buffer or schedule.scratchpad == "on" or (schedule.scratchpad == "auto" and wanted)


def all_is_cached(machine: Machine, schedule: Schedule) -> bool:
    """Whether programs find memory and scratch in caches: no tile moves through a scratchpad, and `fit-scratchpad` has
    not counted what scratch there is."""
    return machine.kind == "host" and not uses_scratchpad(machine, schedule)


def transport(checked: bool) -> Steps:
    """Transfers become calls of the copy engine, or of the one that watches them."""
    return (CheckTransfers(), LowerTransport(checked=True)) if checked else (LowerTransport(),)


def buffers(schedule: Schedule) -> int:
    """Buffers per stream in the scratchpad."""
    return schedule.depth if schedule.double_buffer else 1


def scratchpad_bytes(machine: Machine, schedule: Schedule) -> int:
    """Of one context. Contexts beyond the machine's share what there is."""
    return machine.scratchpad_bytes // max(machine.contexts, contexts(machine, schedule))


def contexts(machine: Machine, schedule: Schedule) -> int:
    """Contexts that a schedule uses on a machine."""
    return schedule.threads or machine.contexts
