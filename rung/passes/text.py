"""Passes and pipelines as text: `vectorize{vector-bytes=64 unroll=4}`, one step a line. The inverse of `str`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import fields
from typing import Any, get_args, get_type_hints

from ..errors import UsageError
from .base import Pass, Pipeline, Stage, Upstream

_STEP = re.compile(r"^([a-z][a-z0-9-]*)(?:\{([^{}]*)\})?$")
_STAGE = re.compile(r"^// stage `(.+)`$")
_WORDS = {"on": True, "off": False, "true": True, "false": False}


def parse_pass(text: str, known: Iterable[type[Pass]]) -> Pass:
    """A pass from its textual form. What is not one of `known` is taken for a pipeline of upstream passes."""
    found = _STEP.match(text.strip())
    classes = {cls.name: cls for cls in known}
    if found is None or found[1] not in classes:
        return Upstream(passes=text.strip())
    cls = classes[found[1]]
    kinds = {f.name: get_type_hints(cls)[f.name] for f in fields(cls)}
    options: dict[str, Any] = {}
    for item in (found[2] or "").split():
        name, equals, value = item.partition("=")
        key = name.replace("-", "_")
        if not equals or key not in kinds:
            allowed = ", ".join(k.replace("_", "-") for k in kinds) or "none"
            raise UsageError(f"pass `{cls.name}` has no option `{name}`; options: {allowed}")
        options[key] = _value(cls.name, name, value, kinds[key])
    return cls(**options)


def _value(pass_name: str, option: str, text: str, kind: Any) -> Any:
    choices = get_args(kind)
    try:
        if choices and text not in choices:
            raise ValueError
        return _WORDS[text] if kind is bool else text if choices or kind is str else kind(text)
    except (KeyError, ValueError):
        wanted = ", ".join(choices) or ("on or off" if kind is bool else kind.__name__)
        raise UsageError(f"pass `{pass_name}`: {option} is `{text}`; give {wanted}") from None


def parse_pipeline(text: str, known: Iterable[type[Pass]]) -> Pipeline:
    """A pipeline from `str(pipeline)`: one pass or stage a line; empty lines are skipped."""
    classes = tuple(known)
    steps: list[Pass | Stage] = []
    for line in filter(None, (line.strip() for line in text.splitlines())):
        stage = _STAGE.match(line)
        steps.append(Stage(stage[1]) if stage else parse_pass(line, classes))
    return Pipeline(tuple(steps))
