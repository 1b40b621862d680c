from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

def nnls(A: NDArray[np.float64], b: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]: ...

class OptimizeResult:
    x: NDArray[np.float64]

def least_squares(
    fun: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    x0: NDArray[np.float64],
    *,
    diff_step: float = ...,
    bounds: tuple[NDArray[np.float64], NDArray[np.float64]] = ...,
    max_nfev: int = ...,
) -> OptimizeResult: ...
