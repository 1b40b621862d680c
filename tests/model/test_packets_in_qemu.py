"""Packets that the model counts against packets that qemu-hexagon executes: the same object code, the same data.

qemu-hexagon of Debian 12 executes scalar floats and vectors of integers (v67), no vectors of floats.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import hexagon_elf
import llvmlite.binding as llvm
import numpy as np
import numpy.typing as npt
import pytest
from torch_mlir import ir

from rung import machine
from rung.ir.context import make_context
from rung.ir.symbols import entry_point
from rung.lowering.lower_abi import LowerAbi
from rung.passes import Pipeline
from rung.pipelines import to_llvm
from rung.targets.host import llvm_ir
from rung.targets.npu.device_code import target_machine
from rung.targets.npu.executable import NpuExecutable, Program, build
from rung.targets.npu.weights import weigh

pytestmark = pytest.mark.skipif(hexagon_elf.QEMU is None, reason="qemu-hexagon is not installed")
MACHINE = machine.load("hexagon-v73").model_copy(update={"cpu": "hexagonv67", "features": ()})
VECTORS = MACHINE.model_copy(update={"features": ("hvxv67", "hvx-length128b")})
N = 256
CONSTANTS = """
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %c7 = arith.constant 7 : index
  %c16 = arith.constant 16 : index
  %c32 = arith.constant 32 : index
  %zero = arith.constant 0.0 : f32
  %k = arith.constant 1.5 : f32
  %low = arith.constant -2.0 : f32
"""
BODIES = {
    "add": """
  scf.for %i = %c0 to %n step %c1 {
    %a = memref.load %x[%i] : memref<?xf32>
    %b = memref.load %y[%i] : memref<?xf32>
    %s = arith.addf %a, %b : f32
    memref.store %s, %z[%i] : memref<?xf32>
  }""",
    "branches": """
  scf.for %i = %c0 to %n step %c1 {
    %a = memref.load %x[%i] : memref<?xf32>
    %b = memref.load %y[%i] : memref<?xf32>
    %p = arith.cmpf ogt, %a, %zero : f32
    %r = scf.if %p -> f32 {
      %turns = arith.andi %i, %c7 : index
      %s = scf.for %j = %c0 to %turns step %c1 iter_args(%v = %a) -> f32 {
        %w = arith.mulf %v, %k : f32
        %q = arith.cmpf ogt, %w, %b : f32
        %u = scf.if %q -> f32 {
          %d = arith.divf %w, %b : f32
          memref.store %d, %z[%j] : memref<?xf32>
          scf.yield %d : f32
        } else {
          scf.yield %w : f32
        }
        scf.yield %u : f32
      }
      scf.yield %s : f32
    } else {
      %q = arith.cmpf olt, %a, %low : f32
      %u = scf.if %q -> f32 {
        %d = arith.divf %a, %k : f32
        memref.store %d, %z[%i] : memref<?xf32>
        scf.yield %d : f32
      } else {
        %e = arith.subf %a, %b : f32
        scf.yield %e : f32
      }
      scf.yield %u : f32
    }
    memref.store %r, %z[%i] : memref<?xf32>
  }""",
    "matmul": """
  scf.for %i = %c0 to %c16 step %c1 {
    scf.for %j = %c0 to %c16 step %c1 {
      %s = scf.for %l = %c0 to %c16 step %c1 iter_args(%v = %zero) -> f32 {
        %ri = arith.muli %i, %c16 : index
        %ia = arith.addi %ri, %l : index
        %rl = arith.muli %l, %c16 : index
        %ib = arith.addi %rl, %j : index
        %a = memref.load %x[%ia] : memref<?xf32>
        %b = memref.load %y[%ib] : memref<?xf32>
        %p = arith.mulf %a, %b : f32
        %w = arith.addf %v, %p : f32
        scf.yield %w : f32
      }
      %ri = arith.muli %i, %c16 : index
      %at = arith.addi %ri, %j : index
      memref.store %s, %z[%at] : memref<?xf32>
    }
  }""",
    "while": """
  scf.for %i = %c0 to %n step %c3 {
    %a = memref.load %x[%i] : memref<?xf32>
    %b = memref.load %y[%i] : memref<?xf32>
    %r:2 = scf.while (%v = %a, %j = %c0) : (f32, index) -> (f32, index) {
      %q = arith.cmpf olt, %v, %b : f32
      %l = arith.cmpi ult, %j, %c7 : index
      %both = arith.andi %q, %l : i1
      scf.condition(%both) %v, %j : f32, index
    } do {
    ^bb0(%v: f32, %j: index):
      %w = arith.addf %v, %k : f32
      %next = arith.addi %j, %c1 : index
      scf.yield %w, %next : f32, index
    }
    memref.store %r#0, %z[%i] : memref<?xf32>
  }""",
    "row sums": """
  scf.for %i = %c0 to %c16 step %c1 {
    %row = arith.muli %i, %c16 : index
    %bound = arith.minui %i, %c7 : index
    %s = scf.for %j = %c0 to %bound step %c1 iter_args(%v = %zero) -> f32 {
      %at = arith.addi %row, %j : index
      %a = memref.load %x[%at] : memref<?xf32>
      %p = arith.cmpf ogt, %a, %v : f32
      %w = arith.select %p, %a, %v : f32
      scf.yield %w : f32
    }
    memref.store %s, %z[%i] : memref<?xf32>
  }""",
    "stores under conditions": """
  %t = scf.for %i = %c0 to %n step %c1 iter_args(%v = %zero) -> f32 {
    %third = arith.cmpi ne, %i, %c3 : index
    %a = scf.if %third -> f32 {
      %b = memref.load %x[%i] : memref<?xf32>
      scf.yield %b : f32
    } else {
      scf.yield %low : f32
    }
    %s = arith.addf %v, %a : f32
    %even = arith.andi %i, %c1 : index
    %p = arith.cmpi eq, %even, %c0 : index
    scf.if %p {
      memref.store %s, %z[%i] : memref<?xf32>
    }
    scf.yield %s : f32
  }""",
    "vectors of integers": """
  %five = arith.constant dense<5> : vector<32xi32>
  scf.for %i = %c0 to %n step %c32 {
    %a = vector.load %x[%i] {alignment = 128 : i64} : memref<?xf32>, vector<32xf32>
    %b = vector.load %y[%i] {alignment = 128 : i64} : memref<?xf32>, vector<32xf32>
    %ai = arith.bitcast %a : vector<32xf32> to vector<32xi32>
    %bi = arith.bitcast %b : vector<32xf32> to vector<32xi32>
    %s = arith.addi %ai, %bi : vector<32xi32>
    %t = arith.maxsi %s, %five : vector<32xi32>
    %u = arith.xori %t, %ai : vector<32xi32>
    %r = arith.bitcast %u : vector<32xi32> to vector<32xf32>
    vector.store %r, %z[%i] {alignment = 128 : i64} : memref<?xf32>, vector<32xf32>
  }""",
}


def program(body: str, device: machine.Machine) -> Program:
    text = f"""
