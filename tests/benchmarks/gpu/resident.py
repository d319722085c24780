"""Training images in the memory of a device."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from benchmarks.gpu.pack import Pack
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

_SIDE = 256
"""Largest side of a cut-out."""
_MARGIN = 4
_MIN_PIXELS = 400  # an object smaller than 20 x 20 is not worth cutting out
_POINTS = 64
"""Stored positions inside each object, which crops have to contain."""


@dataclass(frozen=True, eq=False)
class Images:
    """Images of several sizes on a common canvas, each in its upper left corner and zero outside.

    Args:
        pixels: ``(N, C, H, W)`` uint8.
        sizes: ``(N, 2)`` height and width of each.
    """

    pixels: Tensor
    sizes: Tensor

    def at(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        """Return pixels and sizes of images, ``(M,)``."""
        return self.pixels[indices], self.sizes[indices]


@dataclass(frozen=True, eq=False)
class Sequences:
    """Groups of consecutive images.

    Args:
        first: ``(M,)`` index of the first image.
        length: ``(M,)`` number of images.
        weight: ``(M,)`` how often each is sampled.
    """

    first: Tensor
    length: Tensor
    weight: Tensor

    def __len__(self) -> int:
        return len(self.first)

    def only(self, chosen: Tensor) -> Sequences:
        """Return those with a true entry in ``(M,)``."""
        return Sequences(self.first[chosen], self.length[chosen], self.weight[chosen])


@dataclass(frozen=True, eq=False)
class Resident:
    """All images of a pack, on one device.

    Args:
        pictures: RGB and masks of up to ``K`` objects, ``C`` = 3 + K.
        points: ``(N, P, 2)`` positions ``(x, y)`` inside the first object of each picture.
        clips: Clips and stills, whose length is 1.
        cut_outs: Premultiplied RGBA, ``C`` = 4.
        elements: Drawn cut-outs.
        puppets: Random figures.
        objects: Objects of the pictures.
    """

    pictures: Images
    points: Tensor
    clips: Sequences
    cut_outs: Images
    elements: Sequences
    puppets: Sequences
    objects: Sequences

    @property
    def bytes(self) -> int:
        """Memory of the images."""
        return self.pictures.pixels.numel() + self.cut_outs.pixels.numel()


def load_resident(pack: Pack, device: torch.device, *, threads: int) -> Resident:
    """Decode a pack, and copy its images to a device.

    Args:
        pack: The pack.
        device: The device.
        threads: Number of threads that decode images.
    """
    contents = pack.contents
    with ThreadPoolExecutor(threads) as pool:
        pictures, drawn = pack.pictures(pool), [_premultiplied(rgba) for rgba in pack.cut_outs(pool)]
        first, length, weight = zip(*((clip.first, clip.length, clip.weight) for clip in contents.clips), strict=True)
        spans = list(zip(first, length, strict=True))
        cut = [each for found in pool.map(lambda span: _objects(pictures, *span), spans) for each in found]
        points = list(pool.map(_points, pictures))
    kinds = [each.kind for each in contents.cut_outs]
    is_puppet = torch.tensor([kind == "puppet" for kind in kinds], dtype=torch.bool)
    from_pack = _sequences([each.first for each in contents.cut_outs], [each.length for each in contents.cut_outs])
    lengths = [len(images) for images in cut]
    starts = (len(drawn) + np.cumsum([0, *lengths[:-1]])).tolist() if lengths else []
    images = [*drawn, *(image for group in cut for image in group)]
    return Resident(
        pictures=_images(pictures, device),
        points=torch.from_numpy(np.stack(points)).to(device),
        clips=_moved(Sequences(torch.tensor(first), torch.tensor(length), torch.tensor(weight)), device),
        cut_outs=_images(images, device),
        elements=_moved(from_pack.only(~is_puppet), device),
        puppets=_moved(from_pack.only(is_puppet), device),
        objects=_moved(_sequences(starts, lengths), device),
    )


def _images(arrays: Sequence[NDArray[np.uint8]], device: torch.device) -> Images:
    """Copy images ``(C, H, W)`` to one canvas; missing channels are zero."""
    channels, height, width = (max((array.shape[axis] for array in arrays), default=1) for axis in range(3))
    pixels = torch.zeros((len(arrays), channels, height, width), dtype=torch.uint8, device=device)
    for canvas, array in zip(pixels, arrays, strict=True):
        canvas[: array.shape[0], : array.shape[1], : array.shape[2]] = torch.from_numpy(array).to(device)
    sizes = torch.tensor([array.shape[1:] for array in arrays], dtype=torch.long, device=device).reshape(-1, 2)
    return Images(pixels, sizes)


def _sequences(first: Sequence[int], length: Sequence[int]) -> Sequences:
    return Sequences(
        torch.tensor(first, dtype=torch.long), torch.tensor(length, dtype=torch.long), torch.ones(len(first))
    )


def _moved(sequences: Sequences, device: torch.device) -> Sequences:
    return Sequences(*(part.to(device) for part in vars(sequences).values()))


def _premultiplied(rgba: NDArray[np.uint8]) -> NDArray[np.uint8]:
    alpha = rgba[3:].astype(np.uint16)
    rgb = (rgba[:3] * alpha + 127) // 255
    return np.concatenate([rgb, alpha]).astype(np.uint8)


def _points(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return positions inside the first object; inside the picture where it has none."""
    inside = picture[3] > 127
    rows, columns = np.nonzero(inside if inside.any() else np.ones_like(inside))
    chosen = np.linspace(0, len(rows) - 1, _POINTS).round().astype(np.int64)
    return np.stack([columns[chosen], rows[chosen]], -1).astype(np.float32) + 0.5


def _objects(pictures: Sequence[NDArray[np.uint8]], first: int, length: int) -> list[list[NDArray[np.uint8]]]:
    """Cut the objects out of the pictures of a clip; return the images of each as premultiplied RGBA."""
    span = np.stack([pictures[first + number] for number in range(length)])
    cut = []
    for row in range(3, span.shape[1]):
        masks = span[:, row]
        if np.count_nonzero(masks[0] > 127) < _MIN_PIXELS:
            continue
        union = masks.max(0)
        rows, columns = np.nonzero(union.max(1) > 127)[0], np.nonzero(union.max(0) > 127)[0]
        box = tuple(slice(max(found[0] - _MARGIN, 0), found[-1] + 1 + _MARGIN) for found in (rows, columns))
        rgba = np.concatenate([span[:, :3], masks[:, None]], 1)[:, :, box[0], box[1]]
        cut.append([_reduced(_premultiplied(image)) for image in rgba])
    return cut


def _reduced(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Scale an image ``(C, H, W)`` down to the largest side of a cut-out."""
    height, width = image.shape[1:]
    factor = _SIDE / max(height, width)
    if factor >= 1:
        return image
    size = (max(round(height * factor), 1), max(round(width * factor), 1))
    reduced = functional.interpolate(torch.from_numpy(image).float()[None], size=size, mode="bilinear", antialias=True)
    result: NDArray[np.uint8] = reduced[0].round().clamp(0, 255).byte().numpy()
    return result
