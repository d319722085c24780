"""The settings of a training run, with their defaults, bounds and descriptions.

Each description is the first paragraph of the setting's docstring. `stcn train --settings` prints them, and
``docs/reference/training-settings.md`` is generated from them.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, Field, field_validator, model_validator

from stcn_plugin.bridge.report import NOT_STATED
from stcn_plugin.config.layers import Layer, file_layer, override_layer
from stcn_plugin.config.problems import validated
from stcn_plugin.config.yaml_source import read_yaml
from stcn_plugin.errors import PresetError, TrainingError
from stcn_plugin.network.variants import STRIDE, VariantName
from stcn_plugin.presets.fields import Count, Device, Precision, Section
from stcn_plugin.presets.resolve import absolute

Config = TypeVar("Config", bound=Section)
Fraction = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[int, Field(ge=0, strict=True)]


def _ascending(bounds: tuple[float, float]) -> tuple[float, float]:
    if bounds[0] > bounds[1]:
        raise ValueError("should be the smallest, then the largest")
    return bounds


Ascending = AfterValidator(_ascending)
"""The smallest value, then the largest."""

Stages = Annotated[tuple[Count, ...], Field(min_length=1)]


def _plain_text_for(key: str) -> Any:
    """Return a validator that accepts text in place of a group with this key."""
    return model_validator(mode="before")(lambda value: {key: value} if isinstance(value, str) else value)


class Folder(Section):
    """A folder of images."""

    folder: str
    """The folder. Clips are in `<clip>/plates` and `<clip>/masks`, stills in `plates` and `masks`."""
    licence: str = NOT_STATED
    """Licence, for the model card."""
    _plain = _plain_text_for("folder")


class Source(Folder):
    """A folder of training images with masks."""

    exclude: tuple[str, ...] = ()
    """Names of clips or stills to exclude, such as those in `validation`."""
    weight: Positive = 1.0
    """How often each clip or still of this folder is sampled, relative to the other folders."""


class Pretrained(Section):
    """Pretrained weights."""

    file: str
    """A `.pth` file."""
    licence: str = NOT_STATED
    """Licence, for the model card."""
    _plain = _plain_text_for("file")


class Data(Section):
    """Training data."""

    clips: tuple[Source, ...] = ()
    """Folders of clips with masks. Each is a path, or a group with `folder`, `licence`, `exclude` (names of clips to
    exclude) and `weight` (how often its clips are sampled, relative to other folders)."""
    stills: tuple[Source, ...] = ()
    """Folders of still images with masks; clips are synthesised from them. Each is a path or a group as for `clips`."""
    elements: tuple[Folder, ...] = ()
    """Folders of cut-out objects with alpha, up to 16 megapixels each, to composite over clips and stills. Numbered
    images alone in a folder are one animated cut-out."""
    short_side: Count = 384
    """Short side in pixels. Larger images are scaled down to it."""
    colour_space: str = "auto"
    """Colour space of the plates, as for `colour.input` in a preset."""

    @model_validator(mode="after")
    def _is_not_empty(self) -> Data:
        if not self.clips and not self.stills:
            raise ValueError("needs at least one folder of clips or stills")
        return self


class Mixture(Section):
    """How samples are composed."""

    frames: Annotated[int, Field(ge=2, le=8, strict=True)] = 3
    """Frames per sample. The mask of the first is given; those of the others are predicted."""
    clips: Fraction = 0.5
    """Fraction of samples that are taken from clips. The others are synthesised from stills."""
    composites: Fraction = 0.5
    """Of the samples from stills, the fraction whose object is composited over another image."""
    frames_as_stills: Fraction = 0.5
    """Fraction of the stills that are single frames of clips."""
    second_object: Fraction = 0.5
    """Fraction of samples with a second object composited over them."""
    moving_cut_outs: Fraction = 0.5
    """Fraction of composited objects cut out of a clip together with their motion."""
    puppets: Fraction = 0.2
    """Fraction of composited objects that are random articulated figures, textured from an image."""
    elements: Fraction = 0.3
    """Of the remaining composited objects, the fraction taken from `data.elements`."""
    occluders: Fraction = 0.3
    """Fraction of second objects that only occlude and have no mask."""
    motion_blur: Fraction = 0.5
    """Fraction of composited objects with motion blur, in the image and in the mask."""
    clip_jitter: Fraction = 0.5
    """Fraction of the samples from clips in which every frame has a small random transformation."""
    crop_scale: Annotated[tuple[Positive, Positive], Ascending] = (0.65, 1.0)
    """Smallest and largest side of a crop, as a fraction of the image's short side."""
    blur: Fraction = 0.1
    """Fraction of samples that are blurred."""
    noise: Fraction = 0.1
    """Fraction of samples with added noise."""


