"""Random numbers in compiled functions: eager's with `fallback_random`, else Inductor's own stream."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch._inductor import config

from rung import torch_backend

X = torch.linspace(0.05, 0.95, 3000).reshape(30, 100)

DRAWS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "rand": lambda x: torch.rand(30, 100) + x,
    "randn": lambda x: torch.randn(30, 100) * x,
    "randint": lambda x: torch.randint(3, 17, (30, 100)) + x,
    "dropout": lambda x: F.dropout(x, 0.3) + 1,
    "bernoulli": lambda x: torch.bernoulli(x) + 1,
    "rand_like": lambda x: torch.rand_like(x) + torch.rand_like(x),
    "normal": lambda x: torch.normal(x, 2.0),
    "in place": lambda x: torch.empty_like(x).uniform_(-1, 1) + x,
    "exponential": lambda x: torch.empty_like(x).exponential_(2.0),
    "randperm": lambda x: torch.randperm(30) + x[:, 0],
    "multinomial": lambda x: x[torch.multinomial(x.sum(1), 7)],
    "rrelu": lambda x: F.rrelu(x - 0.5, training=True),
    "alpha_dropout": lambda x: F.alpha_dropout(x, 0.2, training=True),
    "gumbel": lambda x: F.gumbel_softmax(x, hard=False),
}


@pytest.fixture(autouse=True)
def in_this_process() -> Iterator[None]:
    with config.patch(compile_threads=1, force_disable_caches=True):
        torch.compiler.reset()
        yield
    torch.compiler.reset()


def drawn(function: Callable[..., Any], seed: int = 5) -> Any:
    torch.manual_seed(seed)
    return function(X)


def test_eager_s_numbers() -> None:
    """All in one graph, one after another."""

    def all_of_them(x: torch.Tensor) -> list[torch.Tensor]:
        return [draw(x) for draw in DRAWS.values()]

    options = {"fallback_random": True}
    found = drawn(torch.compile(all_of_them, backend=torch_backend.rung, options=options))
    for name, ours, eager in zip(DRAWS, found, drawn(all_of_them), strict=True):
        torch.testing.assert_close(ours, eager, msg=lambda said, name=name: f"{name}: {said}")


def test_inductor_s_numbers() -> None:
    """Philox, as Triton's own reference has it: of a seed that torch's generator gives, and of the element's place."""
    compiled = torch.compile(lambda x: torch.rand(30, 100) + 0 * x.sum(), backend=torch_backend.rung)
    found = drawn(compiled)
    torch.manual_seed(5)
    seed = int(torch.randint(-(2**63), 2**63 - 1, [1])[0])
    torch.testing.assert_close(found, _uniform(seed, 3000).reshape(30, 100), rtol=0, atol=1e-7)


def _uniform(seed: int, count: int) -> torch.Tensor:
    """The first word of Philox 4 x 32 with 10 rounds (Salmon et al., 2011), as a float in [0, 1)."""
    mask, words = 0xFFFFFFFF, []
    for place in range(count):
        a, b, c, d = place, 0, 0, 0
        k, l = seed & mask, seed >> 32 & mask
        for _ in range(10):
            high, other = 0xCD9E8D57 * c, 0xD2511F53 * a
            a, b, c, d = (high >> 32) ^ b ^ k, high & mask, (other >> 32) ^ d ^ l, other & mask
            k, l = (k + 0x9E3779B9) & mask, (l + 0xBB67AE85) & mask
        signed = a - (1 << 32) if a >> 31 else a
        words.append(signed if signed >= 0 else -signed - 1)
    return (torch.tensor(words, dtype=torch.float64).float() * 4.6566127342e-10).float()


def test_they_are_as_they_should_be() -> None:
    """The same after the same seed, others after another; means and spreads of the distributions."""

    def several(x: torch.Tensor) -> list[torch.Tensor]:
        return [
            torch.rand(100, 1000),
            torch.randn(100, 1000),
            (F.dropout(x, 0.3) != 0).float(),
            torch.randint(3, 17, (100, 1000)),
        ]

    compiled = torch.compile(several, backend=torch_backend.rung)
    first, again, other = drawn(compiled), drawn(compiled), drawn(compiled, 6)
    for one, two, three in zip(first, again, other, strict=True):
        assert torch.equal(one, two) and not torch.equal(one, three)
    uniform, normal, kept, integers = (each.double() for each in first)
    assert uniform.min() >= 0 and uniform.max() < 1 and abs(uniform.mean() - 0.5) < 0.01
    assert abs(normal.mean()) < 0.02 and abs(normal.std() - 1) < 0.02
    assert abs(kept.mean() - 0.7) < 0.04
    assert integers.min() == 3 and integers.max() == 16 and abs(integers.mean() - 9.5) < 0.1


def test_gradients_of_dropout_meet_the_same_mask() -> None:
    x = torch.full((50, 60), 2.0, requires_grad=True)
    found = torch.compile(lambda x: F.dropout(x.sin(), 0.4), backend=torch_backend.rung)(x)
    found.sum().backward()
    assert x.grad is not None
    torch.testing.assert_close(x.grad, torch.where(found != 0, x.cos() / 0.6, 0).detach())
