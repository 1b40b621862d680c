"""Memory with regions before and behind it that nobody may touch: a step too far is a fault, and at once."""

from __future__ import annotations

import ctypes
import mmap
import weakref
from functools import cache

import numpy as np
import numpy.typing as npt

_REACH_BYTES = 1 << 34
"""Of each region: any 32-bit index of 8-byte elements ends in it. Addresses alone cost nothing."""
_FAILED = ctypes.c_void_p(-1).value


class GuardedMemory:
    """Room for `size` bytes, flush with the region behind them (`at_end`), or with the one before them.

    Only the addresses are taken at first; `open` makes the bytes usable, for instance in a forked process.
    """

    def __init__(self, size: int, at_end: bool) -> None:
        self.size = size
        self._room = -(-max(size, 1) // mmap.PAGESIZE) * mmap.PAGESIZE
        self._begin, self._reach = _addresses(self._room)
        weakref.finalize(self, _libc().munmap, self._begin, self._room + 2 * self._reach)
        self.address = self._begin + self._reach + (self._room - size if at_end else 0)

    @property
    def is_exact(self) -> bool:
        """Whether there is not a byte between both regions that is not of the memory."""
        return self._room == self.size

    def open(self) -> npt.NDArray[np.uint8]:
        """The bytes, all zero."""
        if _libc().mprotect(self._begin + self._reach, self._room, mmap.PROT_READ | mmap.PROT_WRITE):
            raise MemoryError(f"no memory for {self.size} bytes")
        return np.ctypeslib.as_array((ctypes.c_uint8 * self.size).from_address(self.address))

    def is_near(self, address: int) -> bool:
        """Whether the address is in the memory or one of its regions."""
        return self._begin <= address < self._begin + self._room + 2 * self._reach


@cache
def _libc() -> ctypes.CDLL:
    library = ctypes.CDLL(None)
    address, size, number = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
    library.mmap.restype, library.mmap.argtypes = address, [address, size, number, number, number, ctypes.c_long]
    library.mprotect.argtypes = [address, size, number]
    library.munmap.argtypes = [address, size]
    return library


def _addresses(room: int) -> tuple[int, int]:
    """Addresses that are nobody's, and how many of them lie on either side of the room: fewer where there are few."""
    reach = _REACH_BYTES
    while reach >= mmap.PAGESIZE:
        found: int | None = _libc().mmap(None, room + 2 * reach, 0, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, -1, 0)
        if found is not None and found != _FAILED:
            return found, reach
        reach //= 2
    raise MemoryError(f"no addresses for {room} bytes")
