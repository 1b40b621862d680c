"""The systems that are compared: each makes a row's call, and says what it returns and what it cannot help."""
# pyright: basic

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from row import Row
from torch import Tensor

Call = Callable[[], Any]


class Refused(Exception):
    """A peer that cannot do a row; the message says why."""


@dataclass(frozen=True)
class Contender:
    """`call`: what is timed; its result is ready when it returns. `result()`: of the last call, as a tensor.
    `preallocated`: the output's memory was there before."""

    name: str
    call: Call
    result: Callable[[], Tensor]
    preallocated: bool


def rung(row: Row, inputs: tuple[Tensor, ...]) -> list[Contender]:
    """Bound: the kernel that was chosen, `kernel[grid]` kept, constants by position. And `kernel[grid]` as it stands in
    a program, with the choice of a configuration. Grids that no configuration changes are computed before."""
    launch = row.launch(*inputs)
    launch.kernel[launch.grid](*launch.args, **launch.meta)
    chosen = getattr(launch.kernel, "best_config", None)
    constants = {**launch.meta, **(chosen.all_kwargs() if chosen else {})}
    sizes = launch.grid(constants) if callable(launch.grid) else launch.grid
    grid = launch.grid if chosen else sizes
    bound: Any = (launch.kernel.fn if chosen else launch.kernel)[sizes]
    arguments = (*launch.args, *(constants[name] for name in launch.kernel.arg_names[len(launch.args) :]))
    return [
        Contender("rung", lambda: bound(*arguments), lambda: launch.output, True),
        Contender(
            "kernel[grid]", lambda: launch.kernel[grid](*launch.args, **launch.meta), lambda: launch.output, True
        ),
    ]


def eager(row: Row, inputs: tuple[Tensor, ...]) -> Contender:
    last: list[Any] = [row.torch(*inputs)]
    if row.out is not None:
        output = torch.empty_like(last[0], memory_format=torch.contiguous_format)
        into = row.out
        return Contender("eager", lambda: into(output, *inputs), lambda: output, True)
    return _keeping("eager", lambda: row.torch(*inputs), lambda found: found)


def inductor(row: Row, inputs: tuple[Tensor, ...]) -> Contender:
    """Inductor's C++ back end."""
    options: Any = {"cpu_backend": "cpp"}
    compiled = torch.compile(row.torch, options=options, dynamic=False)
    return _keeping("Inductor C++", lambda: compiled(*inputs), lambda found: found)


def jax(row: Row, inputs: tuple[Tensor, ...]) -> Contender:
    import jax as library

    function, given = _in_jax(row, inputs)
    compiled = library.jit(function)
    return _keeping("JAX", lambda: compiled(*given).block_until_ready(), _tensor)


def iree(row: Row, inputs: tuple[Tensor, ...]) -> Contender:
    """The same function as JAX's, from StableHLO, for this processor; arguments stay on IREE's device."""
    import iree.compiler as compiler
    import iree.runtime as runtime
    import jax as library

    # IREE does not read how JAX would spread arrays over devices in the newer of its two ways.
    library.config.update("jax_use_shardy_partitioner", False)
    function, given = _in_jax(row, inputs)
    text = library.jit(function).lower(*given).as_text()
    flags = ["--iree-llvmcpu-target-cpu=host", "--iree-opt-level=O3"]
    try:
        binary = compiler.compile_str(text, target_backends=["llvm-cpu"], input_type="stablehlo", extra_args=flags)
    except Exception as error:  # of IREE's own types
        raise Refused(f"IREE: {str(error).splitlines()[0][:100]}") from None
    config = runtime.Config("local-task")
    context = runtime.SystemContext(config=config)
    context.add_vm_module(runtime.VmModule.copy_buffer(context.instance, binary))
    main = context.modules.jit_function.main
    arrays = [runtime.asdevicearray(config.device, np.asarray(x)) for x in given]
    return _keeping("IREE", lambda: main(*arrays), lambda found: _tensor(found.to_host()))


PEERS: dict[str, Callable[[Row, tuple[Tensor, ...]], Contender]] = {
    "eager": eager,
    "inductor": inductor,
    "jax": jax,
    "iree": iree,
}


def _keeping(name: str, call: Call, to_tensor: Callable[[Any], Tensor]) -> Contender:
    """A call that allocates its result, which is kept until the next one replaces it."""
    last: list[Any] = [None]

    def run() -> None:
        last[0] = call()

    return Contender(name, run, lambda: to_tensor(last[0]), False)


def _in_jax(row: Row, inputs: tuple[Tensor, ...]) -> tuple[Callable[..., Any], list[Any]]:
    import jax as library
    import jax.numpy as jnp

    if row.jax is None:
        raise Refused("not written for JAX")
    said = row.jax

    def function(*arrays: Any) -> Any:
        return said(jnp, *arrays)

    function.__name__ = "function"
    return function, [library.device_put(jnp.from_dlpack(x.contiguous())) for x in inputs]


def _tensor(found: Any) -> Tensor:
    """Of an array; torch does not know NumPy's bfloat16, which is a part of f32."""
    array = np.asarray(found)
    return torch.from_numpy(np.array(array, np.float32 if array.dtype.name == "bfloat16" else None))


def limit_threads(contexts: int) -> None:
    """Before the libraries are loaded: all take so many threads, those that the process may run on."""
    os.environ.setdefault("RUNG_NUM_THREADS", str(contexts))
    torch.set_num_threads(contexts)
