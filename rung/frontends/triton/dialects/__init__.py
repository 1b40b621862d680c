"""Where the MLIR bindings look for Triton's dialects.

Whenever an operation's class is asked for, the bindings import `<prefix>.<dialect>`, and a failed import is tried again
every time: that took nine tenths of a conversion. The operations stay unregistered; these modules only end the search.
"""

from torch_mlir._mlir_libs._mlir import globals as _bindings

_bindings.append_dialect_search_prefix(__name__)
