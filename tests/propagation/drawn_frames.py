"""Drawn frames for trackers: textured discs over a texture, in a plate that is larger than the internal size."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from stcn_plugin.propagation.placement import Frame, box_of
from stcn_plugin.window import Window

SHAPE = 540, 960
FRAME = Frame(SHAPE, (240, 427), 300)
"""With the internal size of half of the plate, rounded."""

_COLOURS = {"a": (0.9, 0.3, 0.2), "b": (0.3, 0.3, 0.95), "c": (0.95, 0.9, 0.3)}


@dataclass(frozen=True)
class Disc:
    """A disc in pixels of the plate."""

    x: float
    y: float
    radius: float = 32


def mask_of(disc: Disc, shape: tuple[int, int] = SHAPE) -> np.ndarray:
    """Return the exact matte of a disc, antialiased."""
    y, x = np.mgrid[: shape[0], : shape[1]] + 0.5
    distance = np.hypot(x - disc.x, y - disc.y)
    return np.asarray(np.clip(disc.radius - distance + 0.5, 0, 1), np.float32)


@dataclass
class DrawnFrame:
    """The images of a frame with some discs, of which some have a matte by the artist.

    Args:
        discs: Object name to its disc.
        given: The objects with a matte.
        shape: ``(H, W)`` of the plate.
    """

    discs: Mapping[str, Disc]
    given: Collection[str] = ()
    shape: tuple[int, int] = SHAPE
    asked: list[tuple[Window, tuple[int, int]]] = field(default_factory=list)

    def picture(self) -> Tensor:
        """Return the plate, ``(3, H, W)``."""
        y, x = np.mgrid[: self.shape[0], : self.shape[1]].astype(np.float32)
        picture = np.stack(
            [0.5 + 0.2 * np.sin(0.023 * x + phase) * np.cos(0.029 * y + 2 * phase) for phase in range(3)], axis=-1
        )
        for name, disc in self.discs.items():
            stripes = 0.8 + 0.2 * np.sin(0.2 * (x - disc.x))
            alpha = mask_of(disc, self.shape)[..., None]
            picture = (1 - alpha) * picture + alpha * np.array(_COLOURS[name]) * stripes[..., None]
        return torch.from_numpy(picture.astype(np.float32)).permute(2, 0, 1)

    @property
    def boxes(self) -> Mapping[str, Window]:
        """The boxes of the artist's mattes."""
        whole = Window(0, 0, self.shape[1], self.shape[0])
        found = {name: box_of(mask_of(self.discs[name], self.shape) > 0.5, whole) for name in self.given}
        return {name: box for name, box in found.items() if box is not None}

    def image(self, window: Window, size: tuple[int, int]) -> Tensor:
        """Return a window of the plate."""
        self.asked.append((window, size))
        return _part(self.picture(), window, size)

    def masks(self, names: Collection[str], window: Window, size: tuple[int, int]) -> Mapping[str, Tensor]:
        """Return a window of the artist's mattes."""
        assert set(names) <= set(self.given)
        return {
            name: _part(torch.from_numpy(mask_of(self.discs[name], self.shape))[None], window, size)[0]
            for name in sorted(names)
        }

    def mattes(self, names: Collection[str], window: Window) -> Mapping[str, np.ndarray]:
        """Return a window of the artist's mattes."""
        inside = window.slices_in(Window(0, 0, self.shape[1], self.shape[0]))
        return {name: mask_of(self.discs[name], self.shape)[inside] for name in names}


def _part(planes: Tensor, window: Window, size: tuple[int, int]) -> Tensor:
    height, width = planes.shape[-2:]
    assert window.intersection(Window(0, 0, width, height)) == window, "the window is not in the frame"
    rows, columns = window.slices_in(Window(0, 0, width, height))
    found = functional.interpolate(planes[None, :, rows, columns], size=size, mode="bilinear", antialias=True)
    return found[0].clamp(0, 1)
