"""Run with an installed wheel, away from the checkout: an ordinary Triton kernel, and the command line."""

import shutil
import subprocess
import sys
from pathlib import Path

import torch
import triton
import triton.language as tl

import rung


@triton.jit
def scale(x_ptr, y_ptr, n, factor, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(y_ptr + i, tl.load(x_ptr + i, mask=i < n) * factor, mask=i < n)


def main() -> None:
    installed = Path(rung.__file__).resolve()
    assert "site-packages" in installed.parts, f"rung comes from {installed}, not from the wheel"
    x = torch.randn(1000)
    y = torch.empty_like(x)
    scale[(triton.cdiv(1000, 256),)](x, y, 1000, 3.0, BLOCK=256)
    assert torch.equal(y, x * 3.0)
    command = shutil.which("rung", path=str(Path(sys.executable).parent))
    assert command is not None
    version = subprocess.run([command, "--version"], check=True, capture_output=True, text=True).stdout
    machine = subprocess.run([command, "machines", "hexagon-v73"], check=True, capture_output=True, text=True).stdout
    assert "dma.bytes_per_cycle" in machine
    from rung.machine import load
    from rung.targets.npu.timeline import replay
    from rung.targets.npu.trace import Region, Start, Trace

    transfer = Region(((Start(0, 1, 4840, False),),), forked=False)
    assert replay(Trace((), (transfer,)), load("hexagon-v73")).dma_bytes == 4840
    print("1 passed, 0 failed:", version.strip())


if __name__ == "__main__":
    main()
