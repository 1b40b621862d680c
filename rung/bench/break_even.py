"""Where sharing a launch begins to pay, and where rung begins to share: what forking asks of the cost model."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..schedule import Schedule
from . import scale_model, scaling, suite
from .group import Lab
from .problem import Shape

_ROWS = tuple((rows, 256) for rows in (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 512, 1024))
_ELEMENTS = tuple((int(2 ** (power / 2)),) for power in range(16, 43))
SIZES: dict[str, tuple[Shape, ...]] = {
    "gelu": _ELEMENTS,
    "vec-add-1d": _ELEMENTS,
    "softmax": _ROWS,
    "layer-norm": _ROWS,
    "matmul": tuple((128 * count, 128, 64) for count in (1, 2, 3, 4, 6, 8)),
}
"""Kernels, and sizes from where a fork loses to where it pays, on the host and on modelled devices."""

_PLAIN = Schedule(prefetch=False, stream_stores=False)


@dataclass(frozen=True)
class Found:
    """In elements. measured: from which on all contexts are faster than one; predicted: from which on rung forks.
    None: at no size."""

    measured: float | None
    predicted: float | None


def find(name: str, lab: Lab, base: Schedule = _PLAIN) -> Found:
    """Of one kernel of the suite. Sizes are gone through until sharing has paid at three in a row."""
    workload = suite.find(name)
    machine = lab.machine
    points: list[scale_model.ScalePoint] = []
    sizes: list[int] = []
    steps: list[float] = []
    paid = 0
    for shape in SIZES[name]:
        elements = math.prod(shape)
        case = scaling.case_of(workload, shape, "f32", 0, scaling.default_block(machine, elements))
        _, shared = scaling.run(case, (1, machine.contexts), base, lab)
        points.append(shared.point)
        if shared.point.programs > 1 and shared.step is not None:
            sizes.append(elements)
            steps.append(shared.step)
            paid = paid + 1 if shared.step > 1 else 0
            if paid == 3:
                break
    found = scale_model.break_even(sizes, steps)
    measured = None if found is None else float(sizes[0]) if found.everywhere else found.elements
    return Found(measured, scale_model.forks_from(points))
