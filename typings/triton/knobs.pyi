from collections.abc import Callable

from triton.runtime.cache import CacheManager

class cache_knobs:
    dir: str
    manager_class: Callable[..., CacheManager] | None

class compilation_knobs:
    store_binary_only: bool

class runtime_knobs:
    debug: bool

cache: cache_knobs
compilation: compilation_knobs
runtime: runtime_knobs
