# Corrections of what nanobind tells of `torch_mlir.ir`.
from collections.abc import Sequence
from typing import Any, Generic, overload

from numpy.typing import NDArray
from typing_extensions import Buffer, TypeVar

# The type is `Type` where it is not written, and a value carries its most derived type.
_T = TypeVar("_T", bound=Type, default=Type, covariant=True)

class Context:
    # rung's `ir.Context` is the package's subclass, whose initialiser takes these.
    def __init__(self, load_on_create_dialects: Sequence[str] | None = None, thread_pool: Any = None) -> None: ...

class _OperationBase:
    # `Operation | None`, None at the top; walks upwards end at an operation they know and need no check.
    @property
    def parent(self) -> Operation | Any: ...

class Value(Generic[_T]):
    # Any type will do, and nothing is returned.
    def set_type(self, type: Type) -> None: ...

class DenseElementsAttr:
    # NumPy's arrays are buffers, but say so from Python 3.12 on only.
    @overload
    @staticmethod
    def get(
        array: Buffer | NDArray[Any],
        signless: bool = True,
        type: Type | None = None,
        shape: Sequence[int] | None = None,
        context: Context | None = None,
    ) -> DenseElementsAttr: ...
    @overload
    @staticmethod
    def get(
        attrs: Sequence[Attribute], type: Type | None = None, context: Context | None = None
    ) -> DenseElementsAttr: ...
