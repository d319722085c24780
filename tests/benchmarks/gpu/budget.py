"""The time that a run, or a stage of it, may take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Clock = Callable[[], float]
"""Returns seconds from an arbitrary start."""


@dataclass(frozen=True)
class Budget:
    """The time until an end.

    Args:
        clock: The clock.
        end: Its reading at the end.
    """

    clock: Clock
    end: float

    @classmethod
    def of(cls, clock: Clock, seconds: float) -> Budget:
        """Return a budget that starts now."""
        return cls(clock, clock() + seconds)

    @property
    def left(self) -> float:
        """Seconds left; negative after the end."""
        return self.end - self.clock()

    def part(self, seconds: float) -> Budget:
        """Return a budget that starts now, and ends with this one at the latest."""
        return Budget(self.clock, min(self.end, self.clock() + seconds))