class Steps(Section):
    """Length of the run and size of the samples. The values of a list apply to stages of equal length."""

    total: Count = 3400
    """Number of optimisation steps."""
    batch_size: Count = 8
    """Samples per step, over all processes."""
    crop_size: Stages = (256, 288)
    """Side of the crops in pixels, a multiple of 16."""
    frame_gap: Stages = (12,)
    """Largest distance between consecutive frames of a sample, in frames of the clip."""
    bootstrap_fraction: tuple[Fraction, Fraction] = (1.0, 0.15)
    """Bootstrapped cross-entropy: fraction of the pixels, those with the highest loss, that is averaged, at the start
    and at the end of the run."""
    bootstrap_from: Fraction = 0.2
    """Point of the run, from 0 to 1, at which `bootstrap_fraction` starts to change."""
    dice_weight: Annotated[float, Field(ge=0)] = 0.5
    """Weight of the soft Dice loss, relative to the cross-entropy."""

    @field_validator("crop_size")
    @classmethod
    def _is_multiple_of_stride(cls, sizes: tuple[int, ...]) -> tuple[int, ...]:
        if wrong := [size for size in sizes if size % STRIDE]:
            raise ValueError(f"{wrong[0]} should be a multiple of {STRIDE}")
        return sizes


class BaseOptimiser(Section):
    """The optimiser, AdamW."""

    learning_rate: Positive = 3e-4
    """Learning rate."""
    warmup_steps: NonNegative = 100
    """Steps of linear learning rate warm-up."""
    lr_decay_from: Fraction = 0.5
    """Point of the run, from 0 to 1, at which the learning rate starts its linear decay to zero."""
    weight_decay: Annotated[float, Field(ge=0)] = 1e-4
    """Weight decay."""
    grad_clip_norm: Positive = 3.0
    """Gradient norm clipping: larger gradients are scaled down to this norm."""
    ema_decay: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Decay of an exponential moving average (EMA) of the weights, such as 0.998. The averaged weights are validated
    and saved. 0 turns it off."""


class Optimiser(BaseOptimiser):
    """The optimiser, AdamW."""

    key_encoder_lr_scale: Annotated[float, Field(ge=0)] = 0.3
    """Learning rate of the key encoder, as a fraction of `learning_rate`."""
    frozen: tuple[str, ...] = ()
    """Prefixes of parameter names to freeze, such as `key_encoder.blocks.0.`"""


class Validation(Section):
    """Validation: held-out clips are propagated from their first mask."""

    clips: tuple[Folder, ...] = ()
    """Folders of clips."""
    names: tuple[str, ...] = ()
    """Names of the clips to use; all if empty."""
    every: Count = 500
    """Steps between validations."""
    size: Count = 480
    """Internal size: short side in pixels."""
    frames: NonNegative = 0
    """Number of frames per clip, at least 3, because the first and the last are not scored. 0 uses all."""

    @field_validator("frames")
    @classmethod
    def _is_enough_to_score(cls, frames: int) -> int:
        if frames in (1, 2):
            raise ValueError("should be 3 or more, or 0 for all")
        return frames


class Compute(Section):
    """Hardware."""

    device: Device = "auto"
    """Device to train on. `auto` is a CUDA GPU if there is one, otherwise the CPU."""
    precision: Precision = "auto"
    """Number format of encoders and decoder. `auto` is bfloat16 if the device supports it natively, otherwise float32."""
    workers: NonNegative = 1
    """Number of data loader processes."""
    threads: NonNegative = 0
    """Number of CPU threads; 0 uses the default of torch."""


class TrainingConfig(Section):
    """A training run."""

    network: Literal["stcn"] = "stcn"
    """The network to train: `stcn` propagates mattes. `edges` refines their edges and has settings of its own."""
    variant: VariantName = "lite"
    """Variant of the network."""
    init_weights: str | None = None
    """Initial weights: a name in the weights store, such as `starter`, or a `.safetensors` file. Random if left out."""
    init_key_encoder: Pretrained | None = None
    """ImageNet weights to initialise the key encoder with: a `.pth` file, or a group with `file` and `licence`."""
    out: str
    """Folder of the run, for checkpoints, curves and the final weights."""
    description: str = ""
    """Title of the model card."""
    seed: NonNegative = 0
    """Random seed."""
    checkpoint_every: Count = 100
    """Steps between checkpoints."""
    data: Data
    mixture: Mixture = Mixture()
    steps: Steps = Steps()
    optimiser: Optimiser = Optimiser()
    validation: Validation = Validation()
    compute: Compute = Compute()


def load_training_config(path: Path, *, overrides: Sequence[str] = ()) -> TrainingConfig:
    """Load a configuration file. Relative paths in it start at its folder.

    Args:
        path: The YAML file.
        overrides: Settings that override those of the file, such as ``steps.total=100``.

    Raises:
        PresetError: The file is missing or invalid. Lists every problem with its file and line.
    """
    layer = config_layer(path, overrides=overrides)
    return _with_absolute_paths(validated(TrainingConfig, layer, str(path)), layer)


def config_layer(path: Path, *, overrides: Sequence[str] = ()) -> Layer:
    """Return the settings of a configuration file, not validated yet.

    Raises:
        PresetError: The file cannot be read.
    """
    return override_layer(overrides).over(file_layer(read_yaml(path)))


def load_saved_config(path: Path, kind: type[Config]) -> Config:
    """Load the configuration that a run saved in its folder.

    Args:
        path: The YAML file; its paths are absolute.
        kind: The settings that it has.

    Raises:
        TrainingError: It is damaged, or has settings of another version.
    """
    try:
        return validated(kind, file_layer(read_yaml(path)), str(path))
    except PresetError as error:
        raise TrainingError(
            f"the configuration of the run in this folder is damaged, or of another version: {error.what}",
            where=error.where,
            fix="Restore it, or choose another folder with out:",
        ) from error


def real_path(path: str, layer: Layer, key: tuple[str, ...]) -> str:
    """Return the path in a setting, independent of the working directory and of links: a resumed run compares equal."""
    return os.path.realpath(absolute(path, layer.origin(key)))


def _with_absolute_paths(config: TrainingConfig, layer: Layer) -> TrainingConfig:
    def real(path: str, key: tuple[str, ...]) -> str:
        return real_path(path, layer, key)

    def sources(group: str, kind: str, folders: Sequence[Folder]) -> tuple[Folder, ...]:
        return tuple(source.model_copy(update={"folder": real(source.folder, (group, kind))}) for source in folders)

    data = config.data.model_copy(
        update={kind: sources("data", kind, getattr(config.data, kind)) for kind in ("clips", "stills", "elements")}
    )
    validation = config.validation.model_copy(update={"clips": sources("validation", "clips", config.validation.clips)})
    weights, encoder = config.init_weights, config.init_key_encoder
    if weights is not None and weights.endswith(".safetensors"):
        weights = real(weights, ("init_weights",))
    if encoder is not None:
        encoder = encoder.model_copy(update={"file": real(encoder.file, ("init_key_encoder",))})
    return config.model_copy(
        update={
            "out": real(config.out, ("out",)),
            "init_weights": weights,
            "init_key_encoder": encoder,
            "data": data,
            "validation": validation,
        }
    )
