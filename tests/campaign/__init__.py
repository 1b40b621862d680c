"""Campaigns: long random runs with generators of their own, apart from `tests/fuzz` (docs/reliability.md)."""
