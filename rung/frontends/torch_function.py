"""A torch function or module of the user's, `FILE.py::name`, and what it is called on.

| `name` is                                        | what is compiled                                |
|--------------------------------------------------|-------------------------------------------------|
| a module                                         | the module, in eval mode, without gradients     |
| a class of modules that is made of no arguments  | an instance, likewise                           |
| a function without arguments that gives a module | that module, likewise                           |
| another function                                 | the function, as it is: it may call `backward`  |

Inputs are those that are given as text (`--inputs`), or what the file says: `name_inputs`, or else `inputs`, is a
tensor, a tuple of arguments, a dict of them by name, or a function that returns one of these.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

from ..dtypes import BY_TRITON, FLOATS
from ..errors import UsageError, did_you_mean, one_line
from .triton.loader import execute_file

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Drawn:
    """An input that is drawn. dtype: torch's name; floats are normal(0, 1), or evenly from `span`, as integers are, of
    which both ends are drawn."""

    dtype: str
    shape: tuple[int, ...]
    span: tuple[float, float] | None = None


Given = Drawn | int | float | bool | None


@dataclass(frozen=True)
class TorchFunction:
    """`target` is called on `inputs` and `keywords`. where: `FILE.py::name`. words: the inputs."""

    name: str
    where: str
    target: Any
    inputs: tuple[Any, ...]
    words: str
    keywords: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def is_module(self) -> bool:
        import torch

        return isinstance(self.target, torch.nn.Module)

    def call(self, function: Callable[..., Any]) -> Any:
        """What `function`, which is the target or was compiled of it, makes of the inputs."""
        import torch

        with torch.no_grad() if self.is_module else nullcontext():
            return function(*self.inputs, **self.keywords)

    def call_eager(self) -> Any:
        """Raises UsageError where the function does not take its inputs."""
        try:
            return self.call(self.target)
        except Exception as error:
            on = self.words or "no inputs"
            raise UsageError(f"`{self.name}` fails on {on}: {one_line(error)}") from error

    def state(self) -> list[torch.Tensor]:
        """The tensors, as far as they are known, that a call may change."""
        import torch
        from torch.utils import _pytree

        leaves: list[Any] = _pytree.tree_leaves((self.inputs, dict(self.keywords)))
        inputs = [leaf for leaf in leaves if isinstance(leaf, torch.Tensor)]
        return [*inputs, *self.target.parameters(), *self.target.buffers()] if self.is_module else inputs


def load(spec: str, given: Sequence[Given] | None, seed: int) -> TorchFunction:
    """What `FILE.py::name` names, and its inputs; everything random in the file is drawn with `seed`.

    given: the inputs; None where the file says them. Raises UsageError.
    """
    import torch

    path_text, _, name = spec.partition("::")
    path = Path(path_text)
    if not path.is_file():
        raise UsageError(f"there is no file `{path_text}`; give a function or a module as path/file.py::name")
    if not name:
        raise UsageError(f"`{spec}` names no function; give {path_text}::name")
    cast(Any, torch).manual_seed(seed)
    file = execute_file(path)
    target = _target(file, name, path_text)
    found = _drawn(given, seed) if given is not None else _of_file(file, name, path_text, target)
    inputs, keywords = _as_arguments(found)
    words = ", ".join([*map(_words, inputs), *(f"{key}={_words(value)}" for key, value in keywords.items())])
    function = TorchFunction(name, f"{path.name}::{name}", target, inputs, words, keywords)
    for tensor in function.state():
        if tensor.device.type != "cpu":
            raise UsageError(f"`{name}` has a tensor on {tensor.device}; rung compiles for the CPU: leave it there")
    return function


def _target(file: ModuleType, name: str, path: str) -> Any:
    import torch

    if not hasattr(file, name):
        own = [key for key, value in vars(file).items() if _is_candidate(file, value) and not key.startswith("_")]
        listed = f"it has: {', '.join(own)}" if own else "it has no function and no module"
        raise UsageError(f"there is no `{name}` in {path}{did_you_mean(name, own)}; {listed}")
    found = getattr(file, name)
    if inspect.isclass(found) and issubclass(found, torch.nn.Module):
        try:
            found = found()
        except Exception as error:
            advice = "give a function that makes the module and returns it"
            raise UsageError(f"`{name}()` fails: {one_line(error)}; {advice}") from error
    elif inspect.isfunction(found) and not _required(found):
        try:
            made: object = found()
        except Exception as error:
            raise UsageError(f"`{name}()` fails: {one_line(error)}") from error
        found = made if isinstance(made, torch.nn.Module) else found
    if isinstance(found, torch.nn.Module):
        return found.eval()
    if inspect.isclass(found) or not callable(found):
        raise UsageError(
            f"`{name}` in {path} is {_kind(found)}; give a function, a torch.nn.Module, its class, or a function that "
            "returns one"
        )
    if hasattr(found, "arg_names"):
        raise UsageError(f"`{name}` in {path} is a Triton kernel already; give it without --inductor")
    return found


def _kind(value: object) -> str:
    return "a class of other things" if inspect.isclass(value) else f"of type {type(value).__name__}"


def _is_candidate(file: ModuleType, value: object) -> bool:
    """Whether it is a function or module of the file itself."""
    import torch

    own = getattr(value, "__module__", None) == file.__name__
    return isinstance(value, torch.nn.Module) or (
        own and (inspect.isfunction(value) or (inspect.isclass(value) and issubclass(value, torch.nn.Module)))
    )


def _required(function: Callable[..., Any]) -> bool:
    """Whether it cannot be called without arguments."""
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    parameters = inspect.signature(function).parameters.values()
    return any(p.default is inspect.Parameter.empty and p.kind not in kinds for p in parameters)


def _of_file(file: ModuleType, name: str, path: str, target: Any) -> Any:
    for said in (f"{name}_inputs", "inputs"):
        if hasattr(file, said):
            value = getattr(file, said)
            try:
                return value() if callable(value) else value
            except Exception as error:
                raise UsageError(f"`{said}()` in {path} fails: {one_line(error)}") from error
    called = target.forward if hasattr(target, "forward") else target
    if not _required(called):
        return ()
    parameters = ", ".join(inspect.signature(called).parameters)
    raise UsageError(
        f"`{name}` in {path} takes ({parameters}) and nothing says what: define `{name}_inputs()` in the file, which "
        "returns them, or give --inputs, such as --inputs 'f32[8,1024], i64[8]=0..999'"
    )


def _drawn(given: Sequence[Given], seed: int) -> tuple[Any, ...]:
    import torch

    generator = torch.Generator().manual_seed(seed)

    def draw(each: Given) -> Any:
        if not isinstance(each, Drawn):
            return each
        dtype: torch.dtype = getattr(torch, each.dtype)
        low, high = each.span or (0, 1)
        if dtype == torch.bool or not (dtype.is_floating_point or dtype.is_complex):
            return torch.randint(int(low), int(high) + 1, each.shape, generator=generator).to(dtype)
        if each.span is None:
            return torch.randn(each.shape, generator=generator).to(dtype)
        return (low + (high - low) * torch.rand(each.shape, generator=generator, dtype=torch.float64)).to(dtype)

    return tuple(map(draw, given))


def _as_arguments(found: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    if isinstance(found, Mapping):
        return (), {str(key): value for key, value in cast(Mapping[Any, Any], found).items()}
    return (tuple(cast(Sequence[Any], found)) if isinstance(found, tuple | list) else (found,)), {}


_SHORT = {dtype.torch: dtype.mlir for dtype in FLOATS} | {
    dtype.torch: dtype.triton for dtype in BY_TRITON.values() if not dtype.is_float and dtype.triton != "u1"
}
"""f32, i64, i1: as users write types to us, by torch's name."""
DTYPES = {short: name for name, short in _SHORT.items()}
"""torch's name, by ours."""


def _words(value: Any) -> str:
    """`f32[8,1024]`, or a number."""
    if hasattr(value, "dtype") and hasattr(value, "shape"):
        name = str(value.dtype).removeprefix("torch.")
        return f"{_SHORT.get(name, name)}[{','.join(map(str, value.shape))}]"
    if isinstance(value, tuple | list):
        return f"({', '.join(map(_words, cast(Sequence[Any], value)))})"
    return repr(value) if isinstance(value, bool | int | float | str | None) else type(value).__name__
