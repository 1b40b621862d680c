"""What a captured kernel's file does when it is run. Its text is copied into every such file, which needs no rung but
Triton's back end for CPUs: nothing here may be of this package."""
# pyright: basic

from __future__ import annotations

from typing import Any


def launch_and_compare(kernel: Any, launch: dict[str, Any], path: str) -> int:
    """Launches `kernel` as it was captured, and compares what it writes with the reference. 0 where it agrees."""
    import statistics
    import time

    import torch

    try:
        import safetensors.torch
    except ImportError:
        print(f"{path} is read with the package safetensors, which is not installed: pip install safetensors")
        return 2
    stored: dict[str, Any] = safetensors.torch.load_file(path)
    memory: dict[str, Any] = {name: value.clone().reshape(-1).view(torch.uint8) for name, value in stored.items()}

    def argument(told: Any) -> Any:
        if not isinstance(told, dict):
            return told
        view: dict[str, Any] = told
        flat = memory[view["storage"]].view(getattr(torch, view["dtype"]))
        return torch.as_strided(flat, view["shape"], view["stride"], view["offset"])

    arguments = {name: argument(told) for name, told in launch["arguments"].items()}
    before = {name: arguments[name].clone() for name in launch["updated"]}

    def seconds() -> float:
        """Of one launch, on what the first one was launched on."""
        for name, value in before.items():
            arguments[name].copy_(value)
        begun = time.perf_counter()
        kernel[launch["grid"]](**arguments, **launch["constexprs"], **launch["options"])
        return time.perf_counter() - begun

    seconds()
    relative, absolute = launch["tolerance"]
    failed = False
    for name in launch["written"]:
        got, wanted = arguments[name].double(), stored[f"reference.{name}"].double()
        error = torch.where((got == wanted) | (got.isnan() & wanted.isnan()), 0.0, (got - wanted).abs())
        right = bool((error <= absolute + relative * wanted.abs()).all())
        failed = failed or not right
        worst = float(error.max()) if error.numel() else 0.0
        allowed = f"rtol {relative:g}, atol {absolute:.3g}"
        print(f"{name}: {'ok' if right else 'WRONG'}, max abs error {worst:.3g}; allowed: {allowed}")
    found: list[float] = []
    while len(found) < 5 or (sum(found) < 0.2 and len(found) < 200):
        found.append(seconds())
    median = f"median of {len(found)} launches {statistics.median(found) * 1e6:.1f} us"
    print(f"{launch['kernel']}: {'FAILED' if failed else 'passed'}, {median}")
    return int(failed)
