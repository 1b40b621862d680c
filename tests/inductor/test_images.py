"""Kernels as C++ programs launch them: images, and the runtime that a packaged model carries along."""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable

import pytest
import torch
import triton
import triton.language as tl

from rung import processor
from rung.errors import UsageError
from rung.runtime import alone_path, library_path
from rung.torch_backend.images import image


@triton.jit
def shifted(x, y, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    before = tl.load(x + i - 1, mask=(i > 0) & (i < n), other=0.0)
    here = tl.load(x + i, mask=i < n)
    tl.store(y + i, here + before, mask=i < n)


@triton.jit
def scaled(x, y, n, factor, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.device_assert(i < 2 * BLOCK, "one of two blocks")
    tl.store(y + i, tl.load(x + i, mask=i < n) * factor, mask=i < n)


@triton.jit
def far(x, y, n, step, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(y + i, tl.load(x + i * step, mask=(i * step < n) & (i * step >= 0), other=-1.0), mask=i < BLOCK)


class Alone:
    """The library, and one kernel of it."""

    def __init__(self, content: bytes, path: str = str(alone_path())) -> None:
        self._library = ctypes.CDLL(path)
        self._library.rung_open_kernel.restype = ctypes.c_void_p
        self._memory = (ctypes.c_int64 * (len(content) // 8 + 1)).from_buffer_copy(content + bytes(8))
        self._error = ctypes.create_string_buffer(1536)
        self._kernel = ctypes.c_void_p(self._library.rung_open_kernel(self._memory, self._error))

    def launch(self, *slots: int) -> str:
        """What went wrong, or nothing."""
        if not self._kernel:
            return self.error
        failed = self._library.rung_launch_kernel(self._kernel, (ctypes.c_int64 * len(slots))(*slots), self._error)
        return self.error if failed else ""

    @property
    def error(self) -> str:
        return self._error.value.decode()

    def close(self) -> None:
        self._library.rung_close_kernel(self._kernel)


def compiled(kernel: triton.JITFunction, *args: object, **options: object) -> bytes:
    return image(kernel.warmup(*args, grid=(1,), **options))


@pytest.fixture
def pair() -> tuple[torch.Tensor, torch.Tensor]:
    return torch.arange(1000, dtype=torch.float32), torch.full((1000,), float("nan"))


@pytest.mark.parametrize("path", [alone_path, library_path])
def test_a_kernel_runs(pair: tuple[torch.Tensor, torch.Tensor], path: Callable[[], object]) -> None:
    x, y = pair
    kernel = Alone(compiled(shifted, x, y, x.numel(), BLOCK=64), str(path()))
    assert kernel.launch(x.data_ptr(), y.data_ptr(), 1000, 16, 1, 1) == ""
    assert torch.equal(y, x + torch.cat([torch.zeros(1), x[:-1]]))
    kernel.close()


def test_arguments_that_are_one_memory(pair: tuple[torch.Tensor, torch.Tensor]) -> None:
    """The kernel was compiled for two. One block, which reads all of it before it writes."""
    x, y = pair
    kernel = Alone(compiled(shifted, x, y, x.numel(), BLOCK=1024))
    want = x + torch.cat([torch.zeros(1), x[:-1]])
    assert kernel.launch(x.data_ptr(), x.data_ptr(), 1000, 1, 1, 1) == ""
    assert torch.equal(x, want)


def test_numbers_that_overflow(pair: tuple[torch.Tensor, torch.Tensor]) -> None:
    """`i * step` wraps: a launch for which the usual code is not right."""
    x, y = pair
    kernel = Alone(compiled(far, x, y, x.numel(), 1 << 30, BLOCK=16))
    assert kernel.launch(x.data_ptr(), y.data_ptr(), 1000, 1 << 30, 1, 1, 1) == ""
    wrapped = [(i << 30) + (1 << 31) & 0xFFFFFFFF for i in range(16)]
    want = [x[w - (1 << 31)].item() if 0 <= w - (1 << 31) < 1000 else -1.0 for w in wrapped]
    assert y[:16].tolist() == want


def test_an_assertion_is_told_and_the_process_goes_on(pair: tuple[torch.Tensor, torch.Tensor]) -> None:
    x, y = pair
    kernel = Alone(compiled(scaled, x, y, x.numel(), 1.0, BLOCK=64, debug=True))
    factor = struct.unpack("<q", struct.pack("<fi", 2.5, 0))[0]
    assert "Assertion `one of two blocks` failed" in kernel.launch(x.data_ptr(), y.data_ptr(), 1000, factor, 3, 1, 1)
    assert kernel.launch(x.data_ptr(), y.data_ptr(), 1000, factor, 2, 1, 1) == ""
    assert torch.equal(y[:128], x[:128] * 2.5)


def test_an_empty_grid(pair: tuple[torch.Tensor, torch.Tensor]) -> None:
    x, y = pair
    assert Alone(compiled(shifted, x, y, x.numel(), BLOCK=64)).launch(x.data_ptr(), y.data_ptr(), 1000, 0, 1, 1) == ""
    assert y.isnan().all()


def test_another_processor(pair: tuple[torch.Tensor, torch.Tensor], monkeypatch: pytest.MonkeyPatch) -> None:
    """Every extension that this one has is known again, and none that it has not."""
    x, y = pair
    here = processor.detect()
    binary = shifted.warmup(x, y, x.numel(), BLOCK=64, grid=(1,))
    more = here._replace(arch="aarch64", flags=here.extensions | {"sse", "newfloats", "sse4"})
    monkeypatch.setattr(processor, "detect", lambda: more)
    error = Alone(image(binary)).launch()
    lacking = "newfloats sse4" + ("" if "sse" in here.flags else " sse")
    assert error == (
        f"this model was compiled for another processor; this one lacks: {' '.join(sorted(lacking.split()))}. "
        "Compile it on a machine that has no more than this one"
    )


def test_an_image_of_another_version(pair: tuple[torch.Tensor, torch.Tensor]) -> None:
    x, y = pair
    content = compiled(shifted, x, y, x.numel(), BLOCK=64)
    assert "another version of rung" in Alone(b"rungkrn0" + content[8:]).launch()


def test_a_sanitized_kernel_is_refused(pair: tuple[torch.Tensor, torch.Tensor]) -> None:
    x, y = pair
    with pytest.raises(UsageError, match="RUNG_SANITIZE watches the kernels of a process that has rung"):
        compiled(shifted, x, y, x.numel(), BLOCK=64, sanitize="1")


def test_the_runtime_needs_no_python() -> None:
    pytest.importorskip("elftools")
    from elftools.elf.elffile import ELFFile

    with alone_path().open("rb") as file:
        needed = [tag.needed for tag in ELFFile(file).get_section_by_name(".dynamic").iter_tags("DT_NEEDED")]
    assert {name.split(".")[0] for name in needed} <= {
        "libm",
        "libc",
        "libgcc_s",
        "ld-linux-x86-64",
        "ld-linux-aarch64",
    }
