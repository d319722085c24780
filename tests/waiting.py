"""Waiting for a condition, with a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable

DEADLINE = 240.0
"""Seconds to wait for an expected event. Generous, since only that it happens matters."""


def eventually(condition: Callable[[], bool], seconds: float = DEADLINE) -> bool:
    """Wait for a condition; return whether it became true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True
