"""A case: what a row of docs/language.md says of some functions, and the check that shows it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
import pytest
from triton.compiler.errors import CompilationError

from rung.errors import RungError


class Verdict(StrEnum):
    WORKS = "works"
    DIFFERS = "differs"
    NO_EFFECT = "no effect"
    REFUSED = "refused"
    BY_TRITON = "refused by Triton"


@dataclass(frozen=True)
class Case:
    """A row of the page.

    names: `tl.exp`, `libdevice.exp`, `tensor.exp`. check: raises where the row would be wrong; it is called with
    each of `types`, or once without. bound: of the error. uses: what `source` must have in it, so that no case
    speaks of a function that it does not call (default: the names)."""

    names: tuple[str, ...]
    section: str
    check: Callable[..., None]
    types: tuple[str, ...] = ()
    verdict: Verdict = Verdict.WORKS
    bound: str = ""
    note: str = ""
    uses: tuple[str, ...] = ()
    source: Callable[[], str] = field(default=lambda: "", repr=False)

    def run(self) -> None:
        source = self.source()
        for used in self.uses or self.names:
            assert used in source, f"the case of {self.names} does not use `{used}`"
        with np.errstate(all="ignore"):  # of references: infinities and NaN are meant
            for given in [(each,) for each in self.types] or [()]:
                try:
                    self.check(*given)
                except Exception as error:
                    error.add_note(f"{self.names[0]} {' '.join(given)}")
                    raise


def show(
    *names: str,
    section: str,
    kernels: Sequence[Any],
    into: list[Case],
    types: str = "",
    verdict: Verdict = Verdict.WORKS,
    bound: str = "exact",
    note: str = "",
    uses: Sequence[str] = (),
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Decorates a check that launches `kernels`: one row of the page."""

    def note_it(check: Callable[..., None]) -> Callable[..., None]:
        def source() -> str:
            return "\n".join(kernel.src for kernel in kernels)

        shown = "" if verdict in (Verdict.REFUSED, Verdict.NO_EFFECT) else bound
        into.append(Case(names, section, check, tuple(types.split()), verdict, shown, note, tuple(uses), source))
        return check

    return note_it


def refusal(launch: Callable[[], Any]) -> str:
    """What is said where something is refused: by rung (UnsupportedError), or by Triton before."""
    with pytest.raises(Exception) as caught:
        launch()
    chain: list[BaseException] = [caught.value]
    while (cause := chain[-1].__cause__) is not None:
        chain.append(cause)
    assert any(isinstance(error, (RungError, CompilationError, TypeError)) for error in chain), chain
    return "\n".join(str(error) for error in chain)


def modules() -> list[list[Case]]:
    """All cases, a list for each module that has some."""
    from . import atomics, blocks, controls, functions, libdevice_bits, libdevices, memory, methods, operators, orders
    from . import types as data_types

    tables = (
        functions,
        blocks,
        memory,
        orders,
        atomics,
        controls,
        operators,
        data_types,
        methods,
        libdevices,
        libdevice_bits,
    )
    return [module.CASES for module in tables]


def label(case: Case) -> str:
    """For pytest."""
    return " ".join(case.names[:2])
