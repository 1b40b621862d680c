"""The table of `rung profile` as a page: one file, nothing loaded from elsewhere."""

from __future__ import annotations

from html import escape
from string import Template

from ..bench.profile_result import ProfileRecord
from . import profile, tables

_PAGE = Template("""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>$title</title>
<style>
  body { font: 15px/1.5 system-ui, sans-serif; max-width: 75em; margin: 2em auto; padding: 0 1em; color: #222 }
  h1 { font-size: 1.3em }
  .scroll { overflow-x: auto }
  table { border-collapse: collapse; width: 100% }
  th, td { padding: .3em .7em; text-align: right; white-space: nowrap; border-bottom: 1px solid #ddd }
  th:first-child, td:first-child, td:last-child, th:last-child { text-align: left; white-space: normal }
  .bar { background: linear-gradient(to right, #9ecae1 var(--share), transparent var(--share)) }
  footer, small { color: #666 }
</style>
<h1>$title</h1>
<p><code>$program</code></p>
$table
<ul>$remarks</ul>
<footer>$environment</footer>
</html>
""")


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
    rows = ["".join(f"<th>{header}</th>" for header in ("kernel", *profile.columns(record)))]
    for kernel in record.kernels:
        name = f"<td>{escape(kernel.name)} <small>{escape(kernel.where)}</small></td>"
        bar = f'<td class="bar" style="--share: {profile.share(kernel, record)}">'
        cells = zip(profile.columns(record), profile.cells(kernel, record), strict=True)
        rows.append(
            name + "".join((bar if column == "share" else "<td>") + f"{escape(cell)}</td>" for column, cell in cells)
        )
    return f'<div class="scroll"><table>{"".join(f"<tr>{row}</tr>" for row in rows)}</table></div>'
