"""Propagation in windows: a coarse view of the whole frame, and a close one of the window of each group of objects.

The coarse view finds the objects on every frame, so that a window follows on the frame on which they move. Where a window does
not pay off, the whole frame is looked at instead, at the internal size.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, final

import torch
from torch import Tensor
from torch.nn import functional

from stcn_plugin.network.engine import Engine
from stcn_plugin.propagation.placement import (
    Frame,
    Mask,
    Placement,
    box_of,
    parts_of,
    pays_off,
    place,
    sampled,
    touch,
    union,
    widened,
)
from stcn_plugin.propagation.prediction import Prediction
from stcn_plugin.propagation.propagator import PropagationSettings, Propagator, PropagatorState
from stcn_plugin.response import Floats, Response, measure_response
from stcn_plugin.window import Window

_COARSE = 0.5
"""Width and height of the coarse view, as a fraction of the internal size."""
_INSIDE = 0.5
"""Probability above which a pixel belongs to an object."""
_REACH = 0.5
"""Distance that objects move within a frame, as a fraction of their larger dimension; farther parts are elsewhere."""
_LOST = 0.05
"""Fraction of its last area below which a group is lost."""
_RETURNED = 0.1
"""Fraction of its last area from which on a part of the coarse view is a lost group that has returned."""
_JUMPED = (0.4, 2.5)
"""The same for a group that has moved out of reach."""


class FrameImages(Protocol):
    """The images of a frame."""

    @property
    def boxes(self) -> Mapping[str, Window]:
        """The bounding box of each matte that the artist gave on this frame."""

    def image(self, window: Window, size: tuple[int, int]) -> Tensor:
        """Return a window of the plate, ``(3, h, w)`` display-referred in 0-1, on the engine's device."""

    def masks(self, names: Collection[str], window: Window, size: tuple[int, int]) -> Mapping[str, Tensor]:
        """Return a window of the mattes that the artist gave to some objects, ``(h, w)`` on the engine's device."""

    def mattes(self, names: Collection[str], window: Window) -> Mapping[str, Floats]:
        """Return a window of these mattes at plate resolution, of those that cover the whole frame."""


@dataclass(frozen=True, eq=False)
class WindowPrediction:
    """What the network found in a window.

    Args:
        window: The window, in pixels of the plate.
        objects: Names of the objects.
        own: ``(O, h, w)`` probability of each object, independent of the others.
        responses: Object name to the response of the network in this window, measured on its last keyframe.
    """

    window: Window
    objects: tuple[str, ...]
    own: Tensor
    responses: Mapping[str, Response] = field(default_factory=dict)


@dataclass(frozen=True)
class Track:
    """Where an object is.

    Args:
        box: Its bounding box on the last frame; ``None`` if it is lost.
        area: Pixels of the plate that it covered when last found.
        is_seen: Whether the coarse view found it on the last frame.
    """

    box: Window | None = None
    area: float = 0.0
    is_seen: bool = True

    def followed(self, parts: Sequence[tuple[Window, float]]) -> tuple[Track, Window | None]:
        """Return the track, and the box that the window has to hold, after the coarse view of the next frame.

        Args:
            parts: Box and area of each part that the coarse view found.
        """
        if self.box is None:
            return self, _largest(parts, at_least=_RETURNED * self.area)
        reach = math.ceil(_REACH * max(self.box.width, self.box.height))
        if near := [box for box, _ in parts if touch(box, widened(self.box, reach))]:
            return replace(self, is_seen=True), union([self.box, *near])
        # Only if the coarse view found it until now, or else any other thing that looks like it would take over.
        low, high = (factor * self.area for factor in _JUMPED)
        jumped = _largest(parts, at_least=low, at_most=high) if self.is_seen else None
        return replace(self, is_seen=jumped is not None), jumped or self.box

    def found(self, mask: Mask, window: Window) -> Track:
        """Return the track after the close view.

        Args:
            mask: ``(h, w)``, where the object is.
            window: The window that the mask covers.
        """
        box, area = box_of(mask, window), float(mask.sum()) * window.pixels / mask.size
        is_found = box is not None and area >= _LOST * self.area
        return replace(self, box=box, area=area) if is_found else replace(self, box=None)


@dataclass(frozen=True, eq=False)
class GroupState:
    """A copy of everything that is known about a group.

    Args:
        tracks: Names of the objects, and where they are.
        placement: The window.
        propagator: The memory of the window.
        responses: As in `WindowPrediction`.
    """

    tracks: Mapping[str, Track]
    placement: Placement
    propagator: PropagatorState
    responses: Mapping[str, Response] = field(default_factory=dict)


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


