"""Sheets -> one HTML file. Words and tables are HTML, readable without scripts and on paper; charts, timelines and
listings are data that the page's own scripts draw with the library that stands in the page."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from html import escape
from importlib import resources
from string import Template
from typing import Any

from .parts import Block, Cell, Section, Sheet, Table, Text

SCRIPTS = ("echarts.min.js", "forms.js", "tables.js", "charts.js", "timeline.js", "listing.js", "page.js")
"""In the order in which they stand in the page."""


def page(title: str, sheets: Sequence[Sheet]) -> str:
    """The file's text."""
    return _Page(title, sheets).text()


@cache
def _asset(name: str) -> str:
    return resources.files("rung.report.page").joinpath("assets", name).read_text(encoding="utf-8")


@dataclass
class _Page:
    title: str
    sheets: Sequence[Sheet]
    data: list[Any] = field(default_factory=list[Any])
    """What scripts draw; figures name it by its number."""

    def text(self) -> str:
        body = "".join(self._sheet(number, sheet) for number, sheet in enumerate(self.sheets))
        drawn = any(data["kind"] != "listing" for data in self.data)
        scripts = [name for name in SCRIPTS if drawn or name != "echarts.min.js"]
        return Template(_asset("page.html")).substitute(
            title=escape(self.title),
            style=_asset("page.css"),
            contents=self._contents(),
            summary=self._summary(),
            body=body,
            data=_harmless(json.dumps(self.data, separators=(",", ":"), allow_nan=False)),
            scripts="".join(f"<script>{_asset(name)}</script>\n" for name in scripts),
        )

    def _contents(self) -> str:
        if len(self.sheets) == 1:
            entries = [(f"s0-{at}", section.title) for at, section in enumerate(self.sheets[0].sections)]
        else:
            entries = [(f"s{number}", sheet.title) for number, sheet in enumerate(self.sheets)]
        return "".join(f'<li><a href="#{where}">{escape(what)}</a></li>' for where, what in entries)

    def _summary(self) -> str:
        """Of several sheets: the first sentence of each."""
        if len(self.sheets) < 2:
            return ""
        first = [(f"s{at}", each.title, *each.verdict[0]) for at, each in enumerate(self.sheets) if each.verdict]
        lines = (
            f'<li class="{tone}"><a href="#{where}">{escape(title)}</a>: {escape(words)}</li>'
            for where, title, words, tone in first
        )
        return f'<ul class="verdict" aria-label="summary">{"".join(lines)}</ul>'

    def _sheet(self, number: int, sheet: Sheet) -> str:
        verdict = "".join(_item(words, tone) for words, tone in sheet.verdict)
        warnings = "".join(f"<li>{escape(words)}</li>" for words in sheet.warnings)
        sections = "".join(self._section(f"s{number}-{at}", each) for at, each in enumerate(sheet.sections))
        return (
            f'<article id="s{number}"><h2>{escape(sheet.title)}</h2>'
            f'<ul class="verdict" aria-label="verdict">{verdict}</ul>'
            + (f'<ul class="warnings" aria-label="warnings">{warnings}</ul>' if warnings else "")
            + f"{sections}{_origin(sheet)}</article>"
        )

    def _section(self, name: str, section: Section) -> str:
        blocks = "".join(self._block(block) for block in section.blocks)
        title = escape(section.title)
        if section.folded:
            return f'<section id="{name}"><details><summary>{title}</summary>{blocks}</details></section>'
        return f'<section id="{name}"><h3>{title}</h3>{blocks}</section>'

    def _block(self, block: Block) -> str:
        if isinstance(block, Text):
            return "".join(f'<p class="{block.tone}">{escape(line)}</p>' for line in block.lines)
        if isinstance(block, Table):
            table = "".join(_table(block))
            return f"<details><summary>{escape(block.title)}</summary>{table}</details>" if block.folded else table
        self.data.append(asdict(block))
        caption = escape(getattr(block, "caption", ""))
        return (
            f'<figure class="{block.kind}" data-block="{len(self.data) - 1}"><h4>{escape(block.title)}</h4>'
            f'<div class="drawn"></div><figcaption>{caption}</figcaption></figure>'
        )


def _item(words: str, tone: str) -> str:
    return f'<li class="{tone}">{escape(words)}</li>'


def _origin(sheet: Sheet) -> str:
    facts = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in sheet.environment)
    return (
        f'<section class="origin"><h3>Where this is from</h3><p>Made again by</p>'
        f'<div class="rerun"><code>{escape(sheet.rerun)}</code></div>'
        f"<details><summary>Environment</summary><dl>{facts}</dl></details></section>"
    )


def _table(table: Table) -> Iterator[str]:
    yield f'<div class="table"><div class="scroll" tabindex="0" role="region" aria-label="{escape(table.title)}">'
    yield f"<table><caption>{escape(table.title)}</caption><thead><tr>"
    for name in table.columns:
        yield f'<th scope="col">{escape(name)}</th>'
    yield "</tr></thead><tbody>"
    for row in table.rows:
        yield f"<tr>{''.join(_cell(each) for each in row)}</tr>"
    yield "</tbody></table></div>"
    if table.note:
        yield f'<p class="dim">{escape(table.note)}</p>'
    yield "</div>"


def _cell(cell: Cell) -> str:
    number = "" if cell.value is None else f' data-value="{cell.value!r}"'
    names = " ".join(name for name in (cell.tone, "number" if cell.value is not None else "") if name)
    look = f' class="{names}"' if names else ""
    return f"<td{number}{look}>{escape(cell.text)}</td>"


def _harmless(text: str) -> str:
    """JSON that cannot end the element it stands in."""
    return text.replace("<", "\\u003c")
