"""Passes and pipelines as text: `vectorize{vector-bytes=64 unroll=4}`, one step a line. The inverse of `str`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ..errors import UsageError
from .base import Pass, Pipeline, Stage, Upstream
from .options import options_of
from .upstream import check_upstream

_STEP = re.compile(r"^([a-z][a-z0-9-]*)(?:\{([^{}]*)\})?$")
_NAME = re.compile(r"[a-z][a-z0-9-]*")
_STAGE = re.compile(r"^// stage `(.+)`$")


def parse_pass(text: str, known: Iterable[type[Pass]]) -> Pass:
    """A pass from its textual form. What is not one of `known` is taken for a pipeline of upstream passes."""
    found = _STEP.match(text.strip())
    classes = {cls.name: cls for cls in known}
    if found is None or found[1] not in classes:
        return _upstream(text.strip(), classes)
    cls = classes[found[1]]
    options = {option.name: option for option in options_of(cls)}
    values: dict[str, Any] = {}
    for item in (found[2] or "").split():
        name, equals, value = item.partition("=")
        option = options.get(name.replace("_", "-"))
        if option is None:
            raise UsageError(f"pass `{cls.name}` has no option `{name}`; options: {', '.join(options) or 'none'}")
        if not equals:
            raise UsageError(f"pass `{cls.name}`: {name} has no value; give {option.words}")
        if option.field in values:
            raise UsageError(f"pass `{cls.name}`: {name} is given twice; leave one out")
        values[option.field] = option.read(value)
    return cls(**values)


def _upstream(text: str, classes: Mapping[str, type[Pass]]) -> Upstream:
    mixed = next((word for word in _NAME.findall(text) if word in classes), None)
    if mixed is not None:
        raise UsageError(
            f"`{text}` names `{mixed}`, a pass of rung, among others or not as it is written: "
            f"give `{mixed}` or `{mixed}{{option=value ...}}` for a step of its own; steps are separated by `;`"
        )
    check_upstream(text)
    return Upstream(passes=text)


def parse_pipeline(text: str, known: Iterable[type[Pass]]) -> Pipeline:
    """A pipeline from `str(pipeline)`: one pass or stage a line; empty lines are skipped."""
    classes = tuple(known)
    steps: list[Pass | Stage] = []
    for line in filter(None, (line.strip() for line in text.splitlines())):
        stage = _STAGE.match(line)
        steps.append(Stage(stage[1]) if stage else parse_pass(line, classes))
    return Pipeline(tuple(steps))
