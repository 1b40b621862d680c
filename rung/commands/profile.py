"""`rung profile -- python my_script.py`: all launches of a program on a device, modelled or not."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from .. import knobs, studies
from .. import machine as machines
from ..bench import environment
from ..errors import UsageError
from ..files import write_file
from ..machine import Machine
from ..options import parse
from ..options.command import Command
from ..options.declared import MODELLED, Device, Json, Overrides, ScheduleText
from ..report import profile as report
from ..report import profile_events, tables
from ..schedule import Schedule
from ..triton_backend.profile import log, summary
from ..triton_backend.profile.session import DIALECTS, Session

_ALL_ON = Schedule(double_buffer=True)
"""Of a device with an engine for transfers."""


@dataclass(frozen=True)
class ProfileOptions:
    program: Annotated[
        list[str],
        typer.Argument(
            metavar="-- PROGRAM [ARGUMENT]...", help="-- python my_script.py, -- my_script.py, -- -m pytest"
        ),
    ]
    device: Device = MODELLED
    overrides: Overrides = ()
    schedule: ScheduleText = ""
    dialect: Annotated[
        str, typer.Option("--as", help="Understand launch keywords of another compiler: hexagon-mlir.")
    ] = ""
    strict: Annotated[
        bool, typer.Option("--strict", help="A kernel that is not modelled is an error; else it runs on the host.")
    ] = False
    trace: Annotated[str | None, typer.Option(help="Write all launches to a .json file for ui.perfetto.dev.")] = None
    html: Annotated[str | None, typer.Option(help="Write the table as a page.")] = None
    json: Json = None


def run(options: ProfileOptions) -> int:
    """The program's output and status. What it launched is told on stderr when it has ended, however it did."""
    files = {name: parse.output(getattr(options, name), f"--{name}") for name in ("trace", "html", "json")}
    machine = machines.load(options.device, options.overrides)
    machine.check_code()
    session = _session(options, machine)
    command = _command(options.program)
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="rung-profile-") as name:
        folder = Path(name)
        session.write(folder)
        settings = {"RUNG_PROFILE": name}
        if machine.kind == "host" and options.schedule:
            settings["RUNG_SCHEDULE"] = options.schedule
        status = _run(command, settings)
        told = log.read(folder)
    sys.stdout.flush()
    record = summary.summarise(
        told,
        environment.describe(machine, seed=0),
        complete=status != -signal.SIGINT,
        program=command,
        status=status,
        seconds=time.perf_counter() - begin,
    )
    if files["json"]:
        studies.write(record, files["json"])
    if files["html"]:
        studies.write_page([record], files["html"])
    out = tables.console(stderr=True)
    report.show(out, record)
    if files["trace"]:
        events = profile_events.events(told, machine, command)
        write_file(events.text, files["trace"])
        if events.whole:
            out.print(
                f"  --trace shows {events.whole:,} launches as a whole: there are too many events", highlight=False
            )
    out.print(tables.environment(record.environment), style="dim", highlight=False)
    return status if status >= 0 else 128 - status


def _session(options: ProfileOptions, machine: Machine) -> Session:
    if options.dialect and options.dialect not in DIALECTS:
        raise UsageError(f"--as is `{options.dialect}`; choose from: {', '.join(DIALECTS)}")
    if machine.kind == "host":
        if options.strict:
            raise UsageError("--strict is for modelled devices: the host runs every kernel")
        if options.overrides:
            raise UsageError(
                "--set changes a modelled device: the host is what it is (RUNG_NUM_THREADS=N for contexts)"
            )
        Schedule.parse(options.schedule)
        return Session(dialect=options.dialect)
    schedule = Schedule.parse(options.schedule, _ALL_ON)
    return Session(machine.model_dump_json(), str(schedule), options.strict, options.trace is not None, options.dialect)


def _command(program: Sequence[str]) -> list[str]:
    """A script, or options of Python's, are given to this Python."""
    is_for_python = program[0].startswith("-") or program[0].endswith(".py")
    return [sys.executable, *program] if is_for_python else list(program)


def _run(command: Sequence[str], settings: dict[str, str]) -> int:
    """The program's status, -N where signal N ended it."""
    with _passed_on() as forward:
        try:
            process = subprocess.Popen(command, env=knobs.environment(settings))
        except OSError as error:
            raise UsageError(f"cannot run `{command[0]}`: {error.strerror}") from None
        forward(process)
        return process.wait()


@contextmanager
def _passed_on() -> Generator[Any]:
    """What ends the program does not end this process, which has to tell what was launched until then. Ctrl-C reaches
    the program from the terminal; other signals are sent on."""
    running: list[subprocess.Popen[bytes]] = []

    def send_on(number: int, frame: object) -> None:
        for process in running if number != signal.SIGINT else ():
            process.send_signal(number)

    if threading.current_thread() is not threading.main_thread():
        yield running.append
        return
    before = {number: signal.signal(number, send_on) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield running.append
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


COMMAND = Command(ProfileOptions, run)
