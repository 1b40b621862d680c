# The language of kernels. Strict checking does not reach into kernels: what is not named here is `Any`.
from typing import Any

from . import core as core
from .core import dtype as dtype

def __getattr__(name: str) -> Any: ...
