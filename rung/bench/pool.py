"""Results of the same configurations, measured in several fresh processes, as one."""

from __future__ import annotations

from collections.abc import Sequence

from .ladder_result import LadderRecord
from .result import Noise, Result, Roofline
from .stats import median


def pool(records: Sequence[LadderRecord]) -> list[Result]:
    """Samples one process after another, so that sample i of every rung is still of one round; without ratios.

    A configuration that was wrong in one process is wrong. The evidence is the first process's; the largest errors
    count. One that a process did not get to is left out. Raises ValueError without records.
    """
    if not records:
        raise ValueError("there are no records to pool")
    found: dict[tuple[object, ...], list[Result]] = {}
    for record in records:
        for result in record.results:
            found.setdefault(_key(result), []).append(result)
    return [_pooled(group) for group in found.values() if len(group) == len(records)]


def _key(result: Result) -> tuple[object, ...]:
    return result.kernel, result.dtype, tuple(result.shape), result.device, result.rung


def _pooled(group: Sequence[Result]) -> Result:
    first = group[0]
    correct = all(result.correct for result in group)
    samples = [value for result in group for value in result.samples] if correct else []
    return first.model_copy(
        update={
            "samples": samples,
            "warmup": [value for result in group for value in result.warmup] if correct else [],
            "processes": len(group),
            "median": median(samples) if samples else None,
            **dict.fromkeys(("speedup", "speedup_ci", "step", "step_ci", "step_of_medians", "step_from")),
            "correct": correct,
            "max_abs_err": _largest([result.max_abs_err for result in group]),
            "max_rel_err": _largest([result.max_rel_err for result in group]),
            "roofline": _roofline([result.roofline for result in group]),
            "noise": _noise([result.noise for result in group]),
        }
    )


def _largest(errors: Sequence[float | None]) -> float | None:
    """None, which stands for an error that is not finite, is the largest."""
    known = [error for error in errors if error is not None]
    return max(known) if len(known) == len(errors) else None


def _roofline(found: Sequence[Roofline | None]) -> Roofline | None:
    """The first one's, with the best rates of those on as many contexts."""
    known = [each for each in found if each]
    if not known:
        return None
    alike = [each for each in known if each.contexts == known[0].contexts]
    peaks = [each.fma_flops_per_s for each in alike if each.fma_flops_per_s]
    return known[0].model_copy(
        update={
            "copy_bytes_per_s": max(each.copy_bytes_per_s for each in alike),
            "fma_flops_per_s": max(peaks, default=None),
        }
    )


def _noise(windows: Sequence[Noise]) -> Noise:
    """From before the first to after the last; noisy when one was."""
    reasons = [
        f"process {number}: {reason}" for number, window in enumerate(windows, 1) for reason in window.reasons
    ]  # fmt: skip
    return windows[0].model_copy(
        update={
            "load_after": windows[-1].load_after,
            "steal": max(window.steal for window in windows),
            "empty_launch_after_s": windows[-1].empty_launch_after_s,
            "noisy": any(window.noisy for window in windows),
            "reasons": reasons,
        }
    )
