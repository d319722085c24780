"""How long a worker may take before its host gives up on it."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from stcn_plugin import environment
from stcn_plugin.errors import WorkerError


@dataclass(frozen=True)
class Timeouts:
    """How long a worker may take, in seconds. Of all but ``stall``, only time in which the host asks counts.

    Args:
        start: From its start to its first message; Python on a network disk is slow.
        silence: Without any sign of life, of which a worker gives one a second.
        stall: Without getting any further with its work: a file read or written, or a stage of the network computed.
            An 8K frame takes minutes for a stage on a slow CPU, and a file server may be away for a while.
        cancel: From a cancel to the end of the job, after which it is stopped by force.
        quit: From being asked to quit to being stopped by force.
    """

    start: float = 120.0
    silence: float = 90.0
    stall: float = 1800.0
    cancel: float = 60.0
    quit: float = 5.0

    @classmethod
    def from_environment(cls) -> Timeouts:
        """Return the timeouts that ``STCN_TIMEOUTS`` asks for; the defaults where it names none.

        Raises:
            WorkerError: It names another timeout, or what is no number of seconds.
        """
        known = [each.name for each in fields(cls)]
        found: dict[str, float] = {}
        for part in filter(None, (each.strip() for each in environment.TIMEOUTS.value().split(","))):
            name, _, text = part.partition("=")
            try:
                seconds = float(text)
            except ValueError:
                seconds = math.nan
            if name.strip() not in known or not seconds > 0:
                raise WorkerError(
                    f"'{part}' is no timeout",
                    where=environment.TIMEOUTS.name,
                    fix=f"Write NAME=SECONDS, separated by commas; names are {', '.join(known)}",
                )
            found[name.strip()] = seconds
        return cls(**found)
