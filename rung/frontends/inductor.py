"""The kernels that PyTorch's Inductor generates for a torch function under `torch.compile(backend="rung")`."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field, fields
from functools import partial
from typing import Any, cast

from ..errors import RungError, UsageError, one_line
from .triton.options import Options

_TEMPLATES: dict[str, Any] = {"max_autotune": True, "max_autotune_gemm_backends": "TRITON"}

Arguments = tuple[Any, ...]
"""Of a kernel, in the order of its signature."""
Launcher = Callable[..., Any]
"""Called with the grid (three numbers), the stream, the code, four values of Triton's own, and the arguments."""
_OF_TRITON = 9
"""How many values stand before the arguments."""


@dataclass(eq=False)
class CapturedKernel:
    """One kernel as Inductor launched it.

    `make_ttir(k.fn, k.signature, k.constexprs, k.attrs, k.options)` takes it into rung's pipeline again.
    """

    name: str
    fn: Any
    """The JITFunction; `fn.src` is its source."""
    signature: dict[str, str]
    constexprs: dict[str, object]
    attrs: dict[tuple[int, ...], list[list[object]]]
    options: dict[str, object]
    grid: tuple[int, int, int]
    source: Any
    """What Triton compiles: the function with all of the above."""
    launch: Launcher
    launches: int = 1
    """How often one call of the function launches this kernel on this grid."""
    args: Arguments = ()
    """Tensors as they were before the launch, where they were asked for. Kernels write in place: launch on
    `copy_arguments(k.args)` to launch again."""
    returned: tuple[int, ...] = ()
    """Positions of the arguments whose memory the function returned, in the order of its results. Where several
    kernels had a result as an argument, the last of them."""

    @property
    def passed(self) -> list[int]:
        """Positions of the arguments that are no constants."""
        return [position for position, name in enumerate(self.signature) if name not in self.constexprs]


Instead = Callable[[CapturedKernel, tuple[Any, ...]], Any]
"""(kernel, what its launcher was called with)"""


@dataclass
class CompiledFunction:
    """A torch function on its inputs, compiled by Inductor, while its launches are watched."""

    call: Callable[[], Any]
    kernels: list[CapturedKernel]
    """That one call launches, in the order of their first launch."""
    breaks: list[str]
    """Why Dynamo cut the function into several graphs."""
    _launches: _Launches = field(repr=False)

    def under(self, kernel: CapturedKernel, schedule: str) -> Launcher:
        """A kernel compiled under another schedule, to be called as `kernel.launch` is.

        schedule: the text of a `rung.schedule.Schedule`.
        """
        import triton
        from triton.backends.compiler import GPUTarget

        compile_: Any = cast(Any, triton).compile
        with self._launches.unwatched():
            target, options = GPUTarget("cpu", "cpu", 1), {**kernel.options, "schedule": schedule}
            found: Any = compile_(kernel.source, target=target, options=options)
            run: Launcher = found.run
        code, packed = found.function, found.packed_metadata

        def launch(gx: int, gy: int, gz: int, stream: int, _code: Any, _packed: Any, *rest: Any) -> Any:
            return run(gx, gy, gz, stream, code, packed, *rest)

        return launch

    @contextmanager
    def launching(self, instead: Instead) -> Generator[None]:
        """While the context is open, `instead` is called for every launch, and nothing is launched but by it."""
        before, self._launches.instead = self._launches.instead, instead
        try:
            yield
        finally:
            self._launches.instead = before

    def arguments(self, wanted: CapturedKernel) -> tuple[Arguments, Arguments]:
        """Copies of what a kernel's first launch in a call was given, and of what it left behind.

        A call is made for them: not all kernels' tensors have to be in memory at the same time.
        """
        found: list[tuple[Arguments, Arguments]] = []

        def launch(kernel: CapturedKernel, values: tuple[Any, ...]) -> None:
            if kernel is not wanted or found:
                kernel.launch(*values)
                return
            before = copy_arguments(values[_OF_TRITON:])
            kernel.launch(*values)
            found.append((before, copy_arguments(values[_OF_TRITON:])))

        with self.launching(launch):
            self.call()
        if not found:
            raise RungError(f"`{wanted.name}` was launched by one call of the function and not by the next")
        return found[0]


@contextmanager
def compiled(
    call: Callable[[Callable[..., Any]], Any], fn: Any, name: str, templates: bool = False
) -> Generator[CompiledFunction]:
    """`fn`, a function or module on CPU tensors, compiled by `torch.compile(fn, backend="rung")`.

    call: calls what it is given on the inputs; forward and backward if it calls both.
    templates: generate matrix products from Inductor's Triton templates too, instead of calling ATen for them.

    A first call compiles and tunes the kernels; what a second call launches is found. That may be nothing. While the
    context is open, the compiled function stays what it is. Raises UsageError for what Dynamo or Inductor refuse.
    """
    import torch
    from torch._dynamo.utils import counters
    from torch._inductor import config
    from torch._inductor.runtime.triton_helpers import set_driver_to_cpu
    from torch._inductor.utils import fresh_cache
    from triton.runtime import driver

    torch.compiler.reset()  # a copy of `fn` that was compiled for another back end would be found otherwise
    set_driver_to_cpu()
    # In this process and uncached: only then does every kernel still know its Python function.
    settings: dict[str, Any] = {"compile_threads": 1, "force_disable_caches": True}
    with ExitStack() as stack:
        cache: AbstractContextManager[Any] = cast(Any, fresh_cache)()
        cache.__enter__()
        stack.callback(cache.__exit__, None, None, None)  # told of an exception, it would keep the folder
        stack.enter_context(cast(Any, config).patch(settings))
        launches = stack.enter_context(_watched_launches(driver.active))
        stack.callback(torch.compiler.reset)
        compile_ = cast(Any, torch).compile
        function = compile_(fn, backend="rung", dynamic=False, options=_TEMPLATES if templates else None)
        counters["graph_break"].clear()
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "dynamo_pgo force disabled")  # as all caches are
                call(function)
            launches.kernels.clear()
            call(function)
        except Exception as error:
            raise UsageError(f"torch.compile fails for `{name}`: {one_line(error)}") from error
        breaks = [str(reason).partition("\n")[0] for reason in counters["graph_break"]]
        yield CompiledFunction(partial(call, function), list(launches.kernels.values()), breaks, launches)


