"""The launch keywords of hexagon-mlir: those that name mechanisms become a Schedule."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ...errors import LaunchKeywordError
from ...frontends.triton.options import Options

_MECHANISMS: dict[str, bool | int] = {
    "enableVectorization": True,
    "enableMultiThreading": False,
    "enableThreadedDispatch": False,
    "enableSCFThreading": False,
    "num_threads": 4,
    "enableVTCMTiling": True,
    "enableConvertToHexagonmem": True,
    "enableHexagonmemCopyToDMA": False,
    "enableDoubleBuffering": False,
    "scratch": 0,
}
"""With that compiler's defaults."""
_WITHOUT_EFFECT = frozenset(
    (
        *("fusion", "fusionAllowRecompute", "fusionDoMultiUse", "tileSizes", "vectorize", "vector_length"),
        *("enableBufferization", "enableCollapseAddressSpace", "enableConvTiling", "convTileSizes"),
        *("convTilingFactor", "convTileHeightDim", "convTileOCDim"),
        *("enableHexKL", "hexKLMode", "enableSplitReduction", "enableSplitReduceGeneric", "enableHVXInlining"),
        *("enableSCFLoopUnroll", "enableConversionToFp16", "enableWeightResident", "enableVectorRowReduce"),
        *("enableHmxPipelineDepth", "enableWorkspaceResident", "enableSeedLayoutConversions"),
        *("extendPackUpperFrontier", "extendPackLowerFrontier", "forceHVXCroutonization"),
        *("lowerConstantsInSeparateSharedObjects", "enableLWP", "disableLWPLoop", "LWPloopDepth"),
        *("iterations", "deviceCleanup", "target_artifact", "htp_kernel_gen", "device_type", "data_layout"),
        *("arch_triple", "arch_features", "shared", "cluster_dims", "name", "allow_fp8e4nv"),
    )
)
"""That compiler's other options: how it goes about, how it measures, and what this device does not have."""


def options(keywords: Mapping[str, Any]) -> Options:
    """rung's options of a launch. The keywords are attributes, by which Triton tells that they are known, and no
    fields: but for the schedule, they change no code."""
    given = {name: keywords[name] for name in (*_MECHANISMS, *_WITHOUT_EFFECT) if name in keywords}
    found = Options.of({**keywords, "schedule": keywords.get("schedule") or schedule(given)})
    for name, value in given.items():
        object.__setattr__(found, name, value)
    return found


def without_effect(keywords: Iterable[str]) -> list[str]:
    return [name for name in keywords if name in _WITHOUT_EFFECT]


def schedule(keywords: Mapping[str, Any]) -> str:
    """The mechanisms that a launch asks for; all of them are named, as what it does not ask for is off.

    MT: the programs of the grid, the parts of a program's loops, or the instances that `scratch` gives memory to, on
    threads, whether that pays or not.
    Tiles go through the scratchpad where they are cut (`enableVTCMTiling`) and the engine moves them. Where the vector
    unit would move them by its own loads and stores, rung has no such schedule, and operands stay in memory.
    """
    told = {name: _checked(name, keywords.get(name, usual)) for name, usual in _MECHANISMS.items()}
    external = told["scratch"] > 0  # implies threads and tiling, and takes the place of that compiler's own allocation
    threads = any(told[name] for name in ("enableMultiThreading", "enableThreadedDispatch", "enableSCFThreading"))
    moved = told["enableConvertToHexagonmem"] and told["enableHexagonmemCopyToDMA"]
    tiled = bool(told["enableVTCMTiling"] and moved) or external
    contexts = keywords.get("num_threads", 0) if threads or external else 1
    return (
        f"vectorize={_word(told['enableVectorization'])} threads={contexts} profitability=off "
        f"scratchpad={_word(tiled)} double_buffer={_word(tiled and told['enableDoubleBuffering'])}"
    )


def _checked(name: str, value: object) -> int:
    if not isinstance(value, int) or value < 0:
        raise LaunchKeywordError(f"launch keyword {name} is {value!r}; give True or False, or a whole number")
    return value


def _word(flag: object) -> str:
    return "on" if flag else "off"
