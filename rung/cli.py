"""The command `rung`: the studies, from their registry, and other commands. Each is imported when it runs."""

from __future__ import annotations

import sys
from functools import partial
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from .errors import RungError
from .options.command import Command, Entry, Lazy
from .studies import REGISTRY, find

COMMANDS = {
    "report": Entry("Draw tables and plots from a record alone.", "rung.commands.report"),
    "suite": Entry("Make the whole study: every kernel, every study, one page.", "rung.commands.suite"),
    "compare": Entry("Compare a record with an earlier one; status 1 for a regression.", "rung.commands.compare"),
    "trace": Entry("Show what contexts and DMA queues do in one launch on a modelled device.", "rung.commands.trace"),
    "capture": Entry("Save the kernels that PyTorch Inductor writes, as files that run.", "rung.commands.capture"),
    "compile": Entry("Print a kernel's IR or code at one stage.", "rung.commands.compile"),
    "build": Entry("Build kernels ahead of time, for C programs on other processors.", "rung.commands.build"),
    "targets": Entry("List what `rung build` makes objects for.", "rung.commands.targets"),
    "profile": Entry("Run a program with its kernels on a device, modelled or not.", "rung.commands.profile"),
    "check": Entry("Run a program with its kernels watched by the sanitizer.", "rung.commands.check"),
    "opt": Entry("Run passes on a module, as mlir-opt does; replays a reproducer.", "rung.commands.opt"),
    "doctor": Entry("Check this installation and this machine.", "rung.commands.doctor"),
    "machines": Entry("List the machines, or show one.", "rung.commands.machines"),
}
"""Besides the studies. Each module says in `COMMAND` what its options are and what it does."""


class _Group(TyperGroup):
    """All commands, the studies first."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        for name, entry in REGISTRY.items():
            self.add_command(Lazy(name, entry.summary, partial(_study, name)))
        for name, entry in COMMANDS.items():
            self.add_command(Lazy(name, entry.summary, partial(entry.load, "COMMAND")))


def _study(name: str) -> Command[Any]:
    from .studies import session

    study = find(name)
    return Command(study.options, partial(session.run, study), study.details)


app = typer.Typer(
    cls=_Group,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Compile Triton kernels through MLIR, and measure what vectorization (Vec), "
    "multi-threading (MT) and double buffering (DB) are worth.",
)


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
