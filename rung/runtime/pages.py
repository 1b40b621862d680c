"""A fault that the sanitizer found, on a page: the place in the source, the argument, the program, what to look at."""

from __future__ import annotations

import ast
import linecache
from functools import cache
from math import prod

from ..sanitizer import Site, Through
from .findings import DOES, NO_ACCESS, Finding, at, counted

_ADVICE = {
    "left out by a mask": "`other=` of the load, or a mask where the number counts",
    "division by zero": "the divisor: a `tl.where` around it, or a mask",
    "shift beyond the width": "by how much it is shifted",
    "index overflow": "`.to(tl.int64)` before the multiplication",
    "not finite": "the operands there: a division by zero, an exponential of a large number, -inf minus -inf in a row "
    "that is masked off as a whole",
}
_BOUND_ADVICE: dict[Through, str] = {
    "pointer": "the mask: the bound that it compares with, and the strides of the offsets",
    "block pointer": "the shape and strides of the block pointer, and the dimensions that `boundary_check` names",
    "descriptor": "the shape and strides of the descriptor: what is outside of its shape is left out",
}


def _excerpt(site: Site, kernel: str) -> list[str]:
    """The line of the source, with a mark below where it begins; before it the calls that led there, as in Python."""
    lines: list[str] = []
    text = ""
    for file, line in (*reversed(site.callers), (site.file, site.line)):
        text = linecache.getline(file, line).rstrip()
        lines.append(f'  File "{file}", line {line}, in {_function_at(file, line) or kernel}')
        lines += [f"    {text.strip()}"] if text else []
    if text:
        indent = len(text) - len(text.lstrip())
        lines.append(f"    {' ' * (site.column - indent)}^")
    return lines


def _function_at(file: str, line: int) -> str | None:
    """The innermost function there: locations in TTIR do not say which."""
    around = [each for each in _functions(file) if each.lineno <= line <= (each.end_lineno or 0)]
    return max(around, key=lambda each: each.lineno).name if around else None


@cache
def _functions(file: str) -> tuple[ast.FunctionDef, ...]:
    try:
        tree = ast.parse("".join(linecache.getlines(file)))
    except SyntaxError:  # a cell of a notebook, perhaps, with commands in it
        return ()
    return tuple(each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef))


def page(finding: Finding) -> str:
    """One fault, readable from top to bottom."""
    lines = [finding.headline, "", *_excerpt(finding.site, finding.kernel)]
    if finding.other_site is not None:
        lines += ["  of" if finding.kind == "undefined" else "  and", *_excerpt(finding.other_site, finding.kernel)]
    lines.append("")
    facts = _facts(finding)
    width = max(len(name) for name, _ in facts)
    return "\n".join(lines + [f"  {name:<{width}}  {text}" for name, text in facts])


def _facts(f: Finding) -> list[tuple[str, str]]:
    facts: list[tuple[str, str]] = []
    if f.memory is not None:
        facts.append(("argument", f"{f.argument}: {f.memory}"))
    program = f"{at(f.program)} of a grid of {at(f.grid)}"
    if f.place is not None and f.site.extents:
        program += f", at {list(f.place)} of its block of {list(f.site.extents)}"
    facts.append(("program", program))
    if f.kind == "undefined":
        assert f.other_site is not None
        facts.append(("elements", f"{f.elements}, of which this is the first"))
        facts.append(("look at", _ADVICE[f.other_site.kind]))
        return facts
    if f.memory is None:
        facts.append(("address", _addresses(f)))
        if f.kind in NO_ACCESS:
            facts.append(("look at", _advice(f)))
        return facts
    size, name = f.site.element_bytes, f.memory.name
    low, high = ((x - f.memory.data) // size for x in (f.low, f.high))
    span = f"{name}[{low}]" if low == high else f"{counted(f.elements)} between {name}[{low}] and {name}[{high}]"
    facts.append((DOES[f.site.kind], span + f" ({size} bytes each)" * (size != f.memory.element_bytes)))
    if f.kind == "outside":
        facts.append(("there", _there(f)))
        facts.append(("look at", _advice(f)))
    elif f.kind == "misaligned":
        facts.append(("address", f"{f.first:#x}, {f.first - f.memory.data} bytes behind the argument's"))
        facts.append(
            ("look at", "where the tensor's memory, or the cast pointer, begins: a GPU refuses such an access")
        )
    elif f.kind == "order":
        look = "whether any order will do: sums of floats differ in their last bits, exchanges in what stays"
        facts.append(("look at", look))
    elif f.kind == "unwritten":
        facts.append(("look at", "what should have written it: an earlier launch, its grid or mask, or `torch.zeros`"))
    elif f.kind == "same":
        facts.append(("look at", "whether it is meant: one program would do"))
    else:
        facts.append(("look at", "an atomic, or a grid and offsets by which no two programs share an element"))
    return facts


def _addresses(f: Finding) -> str:
    if f.low == f.high:
        return f"{f.first:#x}"
    return f"{f.first:#x}, the first of {counted(f.elements)} between {f.low:#x} and {f.high:#x}"


def _there(f: Finding) -> str:
    for m in f.others:
        if m.begin <= f.first < m.end:
            return f"`{m.name}`[{(f.first - m.data) // m.element_bytes}]"
    return "memory of no argument of this launch"


def _advice(f: Finding) -> str:
    if f.memory is None:
        return f"how the address is made{' of what was loaded' if f.site.gathers else ''}"
    if f.site.gathers:
        return "the numbers that were loaded, by which it is indexed"
    if not f.site.extents:
        return "the offset that is added to the pointer, and what the grid is made of"
    if f.site.masked:
        return _BOUND_ADVICE[f.site.through]
    option = "mask" if f.site.through == "pointer" else "boundary_check"
    return f"`{option}=`: without one, all {prod(f.site.extents)} elements of the block are accessed"
