"""Coarse mattes: what a propagation makes of a clip, and simulations of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.random import Generator
from torch.nn import functional

from stcn_plugin.matte.refinement import calibrated
from stcn_plugin.network.engine import Engine
from stcn_plugin.propagation.propagator import PropagationSettings, Propagator
from stcn_plugin.response import measure_response
from stcn_plugin.training.edges.clips import Frame
from stcn_plugin.training.edges.strands import Pixels


def propagated(engine: Engine, clip: Sequence[Frame], *, size: int, interval: int) -> list[Pixels]:
    """Propagate the first alpha of a clip.

    Args:
        engine: The network.
        clip: The clip.
        size: Internal size in pixels.
        interval: Frames between memory frames.

    Returns:
        The probability of each frame after the first, ``(P, P)``, enlarged as finishing does and `calibrated` by the
        response on the first frame.
    """
    first = clip[0]
    propagator = Propagator(engine, settings=PropagationSettings(size=size, interval=interval))
    propagator.step(first.plate, {"object": first.alpha})
    length = len(first.alpha)
    own = enlarged(propagator.predict(first.plate).own[0].float().numpy(), length)
    response = measure_response(own, first.alpha, enlargement=length / size)
    found = [propagator.step(frame.plate).own[0].float().numpy() for frame in clip[1:]]
    return [calibrated(enlarged(each, length), response).numpy() for each in found]


def simulated(rng: Generator, alpha: Pixels, *, size: int) -> Pixels:
    """Return a simulated coarse probability, ``(P, P)``, enlarged and `calibrated` by its own response.

    Args:
        rng: Random generator.
        alpha: ``(P, P)`` truth.
        size: Internal size in pixels.
    """
    length = len(alpha)
    coarse = enlarged(_worsened(rng, alpha, size=size), length)
    return calibrated(coarse, measure_response(coarse, alpha, enlargement=length / size)).numpy()


def _worsened(rng: Generator, alpha: Pixels, *, size: int) -> Pixels:
    """Return a coarse probability ``(size, size)`` with an edge that is displaced, softened and in parts lost."""
    from scipy.ndimage import distance_transform_edt, gaussian_filter, grey_opening

    low = functional.interpolate(torch.from_numpy(alpha)[None, None], (size, size), mode="area")[0, 0].numpy()
    kind = rng.random()
    if kind < 0.15:
        return low  # as good as it can be
    if rng.random() < 0.4:
        radius = int(rng.integers(2, 6))
        low = np.maximum(grey_opening(low, (radius, radius)), low * np.float32(rng.uniform(0, 0.5)))
    inside = low > 0.5
    distance = (distance_transform_edt(inside) - distance_transform_edt(~inside)).astype(np.float32)
    shift = _field(rng, size, int(rng.integers(2, 12))) * rng.uniform(0, 1.6) + rng.normal(0, 0.5)
    softness = np.abs(_field(rng, size, 4)) * rng.uniform(0.1, 1.2) + rng.uniform(0.3, 1.2)
    hard = 1 / (1 + np.exp(-np.clip((distance + shift) / softness, -30, 30)))
    blurred = gaussian_filter(low, rng.uniform(0.3, 1.6))
    share = rng.random()
    coarse = share * hard + (1 - share) * blurred
    if rng.random() < 0.3:
        haze = np.clip(gaussian_filter(low, rng.uniform(2, 5)) * 1.5, 0, rng.uniform(0.2, 0.6))
        coarse = np.maximum(coarse, haze * (_field(rng, size, 4) > 0.3))
    if rng.random() < 0.25:
        coarse = coarse * (1 - rng.uniform(0, 0.8) * (_field(rng, size, 5) > 1.0))
    return np.asarray(np.clip(coarse, 0, 1), np.float32)


def enlarged(coarse: Pixels, size: int) -> Pixels:
    """Enlarge a probability as finishing does, to ``(size, size)``."""
    scaled = functional.interpolate(
        torch.from_numpy(coarse)[None, None], (size, size), mode="bilinear", align_corners=False
    )
    return np.asarray(scaled[0, 0].numpy())


def _field(rng: Generator, size: int, knots: int) -> Pixels:
    """Return smooth noise ``(size, size)`` with unit variance at its knots."""
    noise = torch.from_numpy(rng.standard_normal((1, 1, knots, knots), np.float32))
    return np.asarray(functional.interpolate(noise, (size, size), mode="bicubic", align_corners=True)[0, 0].numpy())
