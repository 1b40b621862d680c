"""Models as their papers have them, with random weights: what `torch.compile` is given."""
# pyright: basic

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class Model:
    """`make()`: the module; `inputs()`: what one call takes; train: whether steps of training are measured, too."""

    name: str
    make: Callable[[], nn.Module]
    inputs: Callable[[], tuple[Tensor, ...]]
    train: bool = False


def settle(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
    """Give batch norms the mean and the variance of what they see, as training would. With those that they begin with,
    MobileNet's numbers vanish on the way, and its outputs are the last bias whatever the image is."""
    norms = [each for each in module.modules() if isinstance(each, nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = None  # of the one batch
    if norms:
        with torch.no_grad():
            module.train()(*inputs)


# ---- transformers


class Attention(nn.Module):
    """Of `heads` queries over `groups` keys. A cache of keys and values holds what came before."""

    def __init__(
        self, width: int, heads: int, groups: int, causal: bool, rotary: bool = False, bias: bool = True
    ) -> None:
        super().__init__()
        self.heads, self.groups, self.each, self.causal, self.rotary = heads, groups, width // heads, causal, rotary
        self.qkv = nn.Linear(width, (heads + 2 * groups) * self.each, bias=bias)
        self.out = nn.Linear(width, width, bias=bias)

    def forward(self, x: Tensor, cache: Tensor | None = None) -> Tensor:
        batch, length, _ = x.shape
        parts = self.qkv(x).view(batch, length, -1, self.each).transpose(1, 2)
        q, k, v = parts.split([self.heads, self.groups, self.groups], 1)
        if self.rotary:
            q, k = turned(q), turned(k)
        if cache is not None:
            k, v = torch.cat([cache[0], k], 2), torch.cat([cache[1], v], 2)
        causal = self.causal and cache is None
        y = F.scaled_dot_product_attention(q, k, v, is_causal=causal, enable_gqa=self.groups != self.heads)
        return self.out(y.transpose(1, 2).reshape(batch, length, -1))


def turned(x: Tensor) -> Tensor:
    """Rotary embedding (Su et al., 2021), halves side by side."""
    length, half = x.shape[-2], x.shape[-1] // 2
    rates = 10000.0 ** (-torch.arange(half, dtype=torch.float32) / half)
    angle = torch.arange(length, dtype=torch.float32)[:, None] * rates
    cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
    a, b = x.chunk(2, -1)
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)


class Layer(nn.Module):
    """Pre-norm, as GPT-2 and ViT."""

    def __init__(self, width: int, heads: int, causal: bool, tanh: bool = True) -> None:
        super().__init__()
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(width, heads, heads, causal)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.shape = "tanh" if tanh else "none"

    def forward(self, x: Tensor, cache: Tensor | None = None) -> Tensor:
        x = x + self.attention(self.first(x), cache)
        return x + self.down(F.gelu(self.up(self.second(x)), approximate=self.shape))


class Gpt(nn.Module):
    """GPT-2 small (Radford et al., 2019) of so many layers."""

    def __init__(self, layers: int = 12, width: int = 768, heads: int = 12, words: int = 50257) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(words, width), nn.Embedding(1024, width)
        self.layers = nn.ModuleList(Layer(width, heads, causal=True) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def forward(self, tokens: Tensor, caches: Tensor | None = None) -> Tensor:
        past = 0 if caches is None else caches.shape[-2]
        x = self.words(tokens) + self.places(torch.arange(past, past + tokens.shape[1]))
        for number, layer in enumerate(self.layers):
            x = layer(x, None if caches is None else caches[number])
        return self.norm(x[:, -1:]) @ self.words.weight.T


class LlamaLayer(nn.Module):
    """RMS norm, rotary embedding, grouped queries, SwiGLU (Touvron et al., 2023)."""

    def __init__(self, width: int, heads: int, groups: int, inner: int) -> None:
        super().__init__()
        self.first, self.second = nn.RMSNorm(width), nn.RMSNorm(width)
        self.attention = Attention(width, heads, groups, causal=True, rotary=True, bias=False)
        self.gate, self.up = nn.Linear(width, inner, bias=False), nn.Linear(width, inner, bias=False)
        self.down = nn.Linear(inner, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.first(x))
        y = self.second(x)
        return x + self.down(F.silu(self.gate(y)) * self.up(y))


class Behind(nn.Module):
    """A layer with its norms behind its sums, as BERT."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attention = Attention(width, heads, heads, causal=False)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x + self.attention(x))
        return self.second(x + self.down(F.gelu(self.up(x))))


class Bert(nn.Module):
    """An encoder (Devlin et al., 2019)."""

    def __init__(self, layers: int = 4, width: int = 512, heads: int = 8) -> None:
        super().__init__()
        self.words, self.norm = nn.Embedding(30522, width), nn.LayerNorm(width)
        self.layers = nn.Sequential(*(Behind(width, heads) for _ in range(layers)))

    def forward(self, tokens: Tensor) -> Tensor:
        return self.layers(self.norm(self.words(tokens)))


class Vit(nn.Module):
    """ViT-S/16 (Dosovitskiy et al., 2021)."""

    def __init__(self, layers: int = 12, width: int = 384, heads: int = 6) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, width, 16, 16)
        self.token, self.places = nn.Parameter(torch.randn(1, 1, width)), nn.Parameter(torch.randn(1, 197, width))
        self.layers = nn.Sequential(*(Layer(width, heads, causal=False, tanh=False) for _ in range(layers)))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, 1000)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1) + self.places
        return self.head(self.norm(self.layers(x))[:, 0])


class Experts(nn.Module):
    """A mixture of experts whose every token is sent to two of them (Shazeer et al., 2017), as gathered weights."""

    def __init__(self, width: int = 256, inner: int = 512, experts: int = 8) -> None:
        super().__init__()
        self.norm, self.router = nn.LayerNorm(width), nn.Linear(width, experts)
        self.up = nn.Parameter(torch.randn(experts, width, inner) * width**-0.5)
        self.down = nn.Parameter(torch.randn(experts, inner, width) * inner**-0.5)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(x)
        weights, chosen = self.router(y).softmax(-1).topk(2, -1)
        mixed = torch.zeros_like(weights.new_empty(y.shape[0], self.up.shape[0])).scatter(1, chosen, weights)
        each = torch.bmm(F.silu(torch.bmm(y.expand(self.up.shape[0], -1, -1), self.up)), self.down)
        return x + torch.einsum("end,ne->nd", each, mixed)


# ---- images


def convolution(inputs: int, outputs: int, size: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, size, stride, size // 2, groups=groups, bias=False), nn.BatchNorm2d(outputs)
    )


class Basic(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.first, self.second = convolution(inputs, outputs, 3, stride), convolution(outputs, outputs, 3)
        same = stride == 1 and inputs == outputs
        self.aside = nn.Identity() if same else convolution(inputs, outputs, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.second(F.relu(self.first(x))) + self.aside(x))


def resnet() -> nn.Module:
    """ResNet-18 (He et al., 2016)."""
    sizes = [(64, 64, 1), (64, 128, 2), (128, 256, 2), (256, 512, 2)]
    blocks = [layer for a, b, s in sizes for layer in (Basic(a, b, s), Basic(b, b, 1))]
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 1000)]
    return nn.Sequential(convolution(3, 64, 7, 2), nn.ReLU(), nn.MaxPool2d(3, 2, 1), *blocks, *head)


class Inverted(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int, grow: int) -> None:
        super().__init__()
        inner, same = inputs * grow, stride == 1 and inputs == outputs
        wide = [convolution(inputs, inner, 1), nn.ReLU6()] if grow != 1 else []
        self.body = nn.Sequential(
            *wide, convolution(inner, inner, 3, stride, inner), nn.ReLU6(), convolution(inner, outputs, 1)
        )
        self.same = same

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x) if self.same else self.body(x)


def mobilenet() -> nn.Module:
    """MobileNet-v2 (Sandler et al., 2018)."""
    layers: list[nn.Module] = [convolution(3, 32, 3, 2), nn.ReLU6()]
    inputs = 32
    for grow, outputs, count, stride in (
        (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1),
    ):  # fmt: skip
        for number in range(count):
            layers.append(Inverted(inputs, outputs, stride if number == 0 else 1, grow))
            inputs = outputs
    head = [convolution(320, 1280, 1), nn.ReLU6(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1280, 1000)]
    return nn.Sequential(*layers, *head)


def pair(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(convolution(inputs, outputs, 3), nn.ReLU(), convolution(outputs, outputs, 3), nn.ReLU())


class Unet(nn.Module):
    """Two levels down and up again (Ronneberger et al., 2015)."""

    def __init__(self, channels: int = 32) -> None:
        super().__init__()
        c = channels
        self.down = nn.ModuleList([pair(3, c), pair(c, 2 * c), pair(2 * c, 4 * c)])
        self.grow = nn.ModuleList([nn.ConvTranspose2d(4 * c, 2 * c, 2, 2), nn.ConvTranspose2d(2 * c, c, 2, 2)])
        self.up = nn.ModuleList([pair(4 * c, 2 * c), pair(2 * c, c)])
        self.out = nn.Conv2d(c, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        kept = []
        for number, layer in enumerate(self.down):
            x = layer(F.max_pool2d(x, 2) if number else x)
            kept.append(x)
        for grow, layer, beside in zip(self.grow, self.up, (kept[1], kept[0]), strict=True):
            x = layer(torch.cat([grow(x), beside], 1))
        return self.out(x)


class Tagger(nn.Module):
    """An LSTM over words in both directions, and a label for each."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.out = nn.Embedding(10000, 128), nn.Linear(256, 32)
        self.lstm = nn.LSTM(128, 128, batch_first=True, bidirectional=True)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.out(self.lstm(self.words(tokens))[0]).log_softmax(-1)


def tokens(batch: int, length: int, words: int) -> Callable[[], tuple[Tensor, ...]]:
    return lambda: (torch.randint(words, (batch, length)),)


def noise(*shape: int) -> Callable[[], tuple[Tensor, ...]]:
    return lambda: (torch.randn(shape),)


MODELS = (
    Model("GPT-2 small, 128 tokens", Gpt, tokens(1, 128, 50257)),
    Model("GPT-2 small, 512 tokens", Gpt, tokens(1, 512, 50257)),
    Model(
        "GPT-2 small, a token behind 256",
        Gpt,
        lambda: (torch.randint(50257, (1, 1)), torch.randn(12, 2, 1, 12, 256, 64)),
    ),
    Model(
        "Llama block x 4",
        lambda: nn.Sequential(*(LlamaLayer(768, 12, 4, 2048) for _ in range(4))),
        noise(1, 256, 768),
        True,
    ),
    Model("BERT-like encoder", Bert, tokens(2, 128, 30522), True),
    Model("ViT-S", Vit, noise(1, 3, 224, 224), True),
    Model("ResNet-18", resnet, noise(1, 3, 224, 224), True),
    Model("MobileNet-v2", mobilenet, noise(1, 3, 224, 224)),
    Model("U-Net", Unet, noise(1, 3, 128, 128)),
    Model("LSTM tagger", Tagger, tokens(8, 64, 10000)),
    Model("mixture of experts", Experts, noise(256, 256)),
)
