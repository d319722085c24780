"""What a tracker reads of a frame, and what it finds there."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from torch import Tensor

from stcn_plugin.response import Floats, Response
from stcn_plugin.window import Window


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
