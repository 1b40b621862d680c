"""Triton. See the package."""
