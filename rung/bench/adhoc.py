"""A user's own kernel, without a registered workload: arguments made from its parameter names and types.

| parameter                            | argument                                           |
|--------------------------------------|----------------------------------------------------|
| pointer                              | normal(0, 1), all elements of --size, in --dtype   |
| pointer to integers (--signature)    | uniform, 0 up to the number of elements: a place   |
| integer named like rows or cols, 2-D | that side of --size                                |
| integer named like a stride          | the last side of --size                            |
| other integer                        | the number of elements of --size                   |
| float                                | 1e-5 when named like an epsilon, otherwise 1       |
| constexpr                            | --constexpr NAME=VALUE, or its default             |

Without --signature, a parameter is an integer when its name looks like a size or a stride, a float when it
looks like an epsilon, and a pointer otherwise. The reference is the scalar rung: it is run
first, and all pointers are compared, as closely as the coarsest of their types allows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

from ..errors import UsageError
from .group import Case
from .problem import TRITON, Problem, Shape, Tolerance, check_memory, torch_dtype

_ROWS = re.compile(r"(n_?rows|num_rows|rows|M)$")
_COLS = re.compile(r"(n_?cols|num_cols|n_?columns|cols|N)$")
_STRIDE = re.compile(r".*stride")
_SIZE = re.compile(r"([nNMK]|[xyzr]?\d?_?numel|n_.*|num_.*|size|length|.*_size|.*_len)$")
_EPSILON = re.compile(r"(eps|epsilon)$")
_BLOCKS = ("BLOCK", "BLOCK_SIZE", "XBLOCK")
_FLOATS = {f"*{long}": short for short, long in TRITON.items()}
_INTEGERS = {f"*{kind[0]}{width}": f"{kind}{width}" for kind in ("int", "uint") for width in (8, 16, 32, 64)}
_TOLERANCE = {"f32": (1e-5, 1e-6), "f16": (2e-3, 1e-5), "bf16": (2e-2, 1e-4)}


def case(
    source: str,
    shape: Shape,
    dtype: str,
    seed: int,
    signature: str | None = None,
    constexprs: Mapping[str, object] | None = None,
    grid: tuple[int, int, int] | None = None,
) -> Case:
    """The case of `file.py::kernel`. Raises UsageError naming the parameter that cannot be filled."""
    from ..frontends.triton.loader import load_kernel

    check_memory(prod(shape))
    kernel: Any = load_kernel(source)
    given = dict(constexprs or {})
    for unknown in sorted(given.keys() - set(kernel.arg_names)):
        raise UsageError(f"{kernel.__name__} has no parameter `{unknown}`; it has: {', '.join(kernel.arg_names)}")
    types, fixed = _from_text(signature, kernel, given) if signature else _from_names(kernel, given)
    types = {name: f"*{TRITON[dtype]}" if type_ == "*" else type_ for name, type_ in types.items()}
    whole = {name: types.get(name, "constexpr") for name in kernel.arg_names}
    if signature is None:
        _check_guesses(kernel, whole, fixed)
    _check_sides(kernel.__name__, types, shape)
    args, outputs = _arguments(types, shape, seed)
    if not outputs:
        raise UsageError(f"{kernel.__name__} takes no pointers, so that there is nothing to check")
    problem = Problem(args, outputs, fixed, grid or _grid(kernel.__name__, shape, fixed), None)
    elements = [_FLOATS.get(type_, type_[1:]) for type_ in types.values() if type_.startswith("*")]
    relative, absolute = max(_TOLERANCE.get(element, _TOLERANCE["f32"]) for element in elements)
    tolerance = Tolerance(relative, absolute, "against the scalar rung, which rounds in another order")
    named = "/".join(dict.fromkeys(elements))
    return Case(kernel.__name__, named, shape, kernel, whole, problem, tolerance, "scalar rung")


Typed = tuple[dict[str, str], dict[str, object]]
"""(types of the arguments, values of the constexprs), by name."""


def _from_text(text: str, kernel: Any, given: Mapping[str, object]) -> Typed:
    from ..frontends.triton.signature import signature_from_text

    if given:
        raise UsageError("give constants in --signature or by --constexpr, not both")
    parsed = signature_from_text(text, kernel)
    types = {name: type_ for name, type_ in parsed.signature.items() if type_ != "constexpr"}
    return types, parsed.constexprs


def _from_names(kernel: Any, given: Mapping[str, object]) -> Typed:
    fixed = dict(given)
    for parameter in kernel.params:
        if not parameter.is_constexpr or parameter.name in fixed:
            continue
        if not parameter.has_default:
            name = parameter.name
            raise UsageError(f"the kernel's constexpr `{name}` has no default; give --constexpr {name}=1024")
        fixed[parameter.name] = parameter.default
    return {name: _guess(name) for name in kernel.arg_names if name not in fixed}, fixed


def _guess(name: str) -> str:
    if _STRIDE.match(name) or _ROWS.match(name) or _COLS.match(name) or _SIZE.match(name):
        return "i32"
    return "fp32" if _EPSILON.match(name) else "*"


def _check_sides(kernel: str, types: Mapping[str, str], shape: Shape) -> None:
    """Rows and columns that were both the number of elements would reach far beyond the arrays."""
    integers = [name for name, type_ in types.items() if type_[0] in "iu"]
    rows = next((name for name in integers if _ROWS.match(name)), None)
    columns = next((name for name in integers if _COLS.match(name)), None)
    if rows and columns and len(shape) == 1:
        sides = "a --size of the form ROWSxCOLS, such as 64x1024"
        raise UsageError(f"{kernel} takes `{rows}` and `{columns}`; give {sides}")


def _check_guesses(kernel: Any, types: Mapping[str, str], fixed: Mapping[str, object]) -> None:
    """What Triton refuses, and the types that were guessed where they may be why."""
    from triton.compiler.errors import CompilationError

    from ..frontends.triton.capture import make_ttir
    from ..frontends.triton.refusal import refusal

    try:
        make_ttir(kernel, types, fixed)
    except CompilationError as error:
        found = refusal(kernel, error, fixed)
        guessed = ", ".join(f"{name} {type_}" for name, type_ in types.items() if type_ != "constexpr")
        advice = (
            "" if found.constant else f"; types were guessed from names ({guessed}): give --signature if one is wrong"
        )
        raise UsageError(f"Triton refuses kernel `{kernel.__name__}`: {found.words}{advice}") from None


def _arguments(types: Mapping[str, str], shape: Shape, seed: int) -> tuple[tuple[Any, ...], tuple[int, ...]]:
    import torch

    generator = torch.Generator().manual_seed(seed)
    args: list[Any] = []
    pointers: list[int] = []
    for position, (name, type_) in enumerate(types.items()):
        if type_.startswith("*"):
            pointers.append(position)
            args.append(_tensor(name, type_, shape, generator))
        elif type_.startswith(("fp", "f", "bf")):
            args.append(1e-5 if _EPSILON.match(name) else 1.0)
        else:
            args.append(_integer(name, shape))
    return tuple(args), tuple(pointers)


def _tensor(name: str, type_: str, shape: Shape, generator: Any) -> Any:
    import torch

    if type_ in _FLOATS:
        drawn = torch.randn(shape, generator=generator, dtype=torch.float32)
        return drawn.to(torch_dtype(_FLOATS[type_]))
    if type_ == "*i1":
        return torch.randint(0, 2, shape, generator=generator).bool()
    if type_ not in _INTEGERS:
        known = ", ".join((*_FLOATS, "*i1", *_INTEGERS))
        raise UsageError(f"parameter `{name}` is {type_}; pointers may be: {known}")
    kind: torch.dtype = getattr(torch, _INTEGERS[type_])
    # As an index, such a number is within every argument.
    limit = min(_elements(shape), torch.iinfo(kind).max)
    return torch.randint(0, limit, shape, generator=generator).to(kind)


def _integer(name: str, shape: Shape) -> int:
    if len(shape) == 2 and _ROWS.match(name):
        return shape[0]
    if (len(shape) == 2 and _COLS.match(name)) or _STRIDE.match(name):
        return shape[-1]
    return _elements(shape)


def _elements(shape: Sequence[int]) -> int:
    total = 1
    for size in shape:
        total *= size
    return total


def _grid(name: str, shape: Shape, fixed: Mapping[str, object]) -> tuple[int, int, int]:
    for block in _BLOCKS:
        size = fixed.get(block)
        if isinstance(size, int) and size > 0:
            return -(-_elements(shape) // size), 1, 1
    raise UsageError(f"the grid of {name} is not known; give --grid, such as --grid 1024 or --grid 16x16")
