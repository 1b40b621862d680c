"""What the processes of a program told, kernel by kernel."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import median
from typing import Any, TypeVar

from ...bench.profile_result import ProfiledKernel, ProfileRecord, Race, Times, UnmodelledKernel
from ...bench.result import Environment
from ...targets.npu.ledger import Cause, Ledger
from .log import Kernel, Launch, Told

_Named = tuple[str, str]
T = TypeVar("T")


def summarise(told: Sequence[Told], environment: Environment, **run: Any) -> ProfileRecord:
    """run: what the record says of the program itself."""
    modelled = environment.machine.get("kind") == "npu"
    contexts = environment.machine.get("contexts", 1)
    launches = [launch for each in told for launch in each.launches]
    work = [launch for launch in launches if not launch.tuning]
    timed = [launch for launch in work if not modelled or launch.facts is not None]
    refusals = _grouped([refusal for each in told for refusal in each.refusals], lambda refusal: refusal[0])
    unmodelled = _grouped([launch for launch in work if modelled and launch.facts is None], lambda each: each.kernel)
    return ProfileRecord(
        environment=environment,
        unit="cycles" if modelled else "s",
        processes=sum(bool(each.launches) for each in told),
        kernels=sorted(
            (_kernel(named, group, contexts) for named, group in _grouped(timed, lambda each: each.kernel).items()),
            key=lambda kernel: -kernel.times.total,
        ),
        not_modelled=[
            UnmodelledKernel(
                name=named[0], where=named[1], launches=len(group), reasons=_once(why for _, why in refusals[named])
            )
            for named, group in unmodelled.items()
        ],
        races=[Race(name=kernel.name, where=kernel.where, violations=t) for each in told for kernel, t in each.races],
        unheeded=_once(keyword for each in told for keyword in each.unheeded),
        tuning_launches=len(launches) - len(work),
        **run,
    )


def _kernel(named: _Named, launches: Sequence[Launch], contexts: int) -> ProfiledKernel:
    """contexts: of the machine."""
    amounts = [launch.amount for launch in launches]
    told = [launch.facts.numbers for launch in launches if launch.facts is not None]
    spent = {Cause(name): cycles for name, cycles in _added(each["spent"] for each in told).items()}
    engine = _added(each["engine"] for each in told)
    kernels = dict.fromkeys(launch.kernel for launch in launches)
    return ProfiledKernel(
        name=named[0],
        where=named[1],
        launches=len(launches),
        times=Times(total=sum(amounts), median=median(amounts), least=min(amounts), most=max(amounts)),
        variants=len(kernels),
        schedules=_once(kernel.schedule for kernel in kernels),
        spent={cause.value: cycles for cause, cycles in sorted(spent.items(), key=lambda item: -item[1])},
        verdict=Ledger(sum(amounts), contexts, spent, engine).verdict if told else "",
        dma_bytes=sum(each["dma_bytes"] for each in told),
        dma_transfers=sum(each["dma_transfers"] for each in told),
    )


def _added(causes: Iterable[Mapping[str, float]]) -> dict[str, float]:
    found: dict[str, float] = {}
    for each in causes:
        for name, cycles in each.items():
            found[name] = found.get(name, 0.0) + cycles
    return found


def _grouped(things: Iterable[T], kernel_of: Callable[[T], Kernel]) -> dict[_Named, list[T]]:
    """By the name and the place of their kernel."""
    found: dict[_Named, list[T]] = {}
    for thing in things:
        kernel = kernel_of(thing)
        found.setdefault((kernel.name, kernel.where), []).append(thing)
    return found


def _once(words: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(words))
