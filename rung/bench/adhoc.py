"""A user's own kernel, without a registered workload: arguments made from its parameter names and types.

| parameter                            | argument                                                               |
|--------------------------------------|------------------------------------------------------------------------|
| pointer                              | normal(0, 1), all elements of --size, in --dtype                       |
| pointer to integers (--signature)    | uniform, 0 up to the number of elements; where the kernel uses them as |
|                                      | an index, up to what stays within the array that they address          |
| integer named like rows or cols, 2-D | that side of --size                                                    |
| integer named like a stride          | the last side of --size                                                |
| other integer                        | the number of elements of --size                                       |
| float                                | 1e-5 when named like an epsilon, otherwise 1                           |
| any of these, with --range           | uniform, from LOW up to HIGH                                           |
| any of these, with --input           | uniform, LOW..HIGH with both ends; or the array of a .npy file         |
| number, with --arg                   | that number, whose kind is the parameter's without --signature         |
| constexpr                            | --constexpr NAME=VALUE, or its default                                 |

Without --signature, a parameter is an integer when its name looks like a size or a stride, a float when it
looks like an epsilon, and a pointer otherwise. The reference is --reference, or the scalar rung: it is run
first, and all pointers are compared, as closely as the coarsest of their types allows.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from math import prod
from typing import Any

from ..errors import UsageError
from . import drawing
from .drawing import COLS, EPSILON, FLOATS, ROWS, STRIDE
from .given import Given, expected
from .group import Case, Own
from .problem import TRITON, Problem, Shape, Tolerance, check_memory, type_of

_SIZE = re.compile(r"([nNMK]|[xyzr]?\d?_?numel|n_.*|num_.*|size|length|.*_size|.*_len)$")
_BLOCKS = ("BLOCK", "BLOCK_SIZE", "XBLOCK")
_TOLERANCE = {
    "f32": (1e-5, 1e-6),
    "f16": (2e-3, 1e-5),
    "bf16": (2e-2, 1e-4),
    # One of the next numbers.
    **{dtype.triton: (dtype.epsilon, dtype.smallest) for dtype in drawing.SMALL.values()},
}


def case(
    source: str,
    shape: Shape,
    dtype: str,
    seed: int,
    signature: str | None = None,
    constexprs: Mapping[str, object] | None = None,
    grid: tuple[int, int, int] | None = None,
    given: Given | None = None,
) -> Case:
    """The case of `file.py::kernel`. Raises UsageError naming the parameter that cannot be filled."""
    from ..frontends.triton.loader import load_kernel
    from ..frontends.triton.signature import check_names

    check_memory(prod(shape))
    kernel: Any = load_kernel(source)
    given, constants = given or Given(), dict(constexprs or {})
    check_names(kernel, constants)
    types, fixed = _from_text(signature, kernel, constants) if signature else _from_names(kernel, constants, given)
    types = {name: f"*{TRITON[dtype]}" if type_ == "*" else type_ for name, type_ in types.items()}
    whole = {name: types.get(name, "constexpr") for name in kernel.arg_names}
    given.check(kernel.__name__, types)
    drawing.check(types)
    ttir = _ttir(kernel, whole, fixed, guessed=signature is None)
    _check_sides(kernel.__name__, types, shape)
    numbers = drawing.scalars(types, shape, seed, given)
    addressed, written = _addressed(ttir, list(types), numbers)
    limits = _limits(types, shape, addressed, {*given.drawn_from(types), *given.files})
    drawn = drawing.draw(types, shape, seed, numbers, given, limits)
    if not drawn.pointers:
        raise UsageError(f"{kernel.__name__} takes no pointers, so that there is nothing to check")
    told, grid = grid is not None, grid or _grid(kernel.__name__, shape, fixed)
    problem = Problem(drawn.args, drawn.pointers, fixed, grid, None)
    against = "scalar rung"
    if given.reference:
        compute, outputs = expected(given.reference, list(types), drawn.args, written)
        problem = replace(problem, outputs=tuple(list(types).index(name) for name in outputs), expected=compute)
        against = given.reference
    elements = [FLOATS.get(type_, type_[1:]) for type_ in types.values() if type_.startswith("*")]
    relative, absolute = max(_TOLERANCE.get(element, _TOLERANCE["f32"]) for element in elements)
    why = f"against {given.reference}" if given.reference else "against the scalar rung, which rounds in another order"
    tolerance = Tolerance(relative, absolute, why)
    named = "/".join(dict.fromkeys(elements))
    filled = _filled(types, drawn, given, fixed, problem.grid) + ("" if told else " (guessed)")
    indexes = {(index, array): drawn.ranges[index] for index, array in addressed if index in drawn.ranges}
    return Case(kernel.__name__, named, shape, kernel, whole, problem, tolerance, against, own=Own(indexes, filled))


Typed = tuple[dict[str, str], dict[str, object]]
"""(types of the arguments, values of the constexprs), by name."""


def _from_text(text: str, kernel: Any, given: Mapping[str, object]) -> Typed:
    from ..frontends.triton.signature import signature_from_text

    parsed = signature_from_text(text, kernel, given)
    for name, type_ in parsed.signature.items():
        if not isinstance(type_, str) or type_.startswith("tensordesc"):
            raise UsageError(f"parameter `{name}` is {type_}; arguments are made for pointers and numbers only")
    types = {name: type_ for name, type_ in parsed.signature.items() if type_ != "constexpr"}
    return types, {name: value for name, value in parsed.constexprs.items() if isinstance(name, str)}


def _from_names(kernel: Any, constants: Mapping[str, object], given: Given) -> Typed:
    fixed = dict(constants)
    for parameter in kernel.params:
        if not parameter.is_constexpr or parameter.name in fixed:
            continue
        if not parameter.has_default:
            name = parameter.name
            raise UsageError(f"the kernel's constexpr `{name}` has no default; give --constexpr {name}=1024")
        fixed[parameter.name] = parameter.default
    return {name: _guess(name, given) for name in kernel.arg_names if name not in fixed}, fixed


def _guess(name: str, given: Given) -> str:
    """A number or an array that was given says what a parameter is; its name says it otherwise."""
    if name in given.numbers:
        return type_of(given.numbers[name])
    if name in given.files:
        return given.type_of_file(name)
    if STRIDE.match(name) or ROWS.match(name) or COLS.match(name) or _SIZE.match(name):
        return "i32"
    return "fp32" if EPSILON.match(name) else "*"


def _check_sides(kernel: str, types: Mapping[str, str], shape: Shape) -> None:
    """Rows and columns that were both the number of elements would reach far beyond the arrays."""
    integers = [name for name, type_ in types.items() if type_[0] in "iu"]
    rows = next((name for name in integers if ROWS.match(name)), None)
    columns = next((name for name in integers if COLS.match(name)), None)
    if rows and columns and len(shape) == 1:
        sides = "a --size of the form ROWSxCOLS, such as 64x1024"
        raise UsageError(f"{kernel} takes `{rows}` and `{columns}`; give {sides}")


def _ttir(kernel: Any, types: Mapping[str, str], fixed: Mapping[str, object], guessed: bool) -> Any:
    """What Triton refuses is told with its line, and the types that were guessed where they may be why."""
    from triton.compiler.errors import CompilationError

    from ..frontends.triton.capture import make_ttir
    from ..frontends.triton.refusal import refusal

    try:
        return make_ttir(kernel, types, fixed)
    except CompilationError as error:
        found = refusal(kernel, error, fixed)
        named = ", ".join(f"{name} {type_}" for name, type_ in types.items() if type_ != "constexpr")
        advice = f"; types were guessed from names ({named}): give --signature if one is wrong"
        if found.constant or not guessed:
            advice = ""
        raise UsageError(f"Triton refuses kernel `{kernel.__name__}`: {found.words}{advice}") from None


Addressed = Mapping[tuple[str, str], tuple[Fraction | None, str]]
"""(index, array that its numbers address) -> (bytes for each 1, None where that is not known; where in the source)."""


def _addressed(
    ttir: Any, names: Sequence[str], numbers: Mapping[str, int | float]
) -> tuple[Addressed, tuple[str, ...]]:
    """What numbers address, and which arrays are written."""
    from ..frontends.triton.capture import import_ttir
    from ..frontends.triton.reach import indices, written
    from ..ir.context import compiler_context

    whole = {names.index(name): value for name, value in numbers.items() if isinstance(value, int)}
    context, lock = compiler_context()
    with lock:
        module = import_ttir(ttir, context)
        found, stored = indices(module, whole), written(module)
    steps: dict[tuple[str, str], tuple[Fraction | None, str]] = {}
    for each in found:
        pair = names[each.argument], names[each.array]
        step, where = steps.get(pair, (Fraction(0), each.where))
        if step is not None and (each.step_bytes is None or each.step_bytes > step):
            step, where = each.step_bytes, each.where
        steps[pair] = step, where
    return steps, tuple(names[number] for number in stored)


def _limits(types: Mapping[str, str], shape: Shape, addressed: Addressed, told: Collection[str]) -> dict[str, int]:
    """How many numbers of an index, from 0 on, stay within all that they address."""
    found: dict[str, int] = {}
    for (index, array), (step, where) in addressed.items():
        if index in told or types[index] == "*i1":
            continue
        if step is None:
            raise UsageError(
                f"`{index}` says where `{array}` is accessed ({where}), in a way that does not tell which numbers stay "
                f"within it: give --range {index}=LOW:HIGH, such as --range {index}=0:{prod(shape)}"
            )
        if step:
            most = prod(shape) * drawing.element_bytes(types[array]) // step
            found[index] = max(1, min(most, found.get(index, most)))
    return found


def _filled(
    types: Mapping[str, str], drawn: drawing.Drawn, given: Given, fixed: Mapping[str, object], grid: Sequence[int]
) -> str:
    """The launch in words: `x_ptr *fp32[4096] normal(0, 1), n=4096 (guessed), BLOCK=1024; grid 4x1x1`."""
    spans = given.drawn_from(types)
    words: list[str] = []
    for (name, type_), value in zip(types.items(), drawn.args, strict=True):
        if not type_.startswith("*"):
            told = name in given.numbers or name in spans
            words.append(f"{name}={value:g}" + ("" if told else " (guessed)"))
            continue
        low, high = drawn.ranges.get(name, spans.get(name, (0, 0)))
        source = f"from {given.files[name]}" if name in given.files else f"{low:g} to {high - 1:g}"
        if name not in given.files and type_ not in drawing.INTEGERS:
            truth = "evenly" if type_ == "*i1" else "normal(0, 1)"
            source = f"{low:g} to {high:g}" if name in spans else truth
        words.append(f"{name} {type_}[{'x'.join(map(str, value.shape))}] {source}")
    words += [f"{name}={value}" for name, value in fixed.items()]
    return f"{', '.join(words)}; grid {'x'.join(map(str, grid))}"


def _grid(name: str, shape: Shape, fixed: Mapping[str, object]) -> tuple[int, int, int]:
    for block in _BLOCKS:
        size = fixed.get(block)
        if isinstance(size, int) and size > 0:
            return -(-prod(shape) // size), 1, 1
    raise UsageError(f"the grid of {name} is not known; give --grid, such as --grid 1024 or --grid 16x16")
