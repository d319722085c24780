"""Propagate masks through images in memory: no shot, no preset, no matte files.

``python examples/arrays.py`` reads five frames of the example shot as NumPy arrays and the mattes of the first, and prints
how well the result overlaps the rendered mattes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import OpenImageIO as oiio  # noqa: N813 - the customary name
from numpy.typing import NDArray

from stcn_plugin import Propagator, load_engine

SHOT = Path(__file__).parent / "shot"
OBJECTS = ("hare", "koi")
FRAMES = range(1001, 1006)

Array = NDArray[np.float32]


def read(path: Path) -> dict[str, Array]:
    """Return the ``(H, W)`` channels of an EXR file by name."""
    image = oiio.ImageBuf(str(path))
    pixels = np.asarray(image.get_pixels(oiio.FLOAT))
    return {name: pixels[..., index] for index, name in enumerate(image.spec().channelnames)}


def read_plate(frame: int) -> Array:
    """Return a frame as ``(H, W, 3)`` sRGB in 0-1: the plate is scene-linear, and the network needs display values."""
    channels = read(SHOT / "plates" / f"two_objects.{frame}.exr")
    linear = np.stack([channels[name] for name in "RGB"], -1).clip(0, 1)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def read_mattes(path: Path) -> dict[str, Array]:
    """Return the ``(H, W)`` mattes of a file by object name."""
    channels = read(path)
    return {name: channels[f"{name}.A"] for name in OBJECTS}


def overlap(probability: Array, truth: Array) -> float:
    """Return the intersection over union of both, thresholded at 0.5."""
    mask, true_mask = probability > 0.5, truth > 0.5
    return float((mask & true_mask).sum() / (mask | true_mask).sum())


def main() -> None:
    """Propagate from the first frame to the last and print the overlap on each."""
    first, *others = FRAMES
    propagator = Propagator(load_engine("starter"))
    propagator.step(read_plate(first), read_mattes(SHOT / "keyframes" / f"keyframe.{first}.exr"))
    for frame in others:
        probabilities = propagator.step(read_plate(frame)).numpy()
        truth = read_mattes(SHOT / "truth" / f"truth.{frame}.exr")
        print(frame, *(f"{name} {overlap(probabilities[name], truth[name]):.2f}" for name in OBJECTS))


if __name__ == "__main__":
    main()
