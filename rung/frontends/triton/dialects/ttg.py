"""TritonGPU. See the package."""
