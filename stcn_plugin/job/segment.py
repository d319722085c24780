"""Frames that are propagated on their own: a whole shot, or the part of it that an update computes again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

from stcn_plugin.propagation.plan import Plan


@dataclass(frozen=True, eq=False)
class Segment:
    """What two passes need to know; every frame is an index of the shot.

    Args:
        written: Indices whose mattes are written.
        masks: Index to object name to the matte that is given there, at the network's size, ``(h, w)`` on the CPU.
        plan: Which frames each pass visits, perhaps more than are written, and how the passes are blended.
    """

    written: range
    masks: Mapping[int, Mapping[str, Tensor]]
    plan: Plan

    @cached_property
    def unreached(self) -> tuple[int, ...]:
        """Indices that get clear mattes, because no keyframe reaches them."""
        return tuple(index for index in self.written if self.plan.source(index) == "neither")

    @property
    def blended(self) -> int:
        """How many frames both passes give."""
        return sum(self.plan.source(index) == "both" for index in self.written)

    @property
    def steps(self) -> int:
        """Frames that both passes visit together, and those that none reaches."""
        return len(self.plan.forward) + len(self.plan.backward) + len(self.unreached)
