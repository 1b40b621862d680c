"""Kernels that grow in one thing: the depth of nesting, the length, what is carried, the number of arguments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rung.frontends.triton.loader import load_kernel

DEEP, LONG, WIDE = (2, 4, 8, 16), (16, 32, 64, 128), (8, 16, 32, 64)
BLOCK = 256
_HEAD = """import triton, triton.language as tl
@triton.jit
def kernel({arguments}n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    v = tl.load(x + i)
    r = n * 2
"""
_TAIL = "    tl.store(y + i, v + r)\n"
_CHANGE = "v = v * 1.5 + 1.0"


@dataclass(frozen=True)
class Shape:
    """`body(n)`: lines between the load of `v` and the store of `v + r`."""

    name: str
    sizes: tuple[int, ...]
    body: Callable[[int], list[str]]
    arguments: Callable[[int], list[str]] = lambda n: []
    """Names of more arrays."""

    def kernel(self, n: int, folder: Path) -> tuple[Any, dict[str, str], dict[str, object]]:
        """The kernel, its signature and its constants."""
        arrays = ["x", "y", *self.arguments(n)]
        source = _HEAD.format(arguments="".join(f"{name}, " for name in arrays))
        source += "".join(f"    {line}\n" for line in self.body(n)) + _TAIL
        path = folder / f"{self.name.replace(' ', '_').replace(',', '')}_{n}.py"
        path.write_text(source)
        signature = dict.fromkeys(arrays, "*fp32") | {"n": "i32", "BLOCK": "constexpr"}
        return load_kernel(f"{path}::kernel"), signature, {"BLOCK": BLOCK}


def _nested(opening: Callable[[int], str], innermost: list[str], closing: Callable[[int], str] | None = None) -> Any:
    """n openings (of one or more lines), each around the next, and the closings of their bodies."""

    def body(n: int) -> list[str]:
        lines = ["    " * k + line for k in range(n) for line in opening(k).split("\n")]
        lines += ["    " * n + line for line in innermost]
        return lines + (["    " * (k + 1) + closing(k) for k in reversed(range(n))] if closing else [])

    return body


def _repeated(*lines: str) -> Callable[[int], list[str]]:
    return lambda n: [line.format(k=k) for k in range(n) for line in lines]


def _carried(before: str, inside: str, after: str) -> Any:
    """A loop between what it carries and what becomes of it."""

    def body(n: int) -> list[str]:
        changed = [f"    {line}" for k in range(n) for line in inside.format(k=k).split("\n")]
        head = [*(before.format(k=k) for k in range(n)), "for a in range(n):"]
        return [*head, *changed, *(after.format(k=k) for k in range(n))]

    return body


def _alternatives(n: int) -> list[str]:
    words = ["if", *["elif"] * (n - 1)]
    return [line for k, word in enumerate(words) for line in (f"{word} n == {k}:", f"    v += tl.load(x + i + {k})")]


def _returns(n: int) -> list[str]:
    lines = ("if n > {k}:", "    if n == {k} * 10 + 5:", "        return", "    r += {k}")
    return [line.format(k=k) for k in range(n) for line in lines]


def _doubled_sum(n: int) -> list[str]:
    return ["for a in range(n):", "    q = tl.load(x + a).to(tl.int32)", *["    q = q + q"] * n, "    r = q + r"]


def _names(n: int) -> list[str]:
    return [f"a{k}" for k in range(n)]


def _loop(k: int) -> str:
    return f"for i{k} in range(n):"


SHAPES = (
    Shape("for, a number carried", DEEP, _nested(_loop, ["r += 1"])),
    Shape("for, a block carried", DEEP, _nested(_loop, [_CHANGE])),
    Shape("if", DEEP, _nested("if n > {}:".format, ["v += tl.load(x + i * 2)"])),
    Shape(
        "while",
        DEEP,
        _nested(lambda k: f"w{k} = 0\nwhile w{k} < n:", [_CHANGE], lambda k: f"w{k} += 1"),
    ),
    Shape("for and if", DEEP, _nested(lambda k: _loop(k) if k % 2 else f"if n > {k}:", [_CHANGE, "r += 1"])),
    Shape("operations", LONG, _repeated("v = v * 1.5 + {k}")),
    Shape("exponentials", LONG, _repeated("v = tl.exp(v * 0.5)")),
    Shape("choices", LONG, _repeated("v = tl.where(v > {k}, v * 2, v + 1)")),
    Shape("loads", LONG, _repeated("v += tl.load(x + i + {k} * n)")),
    Shape("masked loads", LONG, _repeated("v += tl.load(x + i + {k} * BLOCK, mask=i < n - {k}, other=0.0)")),
    Shape("stores", LONG, _repeated("tl.store(y + i + {k} * n, v)")),
    Shape("loads and stores", LONG, _repeated("tl.store(y + i + {k} * n, tl.load(x + i + {k} * n) + 1)")),
    Shape("pointer sums", LONG, lambda n: ["p = x + i", *["p = p + n"] * n, "v = tl.load(p)"]),
    Shape(
        "pointers that meet",
        (4, 8, 16),
        lambda n: [
            "p = x + i",
            *(f"p = tl.where(i < n + {k}, p + 2, p + {k + 3})" for k in range(n)),
            "v = tl.load(p)",
        ],
    ),
    Shape(
        "masks that meet",
        (4, 8, 16),
        lambda n: [
            "m = v < n",
            *(f"m = (m & (v > {k})) & (m & (v < {k + 3}))" for k in range(n)),
            "v = tl.load(x + i, mask=m, other=0.0)",
        ],
    ),
    Shape("numbers doubled", (4, 8, 16), _doubled_sum),
    Shape("reductions", LONG, _repeated("v = v - tl.sum(v)")),
    Shape("reductions of parts", LONG, _repeated("w = v * 2", "v = v + w - tl.sum(w)")),
    Shape("loops in a row", LONG, _repeated("for a in range(n):", "    v = v * 1.5 + {k}")),
    Shape("branches in a row", LONG, _repeated("if n > {k}:", "    v += tl.load(x + i + n * {k})")),
    Shape("alternatives", WIDE, _alternatives),
    Shape("returns in branches", WIDE, _returns),
    Shape("numbers carried", WIDE, _carried("c{k} = r + {k}", "c{k} = c{k} * 3 + a", "v += c{k}")),
    Shape("blocks carried", WIDE, _carried("c{k} = v + {k}", "c{k} = c{k} * 1.5 + a", "v += c{k}")),
    Shape(
        "pointers carried",
        WIDE,
        _carried("p{k} = x + i + {k} * n", "v += tl.load(p{k})\np{k} += BLOCK", "v += {k}"),
    ),
    Shape("used in a loop", WIDE, _carried("c{k} = tl.load(x + i + {k} * n)", "v += c{k} * a", "v += {k}")),
    Shape("arguments", WIDE, _repeated("v += tl.load(a{k} + i)"), _names),
    Shape("arguments stored to", WIDE, _repeated("tl.store(a{k} + i, v + {k})"), _names),
)
