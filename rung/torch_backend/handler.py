"""Whom Inductor asks while it compiles for us, and only then."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .choices import choices


def make() -> Any:
    """What Inductor's `inductor_choices_class` names, for the keys of its caches."""
    return choices()()


def asked(inner: Callable[..., Any], others: Any) -> Callable[..., Any]:
    """A compiler of graphs, forward or backward, that asks us.

    others: `inductor_choices_class` of the process. A thread keeps the first that it is asked for, and that must not be
    ours, under whose configuration it may be asked first.
    """

    def compile_graph(*args: Any, **keywords: Any) -> Any:
        import torch._inductor.config
        from torch._inductor.virtualized import V

        config: Any = torch._inductor.config  # a module that makes its functions as it is imported
        with config.patch(inductor_choices_class=others):
            _ = V.choices
        with V.set_choices_handler(make()):
            return inner(*args, **keywords)

    return compile_graph
