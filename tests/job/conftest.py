"""A small clip of drifting discs on disk, with exact masks, and ways to run it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from golden.stand_in import golden_frames, golden_masks
from PIL import Image

import stcn_plugin
from stcn_plugin import Report, make_shot
from stcn_plugin.bridge.build import BuildOptions
from stcn_plugin.job.build import build
from stcn_plugin.job.prepare import prepare
from stcn_plugin.media.images import read_image
from stcn_plugin.network.engine import Engine
from stcn_plugin.weights.reading import build_network, read_weights

STARTER = Path(stcn_plugin.__file__).parent / "weights" / "starter" / "lite.safetensors"
FIRST = 1001
COUNT = 8
SIZE = 96, 144


@dataclass(frozen=True)
class Clip:
    """A plate of discs; ``mask(frame, *discs)`` is the truth."""

    folder: Path

    @property
    def plate(self) -> str:
        return str(self.folder / "plate.####.png")

    @property
    def out(self) -> str:
        return str(self.folder / "out" / "matte.####.exr")

    def mask(self, frame: int, disc: int) -> np.ndarray:
        return golden_masks(*SIZE, frame - FIRST)[disc].astype(np.float32)

    def keyframe(self, frame: int, *discs: int) -> dict[str, object]:
        """Write an indexed PNG of some discs and return it as a shot file would have it: a0, a1, a2 by disc."""
        pixels = np.zeros(SIZE, np.uint8)
        for disc in discs:
            pixels[self.mask(frame, disc) > 0] = disc + 1
        image = Image.fromarray(pixels)
        image.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255])
        path = self.folder / f"key.{frame}.{'_'.join(map(str, discs))}.png"
        image.save(path)
        return {"file": str(path), "objects": {f"a{disc}": disc + 1 for disc in discs}}

    def matte(self, frame: int, name: str = "a0") -> np.ndarray:
        return read_image(Path(self.out.replace("####", str(frame)))).channel(f"{name}.A")


@pytest.fixture(scope="session")
def plates(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("plates")
    for number, frame in enumerate(golden_frames(COUNT, *SIZE)):
        Image.fromarray(frame).save(folder / f"plate.{FIRST + number}.png")
    return folder


@pytest.fixture
def clip(plates, tmp_path) -> Clip:
    for path in plates.iterdir():
        (tmp_path / path.name).symlink_to(path)
    return Clip(tmp_path)


@pytest.fixture(scope="session")
def engine() -> Engine:
    return Engine(build_network(read_weights(STARTER), device=torch.device("cpu")))


@pytest.fixture
def propagated(clip, engine) -> Callable[..., Report]:
    """Run the whole clip with keyframes and settings; float32 so that values can be compared."""

    def call(keyframes: Mapping[int, object], *settings: str, **arguments: object) -> Report:
        overrides: Sequence[str] = ["compute.precision=float32", *settings]
        shot = make_shot(
            **{"plate": clip.plate, "out": clip.out, "keyframes": keyframes, "overrides": overrides, **arguments}
        )
        return build(prepare(shot), lambda _: engine, options=BuildOptions(rebuild=True))

    return call
