"""Make clips with ground truth from stills and cut-outs, for the fit of the confidence.

    python examples/training/confidence_clips.py OUT --stills data/cats --elements data/things --clips 40 --seed 1

A cut-out of a still, or an animated element, moves and deforms smoothly over another still, which the camera pans over. In
two of three clips, another one moves in front of it or behind it. A clip depends only on the files, the seed and its number.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from stcn_plugin.training.composites import CutOut, extract_cut_out, over
from stcn_plugin.training.elements import ElementReader, find_elements
from stcn_plugin.training.warps import placement, random_flow, sample_crop, to_unit_floats

WIDTH, HEIGHT = 512, 288
_EXPOSURES = 4
"""Samples of the shutter, which is open for half a frame."""

Smooth = Callable[[float], NDArray[np.float64]]
"""Frame to values that change smoothly."""


@dataclass(frozen=True)
class Library:
    """What clips are made of.

    Args:
        stills: Images with their masks.
        elements: The frames of each cut-out with alpha.
    """

    stills: tuple[tuple[Path, Path], ...]
    elements: tuple[tuple[Path, ...], ...]

    def picture(self, rng: Generator) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Return a random still, RGB ``(H, W, 3)``, and the mask of one of its objects, ``(H, W)``."""
        plate, mask = self.stills[int(rng.integers(len(self.stills)))]
        indices = np.array(Image.open(mask))
        numbers, counts = np.unique(indices[indices > 0], return_counts=True)
        chosen = numbers[counts.argmax()] if len(numbers) else 1
        return np.array(Image.open(plate).convert("RGB")), np.uint8(255) * (indices == chosen)

    def cut_out(self, rng: Generator, reader: ElementReader) -> CutOut:
        """Return a random cut-out."""
        while True:
            if self.elements and rng.random() < 0.5:
                rgba = reader.read(self.elements[int(rng.integers(len(self.elements)))])
                found = None if rgba is None else CutOut(rgba)
            else:
                found = extract_cut_out([self.picture(rng)])
            if found is not None:
                return found


