"""Time limits for a worker."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from stcn_plugin import environment
from stcn_plugin.errors import WorkerError


@dataclass(frozen=True)
class Timeouts:
    """Time limits in seconds. Except for ``stall``, only time in which the host polls the worker counts.

    Args:
        start: From the start of the process to its first message; loading Python from a network disk is slow.
        silence: Without a message; a worker sends one every second.
        stall: Without progress: a file read or written, or a stage of the network computed. A stage of an 8K frame takes
            minutes on a slow CPU, and a file server may be unavailable for a while.
        cancel: From cancelling a job to its end; then the worker is killed.
        quit: From asking the worker to quit to its exit; then it is killed.
    """

    start: float = 120.0
    silence: float = 90.0
    stall: float = 1800.0
    cancel: float = 60.0
    quit: float = 5.0

    @classmethod
    def from_environment(cls) -> Timeouts:
        """Return the time limits of ``STCN_TIMEOUTS``, with defaults for those that it does not name.

        Raises:
            WorkerError: The variable has an unknown name, or a value that is not a number of seconds.
        """
        known = [each.name for each in fields(cls)]
        values: dict[str, float] = {}
        for part in filter(None, (each.strip() for each in environment.TIMEOUTS.value().split(","))):
            name, _, text = part.partition("=")
            try:
                seconds = float(text)
            except ValueError:
                seconds = math.nan
            if name.strip() not in known or not seconds > 0:
                raise WorkerError(
                    f"'{part}' is not a time limit",
                    where=environment.TIMEOUTS.name,
                    fix=f"Write NAME=SECONDS, separated by commas; names are {', '.join(known)}",
                )
            values[name.strip()] = seconds
        return cls(**values)
