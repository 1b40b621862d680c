"""Words and numbers as tables, plots and conclusions show them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from ..bench.result import Interval, Noise, Result, Timed
from ..evidence import Evidence, HostCode, Launch

_UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "us"), (1e-9, "ns"))


def duration(seconds: float) -> str:
    """Four significant digits with a unit: `12.95 ms`."""
    for scale, unit in _UNITS:
        if seconds >= scale or unit == "ns":
            return f"{_digits(seconds / scale, 4)} {unit}"
    raise AssertionError


def amount(value: float, unit: str) -> str:
    """A time, measured (`s`) or modelled (`cycles`)."""
    return duration(value) if unit == "s" else f"{value:,.0f} cycles (modelled)"


def bare_amount(value: float, unit: str) -> str:
    """The same for a table whose title says that its cycles are modelled."""
    return duration(value) if unit == "s" else f"{value:,.0f}"


def elided(name: str, width: int) -> str:
    """A long name without its middle: Inductor's end in a number that tells them apart."""
    if len(name) <= width:
        return name
    end = width // 3
    return f"{name[: width - end - 1]}…{name[-end:]}"


def sampling(results: Sequence[Result], per: str | None = None) -> str:
    """How the medians and ratios of a study came about; `per`: the group that was timed in turn, if there are more."""
    if all(result.unit == "cycles" for result in results):
        return "cycles are modelled: the same in every launch, on every machine"
    rounds = max(len(result.samples) for result in results)
    several = results[0].processes
    where = f"{f' per {per}' if per else ''}{f' in {several} processes' if several > 1 else ''}"
    return f"medians of {rounds} interleaved rounds{where}; ratios are medians over paired rounds"


def times(ratio: float) -> str:
    """Three significant digits: `24.5x`."""
    return f"{_digits(ratio, 3)}x"


def interval(bounds: Interval | None) -> str:
    return f"[{_digits(bounds[0], 3)}, {_digits(bounds[1], 3)}]" if bounds else "[-]"


def ratio(value: float | None, bounds: Interval | None) -> str:
    """`24.5x [24.1, 25.0]`, `24.5x` where there is no spread (a model's clock), `-` where there is nothing to compare
    with."""
    if value is None:
        return "-"
    return times(value) if bounds == (value, value) else f"{times(value)} {interval(bounds)}"


def _digits(value: float, digits: int) -> str:
    """A positive number with so many significant digits and no exponent."""
    if value <= 0:
        return "0"
    whole = len(str(int(value))) if value >= 1 else 1 - _leading_zeros(value)
    return f"{value:,.{max(0, digits - whole)}f}"


def _leading_zeros(value: float) -> int:
    zeros = 0
    while value < 1 and zeros < 12:
        value *= 10
        zeros += 1
    return zeros


def count(value: float) -> str:
    """A number of elements with K or M for powers of 1024: `64K`, `1.5M`, `12.8K`."""
    for factor, suffix in ((1 << 20, "M"), (1 << 10, "K")):
        if value >= factor:
            return f"{value / factor:.3g}{suffix}"
    return f"{value:.3g}"


def size(count: int) -> str:
    """Bytes: `640 B`, `12.8 KB`, `3.1 GB`, of powers of 1024."""
    for factor, unit in ((1 << 30, "GB"), (1 << 20, "MB"), (1 << 10, "KB")):
        if count >= factor:
            return f"{count / factor:.3g} {unit}"
    return f"{count} B"


def shape(sizes: Sequence[int]) -> str:
    return " x ".join(f"{size:,}" if len(sizes) == 1 else str(size) for size in sizes)


def title(result: Result) -> str:
    """`gelu, 1,048,576 f32, on host`"""
    return f"{result.kernel}, {shape(result.shape)} {result.dtype}, on {result.device}"


def evidence(found: Evidence, launch: Launch) -> str:
    """What fired, in a few words: `16 lanes, 40 packed ops, 2 contexts, 8 DMA (4 in flight)`."""
    words: list[str] = []
    if found.lanes:
        words.append(f"{found.lanes} lanes")
    if isinstance(found.object, HostCode):
        words.append(f"{found.object.packed_ops} packed ops")
    ops, size = found.fetched_ahead
    if ops:
        words.append(f"{counted(ops, 'prefetch op')}, {size:,} bytes ahead")
    if found.streamed:
        words.append(f"{counted(found.streamed, 'store')} past the caches")
    if found.taken_apart:
        words.append(f"{len(found.taken_apart)} vector ops taken apart")
    if launch.contexts_ran is not None:
        words.append(_contexts(launch.contexts_ran, launch.threads_ran))
    if launch.dma_transfers:
        words.append(f"{launch.dma_transfers} DMA ({launch.dma_max_in_flight or 0} in flight)")
    return ", ".join(words) or "-"


def taken_apart_warning(op: str, arch: str) -> str:
    """A sentence on one of them. `arch`: LLVM's name of the device's architecture."""
    return f"{op} is taken apart lane by lane by LLVM's {arch.capitalize()} back end"