def capture(fn: Callable[..., Any], *args: Any, templates: bool = False) -> list[CapturedKernel]:
    """The Triton kernels that one call `fn(*args)` launches, with their arguments, in order of their first launch.

    Raises UsageError if that is nothing.
    """
    name = getattr(fn, "__name__", type(fn).__name__)
    with compiled(lambda function: function(*args), fn, name, templates) as found:
        memory = _Memory()
        with found.launching(memory.note):
            memory.mark_returned(found.call())
    if not found.kernels:
        raise no_kernel(name)
    return found.kernels


def no_kernel(name: str) -> UsageError:
    """What there is to say of a function of which Inductor makes none."""
    return UsageError(
        f"Inductor made no Triton kernel of `{name}`; it needs at least one operation on CPU tensors that Inductor "
        "does not hand to ATen"
    )


@dataclass
class _Memory:
    """Notes in kernels their arguments, and which of them the function returned."""

    by_address: dict[int, tuple[CapturedKernel, int]] = field(default_factory=dict[int, tuple[CapturedKernel, int]])
    """Address -> the kernel that was launched on it last, and as which argument."""

    def note(self, kernel: CapturedKernel, values: tuple[Any, ...]) -> None:
        args = values[_OF_TRITON:]
        if not kernel.args:
            kernel.args = copy_arguments(args)
        kernel.launch(*values)
        for position, value in enumerate(args):
            if hasattr(value, "data_ptr"):
                self.by_address[value.data_ptr()] = kernel, position

    def mark_returned(self, results: Any) -> None:
        """`results`: tensors in any structure."""
        import torch
        from torch.utils import _pytree

        for result in _pytree.tree_leaves(results):
            if isinstance(result, torch.Tensor) and (found := self.by_address.get(result.data_ptr())):
                kernel, position = found
                kernel.returned += (position,)


@dataclass
class _Launches:
    kernels: dict[object, CapturedKernel] = field(default_factory=dict[object, CapturedKernel])
    """By what launches them, and their grid. Equal launches are counted."""
    instead: Instead | None = None
    watching: bool = True

    @contextmanager
    def unwatched(self) -> Generator[None]:
        """What is compiled while the context is open is launched past us."""
        self.watching = False
        try:
            yield
        finally:
            self.watching = True


@contextmanager
def _watched_launches(driver: Any) -> Generator[_Launches]:
    """Of kernels that are compiled through `driver` while the context is open."""
    launches = _Launches()
    make_launcher = driver.launcher_cls

    def watching_launcher(source: Any, metadata: Any) -> Launcher:
        launch = make_launcher(source, metadata)
        if not launches.watching:
            return launch

        def watched(*values: Any) -> Any:
            grid = values[:3]
            kernel = launches.kernels.get((launch, grid))
            if launches.instead is not None and kernel is not None:
                return launches.instead(kernel, values)
            if kernel is None:
                launches.kernels[launch, grid] = _captured(source, metadata, grid, launch)
            else:
                kernel.launches += 1
            return launch(*values)

        return watched

    driver.launcher_cls = watching_launcher
    try:
        yield launches
    finally:
        driver.launcher_cls = make_launcher


def _captured(source: Any, metadata: Any, grid: Any, launch: Launcher) -> CapturedKernel:
    names: list[str] = source.fn.arg_names
    constants: Mapping[tuple[int, ...], object] = source.constants
    return CapturedKernel(
        name=metadata.name,
        fn=source.fn,
        signature=dict(source.signature),
        constexprs={names[path[0]]: value for path, value in constants.items()},
        attrs=dict(source.attrs),
        options={f.name: getattr(metadata, f.name) for f in fields(Options) if hasattr(metadata, f.name)},
        grid=grid,
        source=source,
        launch=launch,
    )


def copy_arguments(args: Iterable[Any]) -> Arguments:
    """A copy of a kernel's arguments in which tensors that shared memory share it again."""
    import torch

    storages: dict[int, torch.UntypedStorage] = {}

    def copied(value: Any) -> Any:
        if not isinstance(value, torch.Tensor):
            return value
        storage = value.untyped_storage()
        if storage.data_ptr() not in storages:
            storages[storage.data_ptr()] = storage.clone()
        copy = torch.empty(0, dtype=value.dtype)
        return copy.set_(storages[storage.data_ptr()], value.storage_offset(), value.size(), value.stride())

    return tuple(copied(value) for value in args)
