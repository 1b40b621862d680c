"""Texts of a kernel by stage: what the pipeline kept, then what follows from it and is made when asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping


class AllStages(Mapping[str, str]):
    """The stages of the IR, then `made`: functions that give the text of later ones."""

    def __init__(self, kept: Mapping[str, str], made: Mapping[str, Callable[[], str]]) -> None:
        self._kept = kept
        self._made = made
        self._texts: dict[str, str] = {}

    def __getitem__(self, name: str) -> str:
        if name in self._kept:
            return self._kept[name]
        if name not in self._texts:
            self._texts[name] = self._made[name]()
        return self._texts[name]

    def __iter__(self) -> Iterator[str]:
        return iter((*self._kept, *self._made))

    def __len__(self) -> int:
        return len(self._kept) + len(self._made)
