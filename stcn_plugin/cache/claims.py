"""Claims: which process works on which frames of a shot, so that two jobs do not make the same mattes.

A claim is a small JSON file in the cache folder. A job first writes its claim and then lists those of others; if one of
them has frames in common, it withdraws and tries again later. Since every job writes before it lists, two of them never
hold the same frames. A claim is stale if its process no longer runs or, on another machine, if it was not renewed for a
while.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from platform import node
from threading import Event, Thread

from stcn_plugin.cache.folder import CacheFolder
from stcn_plugin.errors import FrameRangeError
from stcn_plugin.frames import format_frame_range, parse_frame_range, shortened
from stcn_plugin.processes import machine, started
from stcn_plugin.regular_files import read_regular

_RENEWAL = 15.0
"""Seconds between renewals."""

_STALE = 90.0
"""Seconds without a renewal after which a claim of another machine is stale."""

_LIMIT = 1 << 20
"""Largest size of a claim in bytes."""


@dataclass(frozen=True)
class Claim:
    """The frames that a process works on.

    Args:
        host: Name of its machine.
        machine: Digits that identify the machine, its boot and the container.
        pid: Process id.
        started: Start time of the process in clock ticks.
        since: Seconds since the epoch at which it claimed the frames.
        frames: The frames, ascending.
    """

    host: str
    machine: str
    pid: int
    started: int
    since: float
    frames: tuple[int, ...]

    @classmethod
    def of_this_process(cls, frames: Collection[int]) -> Claim:
        """Return a claim of this process."""
        pid = os.getpid()
        return cls(node() or "unknown", machine(), pid, started(pid) or 0, time.time(), tuple(sorted(frames)))

    @property
    def text(self) -> str:
        """The process, its frames and its start, for a message."""
        since = time.strftime("%H:%M", time.localtime(self.since))
        return f"process {self.pid} on {self.host} (frames {shortened(format_frame_range(self.frames))}, since {since})"

    @property
    def content(self) -> bytes:
        """The JSON of the claim."""
        data = vars(self) | {"frames": format_frame_range(self.frames)}
        return json.dumps(data).encode() + b"\n"

    @classmethod
    def read(cls, path: Path) -> Claim | None:
        """Read a claim; ``None`` if it is gone or damaged."""
        try:
            data = json.loads(read_regular(path, _LIMIT))
            time.localtime(data["since"])  # raises if it is not a time
            return cls(
                str(data["host"]),
                str(data["machine"]),
                int(data["pid"]),
                int(data["started"]),
                float(data["since"]),
                parse_frame_range(str(data["frames"])),
            )
        except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError, FrameRangeError):
            return None

    def is_stale(self, path: Path, *, now: float) -> bool:
        """Whether its process no longer works.

        Args:
            path: The file of the claim.
            now: Current time of the file system's clock.
        """
        if self.machine == machine():
            return started(self.pid) != self.started
        try:
            return now - path.stat().st_mtime > _STALE
        except OSError:
            return True


@contextmanager
def claimed(cache: CacheFolder, frames: Collection[int], *, on_wait: Callable[[Claim], None]) -> Iterator[None]:
    """Claim frames while the context lasts; wait while another process has claimed some of them.

    Args:
        cache: The cache of the shot.
        frames: The frames.
        on_wait: Called repeatedly while waiting, with the claim of the other process. It may raise to stop waiting.

    Raises:
        OutputError: The claim cannot be written.
    """
    own = Claim.of_this_process(frames)
    path = cache.path / f"claim.{own.machine}-{own.pid}-{os.urandom(4).hex()}.json"
    while True:
        cache.write(path, own.content)
        other = _overlapping(cache.path, path, own)
        if other is None:
            break
        path.unlink(missing_ok=True)
        on_wait(other)
        time.sleep(random.uniform(0.2, 0.6))  # noqa: S311 - two jobs that see each other must not retry in step
    done = Event()
    renewal = Thread(target=_renew, args=(path, done), name="claim", daemon=True)
    renewal.start()
    try:
        yield
    finally:
        done.set()
        renewal.join()
        with suppress(OSError):
            path.unlink(missing_ok=True)


def active_claims(cache: CacheFolder) -> tuple[Claim, ...]:
    """Return the claims of processes that work on a shot now.

    Args:
        cache: The cache of the shot.
    """
    now = time.time()
    found = ((path, Claim.read(path)) for path in sorted(cache.path.glob("claim.*.json")))
    return tuple(claim for path, claim in found if claim and not claim.is_stale(path, now=now))


def _overlapping(folder: Path, path: Path, own: Claim) -> Claim | None:
    """Return the claim of another process on one of the frames; delete stale claims."""
    frames = set(own.frames)
    now = path.stat().st_mtime  # just written: the file system's clock may be that of another machine
    for other in sorted(folder.glob("claim.*.json")):
        claim = Claim.read(other) if other != path else None
        if claim is None or frames.isdisjoint(claim.frames):
            continue
        if not claim.is_stale(other, now=now):
            return claim
        with suppress(OSError):
            other.unlink(missing_ok=True)
    return None


def _renew(path: Path, done: Event) -> None:
    while not done.wait(_RENEWAL):
        with suppress(OSError):
            os.utime(path)
