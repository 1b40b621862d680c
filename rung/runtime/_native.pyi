from collections.abc import Callable
from typing import TypedDict

class Counters(TypedDict):
    """What the pool and the copy engine did since the last reset. Calls on one context count nowhere."""

    forks: int
    """Forks that used the pool."""
    forks_serial: int
    """Forks that ran on the caller alone: nested ones, and those that found the pool taken."""
    contexts_ran: int
    """Distinct context ids that ran work in a fork; ids from 63 on count as one."""
    threads_ran: int
    """Distinct pool threads that ran work, the caller included; from 63 on they count as one."""
    contexts_taken_over: int
    """Contexts that the caller ran because their worker did not begin within 10 us."""
    dma_transfers: int
    dma_bytes: int
    dma_max_in_flight: int
    """The most transfers pending in one queue."""
    dma_waiter_copies: int
    """Transfers that a waiting thread carried out itself because the engine did not."""
    programs_waiting: int
    """Of a kernel whose programs wait for one another: the most that one context had under way at once."""

class Launcher:
    """Packs arguments into slots and calls `void kernel(int64_t *slots)` without the GIL.

    `kinds` has one character per kernel argument: `P` pointer, `i` / `u` signed / unsigned integer, `f` f32,
    `d` f64, `e` f16, `b` bf16, `-` constexpr (takes no slot). The grid takes the last three slots.

    `alias_pairs` are pairs of indices of pointer arguments that the kernel assumes to differ. When two are
    equal (and not null), or the kernel says that it is not right for the launch (it does nothing but set the grid's
    first size to -1), `otherwise(gx, gy, gz, args)` is called in place of the kernel; without it that is a LaunchError.

    `dtypes` names the type of each tensor argument as `str(tensor.dtype)` does, None where any will do; a torch
    tensor of another type is a LaunchError.

    `structure` is for arguments that are several of the kernel's, one item for each of Python's: `.` one argument,
    `(...)` a tuple of what is inside, `1` to `5` a tensor descriptor of that rank, which is its base, shape, strides,
    whether it pads with NaN, whether it rounds to tf32, and shape and strides again. All else counts the kernel's own.
    """

    kinds: str
    names: tuple[str, ...]
    dtypes: tuple[str | None, ...] | None
    structure: str | None
    def __new__(
        cls,
        kinds: str,
        names: tuple[str, ...],
        alias_pairs: tuple[tuple[int, int], ...] = ...,
        otherwise: Callable[[int, int, int, tuple[object, ...]], object] | None = None,
        dtypes: tuple[str | None, ...] = ...,
        structure: str | None = None,
    ) -> Launcher: ...
    def __call__(
        self,
        gx: int,
        gy: int,
        gz: int,
        stream: object,
        function: int,
        packed_metadata: object,
        launch_metadata: object,
        enter_hook: Callable[[object], object] | None,
        exit_hook: Callable[[object], object] | None,
        /,
        *args: object,
    ) -> None:
        """Triton's launcher convention. Raises `LaunchError`, naming the argument that does not fit, and what the
        kernel fails at: `DeviceAssertError`, `OutOfMemoryError`."""

class Dispatcher:
    """A JITFunction's `run`: launches again what Triton has chosen before, and asks Triton where anything differs.

    `names`, `defaults`, `constants` have an item for each parameter: its name, its default (or the `missing` of
    `parts`), and whether it is a constexpr. `parts` is what it needs to know of Triton (`triton_backend/dispatch.py`).
    """

    launches: int
    """How many Triton has not been asked about."""
    remembered: int
    """Choices of Triton's that are kept."""
    def __new__(
        cls,
        jit: object,
        names: tuple[str, ...],
        defaults: tuple[object, ...],
        constants: tuple[bool, ...],
        parts: tuple[object, ...],
        /,
    ) -> Dispatcher: ...
    def __call__(self, *args: object, **keywords: object) -> object:
        """As `JITFunction.run`, `grid` and `warmup` among the keywords; returns the kernel that was launched."""

class Sequence:
    """What a graph of Inductor's does between two calls of others: launches, and the memory in between, in one call.

    `lines(tensors, *symbols) -> results` is it in Python, as Inductor wrote it; it empties the list. Behind a call of
    it `learn()` is asked for what the steps in C are made of (`torch_backend/sequences.py`): None where they are not
    known yet, False where they never will be. From then on the lines run where a launch is watched, or a tensor is none
    of the type and in the memory that the steps are for.
    """

    lines: Callable[..., tuple[object, ...]]
    taken: int
    """How often the steps have been taken."""
    def __new__(
        cls,
        lines: Callable[..., tuple[object, ...]],
        learn: Callable[[], tuple[object, ...] | bool | None],
        /,
    ) -> Sequence: ...
    def __call__(self, tensors: list[object], /, *symbols: object) -> tuple[object, ...]:
        """The tensors that are left. Raises what a launch raises."""

