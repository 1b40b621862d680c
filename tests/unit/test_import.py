"""`import rung` is light: no torch, no MLIR, no Triton."""

from __future__ import annotations

import subprocess
import sys


def test_import_brings_no_heavy_package() -> None:
    code = "import sys, rung; print([m for m in ('torch', 'triton', 'torch_mlir', 'matplotlib') if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert found.strip() == "[]"
