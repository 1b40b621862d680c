"""What the hardware is: a description, the host's, and files of others."""

from .description import MOST_ALIGNMENT, Dma, Level, Machine, Npu
from .detected import host
from .files import field, load, names, override, parse, set_field

__all__ = [
    "MOST_ALIGNMENT",
    "Dma",
    "Level",
    "Machine",
    "Npu",
    "field",
    "host",
    "load",
    "names",
    "override",
    "parse",
    "set_field",
]
