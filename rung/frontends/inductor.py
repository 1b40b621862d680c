"""The kernels that PyTorch's Inductor generates for a torch function with its Triton back end on CPUs."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, fields
from typing import Any, cast

from ..errors import UsageError
from .triton.options import Options

_TEMPLATES: dict[str, Any] = {
    "max_autotune": True,
    "max_autotune_gemm_backends": "TRITON",
    "benchmark_epilogue_fusion": False,
}


@dataclass
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
    args: tuple[Any, ...]
    """All arguments in the signature's order, tensors as they were before the launch. Kernels write in
    place: launch on `copy_arguments(k.args)` to launch again."""
    launches: int = 1
    """How often one call of the function launches this kernel on this grid."""
    returned: tuple[int, ...] = ()
    """Positions of the arguments whose memory the function returned, in the order of its results. Where several
    kernels had a result as an argument, the last of them."""


def capture(fn: Callable[..., Any], *args: Any, templates: bool = False) -> list[CapturedKernel]:
    """The Triton kernels that one call `fn(*args)` launches, in order of their first launch.

    fn: a function or module on CPU tensors; forward and backward if it calls both.
    templates: generate matrix products from Inductor's Triton templates too, instead of calling ATen for
    them.

    A first call compiles and tunes the kernels; what a second call launches is kept. Raises UsageError if
    that is nothing.
    """
    import torch
    from torch._inductor import config
    from torch._inductor.runtime.triton_helpers import set_driver_to_cpu
    from torch._inductor.utils import fresh_cache
    from triton.runtime import driver

    torch.compiler.reset()  # a copy of `fn` that was compiled for another back end would be found otherwise
    set_driver_to_cpu()
    # In this process and uncached: only then does every kernel still know its Python function.
    settings: dict[str, Any] = {"cpu_backend": "triton", "compile_threads": 1, "force_disable_caches": True}
    with ExitStack() as stack:
        stack.enter_context(fresh_cache())
        stack.enter_context(cast(Any, config).patch(settings | (_TEMPLATES if templates else {})))
        recorded = stack.enter_context(_recorded_launches(driver.active))
        compiled = cast(Any, torch).compile(fn, dynamic=False)
        compiled(*args)
        recorded.kernels.clear()
        recorded.memory.clear()
        recorded.mark_returned(compiled(*args))
    torch.compiler.reset()
    if not recorded.kernels:
        raise UsageError(
            f"Inductor made no Triton kernel of `{getattr(fn, '__name__', fn)}`; it needs at least one "
            "operation on CPU tensors that Inductor does not hand to ATen"
        )
    return list(recorded.kernels.values())


@dataclass
class _Recorded:
    kernels: dict[object, CapturedKernel] = field(default_factory=dict[object, CapturedKernel])
    memory: dict[int, tuple[CapturedKernel, int]] = field(default_factory=dict[int, tuple[CapturedKernel, int]])
    """Address -> the kernel that was launched on it last, and as which argument."""

    def mark_returned(self, results: Any) -> None:
        """Note in the kernels which of their arguments are among `results`, tensors in any structure."""
        import torch
        from torch.utils import _pytree

        for result in _pytree.tree_leaves(results):
            if isinstance(result, torch.Tensor) and (found := self.memory.get(result.data_ptr())):
                kernel, position = found
                kernel.returned += (position,)


@contextmanager
def _recorded_launches(driver: Any) -> Generator[_Recorded]:
    """Launches through `driver` while the context is open; equal ones are counted."""
    recorded = _Recorded()
    make_launcher = driver.launcher_cls

    def recording_launcher(source: Any, metadata: Any) -> Callable[..., Any]:
        launch = make_launcher(source, metadata)

        def record(gx: int, gy: int, gz: int, *rest: Any) -> Any:
            grid, args = (gx, gy, gz), rest[-len(source.signature) :]
            if (kernel := recorded.kernels.get((launch, grid))) is not None:
                kernel.launches += 1
            else:
                kernel = recorded.kernels[launch, grid] = _captured(source, metadata, grid, args)
            for position, value in enumerate(args):
                if hasattr(value, "data_ptr"):
                    recorded.memory[value.data_ptr()] = kernel, position
            return launch(gx, gy, gz, *rest)

        return record

    driver.launcher_cls = recording_launcher
    try:
        yield recorded
    finally:
        driver.launcher_cls = make_launcher


def _captured(source: Any, metadata: Any, grid: tuple[int, int, int], args: tuple[Any, ...]) -> CapturedKernel:
    names: list[str] = source.fn.arg_names
    return CapturedKernel(
        name=metadata.name,
        fn=source.fn,
        signature=dict(source.signature),
        constexprs={names[path[0]]: value for path, value in source.constants.items()},
        attrs=dict(source.attrs),
        options={f.name: getattr(metadata, f.name) for f in fields(Options) if hasattr(metadata, f.name)},
        grid=grid,
        args=copy_arguments(args),
    )


def copy_arguments(args: tuple[Any, ...]) -> tuple[Any, ...]:
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