class Code:
    """Object code (ELF, relocatable), linked into this process as long as this lives; `gdb` knows of it meanwhile. What
    it needs is found in the runtime, the libraries that this needs, and what the process shows to all.

    Raises a RungError for what is no object for this processor, and for one that needs what nobody defines.
    """

    functions: dict[str, int]
    """The address of every function that the code exports, by name."""
    def __new__(cls, object_code: bytes) -> Code: ...

class Bound:
    """A kernel with its arguments packed once (and kept alive): for measurements."""

    def __call__(self) -> None: ...
    def time(self, n: int, /) -> list[float]:
        """Seconds of each of `n` launches, one after another in C."""

def bind(
    function: int,
    kinds: str,
    args: tuple[object, ...],
    grid: tuple[int, int, int],
    names: tuple[str, ...] = ...,
    otherwise: Callable[[], Bound] | None = None,
) -> Bound:
    """Pack `args` for `function`, the address of a packed kernel, as a Launcher does. Both are kept alive: an address
    that holds its code (`rung.targets.loaded.Function`) can be called as long as the result lives.

    `otherwise` makes what runs in its place where the kernel says that it is not right for the launch; without it that
    is a LaunchError.
    """

def call_packed(function: int, slots: bytearray | memoryview | int, /) -> None:
    """Call a packed kernel once without the GIL; `slots` is a writable buffer or an address."""

def contexts() -> int:
    """Threads that a fork uses at most, the caller included: one per core of the affinity mask unless set."""

def set_contexts(contexts: int | None, /) -> None:
    """`None` is one per core. Reads the affinity mask again: workers and the copy engine move to the cores that it has
    now. Where a fork is under way, that is done for the next one. Loading a kernel does this, too."""

def borrow_threads(team: int | None, most: int | None, /) -> tuple[int | None, int | None]:
    """The addresses of functions like libgomp's `GOMP_parallel` and `omp_get_max_threads`: forks use its threads from
    now on, at most so many. `None`: our own. Returns those that were used before.

    Where one of its threads comes late, since others want the cores, too, our own take the forks for a while."""

def counters() -> Counters: ...
def reset_counters() -> None:
    """To be called while no kernel runs."""

def take_dma_violations() -> tuple[int, str]:
    """Violations of the contract of transfers that `dma_check.c` found since the last call.

    How many, and the first ones in words, a line each. A launch takes them and raises `TransferError`.
    """

def violations() -> tuple[tuple[str, str], ...]:
    """All violations of the contract of transfers, in the order of their numbers: (name, words). `rung.ir.violations`
    is the same table."""

Fault = tuple[int, int, int, int, int, int, int, int, int, int, int]
"""(kind, site, program, place in the block, other site, other program, tensor, the addresses of the first, the least
and the greatest element, how many elements); -1 for what is not known. Kinds: 0 outside, 1 race, 2 undefined, 3
not written, 4 order, 5 misaligned, 6 several programs write the same number."""

def sanitize_begin(
    tensors: tuple[tuple[int, int, int, bytearray | None], ...],
    sites: tuple[tuple[int, int, int, bool, bool, bool, bool], ...],
    programs: int,
    stop: bool,
    order: bool,
) -> None:
    """Until `sanitize_end`, launches of this thread on one context are watched, if their code has checks.

    tensors: (address of the data, begin and end of the storage, a 1 for each byte of it that nobody has written).
    sites: (kind of access, bytes of an element, number of an atomic's update: of one, but 0, they may change places;
    whether it acquires, and releases; whether it goes to memory of the tensors, and to no other; whether it cannot be
    left out, so that a fault there ends the launch also without `stop`).
    order: atomics that may not change places are a fault.
    programs: of the grid. stop: the launch raises a SanitizerError at the first fault but those of kind 6.
    """

def sanitize_end() -> tuple[list[Fault], int]:
    """The faults, a line of the kernel each, and how many accesses went to memory of no argument."""

def empty_fork(contexts: int, reps: int, /) -> float:
    """Median seconds of one fork and join of an empty task."""

def copy_bandwidth(bytes: int, contexts: int, /) -> float:
    """GB/s of a copy of `bytes` bytes on `contexts` contexts, read + write: the best of seven."""

def symbol_address(name: str, /) -> int:
    """The address of a function of `runtime.h`."""
