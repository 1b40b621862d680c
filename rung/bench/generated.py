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

    size = shape or workload.shape
    problem = workload.problem(size, dtype, seed)
    tensors = [(n, value) for n, value in enumerate(problem.args) if hasattr(value, "dtype")]
    inputs = [value for n, value in tensors if n not in problem.outputs]
    kernels = capture(workload.function, *inputs)
    if len(kernels) != 1:
        raise UsageError(
            f"Inductor makes {len(kernels)} kernels of {workload.name}; --inductor measures functions that "
            f"become one: {', '.join(k.name for k in kernels)}"
        )
    (kernel,) = kernels
    named = zip(kernel.signature, kernel.args, strict=True)
    runtime = [(name, value) for name, value in named if name not in kernel.constexprs]
    count = problem.args[problem.outputs[0]].numel()
    outputs = [
        position
        for position, (name, value) in enumerate(runtime)
        if "out_ptr" in name and hasattr(value, "numel") and value.numel() == count
    ]
    if not outputs:
        raise UsageError(f"no output of {kernel.name} has the {count} elements that {workload.name} writes")
    args = tuple(value for _, value in runtime)
    found = Problem(args, (outputs[-1],), kernel.constexprs, kernel.grid, problem.expected)
    name = f"{workload.name} (Inductor)"
    tolerance = workload.tolerance(dtype, size)
    return Case(name, dtype, size, kernel.fn, kernel.signature, found, tolerance, FLOAT64)
