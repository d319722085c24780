"""Write the pictures of ``docs/how-to/clean-a-matte.md``: ``python docs/cleaning_pictures.py``.

Each shows a matte of the example shot before and after one step. The matte is blurred as a network would blur it, with
haze, specks and holes, because the one in the example shot has none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

from stcn_plugin.matte.band import edge_width
from stcn_plugin.matte.finishing import finish
from stcn_plugin.matte.refinement import ObjectEdge, Refiner
from stcn_plugin.matte.sight import Moment
from stcn_plugin.matte.stabiliser import stabilise
from stcn_plugin.media.colour import ColourTransform
from stcn_plugin.media.images import read_image
from stcn_plugin.media.oiio_plates import OpenImageIOPlates
from stcn_plugin.media.plates import PlateReader
from stcn_plugin.media.sequences import FrameSequence
from stcn_plugin.presets.matte import Matte
from stcn_plugin.weights.edges import load_edge_network

_ROOT = Path(__file__).parents[1]
_CROP = np.s_[285:425, 325:505]
_EARLIER = np.s_[205:345, 625:805]
_TAIL = np.s_[170:310, 735:915]
_SCALE = 2
_GAP = 8

_SOLID = {"remove_specks": 200, "fill_holes": 60}

_STEPS: Mapping[str, tuple[Mapping[str, object], Mapping[str, object]]] = {
    "levels": ({"black": 0.0, "white": 1.0}, {}),
    "specks": ({}, {"remove_specks": 60}),
    "holes": ({"remove_specks": 200}, {"fill_holes": 60}),
    "grow": (_SOLID, {"grow": -3}),
    "feather": (_SOLID, {"feather": 8}),
    "feather-inside": (_SOLID, {"feather": 8, "feather_side": "inside"}),
    "feather-outside": (_SOLID, {"feather": 8, "feather_side": "outside"}),
}
"""Step to the settings before it, and to those that it adds; without any, the settings after it are the defaults."""


def probabilities() -> NDArray[np.float32]:
    """Return the koi as a network could see it, ``(H, W)``."""
    matte = read_image(_ROOT / "examples/shot/truth/truth.1020.exr").channel("koi.A")
    y, x = np.mgrid[: matte.shape[0], : matte.shape[1]]
    dirt = np.zeros(matte.shape)
    for top, left, radius, value in (
        (300, 350, 4, 1.0),
        (308, 478, 3, 0.9),
        (415, 360, 5, 1.0),
        (412, 490, 4, 0.8),
        (325, 372, 3, -1.0),
        (333, 405, 4, -0.8),
        (345, 440, 3, -1.0),
    ):
        dirt += value * np.clip(radius - np.hypot(y - top, x - left) + 0.5, 0, 1)
    noise = gaussian_filter(np.random.default_rng(7).normal(size=matte.shape), 6)
    values = gaussian_filter(matte, 2) + gaussian_filter(dirt, 0.7) + 0.05 * noise / noise.std()
    return np.asarray(np.clip(values, 0, 1), np.float32)


def picture(own: NDArray[np.float32], before: Matte, after: Matte) -> Image.Image:
    """Return the mattes before and after a step, side by side."""
    mattes = [finish(torch.from_numpy(own.copy())[None], settings=[each])[0].numpy() for each in (before, after)]
    return side_by_side([matte[_CROP] for matte in mattes])


def side_by_side(mattes: Sequence[NDArray[np.float32]]) -> Image.Image:
    """Return a picture of two mattes, enlarged."""
    halves = []
    for matte in mattes:
        image = Image.fromarray((matte * 255).round().astype(np.uint8))
        halves.append(image.resize((image.width * _SCALE, image.height * _SCALE), Image.Resampling.BILINEAR))
    sheet = Image.new("L", (2 * halves[0].width + _GAP, halves[0].height), 128)
    sheet.paste(halves[0], (0, 0))
    sheet.paste(halves[1], (halves[0].width + _GAP, 0))
    return sheet


def flickering(frame: int) -> NDArray[np.float32]:
    """Return the koi with an edge that is wrong in another way on every frame, ``(H, W)``."""
    matte = gaussian_filter(read_image(_ROOT / f"examples/shot/truth/truth.{frame}.exr").channel("koi.A"), 2)
    error = gaussian_filter(np.random.default_rng(frame).normal(size=matte.shape), 3)
    return np.asarray(np.clip(matte + 0.5 * error / error.std() * matte * (1 - matte), 0, 1), np.float32)


def plate(frame: int) -> NDArray[np.float32]:
    """Return a frame of the plate, ``(H, W, 3)`` display-referred."""
    sequence = FrameSequence.parse(_ROOT / "examples/shot/plates/two_objects.####.exr")
    read = PlateReader(sequence, files=OpenImageIOPlates(), colour=ColourTransform()).read(frame)
    return read.image(read.header.display, read.header.display.shape)


def stabilised() -> Image.Image:
    """Return a frame with flicker before and after the stabiliser."""
    now, *others = (Moment(plate(frame), {"koi": flickering(frame)}) for frame in (1006, 1005, 1007))
    steady = stabilise(now, others, {"koi": "auto"})["koi"]
    return side_by_side([now.mattes["koi"][_EARLIER], steady.matte[_EARLIER]])


def refined() -> Image.Image:
    """Return a matte of a quarter of the plate's size, enlarged, before and after the refinement of its edges."""
    matte = read_image(_ROOT / "examples/shot/truth/truth.1006.exr").channel("koi.A")
    small = Image.fromarray(matte).resize((matte.shape[1] // 4, matte.shape[0] // 4), Image.Resampling.BOX)
    coarse = np.array(small.resize(matte.shape[::-1], Image.Resampling.BILINEAR), np.float32)[None]
    image = plate(1006)
    edge = ObjectEdge("network", enlargement=4, width=edge_width(matte))
    found, _ = Refiner(load_edge_network()).refine(coarse, lambda rows, columns: image[rows, columns], [edge])
    mattes = [finish(torch.from_numpy(each.copy()), settings=[Matte()])[0].numpy() for each in (coarse, found)]
    return side_by_side([each[_TAIL] for each in mattes])


def main() -> None:
    """Write all pictures."""
    own = probabilities()
    for name, (before, added) in _STEPS.items():
        after = Matte.model_validate({**before, **added} if added else {})
        save(picture(own, Matte.model_validate(before), after), name)
    save(stabilised(), "stabilise")
    save(refined(), "edges")


def save(image: Image.Image, name: str) -> None:
    """Write a picture, in few greys to keep it small."""
    file = _ROOT / "docs" / "images" / f"clean-{name}.png"
    image.quantize(32).save(file, optimize=True)
    print(f"{file.name}: {file.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
