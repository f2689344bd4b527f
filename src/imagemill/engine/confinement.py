"""What a worker gives up before it sees a stranger's bytes (threats D18; architecture, "Decoders are not trusted").

Separate from `worker` because it is the one place that speaks to the kernel by number. Everything is asked of the
kernel directly, through ctypes, so that it costs no dependency and a few milliseconds. The parts that a container may
refuse are allowed to fail; `confine` returns the words of what holds, and the pool reports them.

The system-call filter is a list of what is forbidden, not of what is allowed: libvips, its codecs and glibc change
what they call between versions, and a missing entry in a list of allowed calls is a crash for users. What it forbids is
what an intruder needs: files, sockets, other processes, new programs, and the kernel's wide and rarely used doors.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import signal
import struct

MEMORY_HEADROOM = 256 * 1024 * 1024
"""RLIMIT_DATA is twice the memory limit and this: it counts address space (8 MB for each thread's stack, buffers that
an encoder reserves and never touches) where the watch from outside counts pages in use. The watch is the limit and can
say so; this one stops a leap between two looks, and a codec whose allocation fails calls the picture damaged."""

OPEN_FILES = 64
NICENESS = 5

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_NO_NEW_PRIVS = 38
SECCOMP_SET_MODE_FILTER = 1
SECCOMP_FILTER_FLAG_TSYNC = 1
CAPABILITY_VERSION_3 = 0x20080522
CLONE_THREAD = 0x10000
EPERM = 1
ENOSYS = 38

_ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
"""Column in `_FORBIDDEN`, and the number the kernel gives a filter (linux/audit.h)."""

_FORBIDDEN: dict[str, tuple[int | None, int | None]] = {
    # Files: the original came as a descriptor, and everything imported is open by now.
    "open": (2, None),
    "openat": (257, 56),
    "openat2": (437, 437),
    "creat": (85, None),
    "open_by_handle_at": (304, 265),
    "unlink": (87, None),
    "unlinkat": (263, 35),
    "rename": (82, None),
    "renameat": (264, 38),
    "renameat2": (316, 276),
    "mkdir": (83, None),
    "mkdirat": (258, 34),
    "rmdir": (84, None),
    "link": (86, None),
    "linkat": (265, 37),
    "symlink": (88, None),
    "symlinkat": (266, 36),
    "mknod": (133, None),
    "mknodat": (259, 33),
    "chmod": (90, None),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "chown": (92, None),
    "fchown": (93, 55),
    "lchown": (94, None),
    "fchownat": (260, 54),
    "truncate": (76, 45),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "utime": (132, None),
    "utimes": (235, None),
    "utimensat": (280, 88),
    "futimesat": (261, None),
    "memfd_create": (319, 279),
    # Network.
    "socket": (41, 198),
    "connect": (42, 203),
    "bind": (49, 200),
    "listen": (50, 201),
    "accept": (43, 202),
    "accept4": (288, 242),
    # Other programs and other processes.
    "execve": (59, 221),
    "execveat": (322, 281),
    "fork": (57, None),
    "vfork": (58, None),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "tkill": (200, 130),
    "kcmp": (312, 272),
    "setpriority": (141, 140),
    "shmget": (29, 194),
    "shmat": (30, 196),
    "semget": (64, 190),
    "msgget": (68, 186),
    "mq_open": (240, 180),
    # The kernel's wide doors.
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "move_mount": (429, 429),
    "open_tree": (428, 428),
    "fsopen": (430, 430),
    "mount_setattr": (442, 442),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "fanotify_init": (300, 262),
    "reboot": (169, 142),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "acct": (163, 89),
    "quotactl": (179, 60),
    "syslog": (103, 116),
    "iopl": (172, None),
    "ioperm": (173, None),
}

_KILL = (62, 129)
_TGKILL = (234, 131)
_PRLIMIT64 = (302, 261)
_CLONE = (56, 220)
_CLONE3 = (435, 435)
_SECCOMP = (317, 277)
_CAPSET = (126, 91)

_LOAD = 0x20
_JUMP_EQUAL = 0x15
_JUMP_ANY_BIT = 0x45
_JUMP_AT_LEAST = 0x35
_RETURN = 0x06
_ALLOW = 0x7FFF0000
_ERRNO = 0x00050000
_KILL_PROCESS = 0x80000000
_NUMBER_AT, _ARCHITECTURE_AT, _FIRST_ARGUMENT_AT = 0, 4, 16
_FOREIGN_CALLS = 0x40000000
"""x86-64 numbers from here on are the x32 ones, which would walk around the list."""


class _Program(ctypes.Structure):
    """struct sock_fprog."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p))


