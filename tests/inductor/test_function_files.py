"""`FILE.py::name`: what is compiled, and on what."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from rung.errors import UsageError
from rung.frontends.torch_function import Drawn, TorchFunction, load

FILE = Path(__file__).with_name("functions.py")


def named(name: str, *given: Drawn | float) -> TorchFunction:
    return load(f"{FILE}::{name}", given or None, 0)


@pytest.mark.parametrize(("name", "shape"), [("Layers", (8, 32)), ("layers", (4, 32)), ("made", (2, 32))])
def test_classes_instances_and_makers_of_modules(name: str, shape: tuple[int, ...]) -> None:
    found = named(name)
    assert found.is_module and not found.target.training
    result = found.call_eager()
    assert result.shape == shape and not result.requires_grad


def test_functions_are_called_as_they_are() -> None:
    found = named("gradient", Drawn("float32", (5,)))
    assert not found.is_module and found.words == "f32[5]"
    (x,) = found.inputs
    s = x.double().sigmoid()
    torch.testing.assert_close(found.call_eager().double(), 2 * s * s * (1 - s), rtol=1e-5, atol=1e-6)


def test_inputs_are_drawn_as_they_are_given() -> None:
    given = Drawn("int64", (1000,), (-2, 3)), Drawn("float32", (1000,), (5, 6)), Drawn("bfloat16", (4, 5)), 3
    found = load(f"{FILE}::scaled", given, 7)
    integers, floats, narrow, number = found.inputs
    assert set(integers.tolist()) == {-2, -1, 0, 1, 2, 3} and integers.dtype == torch.int64
    assert floats.min() >= 5 and floats.max() <= 6 and narrow.dtype == torch.bfloat16 and number == 3
    assert found.words == "i64[1000], f32[1000], bf16[4,5], 3"
    again = load(f"{FILE}::scaled", given, 7)
    assert torch.equal(again.inputs[1], floats)
    assert not torch.equal(load(f"{FILE}::scaled", given, 8).inputs[1], floats)


def test_the_seed_makes_parameters_the_same() -> None:
    assert torch.equal(named("Layers").target.weight, named("Layers").target.weight)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("none.py::f", "there is no file `none.py`"),
        (f"{FILE}", "names no function"),
        (
            f"{FILE}::scale",
            r"there is no `scale` in .* \(did you mean `scaled`\?\); it has: Layers, Layers_inputs, lay",
        ),
        (f"{FILE}::number", "is of type int; give a function, a torch.nn.Module"),
        (f"{FILE}::scaled", r"takes \(x, factor\) and nothing says what: define `scaled_inputs\(\)` in the file"),
        (f"{Path(__file__)}::FILE", "give a function, a torch.nn.Module"),
    ],
)
def test_what_cannot_be_called_is_refused(spec: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        load(spec, None, 0)


def test_a_function_that_does_not_take_its_inputs_is_named() -> None:
    with pytest.raises(UsageError, match=r"`fails` fails on f32\[2,3\]: RuntimeError: mat1 and mat2 shapes cannot be"):
        named("fails", Drawn("float32", (2, 3))).call_eager()


def test_a_tensor_elsewhere_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "elsewhere.py"
    path.write_text("import torch\ndef f(x): return x + 1\nf_inputs = torch.ones(3, device='meta')\n")
    with pytest.raises(UsageError, match="`f` has a tensor on meta; rung compiles for the CPU"):
        load(f"{path}::f", None, 0)
