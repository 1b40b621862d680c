"""Control flow, assertions, and what has no meaning on a CPU."""

from __future__ import annotations

from torch_mlir import ir
from torch_mlir.dialects import cf

from ....ir.attributes import WHERE
from ..blocks import BlockConverter
from ..control import convert_for, convert_if, convert_while
from ..functions import convert_call
from ..locations import source_line
from ..nest_sinks import Effect
from ..operation import register
from ..ttir import is_block, shape
from .families import Whole


@register
class For(Whole):
    names = ("scf.for",)

    def convert(self, blocks: BlockConverter, op: ir.Operation) -> None:
        blocks.keep_for_region(op)
        convert_for(blocks, op)


@register
class If(Whole):
    names = ("scf.if",)

    def convert(self, blocks: BlockConverter, op: ir.Operation) -> None:
        blocks.keep_for_region(op)
        convert_if(blocks, op)


@register
class While(Whole):
    names = ("scf.while",)

    def convert(self, blocks: BlockConverter, op: ir.Operation) -> None:
        blocks.keep_for_region(op)
        convert_while(blocks, op)


@register
class Call(Whole):
    """Of a `noinline` function."""

    names = ("tt.call",)

    def convert(self, blocks: BlockConverter, op: ir.Operation) -> None:
        blocks.keep_for_region(op)
        convert_call(blocks, op)


@register
class Assert(Whole):
    """`tl.device_assert`, per element for a block. `rung.where` is what is known of the place before a launch."""

    names = ("tt.assert",)

    def convert(self, blocks: BlockConverter, op: ir.Operation) -> None:
        blocks.flush()
        condition = op.operands[0]
        message = ir.StringAttr(op.attributes["message"]).value if "message" in op.attributes else ""
        place = f"{source_line(op)}: {blocks.program.name}"

        def emit(holds: ir.Value) -> None:
            made = cf.AssertOp(holds, message)
            made.operation.attributes[WHERE] = ir.StringAttr.get(place)

        if not is_block(condition):
            emit(blocks.program.scalar(condition))
            return
        effect = Effect((condition,), None, lambda e, p: emit(e.at(condition, p)))
        blocks.nests.emit(shape(condition) or (), [effect])


@register
class Nothing(Whole):
    """Hints, and barriers among the threads of a GPU."""

    names = ("llvm.intr.assume", "gpu.barrier", "ttg.barrier", "ttg.local_barrier")

    def convert(self, blocks: BlockConverter, op: ir.Operation) -> None:
        pass
