"""Groups: objects that share a window, and what is known about them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor
from torch.nn import functional

from stcn_plugin.propagation.frame_images import FrameImages, WindowPrediction
from stcn_plugin.propagation.placement import Frame, Mask, Placement, parts_of, place, sampled, union
from stcn_plugin.propagation.prediction import Prediction
from stcn_plugin.propagation.propagator import Propagator, PropagatorState
from stcn_plugin.propagation.track import Track
from stcn_plugin.response import Floats, Response, measure_response
from stcn_plugin.window import Window

INSIDE = 0.5
"""Probability above which a pixel belongs to an object."""


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


@dataclass(eq=False)
class Group:
    """Objects that share a window.

    Args:
        frame: The frame that the window is in.
        tracks: Names of the objects, and where they are.
        placement: The window.
        propagator: The memory of the window.
        responses: As in `WindowPrediction`.
    """

    frame: Frame
    tracks: dict[str, Track]
    placement: Placement
    propagator: Propagator
    responses: dict[str, Response] = field(default_factory=dict)

    def state(self) -> GroupState:
        """Return a copy of everything that is known about the group."""
        return GroupState(dict(self.tracks), self.placement, self.propagator.state(), dict(self.responses))

    def holds(self, name: str, box: Window) -> bool:
        """Whether the window can hold the box of an object beside its other objects."""
        others = [track.box for other, track in self.tracks.items() if track.box and other != name]
        both = union([box, *others])
        return both.width <= self.placement.window.width and both.height <= self.placement.window.height

    def leave(self, names: Collection[str]) -> None:
        """Drop objects; those of other groups are ignored."""
        if leaving := self.tracks.keys() & set(names):
            self.propagator.retire(leaving)
            self.tracks = {name: track for name, track in self.tracks.items() if name not in leaving}

    def followed(self, boxes: Mapping[str, Window], seen: Mapping[str, Mask]) -> list[Group]:
        """Return the group with its window where its objects are on this frame, or several if they are far apart.

        Args:
            boxes: The objects with a new mask, and their boxes.
            seen: Every object, and where the coarse view found it.
        """
        targets = {}
        for name, track in self.tracks.items():
            followed, target = track.followed(parts_of(seen[name], self.frame.window))
            self.tracks[name] = replace(track, is_seen=True) if name in boxes else followed
            if target := boxes.get(name, target):
                targets[name] = target
        return self._moved(targets)

    def look(self, images: FrameImages, coarse: Prediction, *, memorise: bool) -> WindowPrediction:
        """Look at the window, with its surroundings on a keyframe.

        Args:
            images: The frame.
            coarse: What the coarse view found.
            memorise: Whether this frame may be memorised.
        """
        given = [name for name in images.boxes if name in self.tracks]
        placement = self.placement.with_surroundings(self.frame) if given else self.placement
        window, size = placement.window, placement.size
        masks = images.masks(given, window, size)
        others = self._others(coarse, window, size)
        image = images.image(window, size)
        found = self.propagator.step(image, masks, memorise=memorise, others=others)
        if given and memorise:
            self.responses |= measure(self.propagator, image, images.mattes(given, window), window)
        own = torch.stack([found.own[found.objects.index(name)] for name in self.tracks])
        inside = (own > INSIDE).cpu().numpy()
        self.tracks = {
            name: track.found(mask, window) for (name, track), mask in zip(self.tracks.items(), inside, strict=True)
        }
        responses = {name: self.responses[name] for name in self.tracks if name in self.responses}
        return WindowPrediction(window, tuple(self.tracks), own, responses)

    def _moved(self, targets: Mapping[str, Window]) -> list[Group]:
        """Return the group with its window moved to boxes of its objects, or several groups if they are far apart."""
        if not targets:
            return [self]
        outer = union(list(targets.values()))
        moved = self.placement.following(outer, self.frame)
        parts = place(targets, self.frame) if outer.intersection(moved.window) != outer else []
        if len(parts) < 2:
            self.placement = moved
            return [self]
        lost = self.tracks.keys() - targets.keys()
        groups = []
        for names, _ in parts:
            tracks = {name: track for name, track in self.tracks.items() if name in {*names, *lost}}
            lost -= tracks.keys()
            box = union([targets[name] for name in names])
            placement = self.placement.around(box, self.frame)
            part = Group(self.frame, tracks, placement, self.propagator.copy(), dict(self.responses))
            part.propagator.retire(self.tracks.keys() - tracks.keys())
            groups.append(part)
        return groups

    def _others(self, coarse: Prediction, window: Window, size: tuple[int, int]) -> Tensor | None:
        """Return what the coarse view found of the objects of other groups in a window; ``None`` without other groups."""
        rows = [row for row, name in enumerate(coarse.objects) if name not in self.tracks]
        if not rows:
            return None
        planes = torch.stack([coarse.own[row] for row in rows])
        return sampled(planes, self.frame.window, window, size)


def measure(propagator: Propagator, image: Tensor, mattes: Mapping[str, Floats], window: Window) -> dict[str, Response]:
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
