"""Write the pictures of ``docs/how-to/clean-a-matte.md``: ``python docs/cleaning_pictures.py``.

Each shows a matte of the example shot before and after one step. The matte is blurred as a network would blur it, with
haze, specks and holes, because the one in the example shot has none.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

from stcn_plugin.matte.finishing import finish
from stcn_plugin.media.images import read_image
from stcn_plugin.presets.model import Matte

_ROOT = Path(__file__).parents[1]
_CROP = np.s_[285:425, 325:505]
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
    halves = []
    for settings in (before, after):
        matte = finish(torch.from_numpy(own.copy())[None], settings=[settings])[0].numpy()[_CROP]
        image = Image.fromarray((matte * 255).round().astype(np.uint8))
        halves.append(image.resize((image.width * _SCALE, image.height * _SCALE), Image.Resampling.BILINEAR))
    sheet = Image.new("L", (2 * halves[0].width + _GAP, halves[0].height), 128)
    sheet.paste(halves[0], (0, 0))
    sheet.paste(halves[1], (halves[0].width + _GAP, 0))
    return sheet


def main() -> None:
    """Write all pictures."""
    own = probabilities()
    for name, (before, added) in _STEPS.items():
        after = Matte.model_validate({**before, **added} if added else {})
        file = _ROOT / "docs" / "images" / f"clean-{name}.png"
        picture(own, Matte.model_validate(before), after).quantize(32).save(file, optimize=True)
        print(f"{file.name}: {file.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
