"""Where the network looks: windows on the objects, their scale, and how they follow.

All boxes and windows are in pixels of the plate, from the corner of the frame that is propagated. A window is a whole number of
key elements wide and high, and moves by whole key elements, so that what does not move gives the same keys.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from itertools import combinations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from stcn_plugin.network.variants import STRIDE
from stcn_plugin.window import Window

Mask = NDArray[np.bool_]

_CONTEXT = 0.35
"""Context on each side of the objects on their keyframe, as a fraction of their larger dimension."""
_MARGIN = 0.15
"""Context that remains on each side when a window has moved, as the same fraction."""
_SHARE = 0.6
"""Area that windows are enlarged to, as a fraction of the frame at the internal size."""
_LEAST_SHARE = 0.25
"""The same for one of many windows."""
_WHOLE = 0.6
"""Fraction of the plate above which a window does not pay off."""
_GAIN = 1.5
"""Least gain in scale for several windows: the network then sees the objects without each other."""
_GROWTH = 1.5
"""Area that a window may grow to, as a multiple of ``_SHARE``."""
_SURROUNDINGS = 2.0
"""Area of a keyframe's window, as a multiple of the frame at the internal size."""
_SMALLEST = 12
"""Minimum width and height of a window in key elements: twice the receptive field of the decoder."""


@dataclass(frozen=True)
class Frame:
    """The frame that windows are placed in.

    Args:
        shape: ``(H, W)`` in pixels of the plate, with its overscan.
        size: ``(h, w)``, the internal size of the whole frame.
        object_size: Larger dimension of the objects that the weights were trained on, in pixels of the network.
    """

    shape: tuple[int, int]
    size: tuple[int, int]
    object_size: int

    @property
    def window(self) -> Window:
        """The whole frame."""
        return Window(0, 0, self.shape[1], self.shape[0])

    @property
    def cost(self) -> int:
        """Pixels of the whole frame at the internal size."""
        return math.prod(self.size)

    @property
    def pixel_aspect(self) -> float:
        """Width of a plate pixel over its height, as seen by the network."""
        return self.shape[0] * self.size[1] / (self.size[0] * self.shape[1])

    @property
    def ratio(self) -> float:
        """Lines of the plate per line at the internal size."""
        return self.shape[0] / self.size[0]

    def clamped(self, window: Window) -> Window:
        """Return a window moved into the frame, which is at least as large."""
        x = max(0, min(window.x, self.shape[1] - window.width))
        y = max(0, min(window.y, self.shape[0] - window.height))
        return replace(window, x=x, y=y)


@dataclass(frozen=True)
class Placement:
    """A window and its scale.

    Args:
        window: Part of the frame.
        element: Width and height of a key element in pixels of the plate.
    """

    window: Window
    element: tuple[int, int]

    @property
    def size(self) -> tuple[int, int]:
        """``(h, w)`` of the window's image."""
        across, down = self.element
        return max(1, round(self.window.height * STRIDE / down)), max(1, round(self.window.width * STRIDE / across))

    @property
    def cost(self) -> int:
        """Pixels of the window's image."""
        return math.prod(self.size)

    def gain(self, frame: Frame) -> float:
        """Return by how much objects are larger in the window's image than in that of the whole frame."""
        return frame.ratio * STRIDE / self.element[1]

    def with_surroundings(self, frame: Frame) -> Placement:
        """Return a larger window at the same scale, for a keyframe.

        Its memory then knows the background that the window moves to, which the network would otherwise confuse with the
        objects.
        """
        limit = max(_SURROUNDINGS * frame.cost, self.cost)
        across, down = self.element
        found = self
        while True:
            window = found.window
            wider = Window(window.x - across, window.y - down, window.width + 2 * across, window.height + 2 * down)
            larger = replace(found, window=wider.intersection(frame.window))
            if larger.window == window or larger.cost > limit:
                return found
            found = larger

    def following(self, box: Window, frame: Frame) -> Placement:
        """Return the window moved so that it holds a box with a margin, and enlarged if the box has outgrown it.

        Args:
            box: Bounding box of the objects.
            frame: The frame.
        """
        margin = math.ceil(_MARGIN * max(box.width, box.height))
        window, (across, down) = self.window, self.element
        x, width = _follow((window.x, window.width), (box.x, box.width), margin, across, frame.shape[1])
        y, height = _follow((window.y, window.height), (box.y, box.height), margin, down, frame.shape[0])
        moved = replace(self, window=Window(x, y, width, height))
        if moved.cost <= max(_GROWTH * _SHARE * frame.cost, self.cost):
            return moved
        return replace(self, window=frame.clamped(_around(box, window.width, window.height)))

    def around(self, box: Window, frame: Frame) -> Placement:
        """Return a window on a box at the same scale."""
        return _at_scale(box, self.element, frame)


