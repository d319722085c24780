"""Identifies processes on this machine, so that one can tell whether the writer of a file still runs."""

from __future__ import annotations

import hashlib
import os
import platform
from contextlib import suppress
from functools import cache
from pathlib import Path


def started(pid: int) -> int | None:
    """Return the start time of a process in clock ticks, 0 if the system does not report it; ``None`` if not running.

    The start time distinguishes processes that reuse an id.
    """
    if not Path("/proc/self/stat").exists():
        return 0 if _is_running(pid) else None
    try:
        # The command name may contain spaces and brackets. The fields after it start with the state; the 20th is the start.
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        return None if fields[0] in (b"Z", b"X") else int(fields[19])
    except (OSError, IndexError, ValueError):
        return None


@cache
def machine() -> str:
    """Return eight digits that identify this machine, its current boot and the container.

    Containers count as different machines, since their processes are not visible to each other.
    """
    parts = [platform.node()]
    with suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text("ascii"))
    with suppress(OSError):
        parts.append(str(Path("/proc/self/ns/pid").readlink()))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:8]


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # it runs as another user
        return True
    return True
