"""Triton's interpreter, in a process of its own: Triton decides at import what `@triton.jit` means."""

from __future__ import annotations

import importlib.util
import os
import pickle
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np


def imported(path: Path) -> ModuleType:
    """The module in a file: Triton reads a kernel's source from there."""
    spec = importlib.util.spec_from_file_location("random_kernel", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["random_kernel"] = module
    spec.loader.exec_module(module)
    return module


class Uninterpretable(Exception):
    """The interpreter itself failed."""


class Interpreter:
    """A process that runs `kernel` of a file and gives back its arrays as they are afterwards."""

    def __init__(self) -> None:
        root = str(Path(__file__).parents[2])
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.fuzz.interpreter"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=root,
            env={**os.environ, "TRITON_INTERPRET": "1", "PYTHONPATH": root},
        )

    def run(self, path: Path, grid: tuple[int, ...], arguments: list[Any], padding: int = 0) -> list[np.ndarray]:
        """padding: elements at both ends of every array that the kernel is not given. An array that stands twice in the
        arguments is one array."""
        assert self._process.stdin is not None and self._process.stdout is not None
        pickle.dump((path, grid, arguments, padding), self._process.stdin)
        self._process.stdin.flush()
        answer = pickle.load(self._process.stdout)
        if isinstance(answer, str):
            raise Uninterpretable(answer)
        return answer

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def inside(array: np.ndarray, padding: int) -> np.ndarray:
    return array[padding : len(array) - padding]


def _serve() -> None:
    import torch

    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr
    while True:
        try:
            path, grid, arguments, padding = pickle.load(requests)
        except EOFError:
            return
        answer: list[np.ndarray] | str
        try:
            given = [torch.from_numpy(inside(a, padding)) if isinstance(a, np.ndarray) else a for a in arguments]
            with np.errstate(all="ignore"):
                imported(path).kernel[grid](*given)
            answer = [a for a in arguments if isinstance(a, np.ndarray)]
        except Exception as error:
            answer = f"{type(error).__name__}: {error}"
        pickle.dump(answer, answers)
        answers.flush()


if __name__ == "__main__":
    _serve()
