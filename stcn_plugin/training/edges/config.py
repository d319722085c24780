"""The settings of a training run of the edge network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from stcn_plugin.config.problems import validated
from stcn_plugin.presets.fields import Count, Section
from stcn_plugin.training.config import (
    Ascending,
    BaseOptimiser,
    Compute,
    Folder,
    NonNegative,
    Positive,
    config_layer,
    real_path,
)


class Photos(Folder):
    """A folder of photos."""

    weight: Positive = 1.0
    """How often a photo of this folder is used, relative to the other folders."""


class Data(Section):
    """Images to compose scenes of. One of eight is held out for validation."""

    elements: Annotated[tuple[Folder, ...], Field(min_length=1)]
    """Folders of cut-out objects with alpha. Numbered images alone in a folder are one animated cut-out."""
    photos: Annotated[tuple[Photos, ...], Field(min_length=1)]
    """Folders of photos and HDRIs for backgrounds and textures. Each is a path, or a group with `folder`, `licence` and
    `weight`."""


class Scenes(Section):
    """The scenes: short clips of moving objects with exact alpha, and what a propagation makes of them.

    Their patches are kept in a folder, so that they are made only once.
    """

    folder: str
    """Folder of the patches. Runs may share it."""
    count: Count = 300
    """Number of scenes."""
    weights: str = "starter-free"
    """Weights of the propagation."""
    frames: Annotated[int, Field(ge=2, le=32, strict=True)] = 5
    """Frames of a scene. The first is the keyframe."""
    size: Annotated[tuple[Count, Count], Ascending] = (192, 320)
    """Smallest and largest internal size of the propagation, in pixels."""
    enlargement: Annotated[tuple[Positive, Positive], Ascending] = (1.3, 5.0)
    """Smallest and largest number of plate pixels per pixel of the propagation."""
    largest: Count = 1100
    """Largest side of a scene in plate pixels."""
    patches: Count = 18
    """Patches from each frame."""
    simulated: Annotated[float, Field(ge=0, le=1)] = 0.25
    """Fraction of the patches whose coarse matte is simulated instead of propagated."""


class Steps(Section):
    """Length of the run and size of the samples."""

    total: Count = 16_500
    """Number of optimisation steps."""
    batch_size: Count = 24
    """Patches per step."""
    crop_size: Annotated[int, Field(ge=32, le=144, multiple_of=16)] = 96
    """Side of the patches in plate pixels."""


class Validation(Section):
    """Validation on scenes of held-out images."""

    scenes: NonNegative = 16
    """Number of held-out scenes."""
    every: Count = 1000
    """Steps between validations."""


class EdgeOptimiser(BaseOptimiser):
    """The optimiser, AdamW."""

    learning_rate: Positive = 2e-3
    """Learning rate."""
    warmup_steps: NonNegative = 200
    """Steps of linear learning rate warm-up."""
    grad_clip_norm: Positive = 1.0
    """Gradient norm clipping: larger gradients are scaled down to this norm."""
    ema_decay: Annotated[float, Field(gt=0, lt=1)] = 0.998
    """Decay of the exponential moving average (EMA) of the weights, which is validated and saved."""


class EdgeTrainingConfig(Section):
    """A training run of the edge network."""

    network: Literal["edges"]
    """The network to train: `edges` for the edge network."""
    out: str
    """Folder of the run, for checkpoints, curves and the final weights."""
    licence: str = "CC0-1.0"
    """Licence under which the weights are published."""
    description: str = ""
    """Title, for the metadata of the weights."""
    seed: NonNegative = 0
    """Random seed."""
    checkpoint_every: Count = 500
    """Steps between checkpoints."""
    data: Data
    scenes: Scenes
    steps: Steps = Steps()
    optimiser: EdgeOptimiser = EdgeOptimiser()
    validation: Validation = Validation()
    compute: Compute = Compute()


def is_edge_config(path: Path, *, overrides: Sequence[str] = ()) -> bool:
    """Return whether a configuration file is for the edge network.

    Raises:
        PresetError: The file cannot be read.
    """
    return config_layer(path, overrides=overrides).data.get("network") == "edges"


def load_edge_config(path: Path, *, overrides: Sequence[str] = ()) -> EdgeTrainingConfig:
    """Load a configuration file. Relative paths in it start at its folder.

    Args:
        path: The YAML file.
        overrides: Settings that override those of the file, such as ``steps.total=100``.

    Raises:
        PresetError: The file is missing or invalid. Lists every problem with its file and line.
    """
    layer = config_layer(path, overrides=overrides)
    config = validated(EdgeTrainingConfig, layer, str(path))
    data = {
        kind: tuple(
            source.model_copy(update={"folder": real_path(source.folder, layer, ("data", kind))})
            for source in getattr(config.data, kind)
        )
        for kind in ("elements", "photos")
    }
    scenes = {"folder": real_path(config.scenes.folder, layer, ("scenes", "folder"))}
    if config.scenes.weights.endswith(".safetensors"):
        scenes["weights"] = real_path(config.scenes.weights, layer, ("scenes", "weights"))
    return config.model_copy(
        update={
            "out": real_path(config.out, layer, ("out",)),
            "data": config.data.model_copy(update=data),
            "scenes": config.scenes.model_copy(update=scenes),
        }
    )
