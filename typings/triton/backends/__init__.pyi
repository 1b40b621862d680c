from .compiler import BaseBackend
from .driver import DriverBase

class Backend:
    compiler: type[BaseBackend]
    driver: type[DriverBase]

backends: dict[str, Backend]
