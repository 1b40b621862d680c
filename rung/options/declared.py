"""Options that several commands have: their types, names and words of help."""

from __future__ import annotations

from typing import Annotated

import typer

Device = Annotated[str, typer.Option(help="`host`, a machine that `rung machines` lists, or a .toml file.")]
Overrides = Annotated[
    tuple[str, ...],
    typer.Option("--set", help="Change a field of the device: dma.bytes_per_cycle=8; may be repeated."),
]
ScheduleText = Annotated[str, typer.Option("--schedule", help="Parameters, such as 'threads=2 tile_elements=4096'.")]
Dtype = Annotated[str, typer.Option(help="f32, f16 or bf16.")]
Size = Annotated[str | None, typer.Option(help="N, or ROWSxCOLS; default: the study's size.")]
Explain = Annotated[bool, typer.Option("--explain", help="Tell the compiler's decisions, with their numbers.")]
Json = Annotated[str | None, typer.Option("--json", "-o", help="Write the record, which `rung report` reads.")]
Plot = Annotated[str | None, typer.Option("--plot", help="Draw the figure to a .png, .svg or .pdf file.")]
Html = Annotated[
    str | None, typer.Option("--html", help="Write a page: one file, which opens without a network in any browser.")
]
Stages = Annotated[
    bool,
    typer.Option("--stages", help="Keep the kernel's text at every stage in the record, for `rung report --html`."),
]
Inputs = Annotated[
    str | None,
    typer.Option("--inputs", help="Of a torch function: 'f32[8,1024], i64[8]=0..999, 3'; default: what its file says."),
]
Seed = Annotated[int, typer.Option("--seed", help="Of the inputs, and of the order of timed runs.")]
Output = Annotated[str | None, typer.Option("--output", "-o", help="A file; default: stdout.")]
PrintAfterAll = Annotated[bool, typer.Option("--print-after-all", help="Print the IR after every pass to stderr.")]

MODELLED = "hexagon-v73"
"""The device of commands that are of modelled devices only."""
