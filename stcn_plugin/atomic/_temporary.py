"""Creates uniquely named temporary files, and removes those of killed processes.

A name is ``.NAME.stcn-MACHINE-PID-STARTED-RANDOM.tmp``. Machine, process id and start time identify the writer, so that it
is known whether it still runs; the start time distinguishes processes that reuse an id.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from contextlib import suppress

from stcn_plugin.atomic._folder import Folder
from stcn_plugin.processes import machine, started

_MAX_NAME_BYTES = 80  # 60 more are added; the lowest limit of a file system is 143
_DAY = 24 * 60 * 60.0
_TEMPORARY = re.compile(
    r"\..+\.stcn-(?P<machine>[0-9a-f]{8})-(?P<pid>\d{1,10})-(?P<started>\d{1,20})-[0-9a-f]{8}\.tmp", re.DOTALL
)


def create_temporary(folder: Folder, name: str) -> tuple[str, int]:
    """Create the temporary file of an output; return its name and descriptor."""
    encoded = os.fsencode(name)
    stem = name if len(encoded) <= _MAX_NAME_BYTES else hashlib.sha256(encoded).hexdigest()
    pid = os.getpid()
    start = started(pid) or 0
    while True:
        writer = f"{machine()}-{pid}-{start}-{os.urandom(4).hex()}"
        with suppress(FileExistsError):
            temporary = f".{stem}.stcn-{writer}.tmp"
            return temporary, folder.create(temporary)


def remove_leftovers(folder: Folder, *, now: float) -> None:
    """Delete the temporary files whose writers no longer run.

    Writers on other machines or of other users cannot be checked; their files are deleted after a day without changes.

    Args:
        folder: The folder.
        now: Current time of the file system's clock, which may be that of another machine.
    """
    with suppress(OSError):  # a folder that cannot be listed may still be writable
        for name in folder.names():
            if match := _TEMPORARY.fullmatch(name):
                with suppress(OSError):
                    if _is_abandoned(match, folder.stat(name, follow_links=False), now):
                        folder.unlink(name)


def _is_abandoned(match: re.Match[str], status: os.stat_result | None, now: float) -> bool:
    if status is None or not stat.S_ISREG(status.st_mode):
        return False  # deleted meanwhile, or not created by this module
    if os.name == "posix" and match["machine"] == machine() and status.st_uid == os.getuid():
        return started(int(match["pid"])) != int(match["started"])
    return now - status.st_mtime > _DAY
