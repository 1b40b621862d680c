"""Functions of libdevice of several operations, on any float."""

from __future__ import annotations

from typing import Any

from triton.language import core


def on_floats(function: Any) -> Any:
    """A `@triton.jit` function of floats that takes f16 and bf16, too: they are computed in f32, and rounded once more.

        hypot(x: f16, y: f16) -> hypot(x.to(f32), y.to(f32)).to(f16)

    Results that are not floats stay as they are. Refused: arguments of which none is a float.
    """
    name = function.fn.__name__

    def widened(*arguments: Any, _semantic: Any = None, _generator: Any = None, **named: Any) -> Any:
        bound = function.signature.bind(*arguments, **named)
        operands = [_semantic.to_tensor(argument) for argument in bound.args]
        widest, computed = common_float(name, [operand.dtype for operand in operands])
        operands = [
            _semantic.cast(operand, computed) if operand.dtype.is_floating() else operand for operand in operands
        ]
        value = _generator.call_JitFunction(function, operands, {})
        return _semantic.cast(value, widest) if value.dtype.is_floating() else value

    widened.__name__ = widened.__qualname__ = name
    return core.extern(widened)


def common_float(name: str, dtypes: list[Any]) -> tuple[Any, Any]:
    """(the widest float of the arguments, what is computed in)"""
    floats = [dtype for dtype in dtypes if dtype.is_floating()]
    if not floats:
        given = ", ".join(map(str, dtypes))
        raise TypeError(f"libdevice: {name} takes floating-point values, but was given {given}")
    widest = max(floats, key=lambda dtype: dtype.primitive_bitwidth)
    return widest, core.float64 if widest == core.float64 else core.float32
