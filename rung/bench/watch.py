"""One launch of a case with all its accesses to memory checked, before anything is measured."""

from __future__ import annotations

from ..errors import RungError, SanitizerError
from ..sanitizer import Sanitizer
from ..schedule import Schedule
from .group import Case, Lab, Step
from .problem import inputs_of, snapshot


def watch(case: Case, lab: Lab) -> None:
    """On arrays of its own. Raises a SanitizerError, one page, for a fault. lab: of the host."""
    from ..compile import Executable, compile_kernel

    lab.tell(Step(f"watching {case.name}"))
    constexprs = dict(case.problem.constexprs)
    executable = compile_kernel(
        case.kernel, case.signature, constexprs, machine=lab.machine, schedule=Schedule(), sanitizer=Sanitizer()
    )
    assert isinstance(executable, Executable)
    executable.run(inputs_of(case.problem, snapshot(case.problem)), case.problem.grid)


def line_at_fault(case: Case, lab: Lab) -> str:
    """`own.py:12`, where a kernel that touches what is not its own does so; empty where that is not found."""
    if lab.machine.kind != "host":
        return ""
    try:
        watch(case, lab)
    except SanitizerError as found:
        return found.where
    except RungError:
        return ""
    return ""
