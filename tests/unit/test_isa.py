"""Instruction sets: what their files say, and that the compiler follows it."""

from __future__ import annotations

import llvmlite.binding as llvm
import pytest

from rung import machine
from rung.errors import RungError
from rung.pipelines import PASSES, pipeline, to_llvm
from rung.schedule import Schedule
from rung.targets.evidence import host_code
from rung.targets.isa import ISAS, Isa, isa_of
from rung.targets.isa.base import FOR_OTHER_INDEX
from rung.targets.isa.hexagon import HEXAGON
from rung.targets.npu.device_code import initialize


def names(isa: Isa) -> list[str]:
    return [step.name for step in to_llvm(isa)]


@pytest.mark.parametrize("isa", ISAS, ids=lambda isa: isa.name)
def test_legalisations_are_passes_without_options(isa: Isa) -> None:
    known = {step.name: step for step in PASSES}
    for name in (*isa.legalisations, *isa.llvm_legalisations):
        assert str(known[name]()) == name


def test_the_isa_decides_which_run_not_the_width_of_its_addresses() -> None:
    """One with 32-bit addresses that names none gets none; one with 64 bits gets those that it names."""
    every = ["expand-atomics", "expand-copies", "guard-constants", "to-llvm"]
    assert names(Isa("riscv32", index_bits=32)) == every
    other = Isa("other", legalisations=("expand-flags",), llvm_legalisations=("expand-wide-masks",))
    assert names(other) == [*every[:3], "expand-flags", "to-llvm", "expand-wide-masks"]


@pytest.mark.parametrize("isa", [isa for isa in ISAS if isa.index_bits != 64], ids=lambda isa: isa.name)
def test_another_index_than_that_of_64_bits_has_its_legalisations(isa: Isa) -> None:
    assert set(FOR_OTHER_INDEX) <= set(isa.legalisations)


def test_a_pipeline_lists_them() -> None:
    text = str(pipeline(machine.load("hexagon-v73"), Schedule()))
    for name in (*HEXAGON.legalisations, "to-llvm{index-bits=32}", *HEXAGON.llvm_legalisations):
        assert f"\n{name}\n" in text
    host = machine.host().model_copy(update={"arch": "x86_64"})
    assert not {*HEXAGON.legalisations, *HEXAGON.llvm_legalisations} & set(str(pipeline(host, Schedule())).split())


@pytest.mark.parametrize(("system", "name"), [("AMD64", "x86_64"), ("arm64", "aarch64"), ("hexagon", "hexagon")])
def test_systems_have_names_of_their_own_for_them(system: str, name: str) -> None:
    assert isa_of(system).name == name


def test_one_that_no_file_describes_has_64_bits_and_its_instructions_are_not_counted() -> None:
    found = isa_of("loongarch64")
    assert (found.name, found.index_bits, found.legalisations) == ("loongarch64", 64, ())
    assert found.vector_unit(frozenset({"lasx"})).features == ()
    assert host_code(b"", found) is None
    with pytest.raises(RungError, match="`loongarch64`"):
        _ = found.modelled


@pytest.mark.parametrize(
    ("arch", "flags", "expected"),
    [
        ("x86_64", "avx512f avx512bw avx512vl avx512dq avx2 fma", (64, 32, True, ("fma", "f16c", "avx512"))),
        ("x86_64", "avx512f avx2 fma", (32, 16, True, ("fma", "f16c", "avx2"))),
        ("x86_64", "avx2", (16, 16, False, ("sse2",))),
        ("aarch64", "asimd sve", (16, 32, False, ("fma", "neon"))),
    ],
)
def test_vector_units(arch: str, flags: str, expected: tuple[object, ...]) -> None:
    assert isa_of(arch).vector_unit(frozenset(flags.split())) == expected


@pytest.mark.parametrize("isa", ISAS, ids=lambda isa: isa.name)
def test_llvm_knows_the_triple_and_addresses_are_as_wide(isa: Isa) -> None:
    initialize()
    target = llvm.Target.from_triple(isa.triple).create_target_machine()
    module = llvm.parse_assembly("@p = global ptr null")
    module.triple, module.data_layout = isa.triple, str(target.target_data)
    pointer = next(iter(module.global_variables)).global_value_type
    assert 8 * target.target_data.get_abi_size(pointer) == isa.index_bits


def test_definitions_of_intrinsics_are_functions_of_the_name_that_is_asked_for() -> None:
    for isa in ISAS:
        for known in isa.intrinsics.values():
            assert (known.definition is None) == (isa.device is None)
            if known.definition is None:
                continue  # no host runs it in the stead of a device
            module = llvm.parse_assembly(known.definition("own"))
            assert [function.name for function in module.functions if not function.is_declaration] == ["own"]


def test_an_intrinsic_of_another_isa_is_not_used() -> None:
    device = machine.load("hexagon-v73")
    assert device.usable_byte_dot == device.byte_dot
    assert device.model_copy(update={"arch": "x86_64"}).usable_byte_dot == ""
