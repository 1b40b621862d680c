"""How Inductor writes for CPUs: what it asks of rung, where the kernels are rung's, and of itself otherwise."""

from __future__ import annotations

from functools import cache
from typing import Any


@cache
def register() -> None:
    """Once for the process, by the door that Inductor has for back ends. A compilation whose configuration does not say
    `cpu_backend = "triton"` gets what it got before."""
    from torch._inductor import config
    from torch._inductor.codegen import common

    common.init_backend_registration()
    theirs = common.device_codegens["cpu"]

    their_cpp: Any = theirs.cpp_wrapper_codegen
    their_python: Any = theirs.wrapper_codegen

    class PythonWrapperOf(their_python):
        @staticmethod
        def create(*of: Any) -> Any:
            if config.cpu_backend != "triton":
                return their_python.create(*of)
            from .python_wrapper import PythonWrapper

            return PythonWrapper.create(*of)

    class CppWrapperOf(their_cpp):
        @staticmethod
        def create(*of: Any) -> Any:
            if config.cpu_backend != "triton":
                return their_cpp.create(*of)
            from .cpp_wrapper import CppWrapper

            return CppWrapper.create(*of)

    def scheduling_of(scheduler: Any) -> Any:
        if config.cpu_backend != "triton":
            return theirs.scheduling(scheduler)
        from .scheduling import Scheduling

        return Scheduling(scheduler)

    common.register_backend_for_device(
        "cpu",
        scheduling_of,
        PythonWrapperOf,
        CppWrapperOf,
        theirs.fx_wrapper_codegen,
        common.custom_backend_passes.get("cpu"),
        common.custom_backend_codegen_configs.get("cpu"),
    )
