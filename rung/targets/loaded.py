"""Object code, linked into this process: all that a launch of a stored kernel needs. No compiler is imported here."""

from __future__ import annotations

from dataclasses import dataclass
from weakref import WeakValueDictionary

from .. import knobs
from ..abi import packed_symbol
from ..errors import RungError
from ..forks import COMPILER
from ..runtime import _native


class Function(int):
    """The address of a function. Whoever has it has the machine code, too: code goes when nobody can call it."""

    _code: object

    def __new__(cls, address: int, code: object) -> Function:
        function = super().__new__(cls, address)
        function._code = code
        return function


def link(object_code: bytes) -> _native.Code:
    """Machine code of this process, alive as long as the result or an address that `function` gives.

    `gdb` knows of it, and `perf` where `RUNG_JITDUMP` says so. Raises RungError for an object of another processor, and
    for one that needs what neither the runtime nor the process has.
    """
    code = _native.Code(object_code)
    if (directory := knobs.jitdump()) is not None:
        with COMPILER:
            from . import jitdump

            jitdump.tell(object_code, code.functions, directory)
    return code


def function(code: _native.Code, name: str) -> Function:
    """The address of a function that the code exports, for instance `kernel_packed`. Raises RungError."""
    if name not in code.functions:
        raise RungError(f"the machine code has no function `{name}`; it has: {', '.join(code.functions) or 'none'}")
    return Function(code.functions[name], code)


@dataclass
class Loaded:
    """A kernel in this process; its code is alive as long as this object or its address."""

    object_code: bytes
    code: _native.Code
    address: Function
    """Of the entry point: `void kernel_packed(int64_t *slots)`."""


_loaded: WeakValueDictionary[bytes, Loaded] = WeakValueDictionary()
"""By object code, to be looked at under the compiler's lock: threads that load one kernel share its code."""


def load(object_code: bytes, kernel: str) -> Loaded:
    """Link the object code of the kernel of that name."""
    _native.set_contexts(knobs.threads())
    with COMPILER:
        loaded = _loaded.get(object_code)
        if loaded is None:
            code = link(object_code)
            loaded = _loaded[object_code] = Loaded(object_code, code, function(code, packed_symbol(kernel)))
        return loaded