def place(boxes: Mapping[str, Window], frame: Frame) -> list[tuple[tuple[str, ...], Placement]]:
    """Choose windows for objects on their keyframe: one each, or a common one where that costs less.

    Args:
        boxes: Object name to its bounding box.
        frame: The frame.

    Returns:
        The names of the objects in each window, and the window.
    """
    groups: list[tuple[tuple[str, ...], Window]] = [((name,), box) for name, box in boxes.items()]
    while pair := _worth_merging([box for _, box in groups], frame):
        (names, box), (others, other) = (groups[index] for index in pair)
        groups = [group for index, group in enumerate(groups) if index not in pair]
        groups.append((names + others, box.union(other)))
    share = max(_LEAST_SHARE, _SHARE / max(1, len(groups)))
    return [(names, _window_on(box, frame, share)) for names, box in groups]


def pays_off(placements: Sequence[Placement], frame: Frame, coarse: float) -> bool:
    """Whether windows are better than looking at the whole frame.

    Args:
        placements: All windows.
        frame: The frame.
        coarse: Pixels of the coarse view of the whole frame.
    """
    is_large = any(each.window.pixels >= _WHOLE * frame.window.pixels for each in placements)
    if len(placements) > 1 and any(each.gain(frame) < _GAIN for each in placements):
        return False
    return not is_large and sum(each.cost for each in placements) + coarse <= frame.cost


