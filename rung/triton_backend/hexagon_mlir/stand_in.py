"""`triton.backends.qcom_hexagon_backend.driver` in this process: the module that programs import, and what it holds."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

_PACKAGE = "triton.backends.qcom_hexagon_backend"
_DRIVER = f"{_PACKAGE}.driver"


def stand_in() -> None:
    """Before anybody else is asked for that package."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


class _Finder(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname in (_PACKAGE, _DRIVER):
            return ModuleSpec(fullname, _Module(), is_package=fullname == _PACKAGE)
        if fullname.startswith(f"{_PACKAGE}."):
            raise ModuleNotFoundError(
                f"rung profile --as hexagon-mlir stands in for {_DRIVER}, and has no {fullname}", name=fullname
            )
        return None


class _Module(Loader):
    def exec_module(self, module: ModuleType) -> None:
        if module.__name__ == _DRIVER:
            from ..driver import CpuDriver

            class HexagonDriver(CpuDriver):
                """That compiler's driver takes the kind of its device, of which rung knows from its own options."""

                def __init__(self, device_type: str = "dsp") -> None:
                    super().__init__()

                @classmethod
                def is_active(cls) -> bool:
                    return True

            module.__dict__["HexagonDriver"] = HexagonDriver


def name_sigmoid() -> None:
    """Triton looks up what a kernel calls in its own list of libdevice's names before it asks the back end for it."""
    libdevice = import_module("triton.language.extra.libdevice")
    if not hasattr(libdevice, "sigmoid"):

        def sigmoid(arg0: object) -> None: ...

        sigmoid.__module__ = libdevice.__name__
        libdevice.__dict__["sigmoid"] = sigmoid
