"""A workload as PyTorch's Inductor writes it: its torch function compiled, and the kernel taken from the
launch."""

from __future__ import annotations

from ..errors import UsageError
from .group import FLOAT64, Case
from .problem import Problem, Shape
from .suite import Workload


def case(workload: Workload, shape: Shape | None, dtype: str, seed: int) -> Case:
    """The case of Inductor's kernel. Raises UsageError unless Inductor makes exactly one."""
    from ..frontends.inductor import capture
    from ..runtime import threads_as_before

    size = shape or workload.shape
    problem = workload.problem(size, dtype, seed)
    tensors = [(n, value) for n, value in enumerate(problem.args) if hasattr(value, "dtype")]
    inputs = [value for n, value in tensors if n not in problem.outputs]
    with threads_as_before():
        kernels = capture(workload.function, *inputs)
    if len(kernels) != 1:
        raise UsageError(
            f"Inductor makes {len(kernels)} kernels of {workload.name}; --inductor measures functions that "
            f"become one: {', '.join(k.name for k in kernels)}"
        )
    (kernel,) = kernels
    passed = [position for position, name in enumerate(kernel.signature) if name not in kernel.constexprs]
    outputs = tuple(passed.index(position) for position in kernel.returned)
    if len(outputs) != len(problem.outputs):
        raise UsageError(
            f"{workload.name} returns {len(problem.outputs)} arrays, of which {kernel.name} writes {len(outputs)}"
        )
    args = tuple(kernel.args[position] for position in passed)
    found = Problem(args, outputs, kernel.constexprs, kernel.grid, problem.expected)
    name = f"{workload.name} (Inductor)"
    tolerance = workload.tolerance(dtype, size)
    return Case(name, dtype, size, kernel.fn, kernel.signature, found, tolerance, FLOAT64)