@dataclass(eq=False)
class _Group:
    """Objects that share a window."""

    tracks: dict[str, Track]
    placement: Placement
    propagator: Propagator
    responses: dict[str, Response] = field(default_factory=dict)

    def holds(self, name: str, box: Window) -> bool:
        """Whether the window can hold the box of an object beside its other objects."""
        others = [track.box for other, track in self.tracks.items() if track.box and other != name]
        both = union([box, *others])
        return both.width <= self.placement.window.width and both.height <= self.placement.window.height


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
        self._groups: list[_Group] = []
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
            self._responses |= _measured(self._whole, image, images.mattes(boxes, window), window)
        predictions = [WindowPrediction(window, found.objects, found.own, dict(self._responses))]
        if self._is_coarse:
            self._admit(boxes)
            self._follow(boxes, dict(zip(found.objects, (found.own > _INSIDE).cpu().numpy(), strict=True)))
            predictions += [self._look(group, images, found, memorise=memorise) for group in self._groups]
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
        groups = tuple(
            GroupState(dict(group.tracks), group.placement, group.propagator.state(), dict(group.responses))
            for group in self._groups
        )
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
        self._groups = [
            _Group(dict(each.tracks), each.placement, self._propagator(each.propagator), dict(each.responses))
            for each in state.groups
        ]

    def _propagator(self, state: PropagatorState | None = None) -> Propagator:
        propagator = Propagator(self._engine, settings=self._settings, on_stage=self._on_stage)
        if state is not None:
            propagator.restore(state)
        return propagator

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
            _Group({name: Track() for name in names}, placement, self._propagator())
            for names, placement in place(homeless, self._frame)
        ]

    def _leave(self, names: Collection[str]) -> None:
        for group in self._groups:
            if leaving := group.tracks.keys() & set(names):
                group.propagator.retire(leaving)
                group.tracks = {name: track for name, track in group.tracks.items() if name not in leaving}
        self._groups = [group for group in self._groups if group.tracks]

    def _follow(self, boxes: Mapping[str, Window], seen: Mapping[str, Mask]) -> None:
        """Move the windows to where their objects are on this frame.

        Args:
            boxes: The objects with a new mask, and their boxes.
            seen: Every object, and where the coarse view found it.
        """
        groups = []
        for group in self._groups:
            targets = {}
            for name, track in group.tracks.items():
                followed, target = track.followed(parts_of(seen[name], self._frame.window))
                group.tracks[name] = replace(track, is_seen=True) if name in boxes else followed
                if target := boxes.get(name, target):
                    targets[name] = target
            groups += self._moved(group, targets)
        self._groups = groups

    def _moved(self, group: _Group, targets: Mapping[str, Window]) -> list[_Group]:
        """Return a group with its window moved to boxes of its objects, or a group for each of those that are far apart."""
        if not targets:
            return [group]
        outer = union(list(targets.values()))
        moved = group.placement.following(outer, self._frame)
        parts = place(targets, self._frame) if outer.intersection(moved.window) != outer else []
        if len(parts) < 2:
            group.placement = moved
            return [group]
        state, lost = group.propagator.state(), group.tracks.keys() - targets.keys()
        groups = []
        for names, _ in parts:
            tracks = {name: track for name, track in group.tracks.items() if name in {*names, *lost}}
            lost -= tracks.keys()
            box = union([targets[name] for name in names])
            placement = group.placement.around(box, self._frame)
            part = _Group(tracks, placement, self._propagator(state), dict(group.responses))
            part.propagator.retire(group.tracks.keys() - tracks.keys())
            groups.append(part)
        return groups

    def _look(self, group: _Group, images: FrameImages, coarse: Prediction, *, memorise: bool) -> WindowPrediction:
        """Look at the window of a group, with its surroundings on a keyframe."""
        given = [name for name in images.boxes if name in group.tracks]
        placement = group.placement.with_surroundings(self._frame) if given else group.placement
        window, size = placement.window, placement.size
        masks = images.masks(given, window, size)
        others = self._others(group, coarse, window, size)
        image = images.image(window, size)
        found = group.propagator.step(image, masks, memorise=memorise, others=others)
        if given and memorise:
            group.responses |= _measured(group.propagator, image, images.mattes(given, window), window)
        own = torch.stack([found.own[found.objects.index(name)] for name in group.tracks])
        inside = (own > _INSIDE).cpu().numpy()
        group.tracks = {
            name: track.found(mask, window) for (name, track), mask in zip(group.tracks.items(), inside, strict=True)
        }
        responses = {name: group.responses[name] for name in group.tracks if name in group.responses}
        return WindowPrediction(window, tuple(group.tracks), own, responses)

    def _others(self, group: _Group, coarse: Prediction, window: Window, size: tuple[int, int]) -> Tensor | None:
        """Return what the coarse view found of the objects of other groups in a window; ``None`` without other groups."""
        rows = [row for row, name in enumerate(coarse.objects) if name not in group.tracks]
        if not rows:
            return None
        planes = torch.stack([coarse.own[row] for row in rows])
        return sampled(planes, self._frame.window, window, size)


def _measured(
    propagator: Propagator, image: Tensor, mattes: Mapping[str, Floats], window: Window
) -> dict[str, Response]:
    """Return how the network responds to the objects that the artist gave on a frame, which is in memory."""
    if not mattes:
        return {}
    found = propagator.predict(image)
    own = torch.stack([found.own[found.objects.index(name)] for name in mattes])
    full = functional.interpolate(own[:, None], size=window.shape, mode="bilinear", align_corners=False)[:, 0]
    return {
        name: measure_response(plane, matte, enlargement=window.height / own.shape[1])
        for (name, matte), plane in zip(mattes.items(), full.cpu().numpy(), strict=True)
    }


def _largest(parts: Sequence[tuple[Window, float]], *, at_least: float, at_most: float = math.inf) -> Window | None:
    likely = [part for part in parts if at_least <= part[1] <= at_most]
    return max(likely, key=lambda part: part[1])[0] if likely else None
