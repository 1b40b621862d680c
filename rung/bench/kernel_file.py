"""A captured kernel's tensors as a file, and the case that both files make."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ..errors import UsageError, one_line
from ..frontends.triton import launched
from ..frontends.triton.launched import Launched
from .captured import REFERENCE
from .group import Case
from .kernel_source import keywords
from .problem import Problem, Tolerance

if TYPE_CHECKING:
    import torch

    from ..frontends.inductor import Arguments, CapturedKernel

_MISSING = "captured tensors are .safetensors files: pip install safetensors"
_FROM = "against the scalar rung, as captured"


def library() -> Any:
    """`safetensors.torch`. Raises UsageError where it is not installed."""
    try:
        import safetensors.torch as found
    except ImportError:
        raise UsageError(_MISSING) from None
    return cast(Any, found)


def describe(kernel: CapturedKernel, case: Case) -> Launched:
    """The launch of a case that `captured.case_of` made."""
    passed = [name for name in kernel.signature if name not in kernel.constexprs]
    storages: dict[int, str] = {}
    arguments: dict[str, Any] = {}
    for name, value in zip(passed, case.problem.args, strict=True):
        if not hasattr(value, "untyped_storage"):
            arguments[name] = value
            continue
        storage = storages.setdefault(value.untyped_storage().data_ptr() or id(value), name)
        arguments[name] = {
            "dtype": str(value.dtype).removeprefix("torch."),
            "shape": tuple(value.shape),
            "stride": tuple(value.stride()),
            "offset": value.storage_offset(),
            "storage": storage,
        }
    return Launched(
        kernel=kernel.fn.__name__,
        grid=kernel.grid,
        signature=kernel.signature,
        constexprs=kernel.constexprs,
        attrs=kernel.attrs,
        options=keywords(kernel.options),
        arguments=arguments,
        written=tuple(passed[position] for position in case.problem.outputs),
        updated=tuple(passed[position] for position in case.problem.updated),
        size=case.shape,
        tolerance=(case.tolerance.relative, case.tolerance.absolute),
    )


def tensors(launch: Launched, args: Arguments, reference: list[torch.Tensor]) -> dict[str, torch.Tensor]:
    """By name in the file: the storages of the arguments, and what the kernel is to write."""
    import torch

    found: dict[str, torch.Tensor] = {}
    for name, value in zip(launch.passed, args, strict=True):
        told = launch.arguments[name]
        if not isinstance(told, dict) or cast(dict[str, Any], told)["storage"] != name:
            continue
        whole = value.untyped_storage().nbytes() // value.element_size()
        flat = torch.empty(0, dtype=value.dtype).set_(value.untyped_storage(), 0, (whole,), (1,))
        found[name] = flat.clone()
    for name, value in zip(launch.written, reference, strict=True):
        found[f"reference.{name}"] = value.contiguous()
    return found


def size_of(found: dict[str, torch.Tensor]) -> int:
    """Bytes."""
    return sum(value.numel() * value.element_size() for value in found.values())


def case(kernel: Any) -> Case | None:
    """Of a JITFunction whose file says how it was launched; None of others. Raises UsageError for files at fault."""
    found = launched.of(kernel)
    if found is None:
        return None
    launch, source = found
    path = Path(source).with_suffix(".safetensors")
    if not path.is_file():
        raise UsageError(f"{source} was captured with its tensors in {path.name}, which is not beside it")
    load = library().load_file
    try:
        stored: dict[str, torch.Tensor] = load(str(path))
        memory = {name: value.clone() for name, value in stored.items()}
        made = [_argument(launch.arguments[name], memory) for name in launch.passed]
        reference = [stored[f"reference.{name}"] for name in launch.written]
    except Exception as error:
        raise UsageError(
            f"{path} does not hold what {Path(source).name} was captured with: {one_line(error)}"
        ) from None
    at = {name: position for position, name in enumerate(launch.passed)}
    written = tuple(at[name] for name in launch.written)
    shaped = [value.reshape(made[position].shape) for value, position in zip(reference, written, strict=True)]
    problem = Problem(
        tuple(made),
        written,
        launch.constexprs,
        launch.grid,
        lambda: shaped,
        written,
        tuple(at[name] for name in launch.updated),
    )
    return Case(
        launch.kernel,
        _dtype(launch),
        launch.size,
        kernel,
        launch.signature,
        problem,
        Tolerance(*launch.tolerance, _FROM),
        f"{REFERENCE}, as captured",
        attrs=launch.attrs,
        options=launch.options,
    )


def _argument(told: Any, stored: dict[str, torch.Tensor]) -> Any:
    import torch

    if not isinstance(told, dict):
        return told
    view = cast(dict[str, Any], told)
    flat = stored[view["storage"]].view(torch.uint8).view(getattr(torch, view["dtype"]))
    return torch.as_strided(flat, view["shape"], view["stride"], view["offset"])


def _dtype(launch: Launched) -> str:
    from .captured import element

    types = [launch.signature[name] for name in launch.passed]
    return "/".join(dict.fromkeys(element(type_) for type_ in types if type_.startswith("*")))