def counted(count: int, noun: str) -> str:
    """`1 context`, `2 contexts`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _contexts(ran: int, threads: int | None) -> str:
    """Without a fork, all ran on the caller; fewer threads than contexts means that some did not run at
    the same time."""
    words = counted(max(ran, 1), "context")
    return words if ran <= 1 or threads is None or threads >= ran else f"{words} on {counted(threads, 'thread')}"


def _late_engine(mechanism: str, launch: Launch) -> str:
    """On a host, the contexts copy for themselves what the engine does not come to in time: all of it where their
    cores are all that there is, some where something else ran on the engine's."""
    copies, transfers = launch.dma_waiter_copies or 0, launch.dma_transfers or 0
    if mechanism != "DB" or not copies:
        return ""
    if copies >= transfers:
        return "; no core was left for the copy engine"
    return f"; the copy engine was late: waiting contexts copied {copies} of {counted(transfers, 'transfer')}"


def _did_not_fire(mechanism: str, found: Evidence, launch: Launch) -> str | None:
    """Why a mechanism was not at work, though it was on; None if it was."""
    if mechanism == "MT" and launch.contexts_ran in (0, 1):
        return "one context did all the work, which is too little to share"
    if mechanism == "PF" and found.fetched_ahead == (0, 0):
        return "no rows of a program are read by several of its loops and small enough to be fetched ahead"
    if mechanism != "DB" or launch.dma_transfers is None:
        return None
    if launch.dma_transfers == 0:
        return "no tile went through the scratchpad"
    if launch.dma_max_in_flight in (0, 1):
        return "no context had two transfers in flight"
    return None


_AGREEMENT = 1.02
"""Medians are shown with four digits. Two in a hundred beyond the interval are no contradiction to it."""
Verdict = Literal["gain", "loss", "no difference", "disputed"]


def verdict(result: Timed) -> Verdict:
    """What may be said of a result's step.

    Its interval is that of the median of ratios round by round; whoever divides the two medians that stand in the
    table must come to the same. Where times jump between rounds the two are different numbers, and none is claimed.
    """
    if result.step is None or result.step_ci is None or result.step_ci[0] <= 1 <= result.step_ci[1]:
        return "no difference"
    (low, high), medians = result.step_ci, result.step_of_medians
    if medians is not None and not (
        low / _AGREEMENT <= medians <= high * _AGREEMENT and (medians > 1) == (result.step > 1)
    ):
        return "disputed"
    return "gain" if result.step > 1 else "loss"


DISPUTED = (
    "medians disagree: the ratio of the medians is not within the interval of the ratios round by round, so that no "
    "gain or loss is claimed there"
)


def conclusion(result: Timed) -> str | None:
    """One sentence on what the last mechanism of this rung is worth here; None for the scalar rung."""
    name = result.rung.rpartition("+")[2]
    if not result.correct:
        return f"{result.rung} is WRONG: no number is given for it."
    if result.step is None or result.step_from is None:
        return None
    idle = _did_not_fire(name, result.evidence, result.launch) if isinstance(result, Result) else None
    if idle is not None:
        return f"{name} did not take part here: {idle}."
    spread = "" if result.unit == "cycles" else f", 95% CI {interval(result.step_ci)}"
    measured = f"{times(result.step)} of {result.step_from}{spread}"
    found = verdict(result)
    if found == "no difference":
        return f"{name} shows no gain that can be claimed here: {measured}."
    if found == "disputed":
        medians = times(result.step_of_medians or 1.0)
        return (
            f"{name}: nothing is claimed here, as two estimates disagree: round by round it is {measured}, the medians "
            f"give {medians}. Times changed from round to round: measure again when the machine is quieter, or longer."
        )
    if found == "loss":
        longer = f"it takes {_digits(1 / result.step, 3)} times as long"
        late = _late_engine(name, result.launch) if isinstance(result, Result) else ""
        return f"{name} does not pay here: {longer} ({measured}){late}."
    return f"{name} pays: {measured}."


def noise(window: Noise) -> str | None:
    """A warning about a noisy window, or None."""
    return f"noisy: {'; '.join(window.reasons)}" if window.noisy else None


def roofline(results: Sequence[Result]) -> list[str]:
    """Where each rung stands below the copy bandwidth and the FMA peak, and what these are."""
    known = [(result.rung, result.roofline, result.median) for result in results if result.roofline and result.median]
    if not known:
        return []
    copies = {roof.contexts: f"{roof.copy_bytes_per_s / 1e9:.3g} GB/s" for _, roof, _ in known}
    shares = ", ".join(f"{rung} {roof.of_copy(median):.0%}" for rung, roof, median in known)
    found = [f"of the best copy of this size, timed apart ({_by_contexts(copies)}): {shares}"]
    peaks = {roof.contexts: f"{roof.fma_flops_per_s / 1e9:.3g} GFLOP/s" for _, roof, _ in known if roof.fma_flops_per_s}
    if peaks:
        rates = [(rung, roof.of_fma(median)) for rung, roof, median in known]
        shares = ", ".join(f"{rung} {rate:.1%}" for rung, rate in rates if rate is not None)
        found.append(f"of the FMA peak ({_by_contexts(peaks)}): {shares}")
    return found


def _by_contexts(rates: Mapping[int, str]) -> str:
    return ", ".join(f"{rate} on {contexts}" for contexts, rate in sorted(rates.items()))
