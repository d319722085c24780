"""Propagation in windows: a coarse view of the whole frame, and a close one of the window of each group of objects.

The coarse view finds the objects on every frame, so that a window follows on the frame on which they move. Where a window does
not pay off, the whole frame is looked at instead, at the internal size.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import final

from stcn_plugin.network.engine import Engine
from stcn_plugin.propagation.frame_images import FrameImages, WindowPrediction
from stcn_plugin.propagation.group import INSIDE, Group, GroupState, measure
from stcn_plugin.propagation.placement import Frame, pays_off, place, touch
from stcn_plugin.propagation.propagator import PropagationSettings, Propagator, PropagatorState
from stcn_plugin.propagation.track import Track
from stcn_plugin.response import Response
from stcn_plugin.window import Window

_COARSE = 0.5
"""Width and height of the coarse view, as a fraction of the internal size."""


@dataclass(frozen=True, eq=False)
class TrackerState:
    """A copy of everything that a tracker remembers, on the CPU.

    Args:
        whole: The memory of the view of the whole frame.
        is_coarse: Whether that view is coarse; ``None`` before the first masks.
        groups: The groups with a window.
        responses: Those of the view of the whole frame, as in `WindowPrediction`.
    """

    whole: PropagatorState
    is_coarse: bool | None
    groups: tuple[GroupState, ...]
    responses: Mapping[str, Response] = field(default_factory=dict)


@final
class Tracker:
    """Propagates the masks of objects from frame to frame, in windows or in the whole frame.

    Args:
        engine: The network. Everything runs on its device.
        frame: The frame that windows are placed in.
        settings: Memory and region decoding. ``size`` must be ``None``: images have the size that the tracker asks for.
        is_windowed: Whether to use windows where they pay off.
        on_stage: As for `Propagator`.
    """

    def __init__(
        self,
        engine: Engine,
        frame: Frame,
        *,
        settings: PropagationSettings,
        is_windowed: bool,
        on_stage: Callable[[], None] = lambda: None,
    ) -> None:
        self._engine = engine
        self._frame = frame
        self._settings = settings
        self._on_stage = on_stage
        self._whole = self._propagator()
        self._is_coarse: bool | None = None if is_windowed else False
        self._groups: list[Group] = []
        self._entered: set[str] = set()
        self._responses: dict[str, Response] = {}

    @property
    def whole_size(self) -> tuple[int, int]:
        """``(h, w)`` of the image of the whole frame."""
        height, width = self._frame.size
        return (math.ceil(height * _COARSE), math.ceil(width * _COARSE)) if self._is_coarse else (height, width)

    def step(self, images: FrameImages, *, memorise: bool = True) -> list[WindowPrediction]:
        """Process the next frame.

        Args:
            images: The frame.
            memorise: Whether this frame may be memorised. The last frame need not be.

        Returns:
            What was found in the whole frame, then in each window, which is more precise.
        """
        boxes = images.boxes
        self._entered |= boxes.keys()
        if self._is_coarse is None and boxes:
            self._is_coarse = self._pays_off(boxes)
        window, size = self._frame.window, self.whole_size
        masks = images.masks(boxes, window, size)
        image = images.image(window, size)
        found = self._whole.step(image, masks, memorise=memorise)
        # An object that has a window is not refined from the coarse view.
        if boxes and memorise and not self._is_coarse:
            self._responses |= measure(self._whole, image, images.mattes(boxes, window), window)
        predictions = [WindowPrediction(window, found.objects, found.own, dict(self._responses))]
        if self._is_coarse:
            self._admit(boxes)
            seen = dict(zip(found.objects, (found.own > INSIDE).cpu().numpy(), strict=True))
            self._groups = [part for group in self._groups for part in group.followed(boxes, seen)]
            predictions += [group.look(images, found, memorise=memorise) for group in self._groups]
        return predictions

    def retire(self, names: Iterable[str]) -> None:
        """Stop propagating objects and drop their memory; a new mask makes an object enter again.

        Args:
            names: Objects; those not in play are ignored.
        """
        leaving = self._entered.intersection(names)
        self._whole.retire(leaving)
        self._leave(leaving)

    def state(self) -> TrackerState:
        """Return a copy of the memory, so that `restore` can go on after this frame."""
        groups = tuple(group.state() for group in self._groups)
        return TrackerState(self._whole.state(), self._is_coarse, groups, dict(self._responses))

    def restore(self, state: TrackerState) -> None:
        """Go on where another tracker with the same arguments was, with the same results.

        Args:
            state: From `state`.
        """
        self._whole.restore(state.whole)
        self._is_coarse = state.is_coarse
        self._entered = set(state.whole.objects)
        self._responses = dict(state.responses)
        self._groups = [self._group(each) for each in state.groups]

    def _propagator(self) -> Propagator:
        return Propagator(self._engine, settings=self._settings, on_stage=self._on_stage)

    def _group(self, state: GroupState) -> Group:
        propagator = self._propagator()
        propagator.restore(state.propagator)
        return Group(self._frame, dict(state.tracks), state.placement, propagator, dict(state.responses))

    def _pays_off(self, boxes: Mapping[str, Window]) -> bool:
        placements = [placement for _, placement in place(boxes, self._frame)]
        return pays_off(placements, self._frame, _COARSE**2 * self._frame.cost)

    def _admit(self, boxes: Mapping[str, Window]) -> None:
        """Assign the objects with a new mask to groups: their own if it still fits, one that fits, or a new one."""
        homeless: dict[str, Window] = {}
        for name, box in boxes.items():
            own = next((group for group in self._groups if name in group.tracks), None)
            if own is not None and len(own.tracks) > 1 and own.holds(name, box):
                continue
            self._leave({name})
            near = (group for group in self._groups if touch(group.placement.window, box) and group.holds(name, box))
            if group := next(near, None):
                group.tracks[name] = Track()
            else:
                homeless[name] = box
        self._groups += [
            Group(self._frame, {name: Track() for name in names}, placement, self._propagator())
            for names, placement in place(homeless, self._frame)
        ]

    def _leave(self, names: Collection[str]) -> None:
        for group in self._groups:
            group.leave(names)
        self._groups = [group for group in self._groups if group.tracks]
