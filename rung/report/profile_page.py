"""The table of `rung profile` as a page: one file, nothing loaded from elsewhere."""

from __future__ import annotations

from html import escape
from string import Template

from ..bench.profile_result import ProfileRecord
from . import profile, tables, text

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
    headers = ("kernel", "launches", "total", "share", "median", "least", "most", "verdict")
    rows = ["".join(f"<th>{header}</th>" for header in headers)]
    for kernel in record.kernels:
        times = kernel.times
        share = profile.share(kernel, record)
        cells = [
            f"<td>{escape(kernel.name)} <small>{escape(kernel.where)}</small></td>",
            f"<td>{kernel.launches:,}</td>",
            f"<td>{text.bare_amount(times.total, record.unit)}</td>",
            f'<td class="bar" style="--share: {share}">{share}</td>',
            *(f"<td>{text.bare_amount(each, record.unit)}</td>" for each in (times.median, times.least, times.most)),
            f"<td>{escape(kernel.verdict)}</td>",
        ]
        rows.append("".join(cells))
    return f'<div class="scroll"><table>{"".join(f"<tr>{row}</tr>" for row in rows)}</table></div>'
