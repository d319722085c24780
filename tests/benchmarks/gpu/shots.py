"""Synthetic shots in the memory of a device, engines, and their propagation."""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch
from benchmarks.gpu.plan import Plan
from benchmarks.random_weights import random_weights
from benchmarks.synthetic import SyntheticScene
from benchmarks.timings import synchronise
from torch import Tensor

from stcn_plugin.network.devices import choose_precision
from stcn_plugin.network.engine import Engine
from stcn_plugin.network.variants import VARIANTS
from stcn_plugin.propagation.propagator import PropagationSettings, Propagator
from stcn_plugin.weights.reading import LoadedWeights, build_network, read_weights

_DRAWN = 6
"""Frames that are drawn; a shot goes forward and back over them."""


@dataclass(frozen=True, eq=False)
class DeviceShot:
    """Frames and keyframe masks.

    Args:
        images: Frames ``(3, H, W)``, 0-1.
        masks: ``(O, H, W)``, of the first frame.
    """

    images: list[Tensor]
    masks: Tensor

    def start(self, count: int) -> DeviceShot:
        """Return its first frames."""
        return DeviceShot(self.images[:count], self.masks)


def make_shot(device: torch.device, *, objects: int, lines: int, frames: int) -> DeviceShot:
    """Draw a shot of 16:9."""
    size = (lines, -(-lines * 16 // 9))
    scene = SyntheticScene(objects, size)
    drawn = [torch.from_numpy(scene.picture(index)).permute(2, 0, 1).contiguous().to(device) for index in range(_DRAWN)]
    cycle = [*range(_DRAWN), *range(_DRAWN - 2, 0, -1)]
    labels = torch.from_numpy(scene.labels(0)).to(device)
    masks = torch.stack([(labels == number).float() for number in range(1, objects + 1)])
    return DeviceShot([drawn[cycle[index % len(cycle)]] for index in range(frames)], masks)


def weights_of(plan: Plan, variant: str) -> LoadedWeights:
    """Return the weights of a variant, random without a file."""
    return read_weights(plan.weights[variant]) if variant in plan.weights else random_weights(VARIANTS[variant])


def make_engine(plan: Plan, variant: str, *, precision: str = "auto") -> Engine:
    """Return an engine on the device."""
    network = build_network(weights_of(plan, variant), device=plan.device)
    return Engine(network, precision=choose_precision(precision, plan.device))


def propagate(engine: Engine, shot: DeviceShot, settings: PropagationSettings) -> Propagator:
    """Propagate the masks of the first frame through a shot, and return the propagator."""
    propagator = Propagator(engine, settings=settings)
    masks = {f"object{number}": mask for number, mask in enumerate(shot.masks, 1)}
    last = len(shot.images) - 1
    for index, image in enumerate(shot.images):
        propagator.step(image, {} if index else masks, memorise=index < last or not index)
    return propagator


def seconds_of(engine: Engine, shot: DeviceShot, settings: PropagationSettings) -> float:
    """Return the seconds of a propagation."""
    synchronise(engine.device)
    started = time.perf_counter()
    propagate(engine, shot, settings)
    synchronise(engine.device)
    return time.perf_counter() - started
