"""Temporary files: names that no other process makes, and the removal of those that killed processes left behind.

A name is ``.NAME.stcn-MACHINE-PID-STARTED-RANDOM.tmp``. The machine and the process, which is told from a later one of
the same number by when it started, say whether its writer still runs.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import stat
from contextlib import suppress
from functools import cache
from pathlib import Path

from stcn_plugin.atomic._folder import Folder

_LONGEST_NAME = 80  # bytes; with the 60 that are added, the shortest limit of a file system, 143, is kept
_DAY = 24 * 60 * 60.0
_TEMPORARY = re.compile(
    r"\..+\.stcn-(?P<machine>[0-9a-f]{8})-(?P<pid>\d{1,10})-(?P<started>\d{1,20})-[0-9a-f]{8}\.tmp", re.DOTALL
)


def create_temporary(folder: Folder, name: str) -> tuple[str, int]:
    """Create the temporary file of an output; return its name and descriptor."""
    encoded = os.fsencode(name)
    stem = name if len(encoded) <= _LONGEST_NAME else hashlib.sha256(encoded).hexdigest()
    pid = os.getpid()
    started = _started(pid) or 0
    while True:
        writer = f"{_machine()}-{pid}-{started}-{os.urandom(4).hex()}"
        with suppress(FileExistsError):
            temporary = f".{stem}.stcn-{writer}.tmp"
            return temporary, folder.create(temporary)


def remove_leftovers(folder: Folder, *, now: float) -> None:
    """Delete the temporary files whose writers no longer run.

    Of another machine's or user's writers nothing is known but when they last wrote; their files are deleted after a
    day without a change.

    Args:
        folder: Where.
        now: The time by the clock of the disk, which may be another machine's.
    """
    with suppress(OSError):  # a folder that cannot be listed still can be written to
        for name in folder.names():
            if match := _TEMPORARY.fullmatch(name):
                with suppress(OSError):
                    if _is_abandoned(match, folder.stat(name, follow_links=False), now):
                        folder.unlink(name)


def _is_abandoned(match: re.Match[str], status: os.stat_result | None, now: float) -> bool:
    if status is None or not stat.S_ISREG(status.st_mode):
        return False  # gone by now, or nothing that was created here
    if os.name == "posix" and match["machine"] == _machine() and status.st_uid == os.getuid():
        return _started(int(match["pid"])) != int(match["started"])
    return now - status.st_mtime > _DAY


def _started(pid: int) -> int | None:
    """Return when a process of this machine started, in a unit of the system, or 0 where the system does not say.

    ``None`` where it does not run.
    """
    if not Path("/proc/self/stat").exists():
        return 0 if _is_running(pid) else None
    try:
        # The command may hold spaces and brackets. After it, the first field is the state, the twentieth the start.
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        return None if fields[0] in (b"Z", b"X") else int(fields[19])
    except (OSError, IndexError, ValueError):
        return None


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # it runs, and is another user's
        return True
    return True


@cache
def _machine() -> str:
    """Return eight digits for this machine, since its last start, and for the container in it.

    Processes of another container cannot be seen from here, although they run on the same machine.
    """
    known = [platform.node()]
    with suppress(OSError):
        known.append(Path("/proc/sys/kernel/random/boot_id").read_text("ascii"))
    with suppress(OSError):
        known.append(str(Path("/proc/self/ns/pid").readlink()))
    return hashlib.sha256("\n".join(known).encode()).hexdigest()[:8]
