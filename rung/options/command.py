"""A command from a dataclass: each field is an option or an argument, with its type, its default and its help.

    @dataclass(frozen=True)
    class GreetOptions:
        name: Annotated[str, typer.Argument(help="Whom.")]
        times: Annotated[int, typer.Option(help="How often.")] = 1

    COMMAND = Command(GreetOptions, greet)        # greet(options: GreetOptions) -> exit status

A field of type `tuple[str, ...]` is an option that may be repeated.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import MISSING, Field, dataclass, fields
from importlib import import_module
from typing import Annotated, Any, Generic, TypeVar, cast, get_args, get_type_hints

import typer
from typer.core import TyperCommand
from typer.models import ArgumentInfo, OptionInfo

O = TypeVar("O")


@dataclass(frozen=True)
class Command(Generic[O]):
    """`run` returns the exit status. `details` follow the one line of help that the list of commands shows."""

    options: type[O]
    run: Callable[[O], int]
    details: str = ""
    cls: type[TyperCommand] = TyperCommand

    def build(self, name: str, summary: str) -> TyperCommand:
        """As typer makes it of a function with the fields as its parameters."""
        hints = get_type_hints(self.options, include_extras=True)
        declared: tuple[Field[Any], ...] = fields(cast(Any, self.options))
        # Keyword-only fields are those that every study has: they stand last.
        ordered = sorted(declared, key=lambda field: field.kw_only is True)

        def callback(**values: Any) -> None:
            given = {key: tuple(value or ()) if _repeated(hints[key]) else value for key, value in values.items()}
            raise typer.Exit(self.run(self.options(**given)))

        parameters = [_parameter(field, hints[field.name]) for field in ordered]
        callback.__signature__ = inspect.Signature(parameters)  # pyright: ignore[reportFunctionMemberAccess]
        callback.__annotations__ = {each.name: each.annotation for each in parameters}
        alone = typer.Typer(add_completion=False, rich_markup_mode=None)
        words = f"{summary}\n\n{self.details}" if self.details else summary
        alone.command(name, cls=self.cls, help=words)(callback)
        found = typer.main.get_command(alone)
        assert isinstance(found, TyperCommand)
        return found


def arguments(options: Any) -> list[str]:
    """The command line that gives these options: what is not at its default."""
    positional: list[str] = []
    named: list[str] = []
    kind = cast(type[Any], type(options))
    hints = get_type_hints(kind, include_extras=True)
    for field in fields(kind):
        value = getattr(options, field.name)
        if value == field.default:
            continue
        values = [str(each) for each in cast(tuple[Any, ...], value)] if isinstance(value, tuple) else [str(value)]
        info = next(each for each in get_args(hints[field.name]) if isinstance(each, ArgumentInfo | OptionInfo))
        if isinstance(info, ArgumentInfo):
            positional += values
            continue
        # Within `Annotated`, typer takes its first argument, which is called `default`, for a name.
        declared = [str(name) for name in (info.default, *(info.param_decls or ())) if str(name).startswith("--")]
        name = declared[0] if declared else f"--{field.name.replace('_', '-')}"
        named += [name] if isinstance(value, bool) else [word for each in values for word in (name, each)]
    return [*positional, *named]


def _parameter(field: Field[Any], hint: Any) -> inspect.Parameter:
    default = inspect.Parameter.empty if field.default is MISSING else field.default
    if _repeated(hint):
        hint, default = Annotated[list[str] | None, get_args(hint)[1]], default or None
    return inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=hint)


def _repeated(hint: Any) -> bool:
    return get_args(hint)[:1] == (tuple[str, ...],)


class Lazy(TyperCommand):
    """A command of which only the name and one line are known until it runs: the rest is imported then."""

    def __init__(self, name: str, summary: str, load: Callable[[], Command[Any]]) -> None:
        super().__init__(name, help=summary)
        self._summary, self._load = summary, load

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """Of the whole command, which typer goes on with."""
        whole = self._load().build(self.name or "", self._summary)
        return whole.make_context(info_name, args, parent, **extra)


@dataclass(frozen=True)
class Entry:
    """One line of a registry: what a name means, and the module that knows the rest."""

    summary: str
    module: str

    def load(self, attribute: str) -> Any:
        """What the module calls `attribute`."""
        return getattr(import_module(self.module), attribute)
