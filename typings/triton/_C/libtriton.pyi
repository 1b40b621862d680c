# Triton 3.7.1's pybind11 module, which has no signatures.
from typing import Any

ir: Any
passes: Any
