"""Machine: detection, files, refusals."""

from __future__ import annotations

from pathlib import Path

import pytest

from rung import machine, processor
from rung.errors import UsageError

GOOD = """
name = "toy"
kind = "npu"
arch = "hexagon"
cpu = "hexagonv73"
vector_bytes = 128
vector_registers = 32
masked_memory = true
contexts = 4
l1_bytes = 32768
l2_bytes = 1048576
scratchpad_bytes = 1048576
fork_join_ns = 1000.0
clock_ghz = 1.0

[dma]
bytes_per_cycle = 4.0

[npu]
cycles_per_packet = 1.0
vector_units = 2
dram_scalar_cycles = 40
dram_vector_cycles = 100
dram_bytes_per_cycle = 4.0
launch_cycles = 0
default_helper_cycles = 20

[npu.helper_cycles]
expf = 120
"""


def test_the_host_is_detected_the_same_every_time() -> None:
    found = machine.host()
    assert found == machine.host()
    assert found.contexts == processor.cores()
    assert found.vector_bytes >= 16
    assert found.scratchpad_bytes_per_context * found.contexts <= found.scratchpad_bytes


def test_threads_knob_sets_the_contexts(monkeypatch: pytest.MonkeyPatch) -> None:
    share = machine.host().scratchpad_bytes_per_context
    monkeypatch.setenv("RUNG_NUM_THREADS", "3")
    assert machine.host().contexts == 3
    assert machine.host().scratchpad_bytes_per_context == share
    monkeypatch.setenv("RUNG_NUM_THREADS", "none")
    with pytest.raises(UsageError, match="RUNG_NUM_THREADS is `none`"):
        machine.host()


