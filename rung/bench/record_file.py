"""Records as files: JSON, written whole or not at all, and checked when it is read.

A file is its record as pydantic writes it, but for evidence. Results of the same code share theirs, so it stands once
in the file, under a name that is made of its content:

    {"schema": 2, "study": "ladder", "environment": {...}, "complete": true,
     "results": [{..., "evidence": "5f0c3a8f21d4be90"}, ...],
     "evidence": {"5f0c3a8f21d4be90": {"ir_hash": ..., "decided": [...], "object": {...}}}}
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import pydantic_core
from pydantic import ValidationError

from ..errors import UsageError
from ..evidence import Evidence
from ..files import write_file
from .result import SCHEMA, Measurements, Record, Result

_SHOWN = 200
"""Characters of a reason; some repeat what they found."""


def write(record: Record, path: str | Path) -> None:
    """Writes the file whole or not at all: to a temporary file beside it, then renamed."""
    content = record.model_dump(mode="json", by_alias=True)
    if isinstance(record, Measurements):
        results = cast(list[Result], record.results)  # pyright: ignore[reportUnknownMemberType]
        named = [(_name(result.evidence), result.evidence) for result in results]
        content["results"] = [
            {**result, "evidence": name} for result, (name, _) in zip(content["results"], named, strict=True)
        ]
        content["evidence"] = {name: _json(each) for name, each in named}
    write_file(pydantic_core.to_json(content, indent=1).decode() + "\n", path)


def _json(evidence: Evidence) -> dict[str, Any]:
    """Without what was not found."""
    return evidence.model_dump(mode="json", exclude_defaults=True)


def _name(evidence: Evidence) -> str:
    return hashlib.sha256(pydantic_core.to_json(_json(evidence))).hexdigest()[:16]


def read(path: str | Path, studies: Sequence[str], model_of: Callable[[str], type[Record]]) -> Record:
    """The record in a file, of one of the `studies`. Raises UsageError that says in one sentence what is wrong."""
    advice = f"give a file that --json of `rung {'`, `rung '.join(studies)}` wrote"
    try:
        text = Path(path).read_text(encoding="utf-8")
        content: Any = pydantic_core.from_json(text)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    except UnicodeError:
        raise UsageError(f"{path} is not a record: it is no text; {advice}") from None
    except ValueError as error:
        raise UsageError(f"{path} is not a record: it is no JSON: {str(error)[:_SHOWN]}; {advice}") from None
    fields = cast(dict[str, Any], content) if isinstance(content, dict) else {}
    study: object = fields.get("study")
    if not isinstance(study, str):
        raise UsageError(f"{path} is not a record: it does not say of which study; {advice}")
    if study not in studies:
        raise UsageError(f"{path} is a record of {study[:_SHOWN]!r}, which is no study of this rung; {advice}")
    schema: object = fields.get("schema")
    if isinstance(schema, int) and schema != SCHEMA:
        raise UsageError(
            f"{path} is a record of schema {schema}, and this rung reads schema {SCHEMA}; give one that it wrote: "
            "measure again"
        )
    try:
        model = model_of(study)
        whole = _spread(fields) if _has_results(model) else fields
        return model.model_validate_json(pydantic_core.to_json(whole))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        where = f"field `{field[:_SHOWN]}`: " if field else ""
        reason = first["msg"].removeprefix("Value error, ")[:_SHOWN]
        raise UsageError(f"{path} is not a whole record of `rung {study}`: {where}{reason}; {advice}") from None


def _has_results(model: type[Record]) -> bool:
    return issubclass(model, Measurements)


def _spread(content: dict[str, Any]) -> Any:
    """Every result with its own evidence, as far as the content is what it should be; the model says what is not."""
    results, table = content.get("results"), content.get("evidence")
    if not isinstance(results, list) or not isinstance(table, dict):
        return content
    listed, known = cast(list[Any], results), cast(dict[str, Any], table)

    def whole(result: Any) -> Any:
        if not isinstance(result, dict):
            return result
        fields = cast(dict[str, Any], result)
        name = fields.get("evidence")
        return {**fields, "evidence": known.get(name)} if isinstance(name, str) else fields

    rest = {key: value for key, value in content.items() if key != "evidence"}
    return {**rest, "results": [whole(result) for result in listed]}
