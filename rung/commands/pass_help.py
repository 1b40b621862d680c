"""The list of passes at the end of `rung opt --help`."""

from __future__ import annotations

import shutil
from typing import Any

from typer.core import TyperCommand


class PassHelp(TyperCommand):
    """A command that lists the passes. They are imported when help is asked for."""

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        from ..passes.describe import option_lines, summary
        from ..pipelines import PASSES

        rows: list[tuple[str, str]] = []
        for cls in PASSES:
            rows += [(cls.name, summary(cls)), *((f"  {name}", line) for name, line in option_lines(cls))]
        formatter.width = max(formatter.width, min(120, shutil.get_terminal_size().columns) - 2)
        with formatter.section("Passes, in the order of a pipeline"):
            formatter.write_text("NAME or NAME{option=value ...}; other names are those of upstream's passes.")
            formatter.write_paragraph()
            formatter.write_dl(rows, col_max=32)