def leave_with_parent() -> None:
    """Ask the kernel to kill this process when the thread that started it ends; to be called first of all.

    The server starts workers on its event loop's thread, which lives as long as the server.
    """
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def confine(memory_bytes: int) -> list[str]:
    """Give up, for good, what a decoder never needs; return the words of what holds here.

    Called when everything is imported: afterwards no file can be opened and no library loaded.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    for limit, value in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
        (resource.RLIMIT_DATA, 2 * memory_bytes + MEMORY_HEADROOM),
    ):
        hard = resource.getrlimit(limit)[1]
        lowered = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(limit, (lowered, lowered))
    os.nice(NICENESS)
    held = ["limits"]
    libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0:
        held.append("no_new_privileges")
    architecture = _ARCHITECTURES.get(platform.machine())
    if architecture is None:
        return held
    column = architecture[0]
    if _drop_capabilities(libc, column):
        held.append("no_capabilities")
    if _filter_calls(libc, *architecture):
        held.append("system_calls")
    return held


def _drop_capabilities(libc: ctypes.CDLL, column: int) -> bool:
    """Empty the three capability sets; matters where the server runs as root in a container."""
    header = struct.pack("=Ii", CAPABILITY_VERSION_3, 0)
    return bool(libc.syscall(_CAPSET[column], header, bytes(24)) == 0)


def _filter_calls(libc: ctypes.CDLL, column: int, audit: int) -> bool:
    """Install the filter for every thread of the process (TSYNC: libvips has started some by now)."""
    code = filter_program(column, audit, os.getpid())
    buffer = ctypes.create_string_buffer(code, len(code))
    program = _Program(len(code) // 8, ctypes.addressof(buffer))
    flags = SECCOMP_FILTER_FLAG_TSYNC
    return bool(libc.syscall(_SECCOMP[column], SECCOMP_SET_MODE_FILTER, flags, ctypes.byref(program)) == 0)


def filter_program(column: int, audit: int, pid: int) -> bytes:
    """Return the classic BPF program (linux/seccomp.h): forbidden calls fail with EPERM, all others pass."""
    refuse = (_RETURN, 0, 0, _ERRNO | EPERM)
    allow = (_RETURN, 0, 0, _ALLOW)
    argument = (_LOAD, 0, 0, _FIRST_ARGUMENT_AT)
    program = [
        (_LOAD, 0, 0, _ARCHITECTURE_AT),
        (_JUMP_EQUAL, 1, 0, audit),
        (_RETURN, 0, 0, _KILL_PROCESS),
        (_LOAD, 0, 0, _NUMBER_AT),
        (_JUMP_AT_LEAST, 0, 1, _FOREIGN_CALLS),
        refuse,
        # glibc falls back to clone, whose flags can be read here; those of clone3 lie behind a pointer.
        (_JUMP_EQUAL, 0, 1, _CLONE3[column]),
        (_RETURN, 0, 0, _ERRNO | ENOSYS),
        # A thread of our own is clone with CLONE_THREAD; anything else would be a process.
        (_JUMP_EQUAL, 0, 4, _CLONE[column]),
        argument,
        (_JUMP_ANY_BIT, 0, 1, CLONE_THREAD),
        allow,
        refuse,
    ]
    # abort() signals itself; setrlimit names itself as 0. Neither may name another process.
    for call, only in ((_KILL, pid), (_TGKILL, pid), (_PRLIMIT64, 0)):
        program += [(_JUMP_EQUAL, 0, 4, call[column]), argument, (_JUMP_EQUAL, 0, 1, only), allow, refuse]
    for numbers in _FORBIDDEN.values():
        number = numbers[column]
        if number is not None:
            program += [(_JUMP_EQUAL, 0, 1, number), refuse]
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in [*program, allow])
