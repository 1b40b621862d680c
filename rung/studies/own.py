"""The options of a user's own kernel, which `ladder`, `trace` and `sweep` share."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Annotated

import typer

from ..bench import adhoc, group, kernel_file
from ..bench.given import Given
from ..bench.problem import Shape
from ..options import parse


@dataclass(frozen=True, kw_only=True)
class OwnKernelOptions:
    """Of a kernel that is named `file.py::name`."""

    signature: Annotated[
        str | None,
        typer.Option(
            help="Of your own kernel: '*fp32, *fp32, i32, 1024', without what --constexpr gives; default: guessed."
        ),
    ] = None
    constexprs: Annotated[
        tuple[str, ...], typer.Option("--constexpr", help="Of your own kernel: NAME=VALUE; may be repeated.")
    ] = ()
    grid: Annotated[str | None, typer.Option(help="Of your own kernel: programs, such as 1024 or 16x16.")] = None
    ranges: Annotated[
        tuple[str, ...],
        typer.Option(
            "--range", help="Of your own kernel: NAME=LOW:HIGH draws an argument's numbers from these; may be repeated."
        ),
    ] = ()
    numbers: Annotated[
        tuple[str, ...], typer.Option("--arg", help="Of your own kernel: a scalar, NAME=NUMBER; may be repeated.")
    ] = ()
    inputs: Annotated[
        tuple[str, ...],
        typer.Option(
            "--input", help="Of your own kernel: NAME=FILE.npy, or NAME=LOW..HIGH with both ends; may be repeated."
        ),
    ] = ()
    reference: Annotated[
        str | None,
        typer.Option(
            help="Of your own kernel: file.py::function gives what it writes, from all its arguments, in order, floats "
            "as float64: a tensor, or a dict of tensors by name. Default: the scalar rung."
        ),
    ] = None

    def own_case(self, source: str, shape: Shape | None, dtype: str, seed: int) -> group.Case:
        """Raises UsageError for what cannot be filled in, and says what was. A captured kernel of which nothing is said
        is launched as it was captured."""
        given = [getattr(self, field.name) for field in fields(OwnKernelOptions)]
        if shape is None and not any(given) and (captured := _captured(source)):
            return captured
        grid = parse.grid(self.grid) if self.grid else None
        spans, files = parse.inputs(self.inputs)
        given = Given(parse.ranges(self.ranges), spans, parse.numbers(self.numbers), files, self.reference)
        constexprs, sizes = parse.constexprs(self.constexprs), shape or (1 << 20,)
        return adhoc.case(source, sizes, dtype, seed, self.signature, constexprs, grid, given)

    def refuse_own(self, how: str) -> None:
        """Raises UsageError where any is given to a kernel of the study. how: to give one's own."""
        names = {"constexprs": "constexpr", "ranges": "range", "numbers": "arg", "inputs": "input"}
        mine = [field.name for field in fields(OwnKernelOptions)]
        parse.only_of_own_kernels(how, **{names.get(name, name): getattr(self, name) for name in mine})


def _captured(source: str) -> group.Case | None:
    from ..frontends.triton.loader import load_kernel

    return kernel_file.case(load_kernel(source))