func.func @kernel(%x: memref<?xf32>, %y: memref<?xf32>, %z: memref<?xf32>, %size: i32) attributes {{rung.kernel}} {{
  %n = arith.index_cast %size : i32 to index
{CONSTANTS}{body}
  return
}}"""
    with make_context(), ir.Location.unknown():
        module = ir.Module.parse(text)
        Pipeline((LowerAbi(), *to_llvm(device.isa, scalar=device is MACHINE))).run(module)
        return build(llvm_ir(module), "kernel", device, entry_point(module))


def main(addresses: list[int], device: machine.Machine, size: int) -> bytes:
    """The object of a function that calls the kernel on arrays at these addresses."""
    arguments = ", ".join(f"ptr inttoptr (i32 {address} to ptr)" for address in addresses)
    text = (
        "declare void @kernel(ptr, ptr, ptr, i32)\n"
        f"define void @main() {{\n  call void @kernel({arguments}, i32 {size})\n  ret void\n}}\n"
    )
    module = llvm.parse_assembly(text)
    module.triple = device.isa.triple
    return target_machine(device).emit_object(module)


def inputs() -> list[npt.NDArray[np.generic]]:
    """x, y, z"""
    at = np.arange(N)
    arrays = [((at * 37 % 100 - 50) / 10).astype(np.float32), (at % 77).astype(np.float32), np.zeros(N, np.float32)]
    aligned: list[npt.NDArray[np.generic]] = []
    for array in arrays:
        room = np.zeros(4 * N + 128, np.uint8)
        start = -room.ctypes.data % 128
        view = room[start : start + 4 * N].view(np.float32)
        view[:] = array
        aligned.append(view)
    return aligned


@pytest.mark.parametrize("size", [N, 0])
@pytest.mark.parametrize("literal", [False, True], ids=["as usual", "literally"])
@pytest.mark.parametrize("name", BODIES)
def test_packets(name: str, literal: bool, size: int, tmp_path: Path) -> None:
    """Every packet of the kernel ran as often as the model says."""
    device = VECTORS if "vectors" in name else MACHINE
    made = program(BODIES[name], device)
    assert not made.code.literal
    if literal:
        code = made.code.written_literally()
        made = replace(made, code=code, weights=weigh(code, made.copy, made.entry))
    arrays = inputs()
    image = hexagon_elf.link([made.code.object_code(), main(hexagon_elf.place(arrays), device, size)])
    executed = hexagon_elf.run(image, arrays, tmp_path)
    packets = image.packets("kernel")
    assert not size or sum(executed[packet] for packet in packets) > 40

    trace = NpuExecutable("kernel", "PPPi", {"decisions": {}}, device, made).run((*arrays, size), (1, 1, 1))
    assert all(not work.calls for work in trace.works)
    assert sum(work.packets for work in trace.works) == sum(executed[packet] for packet in packets)
    modelled: list[float] = []
    for (function, _), (block, row) in made.weights.executions.items():
        if function == "kernel":
            modelled += [float(row @ made.copy.values)] * len(block.packets)
    assert modelled == [executed[packet] for packet in packets]
