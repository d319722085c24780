"""The pool of training patches on disk: one file per scene, made once, in any number of processes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import save

from stcn_plugin.atomic import write_atomic
from stcn_plugin.matte.band import edge_width
from stcn_plugin.network.edges import levelled
from stcn_plugin.network.engine import Engine
from stcn_plugin.training.edges.clips import Frame, make_clip
from stcn_plugin.training.edges.coarse import propagated, simulated
from stcn_plugin.training.edges.config import EdgeTrainingConfig
from stcn_plugin.training.edges.library import Library
from stcn_plugin.training.edges.strands import Pixels
from stcn_plugin.training.edges.variation import varied

SIDE = 144
"""Side of a stored patch in plate pixels."""

_HELD_OUT_SEED = 1_000_003

_LARGE_ERROR = 0.04
"""Mean squared error above which patches are drawn less often: their coarse matte has lost the object."""


def scene_file(config: EdgeTrainingConfig, number: int, *, held_out: bool) -> Path:
    """Return the file of a scene."""
    kind = "held_out" if held_out else "scene"
    return Path(config.scenes.folder) / f"{kind}_{config.seed}_{number:05}.safetensors"


@dataclass(frozen=True)
class SceneMaker:
    """Makes the patches of scenes. A scene depends only on its number, the seed and the settings.

    Args:
        config: The configuration.
        library: Images.
        engine: Network of the propagation.
        held_out: Whether the scenes are for validation.
    """

    config: EdgeTrainingConfig
    library: Library
    engine: Engine
    held_out: bool = False

    def make(self, number: int) -> None:
        """Write the file of a scene.

        Raises:
            STCNError: An image cannot be read, or the file cannot be written.
        """
        rng = np.random.default_rng([self.config.seed, number, _HELD_OUT_SEED * self.held_out])
        patches, conditions = self._patches(rng)
        file = scene_file(self.config, number, held_out=self.held_out)
        write_atomic(file, save({"patches": patches, "conditions": conditions}))

    def _patches(self, rng: Generator) -> tuple[NDArray[np.uint8], Pixels]:
        """Return patches ``(N, S, S, 5)`` (RGB, enlarged probability, alpha) and conditions ``(N, 2)``."""
        settings = self.config.scenes
        low, high = (math.log(each) for each in settings.enlargement)
        enlargement = math.exp(rng.uniform(low, high))
        inner = int(min(rng.uniform(*settings.size), settings.largest / enlargement))
        size = max(round(inner * enlargement), SIDE + 16)
        clip = list(make_clip(rng, self.library, size, frames=settings.frames))
        softness = edge_width(clip[0].alpha)
        coarse = propagated(self.engine, clip, size=inner, interval=int(rng.choice([2, 5])))
        patches: list[NDArray[np.uint8]] = []
        for frame, own in zip(clip[1:], coarse, strict=True):
            count = round(settings.patches * (1 - settings.simulated))
            patches += _cut(rng, frame, own, count)
        for frame in clip:
            own = simulated(rng, frame.alpha, size=inner)
            patches += _cut(rng, frame, own, round(settings.patches * settings.simulated))
        stacked = np.stack(patches) if patches else np.zeros((0, SIDE, SIDE, 5), np.uint8)
        return stacked, np.tile(np.array([size / inner, softness], np.float32), (len(stacked), 1))


def _cut(rng: Generator, frame: Frame, coarse: Pixels, count: int) -> list[NDArray[np.uint8]]:
    """Cut patches around pixels of the band, half of them where the coarse matte is wrong."""
    band = ((coarse > 0.03) & (coarse < 0.97)) | ((frame.alpha > 0.02) & (frame.alpha < 0.98))
    wrong = np.abs(np.clip((coarse - 0.15) / 0.7, 0, 1) - frame.alpha) > 0.15
    picture = np.dstack([frame.plate, coarse, frame.alpha])
    patches = []
    for part, share in ((band, count - count // 2), (wrong & band, count // 2)):
        places = np.flatnonzero(part)
        if len(places) < 50:
            continue
        for place in rng.choice(places, share):
            y, x = np.unravel_index(place, part.shape)
            top, left = (
                int(np.clip(at - SIDE // 2 + rng.integers(-30, 31), 0, length - SIDE))
                for at, length in zip((y, x), part.shape, strict=True)
            )
            patch = picture[top : top + SIDE, left : left + SIDE]
            patches.append((patch * 255 + 0.5).astype(np.uint8))
    return patches


class Pool:
    """Reads patches of complete scenes.

    Args:
        files: Files of the scenes.
    """

    def __init__(self, files: list[Path]) -> None:
        self._scenes: list[tuple[Any, int]] = []  # safe_open has no types
        for file in files:
            content: Any = safe_open(file, "pt")
            if count := content.get_slice("patches").get_shape()[0]:
                self._scenes.append((content, count))

    def __len__(self) -> int:
        return len(self._scenes)

    def batch(self, rng: Generator, count: int, *, crop: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return random patches, turned, mirrored and `varied`.

        Returns:
            ``(N, 5, crop, crop)`` in [0, 1], and their conditions ``(N, 2)``.
        """
        patches: list[torch.Tensor] = []
        conditions = []
        while len(patches) < count:
            content, total = self._scenes[rng.integers(len(self._scenes))]
            number = int(rng.integers(total))
            patch = content.get_slice("patches")[number]
            top, left = (int(each) for each in rng.integers(SIDE - crop + 1, size=2))
            patch = patch[top : top + crop, left : left + crop].permute(2, 0, 1)
            error = float(((levelled(patch[3] / 255) - patch[4] / 255) ** 2).mean())
            if rng.random() * error > _LARGE_ERROR:
                continue
            patch = torch.rot90(patch, int(rng.integers(4)), (1, 2))
            patches.append(patch.flip(2) if rng.random() < 0.5 else patch)
            conditions.append(content.get_slice("conditions")[number])
        return varied(rng, torch.stack(patches).float().div_(255), torch.stack(conditions))

    def all(self, per_scene: int, *, crop: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the middles of evenly spaced patches of every scene, in order."""
        patches, conditions = [], []
        start = (SIDE - crop) // 2
        for content, total in self._scenes:
            for number in np.linspace(0, total - 1, min(per_scene, total)).astype(int):
                patch = content.get_slice("patches")[int(number)]
                patches.append(patch[start : start + crop, start : start + crop].permute(2, 0, 1))
                conditions.append(content.get_slice("conditions")[int(number)])
        return torch.stack(patches).float().div_(255), torch.stack(conditions)
