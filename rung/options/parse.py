"""Texts of the command line into values, with errors that name the option and what it takes."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..errors import UsageError
from ..files import why_not_writable
from ..schedule import Schedule, given

DTYPES = ("f32", "f16", "bf16")
_SIZE = re.compile(r"0*(\d{1,18})([km]?)", re.ASCII)
_WHOLE = re.compile(r"[-+]?\d{1,19}", re.ASCII)
_RANGE = re.compile(r"([^\W\d]\w*)=([-+.\de]{1,24}):([-+.\de]{1,24})")
_SUFFIXES = {"": 1, "k": 1 << 10, "m": 1 << 20}


def dtype(text: str) -> str:
    if text not in DTYPES:
        raise UsageError(f"--dtype is `{text}`; choose from: {', '.join(DTYPES)}")
    return text


def sizes(text: str, option: str) -> tuple[int, ...]:
    """`1048576`, `1M` or `64x16K`: one to three whole numbers of at least 1, K and M being powers of 1024."""
    found = [_size(part) for part in text.lower().split("x")]
    if len(found) > 3 or not all(found):
        raise UsageError(f"{option} is `{text}`; give whole numbers of at least 1, such as 1048576, 1M or 64x16K")
    return tuple(found)


def many_sizes(text: str, option: str) -> list[tuple[int, ...]]:
    """`1K,16K,4M` or `64x1K,128x1K`: sizes joined by commas, K and M being powers of 1024."""
    found: list[tuple[int, ...]] = []
    for item in text.lower().split(","):
        parts = [_size(part) for part in item.split("x")]
        if not all(parts):
            raise UsageError(f"{option} is `{text}`; give sizes joined by commas, such as 1K,64K,4M or 64x1K,128x1K")
        found.append(tuple(parts))
    return found


def counts(text: str, option: str) -> tuple[int, ...]:
    """`1,2,4`: whole numbers of at least 1, or with K and M, in rising order."""
    found = [_size(part) for part in text.lower().split(",")]
    if not all(found):
        raise UsageError(f"{option} is `{text}`; give whole numbers of at least 1 joined by commas, such as 1,2,4")
    return tuple(sorted(set(found)))


def count(text: str, option: str) -> int:
    """`4M`: one whole number of at least 1, perhaps with K or M."""
    found = _size(text.lower())
    if not found:
        raise UsageError(f"{option} is `{text}`; give a whole number of at least 1, such as 1000 or 4M")
    return found


def _size(text: str) -> int:
    """0 for what is no size."""
    found = _SIZE.fullmatch(text.strip())
    return int(found[1]) * _SUFFIXES[found[2]] if found else 0


def grid(text: str) -> tuple[int, int, int]:
    """`1024` or `16x16`: programs per axis; axes left out are 1."""
    found = sizes(text, "--grid")
    x, y, z = (*found, 1, 1)[:3]
    return x, y, z


def constexprs(items: Sequence[str]) -> dict[str, object]:
    """`BLOCK=1024`, `EPS=1e-5`, `FLAG=True`, `KIND=tl.float16`: constants by name; other words are text: `MODE=sq`."""
    found: dict[str, object] = {}
    for item in items:
        name, equals, value = (part.strip() for part in item.partition("="))
        if not equals or not value or not name.isidentifier():
            raise UsageError(f"--constexpr is `{item}`; give NAME=VALUE, such as BLOCK=1024")
        if name in found:
            raise UsageError(f"--constexpr gives `{name}` twice; leave one out")
        found[name] = _constant(name, value)
    return found


def ranges(items: Sequence[str]) -> dict[str, tuple[float, float]]:
    """`idx=0:1000`: numbers from the first up to the second, by name of the argument."""
    found: dict[str, tuple[float, float]] = {}
    for item in items:
        matched = _RANGE.fullmatch(item.strip())
        low, high = (_number(matched[2]), _number(matched[3])) if matched else (None, None)
        if not matched or low is None or high is None or not low < high:
            raise UsageError(
                f"--range is `{item}`; give NAME=LOW:HIGH with LOW below HIGH, such as idx=0:1000 for 0 to 999"
            )
        if matched[1] in found:
            raise UsageError(f"--range names `{matched[1]}` twice; leave one out")
        found[matched[1]] = low, high
    return found


def numbers(items: Sequence[str]) -> dict[str, int | float]:
    """`alpha=2.0`: scalars by name."""
    found: dict[str, int | float] = {}
    for item in items:
        name, _, text = (part.strip() for part in item.partition("="))
        value = _number(text)
        if value is None or not name.isidentifier():
            raise UsageError(f"--arg is `{item}`; give NAME=NUMBER, such as alpha=2.0")
        if name in found:
            raise UsageError(f"--arg gives `{name}` twice; leave one out")
        found[name] = value
    return found


def inputs(items: Sequence[str]) -> tuple[dict[str, tuple[float, float]], dict[str, Path]]:
    """`idx=0..999` and `idx=file.npy`: (spans with both ends, files), by name."""
    spans: dict[str, tuple[float, float]] = {}
    files: dict[str, Path] = {}
    for item in items:
        name, _, text = (part.strip() for part in item.partition("="))
        first, dots, last = text.partition("..")
        low, high = _number(first), _number(last)
        if not name.isidentifier() or not text:
            raise UsageError(f"--input is `{item}`; give NAME=LOW..HIGH or NAME=FILE.npy")
        if name in spans or name in files:
            raise UsageError(f"--input gives `{name}` twice; leave one out")
        if dots and low is not None and high is not None:
            if low > high:
                raise UsageError(f"--input is `{item}`; give LOW..HIGH with LOW not above HIGH, such as idx=0..999")
            spans[name] = low, high
        else:
            files[name] = Path(text)
    return spans, files


def _number(text: str) -> float | None:
    """Whole numbers stay exact."""
    try:
        return int(text) if _WHOLE.fullmatch(text) else float(text)
    except ValueError:
        return None


def _constant(name: str, text: str) -> object:
    from ..frontends.triton.signature import constant

    try:
        return constant(text)
    except ValueError:
        if text.capitalize() in ("True", "False", "None"):
            raise UsageError(
                f"--constexpr gives {name} the value `{text}`; Python writes {text.capitalize()}"
            ) from None
        if text.isidentifier():
            return text
        example = shlex.quote(f'{name}="{text}"')
        raise UsageError(
            f"--constexpr gives {name} the value `{text}`, which is no constant of Python; a string that is no word is "
            f"quoted: --constexpr {example}"
        ) from None


def schedule(text: str, decided: Mapping[str, str], usual: Schedule | None = None) -> Schedule:
    """As `Schedule.parse`. `decided`: fields that the command sets itself, and what to do instead of giving them;
    UsageError for these."""
    found = Schedule.parse(text, usual)
    for name in given(text):
        if name in decided:
            raise UsageError(f"--schedule gives `{name}`, which this command sets itself: {decided[name]}")
    return found


def parameters(text: str, option: str) -> Schedule:
    """A schedule whose mechanisms `option` decides (--rungs): UsageError for fields that put one in or take it out."""
    decided = ("vectorize", "double_buffer", "prefetch")
    found = schedule(text, dict.fromkeys(decided, f"say with {option} which mechanisms are on"))
    if found.threads == 1:
        raise UsageError(f"--schedule gives `threads=1`, which takes MT out: say with {option} which mechanisms are on")
    return found


def seed(number: int) -> int:
    """A number that every generator takes, also after those of `--processes` are added."""
    if not 0 <= number < 1 << 32:
        raise UsageError(f"--seed is {number}; give a whole number from 0 to {(1 << 32) - 1}")
    return number


def share(text: str, option: str) -> float:
    """`5%` or `0.05`, from 0 to 100%."""
    digits = text.strip().removesuffix("%")
    found = float(digits) if re.fullmatch(r"\d{1,9}(\.\d{0,9})?", digits, re.ASCII) else -1.0
    found = found / 100 if text.strip().endswith("%") else found
    if not 0 <= found <= 1:
        raise UsageError(f"{option} is `{text}`; give a share from 0% to 100%, such as 5%")
    return found


def output(path: str | None, option: str) -> Path | None:
    """A file that can be written, as far as that is known before there is anything to write."""
    if path is None:
        return None
    target = Path(path)
    if reason := why_not_writable(target):
        raise UsageError(f"{option} is `{path}`, which {reason}")
    return target


def only_of_own_kernels(how: str, **given: object) -> None:
    """Raises UsageError for options, by name, that a kernel of the study has been given. how: to give one's own."""
    for option, value in given.items():
        if value:
            raise UsageError(f"--{option} is for a kernel of your own; give it with {how}")
