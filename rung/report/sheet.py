"""A table that may become one of the console's or one in Markdown."""

from __future__ import annotations

from dataclasses import dataclass

from rich.table import Table

from . import tables


@dataclass(frozen=True)
class Sheet:
    """A table before it is drawn."""

    title: str
    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def rich(self) -> Table:
        found = tables.new_table(self.title)
        for number, header in enumerate(self.headers):
            found.add_column(header, justify="left" if number == 0 else "right")
        for row in self.rows:
            found.add_row(*row)
        return found

    def markdown(self) -> str:
        lines = [self.headers, ("---", *("---:" for _ in self.headers[1:])), *self.rows]
        return f"**{self.title}**\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines)
