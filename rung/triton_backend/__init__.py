"""The plug-in that Triton finds under the name `cpu` (entry point group `triton.backends`).

Triton imports `compiler` and `driver` while it is itself being imported: neither may import Triton's
compiler, torch, or MLIR at module level.
"""
