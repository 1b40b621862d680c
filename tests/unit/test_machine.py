"""Machine: detection, files, refusals."""

from __future__ import annotations

from pathlib import Path

import pytest

from rung import machine
from rung.errors import UsageError

GOOD = """
name = "toy"
kind = "npu"
arch = "hexagon"
vector_bytes = 128
vector_registers = 32
masked_memory = true
contexts = 4
l1_bytes = 32768
l2_bytes = 1048576
scratchpad_bytes = 1048576
fork_join_ns = 1000.0
clock_ghz = 1.0
"""


def test_the_host_is_detected_the_same_every_time() -> None:
    found = machine.host()
    assert found == machine.host()
    assert found.contexts == machine.cores()
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
        (("contexts = 4", ""), "field `contexts`: Field required"),
        (("clock_ghz = 1.0", "clock_ghz = 1.0\nclock_mhz = 3"), "field `clock_mhz`"),
        (("contexts = 4", "contexts = "), "not valid TOML"),
        (('kind = "npu"', 'kind = "gpu"'), "field `kind`"),
    ],
)
def test_a_wrong_file_names_the_field(change: tuple[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        machine.parse(GOOD.replace(*change), "toy.toml")


def test_an_unknown_machine_lists_the_known_ones() -> None:
    with pytest.raises(UsageError, match="there is no machine `abacus`; choose from: host"):
        machine.load("abacus")
