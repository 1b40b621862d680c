"""The command `rung`: argument parsing only. What a command needs is imported when it runs."""

from __future__ import annotations

import sys
from typing import Annotated, NoReturn

import typer
from typer.exceptions import TyperException

from .commands.pass_help import PassHelp
from .errors import RungError

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Compile Triton kernels through MLIR, and measure what vectorization (Vec), "
    "multi-threading (MT) and double buffering (DB) are worth.",
)

Device = Annotated[str, typer.Option(help="`host`, a machine that `rung machines` lists, or a .toml file.")]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", help="Change a field of the device: dma.bytes_per_cycle=8; may be repeated."),
]
ScheduleText = Annotated[str, typer.Option("--schedule", help="Parameters, such as 'threads=2 tile_elements=4096'.")]

Dtype = Annotated[str, typer.Option(help="f32, f16 or bf16.")]
Size = Annotated[str | None, typer.Option(help="N, or ROWSxCOLS; default: the study's size.")]
Explain = Annotated[bool, typer.Option("--explain", help="Tell the compiler's decisions, with their numbers.")]
Json = Annotated[str | None, typer.Option("--json", help="Write the record, with raw samples, to this file.")]
Plot = Annotated[str | None, typer.Option("--plot", help="Draw the figure to a .png, .svg or .pdf file.")]
Seed = Annotated[int, typer.Option("--seed", help="Of the inputs, and of the order of timed runs.")]
Output = Annotated[str | None, typer.Option("--output", "-o", help="A file; default: stdout.")]
PrintAfterAll = Annotated[bool, typer.Option("--print-after-all", help="Print the IR after every pass to stderr.")]

