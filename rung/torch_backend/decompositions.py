"""Operations that Inductor gets wrong on CPUs under its Triton back end, said by others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


def decompositions(configuration: Mapping[str, Any]) -> dict[Any, Callable[..., Any]]:
    """Inductor's own table under a configuration, and ours."""
    import torch
    import torch._inductor.config
    from torch._inductor.decomposition import select_decomp_table

    config: Any = torch._inductor.config  # a module that makes its functions as it is imported
    aten = torch.ops.aten
    ours: dict[Any, Callable[..., Any]] = {
        aten.signbit.default: _signbit,
        aten.mul.Tensor: _multiply,
        aten.nextafter.default: _nextafter,
        aten.div.Tensor_mode: _divide,
        aten.div.Scalar_mode: _divide,
        aten.floor_divide.default: _floor_divide,
        aten.floor_divide.Scalar: _floor_divide,
        **{getattr(each, name): _of_bytes(getattr(each, name)) for each in (aten.any, aten.all) for name in _EXTENTS},
    }
    with config.patch(dict(configuration)):
        theirs: dict[Any, Callable[..., Any]] = select_decomp_table()
    return Table({**theirs, **{op: _or_else(said, theirs.get(op)) for op, said in ours.items()}})


def _or_else(ours: Callable[..., Any], theirs: Callable[..., Any] | None) -> Callable[..., Any]:
    """Ours, or theirs where ours has nothing to say."""
    if theirs is None:
        return ours

    def decomposition(*of: Any, **named: Any) -> Any:
        found = ours(*of, **named)
        return theirs(*of, **named) if found is NotImplemented else found

    return decomposition


class Table(dict[Any, Callable[..., Any]]):
    """One that has a place in the keys of Inductor's caches. What is in it follows from Inductor's configuration, which
    they hold, and from rung's code: some functions in it cannot be pickled, and Inductor then kept no graph."""

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        from ..triton_backend.fingerprint import fingerprint

        return str, (fingerprint(),)


_EXTENTS = ("default", "dim", "dims")


def _of_bytes(reduction: Any) -> Callable[..., Any]:
    """`any` and `all` of u8 are u8, as torch has kept them, and of all other types bool: Inductor makes all bool."""

    def decomposition(x: Any, *of: Any, **named: Any) -> Any:
        import torch

        return reduction(x != 0, *of, **named).to(x.dtype) if x.dtype == torch.uint8 else NotImplemented

    return decomposition


_WORDS = {8: "int64", 4: "int32", 2: "int16", 1: "int8"}


def _bits(x: Any) -> Any:
    import torch

    return x.view(getattr(torch, _WORDS[x.element_size()]))


def _signbit(x: Any) -> Any:
    """Of the bits: what Triton computes loses the sign of zero in f64."""
    return _bits(x) < 0 if x.is_floating_point() else x < 0


def _multiply(x: Any, y: Any) -> Any:
    """A float times the integer 0 keeps NaN, infinities and signs: Inductor folds it to 0, as it does not 0.0."""
    import torch

    if isinstance(y, int) and y == 0 and isinstance(x, torch.Tensor) and x.is_floating_point():
        return torch.ops.aten.mul.Tensor(x, 0.0)
    return NotImplemented


def _nextafter(x: Any, to: Any) -> Any:
    """Of the bits, for the narrow types: Inductor computes in f32, whose next number is the same one in f16."""
    import torch

    if x.element_size() > 2 or x.dtype != to.dtype:
        return NotImplemented
    bits = _bits(x)
    away = (to > x) == (x > 0)
    step = torch.where(away, bits + 1, bits - 1).view(x.dtype)
    tiny = torch.ones_like(bits).view(x.dtype)
    found = torch.where(x == 0, torch.copysign(tiny, to), step)
    return torch.where(x == to, to, torch.where(x.isnan() | to.isnan(), x + to, found))


def _divide(x: Any, y: Any, *, rounding_mode: str | None = None) -> Any:
    return _floor_divide(x, y) if rounding_mode == "floor" else NotImplemented


def _floor_divide(x: Any, y: Any) -> Any:
    """As eager has it: by the remainder.

    Inductor rounds the quotient of floats down, which is one too many where that was rounded up to an integer (1.0 by
    0.1), and its quotient of the smallest integer has the wrong sign.
    """
    import torch

    kind = torch.result_type(x, y)
    if kind == torch.bool or kind.is_complex:
        return NotImplemented
    x = x.to(kind) if isinstance(x, torch.Tensor) else torch.full((), x, dtype=kind)
    y = y.to(kind) if isinstance(y, torch.Tensor) else y  # a number is not rounded to a narrow type
    if not kind.is_floating_point:
        quotient = torch.div(x, y, rounding_mode="trunc")
        rest = x - quotient * y
        return quotient - ((rest != 0) & ((rest < 0) != (y < 0))).to(kind)
    rest = torch.fmod(x, y)
    quotient = (x - rest) / y
    quotient = torch.where((rest != 0) & ((rest < 0) != (y < 0)), quotient - 1, quotient)
    floor = quotient.floor()
    floor = torch.where(quotient - floor > 0.5, floor + 1, floor)
    floor = torch.where(quotient == 0, torch.copysign(torch.zeros_like(floor), x / y), floor)
    if isinstance(y, torch.Tensor):
        return torch.where(y == 0, x / y, floor)
    return floor if y != 0 else x / y