def box_of(mask: Mask, window: Window) -> Window | None:
    """Return the bounding box of a mask.

    Args:
        mask: ``(h, w)``.
        window: The window that the mask covers.

    Returns:
        The box in pixels of the plate; ``None`` if the mask is empty.
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return None
    span = slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
    return _on_plate(span, mask.shape, window)


def parts_of(mask: Mask, window: Window) -> list[tuple[Window, float]]:
    """Return the box and the area of each connected part of a mask, in pixels of the plate.

    Args:
        mask: ``(h, w)``.
        window: The window that the mask covers.
    """
    from scipy import ndimage  # slow to import

    labels, count = ndimage.label(mask, structure=np.ones((3, 3), bool))
    areas = np.bincount(labels.ravel(), minlength=count + 1)[1:] * (window.pixels / mask.size)
    spans = ndimage.find_objects(labels)
    return [
        (_on_plate((rows, columns), mask.shape, window), float(area))
        for (rows, columns), area in zip(spans, areas, strict=True)
    ]


def union(boxes: Sequence[Window]) -> Window:
    """Return the bounding box of one or more boxes."""
    return reduce(Window.union, boxes)


def touch(box: Window, other: Window) -> bool:
    """Whether two boxes have pixels in common."""
    return box.intersection(other).pixels > 0


def widened(box: Window, margin: int) -> Window:
    """Return a box with a margin on all sides."""
    return Window(box.x - margin, box.y - margin, box.width + 2 * margin, box.height + 2 * margin)


def sampled(planes: Tensor, placed: Window, target: Window, size: tuple[int, int]) -> Tensor:
    """Return a part of planes at another size, bilinearly.

    Args:
        planes: ``(N, h, w)`` over ``placed``.
        placed: The window that the planes cover.
        target: The part.
        size: Height and width of the result.
    """

    def centres(start: int, extent: int, count: int, whole: int) -> Tensor:
        """Return the centres of the pixels of one dimension; the borders of ``placed`` are -1 and 1."""
        return (start + (torch.arange(count, device=planes.device) + 0.5) * (extent / count)) * (2 / whole) - 1

    rows = centres(target.y - placed.y, target.height, size[0], placed.height)
    columns = centres(target.x - placed.x, target.width, size[1], placed.width)
    grid = torch.stack(torch.meshgrid(columns, rows, indexing="xy"), -1)[None]
    return functional.grid_sample(planes[None], grid, mode="bilinear", padding_mode="border", align_corners=False)[0]


def _worth_merging(boxes: Sequence[Window], frame: Frame) -> tuple[int, int] | None:
    """Return the first two boxes whose windows overlap, or cost more than a common one."""

    def window(box: Window) -> Placement:
        return _window_on(box, frame, _LEAST_SHARE)

    for first, second in combinations(range(len(boxes)), 2):
        one, other = window(boxes[first]), window(boxes[second])
        if touch(one.window, other.window) or window(boxes[first].union(boxes[second])).cost <= one.cost + other.cost:
            return first, second
    return None


def _window_on(box: Window, frame: Frame, share: float) -> Placement:
    """Return the window on a box; its image has about a share of the pixels of the frame's."""
    aspect = frame.pixel_aspect
    height, width = _with_context(box, frame)
    ratio = max(
        math.sqrt(height * width * aspect / (share * frame.cost)),
        max(box.height, box.width * aspect) / frame.object_size,
        max(1.0, aspect),  # a pixel of the network is at least one of the plate in each dimension
    )
    ratio = min(ratio, frame.ratio)
    return _at_scale(box, (max(1, round(STRIDE * ratio / aspect)), max(1, round(STRIDE * ratio))), frame)


def _with_context(box: Window, frame: Frame) -> tuple[float, float]:
    """Return the height and width of a box with its context."""
    aspect = frame.pixel_aspect
    margin = _CONTEXT * max(box.height, box.width * aspect)
    return min(frame.shape[0], box.height + 2 * margin), min(frame.shape[1], box.width + 2 * margin / aspect)


def _at_scale(box: Window, element: tuple[int, int], frame: Frame) -> Placement:
    """Return the window on a box with key elements of a given size."""
    height, width = _with_context(box, frame)
    columns, rows = (
        max(_SMALLEST, math.ceil(extent / unit)) for extent, unit in zip((width, height), element, strict=True)
    )
    size = min(frame.shape[1], columns * element[0]), min(frame.shape[0], rows * element[1])
    return Placement(frame.clamped(_around(box, *size)), element)


def _follow(window: tuple[int, int], box: tuple[int, int], margin: int, element: int, limit: int) -> tuple[int, int]:
    """Return the start and length of a window in one dimension."""
    start, length = window
    low, high = box[0] - margin, box[0] + box[1] + margin
    if (missing := min(limit, high - low) - length) > 0:
        length = min(limit, length + element * math.ceil(missing / element))
    if low < start:
        start -= element * math.ceil((start - low) / element)
    elif high > start + length:
        start += element * math.ceil((high - start - length) / element)
    return max(0, min(start, limit - length)), length


def _around(box: Window, width: int, height: int) -> Window:
    """Return a window of a given size around the centre of a box."""
    return Window(box.x + (box.width - width) // 2, box.y + (box.height - height) // 2, width, height)


def _on_plate(span: tuple[slice, slice], shape: tuple[int, ...], window: Window) -> Window:
    """Return a part of an array over a window in pixels of the plate."""
    rows, columns = span
    down, across = window.height / shape[0], window.width / shape[1]
    left, right = math.floor(columns.start * across), math.ceil(columns.stop * across)
    top, bottom = math.floor(rows.start * down), math.ceil(rows.stop * down)
    return Window(window.x + left, window.y + top, right - left, bottom - top)
