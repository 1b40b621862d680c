"""Reading a record: one place where what is damaged becomes one sentence."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from ..errors import UsageError

_SHOWN = 200
"""Characters of a reason; some repeat what they found."""
_Model = TypeVar("_Model", bound=BaseModel)


def read_record(path: str | Path, model: type[_Model], schema: object, command: str) -> _Model:
    """The record in a file that `command` wrote. Raises UsageError that names the file and the field that is wrong."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    except ValueError:
        raise UsageError(f"{path} is not a text file; give one that `{command}` wrote") from None
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        where = f"field `{field[:_SHOWN]}`: " if field else ""
        reason = first["msg"].removeprefix("Value error, ")[:_SHOWN]
        raise UsageError(
            f"{path} is not a record of schema {schema}: {where}{reason}; give a file that `{command}` wrote"
        ) from None
