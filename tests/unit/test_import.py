"""`import rung` is light: no torch, no MLIR, no Triton."""

from __future__ import annotations

import subprocess
import sys

import pytest


def test_import_brings_no_heavy_package() -> None:
    code = "import sys, rung; print([m for m in ('torch', 'triton', 'torch_mlir', 'matplotlib') if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert found.strip() == "[]"


@pytest.mark.parametrize("module", ["rung.frontends.inductor", "rung.compile", "rung.sanitizer"])
def test_a_module_may_be_the_first_that_is_imported(module: str) -> None:
    """Triton imports its back ends, which import rung, which imports Triton."""
    subprocess.run([sys.executable, "-c", f"import {module}"], check=True, capture_output=True)