def test_a_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "toy.toml"
    file.write_text(GOOD)
    assert machine.load(str(file)).contexts == 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("contexts = 4", "contexts = 0"), "field `contexts`"),
        (("contexts = 4", ""), "field `contexts`: missing; a whole number, 1 to 1024"),
        (("clock_ghz = 1.0", "clock_ghz = 1.0\nclock_mhz = 3"), "field `clock_mhz`"),
        (("contexts = 4", "contexts = "), "not valid TOML"),
        (('kind = "npu"', 'kind = "gpu"'), 'field `kind`: is "gpu"; "host" or "npu"'),
        (("contexts = 4", "contexts = true"), "field `contexts`: is true; a whole number, 1 to 1024"),
        (("contexts = 4", 'contexts = "4"'), 'field `contexts`: is "4"; a whole number, 1 to 1024'),
        (("masked_memory = true", 'masked_memory = "yes"'), 'field `masked_memory`: is "yes"; true or false'),
        (("contexts = 4", 'contexts = 4\nfeatures = "hvxv73"'), 'field `features`: is "hvxv73"; a list of texts'),
        (("contexts = 4", "contexts = 4\nfeatures = [1]"), "field `features.0`: is 1; a text in quotes"),
        (("[dma]\nbytes_per_cycle = 4.0", "[[dma]]"), "field `dma`: is .*; a section"),
        (
            ("fork_join_ns = 1000.0", "fork_join_ns = 1e308"),
            "field `fork_join_ns`: is 1e\\+308; a number, 0 to 1e\\+12",
        ),
        (('name = "toy"', 'name = ""'), "field `name`: is ''; one line of text"),
        (('name = "toy"', 'name = "a\\nb"'), r"field `name`: is 'a\\nb'; one line of text"),
        (("contexts = 4", "contexts = 4\ncache_line_bytes = 63"), "field `cache_line_bytes`: is 63; a power of two"),
        (
            ("contexts = 4", "contexts = 4\nstreaming_vector_bytes = 256"),
            "field `streaming_vector_bytes`: is 256; 0 or",
        ),
        (("contexts = 4", "contexts = 4\nprefetch_bytes = 64"), "field `prefetch_bytes`: is 64; 0, as no cache"),
        (("contexts = 4", "contexts = 4\nlast_cache_bytes = 64"), "field `last_cache_bytes`: is 64; 0, as no cache"),
        (('kind = "npu"', 'kind = "host"'), "field `npu`: belongs to machines of kind `npu` only"),
        (("[dma]\nbytes_per_cycle = 4.0", "[dma]"), "field `dma.bytes_per_cycle`: a machine of kind `npu` needs it"),
        (
            ("[dma]\nbytes_per_cycle = 4.0", "[dma]\nbytes_per_cycle = 0"),
            "`dma.bytes_per_cycle`: is 0; a number, 1e-06 to 1e\\+12",
        ),
        (("vector_units = 2", "vector_units = 5"), "field `npu.vector_units`: is 5; 1 to `contexts`, which is 4"),
        (("expf = 120", "expf = -1"), "`npu.helper_cycles.expf`: is -1; a number, 0 to 1e\\+12"),
        (("scratchpad_bytes = 1048576", "scratchpad_bytes = 1000"), "`scratchpad_bytes`: is 1000; a multiple of"),
        (("vector_bytes = 128", "vector_bytes = 96"), "field `vector_bytes`: is 96; a power of two"),
        (("vector_bytes = 128", "vector_bytes = 32"), "field `vector_bytes`: is 32; a power of two, 64 to 1024"),
        (
            ("contexts = 4", 'contexts = 4\nfeatures = ["hvxv73"]'),
            "field `features`: has hvxv73 without hvx-length128b",
        ),
        (("contexts = 4", 'contexts = 4\nfeatures = ["hvx-length64b"]'), "field `features`: has hvx-length64b; hexag"),
        (("contexts = 4", 'contexts = 4\nbyte_dot = "llvm.x"'), 'field `byte_dot`: is llvm.x; "" \\(none\\), or: llvm'),
        (('cpu = "hexagonv73"', ""), "field `cpu`: a machine of kind `npu` needs"),
        (('cpu = "hexagonv73"', 'cpu = "hexagonv5"'), "field `cpu`: is hexagonv5; choose from: hexagonv60"),
        (('arch = "hexagon"', 'arch = "x86_64"'), "field `arch`: is x86_64; packets are modelled for: hexagon"),
        (("contexts = 4", 'contexts = 4\nfeatures = ["hvxv75"]'), "field `features`: has hvxv75; hexagonv73 may have"),
        (("clock_ghz = 1.0", "clock_ghz = inf"), "field `clock_ghz`: is inf; a number, 1e-06 to 1e\\+12"),
        (
            ("[npu]", "queue_depht = 3\n[npu]"),
            "`dma.queue_depht`: there is no such field; known: queue_depth, max_rank",
        ),
    ],
)
def test_a_wrong_file_names_the_field(change: tuple[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        machine.parse(GOOD.replace(*change), "toy.toml")


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "toy.toml"
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="not a text file in UTF-8"):
        machine.load(str(file))


def test_an_unknown_machine_lists_the_known_ones() -> None:
    with pytest.raises(UsageError, match="there is no machine `abacus`; choose from: host"):
        machine.load("abacus")


@pytest.mark.parametrize("name", [*machine.names(), "template"])
def test_the_shipped_machines_are_sound(name: str) -> None:
    found = machine.load(name)
    assert found.name == name and found.kind == "npu" and found.npu
    assert found.plans_only or found.isa.index_bits == 32
    assert found.hash == machine.load(name).hash


def test_the_template_is_no_machine() -> None:
    assert machine.names() == [
        *("hexagon-v68", "hexagon-v73", "hexagon-v73-tuned", "micro-64k"),
        *("snapdragon-8-gen-1", "tpu-v5e", "tvm-v68"),
    ]


def test_every_constant_of_the_shipped_machines_has_a_comment() -> None:
    """All but names and words carry their source, or say that they are calibrated or assumed."""
    for name in [*machine.names(), "template"]:
        text = (Path(machine.__file__).parents[1] / "machines" / f"{name}.toml").read_text()
        lines = [line for line in text.splitlines() if "=" in line and not line.startswith("#")]
        bare = [line for line in lines if "#" not in line and '= "' not in line]
        assert bare == ([] if name != "template" else ["expf = 120.0", "bf16 = 16384.0"])


def test_the_template_has_every_field() -> None:
    text = (Path(machine.__file__).parents[1] / "machines" / "template.toml").read_text()
    for section in (machine.Machine, machine.Dma, machine.Npu, machine.Cache):
        for field in section.model_fields:
            assert f"\n{field} = " in text or f"\n[{field}]" in text or f".{field}]" in text


def test_fields_are_set_by_dotted_path() -> None:
    changes = ["contexts=2", "dma.bytes_per_cycle=8", "npu.helper_cycles.erff=3", "dma.arbitration=oldest-first"]
    found = machine.load("hexagon-v73", changes)
    assert (found.contexts, found.dma.bytes_per_cycle, found.dma.arbitration) == (2, 8.0, "oldest-first")
    assert found.npu and found.npu.helper_cycles["erff"] == 3
    plain = machine.load("hexagon-v73")
    assert plain.npu and found.npu.helper_cycles == {**plain.npu.helper_cycles, "erff": 3}
    assert found.hash != plain.hash
    assert machine.load("hexagon-v73", []) == machine.load("hexagon-v73")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("dma.bytes_per_cycle=0", "machine hexagon-v73: field `dma.bytes_per_cycle`: is 0; a number, 1e-06 to 1e\\+12"),
        ("dma.bandwidth=3", "field `dma.bandwidth`: there is no such field; known: queue_depth"),
        ("bus.width=3", "field `bus.width`: there is no section `bus` here; sections: dma, npu"),
        ("contexts=many", 'field `contexts`: is "many"; a whole number, 1 to 1024'),
        ("contexts", "field `contexts`: give FIELD=VALUE"),
        ("contexts=4\nname=3", 'field `contexts`: is "4'),
        ("dma=3", "field `dma`: is 3; a section"),
        ("features=hvxv73", 'field `features`: is "hvxv73"; a list of texts'),
        ("contexts=3", "field `scratchpad_bytes`: is 8388608; a multiple of contexts x vector_bytes, which is 384"),
    ],
)
def test_a_wrong_change_names_the_field(change: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        machine.load("hexagon-v73", [change])
