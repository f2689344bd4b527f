"""Reading a file that the kernel has in memory, in one breath: without waiting, and without giving the lock away.

Separate from `disk_shelf`, for it leaves Python's own calls. Those give the interpreter's lock away around each system
call; the server's other threads take it, and to get it back three times for one hit costs more than the hit (decision
0017 has the figures). These three calls take a microsecond each, for `RWF_NOWAIT` never waits for the
disk, and only a folder's entry that nobody has used lately could.
"""

from __future__ import annotations

import ctypes
import errno
import os


class _Piece(ctypes.Structure):
    """`struct iovec`."""

    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


class QuickReader:
    """Reads into one buffer; belongs to one thread. Raises AttributeError where the C library has no preadv2."""

    def __init__(self, most: int) -> None:
        """Files of `most` bytes or more are not read."""
        library = ctypes.PyDLL(None, use_errno=True)
        self._open = library.open
        self._preadv2 = library.preadv2
        self._close = library.close
        self._preadv2.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_long, ctypes.c_int)
        self._preadv2.restype = ctypes.c_ssize_t
        self._most = most
        self._buffer = bytearray(most)
        self._view = memoryview(self._buffer)
        self._held = (ctypes.c_char * most).from_buffer(self._buffer)
        self._piece = _Piece(ctypes.addressof(self._held), most)
        self._address = ctypes.addressof(self._piece)
        self._flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

    def read(self, path: bytes) -> memoryview | None:
        """Return what the kernel has of a file, good until the next call; None where there is none, or not in memory.

        Raises OSError (EOPNOTSUPP, ENOSYS) where the file system cannot say.
        """
        descriptor = self._open(path, self._flags)
        if descriptor < 0:
            return None
        size = self._preadv2(descriptor, self._address, 1, 0, os.RWF_NOWAIT)
        failure = ctypes.get_errno() if size < 0 else 0
        self._close(descriptor)
        if failure in (errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL):
            raise OSError(failure, os.strerror(failure))
        return self._view[:size] if 0 < size < self._most else None
