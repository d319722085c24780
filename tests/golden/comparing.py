"""Propagates the golden cases, and compares every stored frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from golden.stand_in import golden_frames, golden_masks, golden_state
from torch import Tensor

from stcn_plugin.network.engine import Engine
from stcn_plugin.network.stcn import STCN
from stcn_plugin.network.variants import PUBLISHED
from stcn_plugin.propagation.propagator import PropagationSettings, Propagator

GOLDEN = Path(__file__).parent


@dataclass(frozen=True)
class GoldenCase:
    """A propagation whose probabilities are stored.

    Args:
        file: The stored outputs, relative to this folder.
        size: ``(H, W)`` of the frames.
        frames: Number of frames.
        keyframes: Frame index to the objects whose masks are given on it.
        settings: The memory.
    """

    file: str
    size: tuple[int, int]
    frames: int
    keyframes: Mapping[int, Sequence[int]]
    settings: PropagationSettings = field(default=PropagationSettings())


@dataclass(frozen=True)
class Difference:
    """How far found probabilities are from stored ones.

    Args:
        largest: The largest difference of a probability.
        agreeing: Smallest fraction of the pixels of a frame whose most likely object is the same.
    """

    largest: float
    agreeing: float


def _settings(*, interval: int, include_last: bool = False, top_k: int = 20) -> PropagationSettings:
    return PropagationSettings(max_frames=None, region=False, interval=interval, include_last=include_last, top_k=top_k)


def _published(name: str, keyframes: Mapping[int, Sequence[int]], settings: PropagationSettings) -> GoldenCase:
    return GoldenCase(f"published/{name}.npz", (100, 150), 10, keyframes, settings)


PUBLISHED_CASES = (
    _published("single_object", {0: [0]}, _settings(interval=3)),
    _published("three_objects", {0: [0, 1, 2]}, _settings(interval=5)),
    _published("three_objects_include_last", {0: [0, 1, 2]}, _settings(interval=4, include_last=True)),
    _published("two_objects_top_k_50", {0: [0, 1]}, _settings(interval=5, top_k=50)),
    _published("late_object", {0: [0], 4: [1]}, _settings(interval=3)),
)
"""From the published implementation, with the weights of `published_stand_in`."""

LITE_CASES = (
    GoldenCase("lite/single_object.npz", (96, 160), 8, {0: [0]}, _settings(interval=3)),
    GoldenCase("lite/three_objects.npz", (96, 160), 8, {0: [0, 1, 2]}, _settings(interval=5)),
)
"""From an independent implementation, with the starter weights of the lite variant."""


def published_stand_in() -> STCN:
    """Return the published network with stand-in weights."""
    network = STCN(PUBLISHED)
    shapes = {name: tuple(entry.shape) for name, entry in network.state_dict().items()}
    network.load_state_dict({name: torch.from_numpy(array) for name, array in golden_state(shapes).items()})
    return network.eval().requires_grad_(False)


def images(count: int, height: int, width: int) -> Tensor:
    """Return frames ``(count, 3, H, W)`` in 0-1."""
    return torch.from_numpy(golden_frames(count, height, width)).permute(0, 3, 1, 2).float() / 255


def masks(height: int, width: int, frame: int = 0) -> Tensor:
    """Return the masks of the three objects on a frame, ``(3, H, W)``."""
    return torch.from_numpy(golden_masks(height, width, frame)).float()


def compare(engine: Engine, case: GoldenCase) -> Difference:
    """Propagate a case on the device of an engine, and compare every stored frame."""
    golden = np.load(GOLDEN / case.file)
    expected = torch.from_numpy(golden["probabilities_u16"].astype(np.float32) / 65535)
    objects = [f"{number}" for number in range(1, expected.shape[0])]
    propagator = Propagator(engine, objects=objects, settings=case.settings)
    largest, agreeing = 0.0, 1.0
    for index, image in enumerate(images(case.frames, *case.size)):
        given = masks(*case.size, index)
        keyframe = {objects[number]: given[number].numpy() for number in case.keyframes.get(index, ())}
        found = propagator.step(image.to(engine.device), keyframe).aggregated.cpu()
        for position in np.flatnonzero(golden["frames"] == index):
            largest = max(largest, (found - expected[:, position]).abs().max().item())
            # In 16 bits, two objects may tie that differ in float32; either is correct.
            winner = expected[:, position].gather(0, found.argmax(0)[None])[0]
            agreeing = min(agreeing, (winner == expected[:, position].amax(0)).float().mean().item())
    return Difference(largest, agreeing)
