"""Clips: a sprite that moves over a background, with motion blur, defocus and grain, and its exact alpha."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.random import Generator
from PIL import Image, ImageDraw
from torch.nn import functional

from stcn_plugin.training.edges.library import Library
from stcn_plugin.training.edges.sprites import make_sprite
from stcn_plugin.training.edges.strands import Pixels, downsampled

_GAMMA = 2.2
"""Display to linear light. The exact curve does not matter for the composite of two display-referred images."""


@dataclass(frozen=True)
class Frame:
    """A frame of a clip.

    Args:
        plate: ``(P, P, 3)`` display-referred, in [0, 1].
        alpha: ``(P, P)`` exact coverage.
    """

    plate: Pixels
    alpha: Pixels


class _Mover:
    """A sprite on its path. Everything is relative to the side of the plate."""

    def __init__(self, rng: Generator, library: Library, size: int, *, extent: float) -> None:
        self._size = size
        own = min(int(size * extent), 1000)
        self._extent = extent

        def texture(rng: Generator, side: int) -> Pixels:
            return background(rng, library, side, detail=rng.uniform(0.5, 2))

        sprite = make_sprite(rng, own, cut_out=library.cut_out, texture=texture)
        sprite[..., :3] **= _GAMMA  # premultiplied, so approximately linear light: the truth is what is composited
        alpha = np.maximum(sprite[..., 3:], 1e-4)
        sprite[..., :3] = np.minimum(sprite[..., :3] * alpha ** np.float32(1 - _GAMMA), alpha)
        self._sprite = torch.from_numpy(sprite).permute(2, 0, 1)[None].contiguous()
        pace = rng.choice([0, 0.01, 0.03, 0.06]) * rng.uniform(0.5, 1)
        angle = rng.uniform(0, 2 * math.pi)
        self._speed = np.array([math.cos(angle), math.sin(angle)]) * pace
        self._start = rng.normal(0.5, 0.08, 2) - self._speed * 2
        self._turn, self._angle = rng.normal(0, 0.05) * (rng.random() < 0.5), rng.normal(0, 0.2)
        self._growth = rng.normal(0, 0.02) * (rng.random() < 0.5)
        self._flexing, self._flex_phase = rng.uniform(0, 0.03) * (rng.random() < 0.6), rng.uniform(0, 6.28)
        self._shutter = rng.choice([0, 0.25, 0.5, 0.5, 1.0])
        self._defocus = rng.choice([0, 0, 0, 1]) * size / 1000 * float(np.exp(rng.uniform(0, 2)))
        # Downward and across only slightly different: an almost integer path lets blur be a mean of shifted copies.
        self._light = rng.uniform(0.6, 1.3)

    def at(self, time: float) -> Pixels:
        """Return premultiplied linear RGBA ``(P, P, 4)``."""
        from scipy.ndimage import gaussian_filter

        size = self._size
        angle, scale = self._angle + self._turn * time, self._extent * math.exp(self._growth * time)
        x, y = (self._start + self._speed * time) * 2 - 1
        cosine, sine = math.cos(angle) / scale, math.sin(angle) / scale
        theta = torch.tensor([[cosine, sine, -cosine * x - sine * y], [-sine, cosine, sine * x - cosine * y]])
        grid = functional.affine_grid(theta[None].float(), [1, 4, size, size], align_corners=False)
        if self._flexing:
            phase = self._flex_phase + 0.8 * time
            bent = torch.stack([torch.sin(4 * grid[..., 1] + phase), torch.sin(5 * grid[..., 0] + 1.3 * phase)], -1)
            grid = grid + self._flexing * bent
        placed = functional.grid_sample(self._sprite, grid, mode="bilinear", align_corners=False)[0]
        blur = self._speed * self._shutter * size
        steps = int(np.abs(blur).max())
        if steps:
            count = min(steps + 1, 32)
            reach = steps + 1
            padded = functional.pad(placed, (reach,) * 4)
            total = torch.zeros_like(placed)
            for part in np.linspace(-0.5, 0.5, count):
                across, down = (round(each * part) + reach for each in blur)
                total += padded[:, down : down + size, across : across + size]
            placed = total / count
        pixels = placed.permute(1, 2, 0).numpy()
        if self._defocus > 0.3:
            pixels = gaussian_filter(pixels, (self._defocus, self._defocus, 0))
        pixels = np.clip(pixels, 0, 1)
        pixels[..., :3] *= np.float32(self._light)
        return np.asarray(pixels, np.float32)


def background(rng: Generator, library: Library, size: int, *, detail: float) -> Pixels:
    """Return part of a photo, ``(S, S, 3)``.

    Args:
        rng: Random generator.
        library: Where photos are.
        size: Side in pixels.
        detail: Pixels of the photo per pixel of the result, approximately.
    """
    photo = library.photo(rng)
    side = int(min(max(size * detail, 48), *photo.shape[:2]))
    top, left = (int(rng.integers(length - side + 1)) for length in photo.shape[:2])
    part = torch.from_numpy(photo[top : top + side, left : left + side]).permute(2, 0, 1)[None]
    mode = "area" if side > 1.5 * size else "bicubic"
    scaled = functional.interpolate(
        part, (size, size), mode=mode, **({} if mode == "area" else {"align_corners": False})
    )
    pixels = scaled[0].permute(1, 2, 0).numpy().clip(0, 1)
    if rng.random() < 0.5:
        pixels = pixels[:, ::-1]
    exposure, tint = rng.uniform(0.5, 1.3), rng.uniform(0.85, 1.15, 3)
    return np.ascontiguousarray(np.clip(pixels * (exposure * tint).astype(np.float32), 0, 1), np.float32)


def _with_lines(rng: Generator, pixels: Pixels) -> Pixels:
    """Draw strong lines and edges, such as those of blinds, branches or architecture, on a background."""
    size = len(pixels)
    image = Image.fromarray((pixels * 255).astype(np.uint8)).resize((2 * size, 2 * size))
    on = ImageDraw.Draw(image)
    regular, angle = rng.random() < 0.4, rng.uniform(0, 3.14)
    for k in range(int(rng.integers(4, 40))):
        own = angle if regular else rng.uniform(0, 3.14)
        along, normal = np.array([math.cos(own), math.sin(own)]), np.array([-math.sin(own), math.cos(own)])
        middle = size * (1 + normal * ((k - 10) * 0.07 if regular else rng.normal(0, 0.5)))
        ends = [tuple((middle + sign * along * 2 * size).tolist()) for sign in (-1, 1)]
        fill = tuple(rng.integers(0, 256, 3).tolist())
        on.line(ends, fill=fill, width=max(int(np.exp(rng.uniform(0.3, 3.5))), 1))
    return downsampled(np.asarray(image), 2)


def make_clip(rng: Generator, library: Library, size: int, *, frames: int) -> Iterator[Frame]:
    """Compose a random clip.

    Args:
        rng: Random generator.
        library: Its images.
        size: Side of the plate in pixels.
        frames: Number of frames.
    """
    from scipy.ndimage import gaussian_filter

    mover = _Mover(rng, library, size, extent=rng.uniform(0.6, 1.3))
    margin = int(0.08 * size)
    behind = background(rng, library, size + 2 * margin, detail=float(np.exp(rng.uniform(-1.2, 0.7))))
    if rng.random() < 0.25:
        behind = _with_lines(rng, behind)
    if rng.random() < 0.35:
        sigma = size / 1000 * float(np.exp(rng.uniform(0, 2.5)))
        behind = gaussian_filter(behind, (sigma, sigma, 0))
    behind **= np.float32(_GAMMA)
    distractor = _Mover(rng, library, size, extent=rng.uniform(0.3, 0.8)) if rng.random() < 0.25 else None
    pan = rng.normal(0, 0.008, 2) * size * (rng.random() < 0.5)
    grain = rng.choice([0, 0.008, 0.015, 0.03]) * rng.uniform(0.5, 1)
    grain_size = rng.choice([0, 0, 0.6, 1.0])
    for time in range(frames):
        across, down = (int(np.clip(margin + shift * time, 0, 2 * margin)) for shift in pan)
        linear = behind[down : down + size, across : across + size]
        if distractor:
            other = distractor.at(time)
            linear = other[..., :3] + (1 - other[..., 3:]) * linear
        own = mover.at(time)
        linear = own[..., :3] + (1 - own[..., 3:]) * linear
        plate = np.clip(linear, 0, 1) ** np.float32(1 / _GAMMA)
        if grain:
            noise = rng.standard_normal((size, size, 3), np.float32)
            if grain_size:
                noise = gaussian_filter(noise, (grain_size, grain_size, 0)) * np.float32(1 + 2 * grain_size)
            plate = np.clip(plate + np.float32(grain) * noise, 0, 1)
        yield Frame(np.asarray(plate, np.float32), np.ascontiguousarray(own[..., 3]))
