"""Every function of Triton's libdevice is compiled, or refused by name."""

from __future__ import annotations

import inspect

import pytest
import triton
from triton.language.extra import libdevice as declared

from rung.errors import UnsupportedError
from rung.frontends.triton.capture import make_ttir
from rung.frontends.triton.loader import load_kernel

FUNCTIONS = {
    name: len(inspect.signature(function).parameters)
    for name, function in vars(declared).items()
    if inspect.isfunction(function)
}
INTEGERS = {
    "i32": [
        "popc",
        "clz",
        "ffs",
        "brev",
        "mulhi",
        "mul24",
        "sad",
        "hadd",
        "rhadd",
        "byte_perm",
        "int_as_float",
        "hiloint2double",
    ]
}
INTEGERS["i64"] = ["longlong_as_double"]


MISSING = {"rcp64h"}


def pointer(name: str, position: int) -> str:
    if name.startswith(("uint2", "uint_")):
        return "*u32"
    for prefix, kind in (("int2", "*i32"), ("ll2", "*i64"), ("ull2", "*u64")):
        if name.startswith(prefix):
            return kind
    for kind, names in INTEGERS.items():
        if name in names:
            return f"*{kind}"
    if (name, position) in {("jn", 0), ("yn", 0), ("ldexp", 1), ("scalbn", 1)}:
        return "*i32"
    return "*fp64" if name.startswith("double") else "*fp32"


@pytest.fixture(scope="module")
def kernels(tmp_path_factory):
    """A function that makes a kernel which calls one libdevice function of `arity` arguments."""
    folder = tmp_path_factory.mktemp("libdevice")

    def make(name: str, arity: int):
        pointers = [f"p{i}" for i in range(arity)]
        values = ", ".join(f"tl.load({p} + i)" for p in pointers)
        (folder / f"k_{name}.py").write_text(
            "import triton\nimport triton.language as tl\nfrom triton.language.extra import libdevice\n"
            f"@triton.jit\ndef kernel(o, {', '.join(pointers)}):\n"
            f"  i = tl.arange(0, 16)\n  tl.store(o + i, libdevice.{name}({values}))\n"
        )
        return load_kernel(f"{folder}/k_{name}.py")

    return make


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function(kernels, name):
    kernel = kernels(name, FUNCTIONS[name])
    signature = {"o": "*fp64"} | {f"p{i}": pointer(name, i) for i in range(FUNCTIONS[name])}
    if name in MISSING:
        with pytest.raises(triton.CompilationError) as caught:
            make_ttir(kernel, signature, {})
        assert isinstance(caught.value.__cause__, UnsupportedError) and name in str(caught.value.__cause__)
    else:
        assert "tt.store" in str(make_ttir(kernel, signature, {}))


@pytest.mark.parametrize("narrow", ["*fp16", "*bf16"])
def test_narrow_floats_are_computed_in_f32(kernels, narrow):
    text = str(make_ttir(kernels("tanh", 1), {"o": narrow, "p0": narrow}, {}))
    assert 'symbol = "math.tanh"} : (tensor<16xf32>)' in text


def test_integers_are_refused_where_floats_are_needed(kernels):
    with pytest.raises(triton.CompilationError) as caught:
        make_ttir(kernels("tanh", 1), {"o": "*fp32", "p0": "*i32"}, {})
    assert "libdevice: tanh takes floating-point values, but was given int32" in str(caught.value.__cause__)
