"""Launches by `kernel[grid]` that repeat earlier ones, without Triton's own dispatch (docs/adr/0017).

Most of a short launch is `JITFunction.run`: it binds and specialises arguments, writes a key as text, looks it up, and
makes metadata for hooks that nobody has set. Which kernel it launches depends on a few traits of the arguments and on
Triton's settings; a Dispatcher (runtime/src/dispatch.c) remembers it, and asks Triton where one of them has changed.
"""

from __future__ import annotations

from typing import Any

from .. import knobs as settings

KNOWN = "3.7.1"
"""The Triton whose `run` has been read. Another one's may ask for more, and is always asked."""

_MISSING = object()


def repeat_launches(jit: Any) -> None:
    """Gives a JITFunction a `run` that repeats what Triton's does; not where somebody else has given it one."""
    from triton.runtime.jit import JITFunction

    run = vars(JITFunction)["run"]
    if type(jit) is not JITFunction or "run" in vars(jit) or not _is_known(run) or not settings.repeat_launches():
        return
    from ..runtime._native import Dispatcher

    names = tuple(p.name for p in jit.params)
    defaults = tuple(p.default if p.has_default else _MISSING for p in jit.params)
    jit.run = Dispatcher(jit, names, defaults, tuple(bool(p.is_constexpr) for p in jit.params), _parts(run))


def _is_known(run: Any) -> bool:
    """Whether it is what KNOWN defines, and no wrapper that somebody has put in its place."""
    import triton
    from triton.runtime import jit

    code = getattr(run, "__code__", None)
    own = code is not None and (code.co_filename, code.co_qualname) == (jit.__file__, "JITFunction.run")
    return own and triton.__version__ == KNOWN


def _parts(run: object) -> tuple[object, ...]:
    """What a Dispatcher needs to know of Triton, in its order."""
    import torch
    from triton import knobs
    from triton.compiler import CompiledKernel
    from triton.language import dtype
    from triton.runtime import driver
    from triton.runtime.jit import JITFunction

    from .driver import CpuDriver

    tensors = (torch.Tensor, torch.nn.Parameter)
    return (
        run,
        knobs,
        driver,
        CpuDriver,
        tensors,
        (dtype,),
        JITFunction,
        CompiledKernel,
        _MISSING,
        _launch_behind_hooks,
    )


def _launch_behind_hooks(kernel: Any, grid: Any, arguments: dict[str, object]) -> None:
    """The last lines of `JITFunction.run`, for a grid whose computation has set a hook, or is no plain tuple."""
    from triton import knobs

    size = len(grid)
    sizes = grid[0], grid[1] if size > 1 else 1, grid[2] if size > 2 else 1
    metadata = kernel.launch_metadata(grid, 0, *arguments.values())
    enter, leave = knobs.runtime.launch_enter_hook, knobs.runtime.launch_exit_hook
    kernel.run(*sizes, 0, kernel.function, kernel.packed_metadata, metadata, enter, leave, *arguments.values())
