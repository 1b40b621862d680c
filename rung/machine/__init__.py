"""What the hardware is: a description, the host's, and files of others."""

from .comments import comments
from .description import MOST_ALIGNMENT, Cache, Dma, Level, Machine, Npu
from .detected import host
from .files import field, load, names, override, parse, set_field, source

__all__ = [
    "MOST_ALIGNMENT",
    "Cache",
    "Dma",
    "Level",
    "Machine",
    "Npu",
    "comments",
    "field",
    "host",
    "load",
    "names",
    "override",
    "parse",
    "set_field",
    "source",
]
