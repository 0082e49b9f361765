"""Confinement that a child of the sandbox puts on itself before it touches a stranger's file."""

from __future__ import annotations

import resource
import sys
import sysconfig
from collections.abc import Iterable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import landlock

from studio.media.sandbox.limits import Limits
from studio.media.sandbox.paths import CODE

seccomp: Any = None
with suppress(ImportError, OSError, RuntimeError):  # it looks for libseccomp when it is imported
    seccomp = import_module("pyseccomp")

STATUS = Path("/proc/self/status")

# What Python and the decoders may still have to load, and nothing of the site's own data.
READABLE = (
    CODE,
    *(Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib", "purelib", "platlib")),
    Path(sys.base_prefix, "lib"),
    *map(Path, ("/usr/lib", "/usr/share/zoneinfo", "/lib", "/lib64", "/dev/null", "/dev/urandom")),
)
# Sockets of every kind, other programs, other processes.
DENIED = (
    *("socket", "connect", "bind", "listen", "accept", "accept4", "sendto", "sendmmsg"),
    *("execve", "execveat", "ptrace", "process_vm_readv", "process_vm_writev", "kill", "tkill", "pidfd_open"),
    *("mount", "umount2", "unshare", "setns", "bpf", "keyctl", "io_uring_setup", "userfaultfd"),
)
EPERM = 1


def missing_walls() -> list[str]:
    """What this machine can't keep a child from: "files" without Landlock, "network" without seccomp."""
    walls = []
    try:
        landlock.landlock_abi_version()
    except (landlock.LandlockError, OSError):
        walls.append("files")
    return walls if seccomp else [*walls, "network"]


def confine(limits: Limits, reads: Iterable[str], writes: Iterable[str], denied: Iterable[str] = DENIED) -> None:
    """From here on: these files, none of the ``denied`` calls, so much memory and so many seconds. No way back.

    Usually no network and no other program. Seconds and memory hold everywhere; ``missing_walls`` says what else this
    machine has.
    """
    missing = missing_walls()
    _limit(limits)
    if "files" not in missing:
        _only_files(reads, writes)
    if "network" not in missing:
        _deny(denied)


def _limit(limits: Limits) -> None:
    _at_most(resource.RLIMIT_CPU, limits.cpu_seconds, limits.cpu_seconds + 1)
    if STATUS.exists():
        _at_most(resource.RLIMIT_DATA, _data_bytes() + limits.memory_mb * 1_000_000)
    _at_most(resource.RLIMIT_FSIZE, limits.file_mb * 1_000_000)
    _at_most(resource.RLIMIT_CORE, 0)
    _at_most(resource.RLIMIT_NOFILE, 64)


def _at_most(what: int, soft: int, hard: int | None = None) -> None:
    resource.setrlimit(what, (soft, soft if hard is None else hard))


def _data_bytes() -> int:
    """What the decoders have taken before the file is opened."""
    lines = STATUS.read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmData"))


def _only_files(reads: Iterable[str], writes: Iterable[str]) -> None:
    access = landlock.FSAccess
    rules = landlock.Ruleset()
    look = access.READ_FILE | access.READ_DIR | access.EXECUTE
    for path in (*READABLE, *map(Path, reads)):
        if path.is_dir():
            rules.allow(path, rules=look)
        elif path.exists():
            rules.allow(path, rules=access.READ_FILE)
    change = access.all() & ~(access.EXECUTE | access.MAKE_SOCK | access.MAKE_CHAR | access.MAKE_BLOCK)
    for folder in writes:
        rules.allow(folder, rules=change)
    rules.apply()


def _deny(calls: Iterable[str]) -> None:
    rules = seccomp.SyscallFilter(seccomp.ALLOW)
    for name in calls:
        rules.add_rule(seccomp.ERRNO(EPERM), name)
    rules.load()
