"""The table of `rung profile` as a page: one file, nothing loaded from elsewhere."""

from __future__ import annotations

from html import escape
from string import Template

from ..bench.profile_result import ProfiledKernel, ProfileRecord
from . import profile, tables

_PAGE = Template("""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>$title</title>
<style>
  body { font: 15px/1.5 system-ui, sans-serif; max-width: 80em; margin: 2em auto; padding: 0 1em; color: #222 }
  h1 { font-size: 1.3em }
  .scroll { overflow-x: auto }
  table { border-collapse: collapse; width: 100% }
  th, td { padding: .3em .7em; text-align: right; white-space: nowrap; border-bottom: 1px solid #ddd }
  th:first-child, td:first-child, .verdict { text-align: left; white-space: normal }
  .share { background: linear-gradient(to right, #9ecae1 var(--share), transparent var(--share)) }
  .spent { display: flex; height: .6em; min-width: 16em }
  footer, small { color: #666 }
</style>
<h1>$title</h1>
<p><code>$program</code></p>
$table
<ul>$remarks</ul>
<footer>$environment</footer>
</html>
""")
_COLOURS = (
    "#1b9e77",
    "#d95f02",
    "#7570b3",
    "#e7298a",
    "#66a61e",
    "#e6ab02",
    "#a6761d",
    "#666666",
    "#a6cee3",
    "#fb9a99",
)
_REST = "#cccccc"


def page(record: ProfileRecord) -> str:
    """The file's text."""
    device = record.environment.machine["name"]
    modelled = ", cycles (modelled)" if record.unit == "cycles" else ""
    return _PAGE.substitute(
        title=escape(f"Kernels on {device}{modelled}"),
        program=escape(" ".join(record.program)),
        table=_table(record),
        remarks="".join(f"<li>{escape(line)}</li>" for line in profile.remarks(record)),
        environment=escape(tables.environment(record.environment)),
    )


def _table(record: ProfileRecord) -> str:
    if not record.kernels:
        return f"<p>{escape(profile.nothing(record))}</p>"
    colours = _colours(record)
    columns = profile.columns(record)
    rows = ["".join(f'<th class="{column}">{column}</th>' for column in ("kernel", *columns))]
    for kernel in record.kernels:
        cells = zip(columns, profile.cells(kernel, record), strict=True)
        style = f' style="--share: {profile.share(kernel, record)}"'
        rows.append(
            f"<td>{escape(kernel.name)} <small>{escape(kernel.where)}</small></td>"
            + "".join(
                f'<td class="{column}"{style if column == "share" else ""}>{escape(cell)}'
                f"{_spent(kernel, colours) if column == 'verdict' else ''}</td>"
                for column, cell in cells
            )
        )
    legend = "".join(
        f'<span style="color: {colour}">■</span> {escape(cause)} &nbsp; ' for cause, colour in colours.items()
    )
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return f'<div class="scroll"><table>{body}</table></div>\n<p><small>{legend}</small></p>'


def _colours(record: ProfileRecord) -> dict[str, str]:
    """Of what cycles went to, in all kernels together, most of them first."""
    spent: dict[str, float] = {}
    for kernel in record.kernels:
        for cause, cycles in kernel.spent.items():
            spent[cause] = spent.get(cause, 0.0) + cycles
    causes = sorted(spent, key=lambda cause: -spent[cause])
    return {cause: _COLOURS[k] if k < len(_COLOURS) else _REST for k, cause in enumerate(causes)}


def _spent(kernel: ProfiledKernel, colours: dict[str, str]) -> str:
    """What all contexts' cycles went to, as a bar."""
    total = sum(kernel.spent.values())
    parts = [
        f'<span style="width: {cycles / total:.2%}; background: {colours[cause]}" '
        f'title="{escape(cause)} {cycles / total:.1%}"></span>'
        for cause, cycles in kernel.spent.items()
        if total and cycles / total >= 0.005
    ]
    return f'<div class="spent">{"".join(parts)}</div>' if parts else ""