# Of the commands for one kernel on a modelled device.
MODELLED = "hexagon-v73"
Rung = Annotated[str, typer.Option(help="scalar, or vec, mt and db joined by +.")]
OneKernel = Annotated[str, typer.Argument(metavar="KERNEL", help="A kernel of the study, or file.py::name.")]
OwnSignature = Annotated[str | None, typer.Option("--signature", help="Of file.py::name, as for `ladder`.")]
OwnConstexpr = Annotated[list[str] | None, typer.Option("--constexpr", help="Of file.py::name: NAME=VALUE.")]
OwnRange = Annotated[list[str] | None, typer.Option("--range", help="Of file.py::name, as for `ladder`.")]
OwnGrid = Annotated[str | None, typer.Option("--grid", help="Of file.py::name: programs, such as 1024 or 16x16.")]


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    if version:
        from .bench.environment import rung_version

        print(f"rung {rung_version()}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        print(context.get_help())


@app.command()
def ladder(
    kernels: Annotated[
        list[str] | None,
        typer.Argument(metavar="KERNEL", help="Names of the study's kernels; default: vec-add gelu."),
    ] = None,
    device: Device = "host",
    overrides: Overrides = None,
    dtype: Dtype = "f32",
    size: Size = None,
    rungs: Annotated[
        str, typer.Option(help="Rungs joined by commas; pf is prefetching: vec+mt,vec+mt+pf.")
    ] = "scalar,vec,vec+mt,vec+mt+db",
    factorial: Annotated[
        bool, typer.Option("--factorial", help="All eight combinations, and what each mechanism is worth in any order.")
    ] = False,
    explain: Explain = False,
    schedule: ScheduleText = "",
    kernel: Annotated[str | None, typer.Option(help="A kernel of your own: file.py::name.")] = None,
    signature: Annotated[
        str | None, typer.Option(help="Of --kernel: '*fp32, *fp32, i32, 1024'; default: guessed from names.")
    ] = None,
    constexpr: Annotated[list[str] | None, typer.Option(help="Of --kernel: NAME=VALUE; may be repeated.")] = None,
    grid: Annotated[str | None, typer.Option(help="Of --kernel: programs, such as 1024 or 16x16.")] = None,
    range: Annotated[
        list[str] | None,
        typer.Option(help="Of --kernel: NAME=LOW:HIGH draws an argument's numbers from these; may be repeated."),
    ] = None,
    inductor: Annotated[
        bool, typer.Option("--inductor", help="Measure the kernel that PyTorch Inductor writes, too.")
    ] = False,
    json: Json = None,
    plot: Plot = None,
    seed: Seed = 0,
    rounds: Annotated[int, typer.Option(help="Rounds per kernel; 0: as many as the budget holds.")] = 0,
    budget: Annotated[float, typer.Option(help="Seconds of timing per kernel.")] = 8.0,
    processes: Annotated[int, typer.Option(help="Fresh processes, one after another, that are pooled.")] = 1,
) -> None:
    """Measure what each mechanism is worth.

    The rungs are Scalar, Vec, Vec+MT and Vec+MT+DB. Each is checked against float64
    before it is timed. Exit status 1: a result was wrong.
    """
    from .commands import ladder as command

    options = command.Options(
        kernels=tuple(kernels or ()),
        device=device,
        overrides=tuple(overrides or ()),
        dtype=dtype,
        size=size,
        rungs=rungs,
        factorial=factorial,
        explain=explain,
        schedule=schedule,
        kernel=kernel,
        signature=signature,
        constexprs=tuple(constexpr or ()),
        grid=grid,
        ranges=tuple(range or ()),
        inductor=inductor,
        json=json,
        plot=plot,
        seed=seed,
        rounds=rounds,
        budget_s=budget,
        processes=processes,
    )
    raise typer.Exit(command.run(options))


@app.command()
def scale(
    kernel: Annotated[str, typer.Argument(help="A name of the study's kernels.")] = "gelu",
    device: Device = "host",
    overrides: Overrides = None,
    dtype: Dtype = "f32",
    sizes: Annotated[
        str | None, typer.Option(help="Elements, or ROWSxCOLS, joined by commas; default: 256,1K,4K,...,4M.")
    ] = None,
    contexts: Annotated[
        str | None, typer.Option(help="Contexts joined by commas; default: 1,2,4 ... up to the machine's.")
    ] = None,
    block: Annotated[
        int | None,
        typer.Option(
            help="Elements per program of one-dimensional kernels, a power of 2; default: 128, or as suits DMA."
        ),
    ] = None,
    schedule: Annotated[
        str, typer.Option("--schedule", help="Parameters, such as 'distribution=block-cyclic double_buffer=on'.")
    ] = "",
    json: Json = None,
    plot: Plot = None,
    seed: Seed = 0,
    rounds: Annotated[int, typer.Option(help="Rounds per size; 0: as many as the budget holds.")] = 0,
    budget: Annotated[float, typer.Option(help="Seconds of timing per size.")] = 3.0,
) -> None:
    """Measure multi-threading (MT) against problem size.

    Vec is on. Forking is forced, so that the sizes where it loses are seen; the size from
    which on rung forks by itself is told. Exit status 1: a result was wrong.
    """
    from .commands import scale as command

    options = command.Options(
        kernel=kernel,
        device=device,
        overrides=tuple(overrides or ()),
        dtype=dtype,
        sizes=sizes,
        contexts=contexts,
        block=block,
        schedule=schedule,
        json=json,
        plot=plot,
        seed=seed,
        rounds=rounds,
        budget_s=budget,
    )
    raise typer.Exit(command.run(options))


@app.command()
def overlap(
    device: Device = "host",
    overrides: Overrides = None,
    degrees: Annotated[
        str | None, typer.Option(help="Of the series, joined by commas; default: 1,2,4,8,16,32,64.")
    ] = None,
    size: Annotated[str | None, typer.Option(help="Elements; default: 4M.")] = None,
    tiles: Annotated[
        str | None,
        typer.Option(help="Elements, joined by commas; default: the largest that fits, and a quarter of it."),
    ] = None,
    depths: Annotated[str | None, typer.Option(help="Buffers per stream, joined by commas; default: 2,4.")] = None,
    schedule: Annotated[
        str,
        typer.Option(
            "--schedule", help="Parameters; threads=1 where not given, to leave the copy engine a core of the host."
        ),
    ] = "",
    json: Json = None,
    plot: Plot = None,
    seed: Seed = 0,
    rounds: Annotated[int, typer.Option(help="Rounds per degree; 0: as many as the budget holds.")] = 0,
    budget: Annotated[float, typer.Option(help="Seconds of timing per degree.")] = 6.0,
) -> None:
    """Measure double buffering (DB) against arithmetic intensity.

    The exponent series without a scratchpad, single- and double-buffered, at equal tile
    and at equal scratchpad, against the bounds max and sum of T_dma and T_compute.
    Exit status 1: a result was wrong.
    """
    from .commands import overlap as command

    options = command.Options(
        device=device,
        overrides=tuple(overrides or ()),
        degrees=degrees,
        size=size,
        tiles=tiles,
        depths=depths,
        schedule=schedule,
        json=json,
        plot=plot,
        seed=seed,
        rounds=rounds,
        budget_s=budget,
    )
    raise typer.Exit(command.run(options))


@app.command()
def compile(
    kernel: Annotated[str, typer.Argument(help="file.py::name")],
    signature: Annotated[
        str,
        typer.Option(help="One entry per argument: a type, or a constexpr's value: '*fp32:16, i32, 1024'."),
    ],
    emit: Annotated[str, typer.Option(help="ttir, linalg, scheduled, vector, llvm, llvm-ir, asm or obj.")] = "llvm",
    output: Output = None,
    schedule: ScheduleText = "",
    device: Device = "host",
    overrides: Overrides = None,
    print_after_all: PrintAfterAll = False,
) -> None:
    """Print a kernel's IR or code at one stage."""
    from .commands import compile as command

    options = command.Options(
        kernel, signature, emit, output, schedule, device, tuple(overrides or ()), print_after_all
    )
    raise typer.Exit(command.run(options))


@app.command(cls=PassHelp)
def opt(
    file: Annotated[str, typer.Argument(help="A .mlir file, or - for standard input.")],
    pipeline: Annotated[
        str | None,
        typer.Option(help="Passes, joined by `;`; default: the `// PIPELINE:` lines that a reproducer begins with."),
    ] = None,
    output: Output = None,
    print_after_all: PrintAfterAll = False,
    split_input_file: Annotated[
        bool, typer.Option("--split-input-file", help="Between lines of `// -----` stand modules of their own.")
    ] = False,
) -> None:
    """Run passes on a module, as mlir-opt does; replays a reproducer."""
    from .commands import opt as command

    raise typer.Exit(command.run(file, pipeline, output, print_after_all, split_input_file))


@app.command()
def report(
    file: Annotated[str, typer.Argument(help="What --json of a study wrote.")],
    plot: Plot = None,
    explain: Explain = False,
) -> None:
    """Draw tables and plots from a record alone."""
    from .commands import report as command

    raise typer.Exit(command.run(file, plot, explain))


@app.command()
def trace(
    kernel: OneKernel,
    device: Device = MODELLED,
    overrides: Overrides = None,
    rung: Rung = "vec+mt+db",
    schedule: ScheduleText = "",
    dtype: Dtype = "f32",
    size: Size = None,
    signature: OwnSignature = None,
    constexpr: OwnConstexpr = None,
    grid: OwnGrid = None,
    range: OwnRange = None,
    seed: Seed = 0,
    output: Annotated[str | None, typer.Option("--output", "-o", help="A .json file for ui.perfetto.dev.")] = None,
    plot: Plot = None,
) -> None:
    """Show what contexts and DMA queues do in one launch on a modelled device."""
    from .commands import one_kernel
    from .commands import trace as command

    changes, constants = tuple(overrides or ()), tuple(constexpr or ())
    options = one_kernel.Options(
        kernel, device, changes, rung, schedule, dtype, size, signature, constants, grid, seed, tuple(range or ())
    )
    raise typer.Exit(command.run(options, output, plot))


@app.command()
def sweep(
    kernel: OneKernel,
    vary: Annotated[
        list[str] | None,
        typer.Option(help="FIELD=VALUE,VALUE,... of the device, such as dma.bytes_per_cycle=2,4,8; may be repeated."),
    ] = None,
    device: Device = MODELLED,
    overrides: Overrides = None,
    rung: Rung = "vec+mt+db",
    schedule: ScheduleText = "",
    dtype: Dtype = "f32",
    size: Size = None,
    signature: OwnSignature = None,
    constexpr: OwnConstexpr = None,
    grid: OwnGrid = None,
    range: OwnRange = None,
    seed: Seed = 0,
    json: Annotated[str | None, typer.Option(help="Write all machines and their cycles to this file.")] = None,
    plot: Annotated[
        str | None, typer.Option(help="Draw up to three varied fields to a .png, .svg or .pdf file.")
    ] = None,
) -> None:
    """Replay a kernel on a grid of modelled devices.

    It is compiled and run once per device that its code depends on. Fields npu.* and dma.*, but for
    dma.max_rank, change nothing but the replay.
    """
    from .commands import one_kernel
    from .commands import sweep as command

    changes, constants = tuple(overrides or ()), tuple(constexpr or ())
    options = one_kernel.Options(
        kernel, device, changes, rung, schedule, dtype, size, signature, constants, grid, seed, tuple(range or ())
    )
    raise typer.Exit(command.run(options, tuple(vary or ()), json, plot))


@app.command()
def reproduce(
    device: Device = MODELLED,
    overrides: Overrides = None,
    calibrate: Annotated[
        bool, typer.Option("--calibrate", help="First fit the calibrated parameters to the published figures.")
    ] = False,
    json: Annotated[str | None, typer.Option(help="Write all figures to this file.")] = None,
) -> None:
    """Compare a modelled device with the published figures.

    Ratios, times, how each ratio moves with each calibrated parameter, and what a fit on
    half of the ratios predicts of the others. Exit status 1: a figure is more than 25% off.
    """
    from .commands import reproduce as command

    raise typer.Exit(command.run(command.Options(device, tuple(overrides or ()), calibrate, json)))


@app.command()
def doctor() -> None:
    """Check this installation and this machine."""
    from .commands import doctor as command

    raise typer.Exit(command.run())


@app.command()
def machines(
    name: Annotated[str | None, typer.Argument(help="A machine, or a .toml file, to show in full.")] = None,
    overrides: Overrides = None,
) -> None:
    """List the machines, or show one."""
    from .commands import machines as command

    raise typer.Exit(command.run(name, tuple(overrides or ())))


def main() -> None:
    """Runs the command line. Exit status: 0, 1 for a wrong result, 2 for an error of use, 130 for Ctrl-C."""
    try:
        status = app(prog_name="rung", standalone_mode=False)
    except TyperException as error:
        _fail(f"{error.format_message()} (see `rung --help`)")
    except RungError as error:
        _fail(str(error))
    sys.exit(status if isinstance(status, int) else 0)


def _fail(message: str) -> NoReturn:
    print(f"error: {message}", file=sys.stderr)
    sys.exit(2)


if __name__ == "__main__":
    main()
