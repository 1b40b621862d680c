"""Models that are compiled ahead of time, for programs without rung: AOTInductor around rung's kernels."""

from __future__ import annotations

import json
from collections.abc import Mapping
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import UsageError
from ..files import folder_beside, why_not_writable
from .decompositions import decompositions
from .rewrites import rewrite
from .settings import may_fall_back, settings

if TYPE_CHECKING:
    from torch.export import ExportedProgram


def package(
    exported: ExportedProgram,
    path: str | PathLike[str],
    *,
    mode: str | None = None,
    options: Mapping[str, Any] | None = None,
) -> str:
    """Compile what `torch.export.export` gave into a file `.pt2`; returns its path.

    `torch._inductor.aoti_load_package` loads it, and `AOTIModelPackageLoader` in C++, on processors like this one.
    mode, options: as for `torch.compile(backend="rung")`. Raises UsageError, and RungError as the compilation does.
    """
    import torch
    import torch._inductor  # pyright: ignore[reportUnusedImport]
    from torch._inductor.package.package import package_aoti

    from .fallback import compile_with_fallback
    from .registration import register

    if not isinstance(exported, torch.export.ExportedProgram):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise UsageError(f"a {type(exported).__name__} cannot be packaged; give what torch.export.export returns")
    if not fspath(path).endswith(".pt2"):
        raise UsageError(f"the package is `{fspath(path)}`; give a name that ends in .pt2")
    if reason := why_not_writable(Path(path)):
        raise UsageError(f"the package is `{fspath(path)}`, which {reason}")
    register()
    configuration = {**settings(mode, options or {}, in_cpp=True), "aot_inductor.package": True}
    own = _own_decompositions(configuration)
    given: Any = exported
    if any(node.target in own for node in given.graph.nodes):
        given = given.run_decompositions(own)
    inductor: Any = torch._inductor

    def attempt() -> list[Any]:
        graph = given.module(check_guards=False)
        rewrite(graph)
        inputs, keywords = given.example_inputs
        return inductor.aot_compile(graph, inputs, keywords, options=dict(configuration))

    with torch.no_grad():  # a package computes no gradients
        files = compile_with_fallback(attempt, may_fall_back(options or {}))
    for file in files:
        if isinstance(file, str) and file.endswith("_metadata.json"):
            _name_the_processor(Path(file))
    target = Path(path).resolve()
    with folder_beside(target) as aside:  # an earlier package stays whole until this one is
        made = aside / target.name
        package_aoti(str(made), files)
        made.replace(target)
    return fspath(path)


def _name_the_processor(metadata: Path) -> None:
    """torch compares this one with the one that loads the package, and warns. What it notes by itself is the wrapper's,
    which asks nothing of a processor; the kernels do."""
    from torch._inductor import cpu_vec_isa

    known = json.loads(metadata.read_text())
    if "AOTI_CPU_ISA" in known:
        metadata.write_text(json.dumps({**known, "AOTI_CPU_ISA": str(cpu_vec_isa.pick_vec_isa()).upper()}))


def _own_decompositions(configuration: Mapping[str, Any]) -> dict[Any, Any]:
    from torch._inductor.decomposition import select_decomp_table

    theirs = select_decomp_table()
    return {op: made for op, made in decompositions(configuration).items() if theirs.get(op) is not made}