class Mover:
    """A cut-out on a smooth path.

    Args:
        rng: Random generator.
        cut_out: The cut-out.
        frames: Frames of the clip.
        size: Smallest and largest length of its longer side, as a fraction of the height of the clip.
    """

    def __init__(self, rng: Generator, cut_out: CutOut, frames: int, *, size: tuple[float, float]) -> None:
        self._poses = cut_out.poses
        tall, wide = self._poses.shape[-2:]
        self._centre = wide / 2, tall / 2
        self._scale = max(tall, wide) / (rng.uniform(*size) * HEIGHT)
        self._mirrored = bool(rng.random() < 0.5)
        self._path = _smooth(rng, [0.22 * WIDTH, 0.22 * HEIGHT, 12, 0.12], period=(14, 40))
        self._bend = [random_flow(rng, WIDTH, 0.012) for _ in range(2 + frames // 8)]
        self._pace = float(rng.uniform(0.3, 1))  # of an animation

    def at(self, time: float) -> Tensor:
        """Return premultiplied RGBA ``(4, HEIGHT, WIDTH)``."""
        x, y, degrees, zoom = self._path(time)
        scale = self._scale * float(np.exp(zoom))
        place = placement(size=WIDTH, centre=self._centre, scale=scale, degrees=degrees, mirrored=self._mirrored)
        place[:, 2] -= place[:, :2] @ np.array([x, y])
        step, share = divmod(max(time, 0.0) / 8, 1)
        bend = torch.lerp(self._bend[int(step)], self._bend[int(step) + 1], share)
        pose = self._poses[_there_and_back(round(time * self._pace), len(self._poses))]
        return _cropped(sample_crop(pose, place, size=WIDTH, displacement=bend, padding="zeros"))

    def exposed(self, time: float) -> Tensor:
        """Return the mean while the shutter is open."""
        times = time + 0.5 * ((np.arange(_EXPOSURES) + 0.5) / _EXPOSURES - 0.5)
        return torch.stack([self.at(float(each)) for each in times]).mean(0)


def frames_of(rng: Generator, library: Library, count: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the plate ``(3, HEIGHT, WIDTH)`` and the mask ``(HEIGHT, WIDTH)`` of each frame of a clip."""
    reader = ElementReader(cache_size=4)
    still = to_unit_floats(library.picture(rng)[0])
    scale = min(still.shape[-2] / HEIGHT, still.shape[-1] / WIDTH) * rng.uniform(0.5, 0.85)
    camera = _smooth(rng, [0.15 * WIDTH, 0.15 * HEIGHT], period=(30, 80))
    mover = Mover(rng, library.cut_out(rng, reader), count, size=(0.3, 0.9))
    other = Mover(rng, library.cut_out(rng, reader), count, size=(0.3, 0.9)) if rng.random() < 2 / 3 else None
    is_in_front = rng.random() < 0.6
    light = _smooth(rng, [0.15], period=(20, 60))
    grain = rng.uniform(0, 0.02)
    for number in range(count):
        shift = camera(number) * scale
        centre = still.shape[-1] / 2 + shift[0], still.shape[-2] / 2 + shift[1]
        place = placement(size=WIDTH, centre=centre, scale=scale)
        plate = _cropped(sample_crop(still, place, size=WIDTH, padding="reflection"))
        own = mover.exposed(number)
        mask = own[3]
        if other is None:
            plate = over(own, plate)
        else:
            beside = other.exposed(number)
            plate = over(beside, over(own, plate)) if is_in_front else over(own, over(beside, plate))
            mask = mask * (1 - beside[3]) if is_in_front else mask
        noise = torch.from_numpy(rng.normal(0, grain, plate.shape).astype(np.float32))
        yield (plate * float(np.exp(light(number)[0])) + noise).clamp(0, 1), mask.clamp(0, 1)


def main() -> None:
    """Make the missing clips; print one line per clip."""
    parser = argparse.ArgumentParser(description="Make clips with ground truth.")
    parser.add_argument("out", type=Path, help="output folder")
    parser.add_argument("--stills", type=Path, required=True, help="folder with plates/ and masks/ of the same names")
    parser.add_argument("--elements", type=Path, help="folder of cut-outs with alpha")
    parser.add_argument("--clips", type=int, default=40, help="number of clips")
    parser.add_argument("--frames", type=int, default=24, help="frames per clip")
    parser.add_argument("--seed", type=int, default=1, help="random seed")
    options = parser.parse_args()
    masks = {path.stem: path for path in sorted((options.stills / "masks").iterdir())}
    plates = sorted((options.stills / "plates").iterdir())
    stills = tuple((path, masks[path.stem]) for path in plates if path.stem in masks)
    library = Library(stills, find_elements(options.elements) if options.elements else ())
    for number in range(1, options.clips + 1):
        folder = options.out / f"composite_{options.seed}_{number:03d}"
        if folder.exists():
            continue
        unfinished = options.out / f".{folder.name}"
        for part in ("plates", "masks"):
            (unfinished / part).mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng((options.seed, number))
        for frame, (plate, mask) in enumerate(frames_of(rng, library, options.frames), 1):
            levels = np.rint(255 * np.moveaxis(plate.numpy(), 0, -1)).astype(np.uint8)
            Image.fromarray(levels).save(unfinished / "plates" / f"{frame:04d}.jpg", quality=88)
            Image.fromarray(np.rint(255 * mask.numpy()).astype(np.uint8)).save(
                unfinished / "masks" / f"{frame:04d}.png"
            )
        unfinished.rename(folder)
        print(folder.name, flush=True)


def _smooth(rng: Generator, amounts: list[float], *, period: tuple[float, float]) -> Smooth:
    """Return values that swing with the given amounts, in two periods of frames each."""
    periods = rng.uniform(*period, (2, len(amounts)))
    phases = rng.uniform(0, 2 * np.pi, (2, len(amounts)))
    shares = np.array([[0.75], [0.25]]) * np.array(amounts)
    return lambda time: (shares * np.sin(2 * np.pi * time / periods + phases)).sum(0)


def _there_and_back(number: int, count: int) -> int:
    at = number % max(1, 2 * count - 2)
    return min(at, 2 * count - 2 - at)


def _cropped(square: Tensor) -> Tensor:
    top = (WIDTH - HEIGHT) // 2
    return square[:, top : top + HEIGHT]


if __name__ == "__main__":
    main()
