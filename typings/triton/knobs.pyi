from collections.abc import Callable

from triton.runtime.cache import CacheManager

class cache_knobs:
    dir: str
    manager_class: Callable[..., CacheManager] | None

class compilation_knobs:
    store_binary_only: bool

class language_knobs:
    default_fp_fusion: bool

class runtime_knobs:
    debug: bool
    add_stages_inspection_hook: Callable[..., object] | None
    launch_enter_hook: Callable[..., object] | None
    launch_exit_hook: Callable[..., object] | None

cache: cache_knobs
compilation: compilation_knobs
language: language_knobs
runtime: runtime_knobs
