from contextlib import AbstractContextManager

class _lib_wrapper:
    _lock: AbstractContextManager[None]

lib: _lib_wrapper
