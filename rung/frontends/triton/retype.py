"""Values that get other types, by what the text of a type becomes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch_mlir import ir


class Types:
    """Each type once: types are compared and parsed as text."""

    def __init__(self, becomes: Callable[[str], str]) -> None:
        self._becomes = becomes
        self._known: dict[ir.Type, ir.Type] = {}

    def of(self, kind: ir.Type) -> ir.Type:
        if kind not in self._known:
            text = str(kind)
            other = self._becomes(text)
            self._known[kind] = kind if other == text else ir.Type.parse(other)
        return self._known[kind]

    def replace(self, op: ir.Operation) -> None:
        """Of an operation's results, the arguments of its blocks, and its own type if it is a function."""
        self._values(op.results)
        for region in op.regions:
            for block in region.blocks:
                self._values(block.arguments)
        if "function_type" in op.attributes:
            kind = ir.TypeAttr(op.attributes["function_type"]).value
            op.attributes["function_type"] = ir.TypeAttr.get(self.of(kind))

    def _values(self, values: Sequence[ir.Value]) -> None:
        for value in values:
            kind = self.of(value.type)
            if kind != value.type:
                value.set_type(kind)
