"""Every attribute of rung's own in the IR: its name, what carries it, and what it says.

Passes and analyses use the constants; a decision is one of these attributes, never a table beside the IR. `STRUCTURE`
are those by which later passes find their way, all others are decisions and facts that `evidence.py` reads back.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Attribute:
    """carrier: the operations that have it. kind: of its value, as MLIR writes it."""

    name: str
    carrier: str
    kind: str
    meaning: str
    structure: bool = False


ATTRIBUTES: dict[str, Attribute] = {}


def _attribute(name: str, carrier: str, kind: str, meaning: str, structure: bool = False) -> str:
    ATTRIBUTES[name] = Attribute(name, carrier, kind, meaning, structure)
    return name


_LOOP, _TRANSFER = "a loop", "`memref.copy`, `memref.dma_start`, `memref.dma_wait`"

# ---- functions

KERNEL = _attribute("rung.kernel", "`func.func`", "unit", "this is the kernel", structure=True)
ENTRY = _attribute("rung.entry", "`llvm.func`", "unit", "the launcher calls this function, with one slot per argument")
FITS = _attribute("rung.fits", "`func.func`", "unit", "tells of a launch's arguments and grid if the kernel is right")
COMBINER = _attribute(
    "rung.combiner", "`func.func`", "unit", "combines accumulators and elements of a reduction or scan", structure=True
)
TASK = _attribute("rung.task", "`func.func`", "unit", "the share of one context, or one program that may wait")
MAY_ALIAS = _attribute(
    "rung.may_alias", "`func.func`", "unit", "all pointer arguments count as one array", structure=True
)
ASSUMED = _attribute(
    "rung.assumed",
    "`func.func`",
    "array of pairs of i64",
    "pairs of arguments that transfers take to be different memory; the launcher compares them",
    structure=True,
)
SCRATCHPAD = _attribute(
    "rung.scratchpad",
    "`func.func`",
    "{budget_bytes, buffers, scratch_bytes, alignment_bytes}",
    "what a context has for tiles and for scratch, and how tiles are counted",
)
SCRATCH_BYTES = _attribute("rung.scratch_bytes", "`func.func`", "i64", "of scratch, in the arena of a context")
SCRATCHPAD_BYTES = _attribute(
    "rung.scratchpad_bytes", f"`func.func`, {_LOOP}", "i64", "of the scratchpad that is used, of one context"
)
COUNTERS = _attribute("rung.counters", "`llvm.mlir.global`", "unit", "executions of blocks, on the modelled device")

# ---- the grid and its loops

GRID = _attribute("rung.grid", "`scf.forall`", "unit", "the launch grid", structure=True)
GRID_LOOP = _attribute("rung.grid_loop", "`scf.for`", "unit", "over the programs of one context", structure=True)
CONTEXTS = _attribute("rung.contexts", "`scf.forall`", "unit", "over the hardware contexts", structure=True)
PROGRAMS = _attribute("rung.programs", "`scf.forall`, `func.func`", "unit", "programs that wait for one another")
TILES = _attribute("rung.tiles", "`scf.forall`, `scf.for`", "unit", "over the tiles of one block")
TILE_LOOP = _attribute("rung.tile_loop", "`scf.for`", "unit", "over the tiles of one context")
TILE = _attribute(
    "rung.tile",
    f"`linalg.generic`, {_LOOP}",
    "array of i64",
    "elements of a tile, per dimension: to be cut into, or over",
)
BOUNDS = _attribute(
    "rung.bounds",
    "`memref.reinterpret_cast`, `scf.for`",
    "array of i64",
    "the most that each dynamic size, or the number of iterations, can be",
    structure=True,
)
FORK = _attribute(
    "rung.fork",
    "`scf.forall`",
    "{loop, contexts, least, fork_join_ns}",
    "decided at launch: the loop is forked to at most so many contexts from so many iterations on",
)
BODY_COST_NS = _attribute("rung.body_cost_ns", _LOOP, "f64", "estimated, of one iteration")
BREAK_EVEN_PROGRAMS = _attribute("rung.break_even_programs", _LOOP, "i64", "from how many on a fork pays")
DISTRIBUTION = _attribute("rung.distribution", "`scf.forall`", "string", "block or block-cyclic")
ITERATIONS_PER_LINE = _attribute(
    "rung.iterations_per_line", "`scf.forall`", "i64", "shares begin at multiples: contexts do not share a cache line"
)
BAND = _attribute(
    "rung.band", _LOOP, "i64", "programs run in bands of so many along the second dimension of the grid, band by band"
)
SERIAL = _attribute("rung.serial", _LOOP, "string", "why it is not dealt out")

# ---- transfers

TRANSFER = _attribute("rung.transfer", _TRANSFER, '"load" or "store"', "moves a footprint into or out of scratchpad")
IN_ORDER = _attribute("rung.in_order", _TRANSFER, "string", "why it may not move to another iteration")
AT_MOST = _attribute("rung.at_most", "`scf.for`", "i64", "the most iterations of a loop over descriptors")
PROMOTED = _attribute("rung.promoted", _LOOP, "i64", "views that became buffers in the scratchpad")
STREAMS = _attribute("rung.streams", _LOOP, "i64", "of these, those that move with the loop")
HELD = _attribute("rung.held", _LOOP, "i64", "of these, those that are kept while their place is the same")
DIRECT = _attribute("rung.direct", _LOOP, "array of strings", "why a view did not become a buffer")
DEPTH = _attribute("rung.depth", _LOOP, "i64", "buffers of each stream")
PIPELINED = _attribute("rung.pipelined", _LOOP, "i64", "streams whose transfers overlap the computation")
NOT_PIPELINED = _attribute("rung.not_pipelined", _LOOP, "array of strings", "why a stream's do not")

# ---- vectors

VECTORIZED = _attribute("rung.vectorized", "`scf.for`", "{lanes, unroll, ...}", "over vectors")
SCALAR = _attribute("rung.scalar", _LOOP, "string", "why a nest stayed scalar")
SCALARIZED = _attribute(
    "rung.scalarized",
    "`func.func`",
    "array of strings",
    "operations and types that the vector unit lacks and that are left for the back end to take apart",
)
KEPT = _attribute(
    "rung.kept", "`linalg.matmul`", "i64", "this operand is often what it was for the program before", structure=True
)
IN_PLACE = _attribute(
    "rung.in_place",
    "`linalg.matmul`",
    "unit",
    "A is read from memory where a whole block of it is there",
    structure=True,
)
CONTRACTION = _attribute("rung.contraction", "`scf.for`", "{lanes, mr, nr, ...}", "a contraction, in register tiles")
STREAMED = _attribute(
    "rung.streamed",
    "`scf.if`",
    "i64",
    "stores in it that go past the caches in launches that write more than they hold",
)
PREFETCHED = _attribute("rung.prefetched", _LOOP, "{bytes, ops}", "what is fetched into the cache ahead of use")

# ---- floats of eight bits

_CAST = "`tt.fp_to_fp`, before stage `linalg`"
FROM_FLOAT = _attribute("rung.from_float", _CAST, "type", "the format of the codes that are read", structure=True)
TO_FLOAT = _attribute("rung.to_float", _CAST, "type", "the format of the codes that are made", structure=True)

# ---- failures and prints

PRINT = _attribute(
    "rung.print",
    "`func.call`",
    "string",
    "what `rung_print` prints, as runtime/src/print.c reads it",
    structure=True,
)

WHERE = _attribute("rung.where", "`cf.assert`", "string", "the place in the kernel's source")

# ---- calls that mark what a matrix unit takes

MATRIX_PREFIX, MATRIX_END = "rung_matrix_", "rung_matrix_end"
"""`@rung_matrix_bf16_MxNxK` begins a contraction of that size. `hand-to-matrix-unit` puts them, `targets/npu` reads
them."""

STRUCTURE = frozenset(name for name, attribute in ATTRIBUTES.items() if attribute.structure)
