"""The settings of a training run, with their defaults, bounds and descriptions.

Each description is the first paragraph of the setting's docstring. `stcn train --settings` prints them, and
``docs/reference/training-settings.md`` is generated from them.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator, model_validator

from stcn_plugin.bridge.job import NOT_STATED
from stcn_plugin.config.layers import Layer, file_layer, override_layer
from stcn_plugin.config.problems import validated
from stcn_plugin.config.yaml_source import read_yaml
from stcn_plugin.network.variants import STRIDE, VariantName
from stcn_plugin.presets.model import Count, Device, Precision, Section
from stcn_plugin.presets.resolve import absolute

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Whole = Annotated[int, Field(ge=0, strict=True)]
Stages = Annotated[tuple[Count, ...], Field(min_length=1)]


class Folder(Section):
    """A folder of pictures."""

    folder: str
    """The folder. Clips are in `<clip>/plates` and `<clip>/masks`, stills in `plates` and `masks`."""
    licence: str = NOT_STATED
    """Licence, for the model card."""

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: object) -> object:
        return {"folder": value} if isinstance(value, str) else value


class Source(Folder):
    """A folder of pictures with masks to train on."""

    leave_out: tuple[str, ...] = ()
    """Names of clips or stills to leave out, such as those in `validation`."""
    weight: Positive = 1.0
    """How often each clip or still of this folder is sampled, relative to the other folders."""


class Pretrained(Section):
    """Pretrained weights."""

    file: str
    """A `.pth` file."""
    licence: str = NOT_STATED
    """Licence, for the model card."""

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: object) -> object:
        return {"file": value} if isinstance(value, str) else value


class Data(Section):
    """Training data."""

    clips: tuple[Source, ...] = ()
    """Folders of clips with masks. Each is a path, or a group with `folder`, `licence`, `leave_out` (names of clips to
    leave out) and `weight` (how often its clips are sampled, relative to other folders)."""
    stills: tuple[Source, ...] = ()
    """Folders of still pictures with masks; clips are synthesised from them. Each is a path or a group as for `clips`."""
    elements: tuple[Folder, ...] = ()
    """Folders of cut-out objects with alpha, up to 16 megapixels each, to composite over clips and stills. Numbered
    pictures in a folder of their own are one animated cut-out."""
    lines: Count = 384
    """Short side in pixels. Larger pictures are scaled down to it."""
    colour_space: str = "auto"
    """Colour space of the plates, as for `colour.input` in a preset."""

    @model_validator(mode="after")
    def _some(self) -> Data:
        if not self.clips and not self.stills:
            raise ValueError("needs at least one folder of clips or of stills")
        return self


class Mixture(Section):
    """How samples are composed."""

    frames: Annotated[int, Field(ge=2, le=8, strict=True)] = 3
    """Frames per sample. The mask of the first is given; those of the others are predicted."""
    clips: Share = 0.5
    """Fraction of samples that are taken from clips. The others are synthesised from stills."""
    composites: Share = 0.5
    """Of the samples from stills, the fraction whose object is composited over another picture."""
    frames_as_stills: Share = 0.5
    """Fraction of the stills that are single frames of clips."""
    second_object: Share = 0.5
    """Fraction of samples over which a second object is composited."""
    moving_cut_outs: Share = 0.5
    """Fraction of composited objects that are taken from a clip together with their motion."""
    puppets: Share = 0.2
    """Fraction of composited objects that are random articulated figures, textured from a picture."""
    elements: Share = 0.3
    """Of the remaining composited objects, the fraction that comes from `data.elements`."""
    untracked: Share = 0.3
    """Fraction of second objects that only occlude and are not tracked."""
    motion_blur: Share = 0.5
    """Fraction of composited objects with motion blur, in the picture and in the mask."""
    moved_clips: Share = 0.5
    """Fraction of the samples from clips whose frames are shifted slightly against each other."""
    crop_of_short_side: tuple[Positive, Positive] = (0.65, 1.0)
    """Smallest and largest side of a crop, as a fraction of the picture's short side."""

    @field_validator("crop_of_short_side")
    @classmethod
    def _rises(cls, sides: tuple[float, float]) -> tuple[float, float]:
        if sides[0] > sides[1]:
            raise ValueError("should be the least and then the largest")
        return sides

    blurred: Share = 0.1
    """Fraction of samples that are blurred."""
    noisy: Share = 0.1
    """Fraction of samples with added grain."""


class Steps(Section):
    """Length of the run and size of the samples. The values of a list apply to stages of equal length."""

    total: Count = 3400
    """Number of optimisation steps."""
    batch: Count = 8
    """Samples per step, over all processes."""
    crop: Stages = (256, 288)
    """Side of the crops in pixels, a multiple of 16."""
    gap: Stages = (12,)
    """Largest distance between two frames of a sample, in frames of the clip."""
    hardest: tuple[Share, Share] = (1.0, 0.15)
    """Fraction of the pixels with the highest loss that the loss is taken over (bootstrapping), at the start and at the
    end."""
    hardest_from: Share = 0.2
    """Point of the run at which that fraction starts to fall, from 0 to 1."""
    overlap: Annotated[float, Field(ge=0)] = 0.5
    """Weight of the overlap loss, relative to the cross-entropy."""

    @field_validator("crop")
    @classmethod
    def _fits(cls, crop: tuple[int, ...]) -> tuple[int, ...]:
        if odd := [size for size in crop if size % STRIDE]:
            raise ValueError(f"{odd[0]} should be a multiple of {STRIDE}")
        return crop


class Optimiser(Section):
    """The optimiser, AdamW."""

    rate: Positive = 3e-4
    """Learning rate."""
    key_encoder: Annotated[float, Field(ge=0)] = 0.3
    """Learning rate of the key encoder, as a fraction of `rate`."""
    warm_up: Whole = 100
    """Number of warm-up steps."""
    decay_from: Share = 0.5
    """Point of the run, from 0 to 1, at which the learning rate starts to decay; it ends at zero."""
    weight_decay: Annotated[float, Field(ge=0)] = 1e-4
    """Weight decay."""
    clip: Positive = 3.0
    """Gradient norm clipping."""
    frozen: tuple[str, ...] = ()
    """Prefixes of parameter names to freeze, such as `key_encoder.blocks.0.`"""
    average: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Decay of an exponential moving average of the weights, such as 0.998. The average is then what is validated and
    saved. 0 turns it off."""


class Validation(Section):
    """Validation: complete clips are propagated from their first mask."""

    clips: tuple[Folder, ...] = ()
    """Folders of clips."""
    names: tuple[str, ...] = ()
    """Names of the clips to use; all if empty."""
    every: Count = 500
    """Steps between validations."""
    lines: Count = 480
    """Internal size: short side in pixels."""
    frames: Whole = 0
    """Number of frames of each clip to use, at least 3, because the first and the last are not scored. 0 uses all."""

    @field_validator("frames")
    @classmethod
    def _leaves_some(cls, frames: int) -> int:
        if frames in (1, 2):
            raise ValueError("should be 3 or more, or 0 for all")
        return frames


class Compute(Section):
    """Where the training runs."""

    device: Device = "auto"
    """Device to train on. `auto` is the GPU if there is a CUDA GPU, otherwise the CPU."""
    precision: Precision = "auto"
    """Number format of encoders and decoder. `auto` is bfloat16 if the device supports it natively, otherwise float32."""
    workers: Whole = 1
    """Number of processes that prepare samples."""
    threads: Whole = 0
    """Number of CPU threads; 0 leaves it to torch."""


class TrainingConfig(Section):
    """A training run."""

    variant: VariantName = "lite"
    """Variant of the network."""
    start: str | None = None
    """Weights to start from: a name in the weights store, such as `starter`, or a `.safetensors` file. Random weights
    if left out."""
    key_encoder: Pretrained | None = None
    """ImageNet weights to initialise the key encoder with: a `.pth` file, or a group with `file` and `licence`."""
    out: str
    """Folder of the run, for checkpoints, curves and the final weights."""
    description: str = ""
    """Text for the model card."""
    seed: Whole = 0
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
    """Load a configuration file; relative paths in it start at its folder.

    Args:
        path: The YAML file.
        overrides: Keys over those of the file, such as ``steps.total=100``.

    Raises:
        PresetError: The file is not found or wrong; lists every problem with its file and line.
    """
    layer = override_layer(overrides).over(file_layer(read_yaml(path)))
    said = validated(TrainingConfig, layer, str(path))
    return _with_absolute_paths(said, layer)


def _with_absolute_paths(config: TrainingConfig, layer: Layer) -> TrainingConfig:
    def real(path: str, key: tuple[str, ...]) -> str:
        # However the configuration was called, and from where, a run that goes on finds itself unchanged.
        return os.path.realpath(absolute(path, layer.origin(key)))

    def sources(room: str, kind: str, listed: Sequence[Folder]) -> tuple[Folder, ...]:
        return tuple(source.model_copy(update={"folder": real(source.folder, (room, kind))}) for source in listed)

    data = config.data.model_copy(
        update={kind: sources("data", kind, getattr(config.data, kind)) for kind in ("clips", "stills", "elements")}
    )
    validation = config.validation.model_copy(update={"clips": sources("validation", "clips", config.validation.clips)})
    start, encoder = config.start, config.key_encoder
    if start is not None and start.endswith(".safetensors"):
        start = real(start, ("start",))
    if encoder is not None:
        encoder = encoder.model_copy(update={"file": real(encoder.file, ("key_encoder",))})
    return config.model_copy(
        update={
            "out": real(config.out, ("out",)),
            "start": start,
            "key_encoder": encoder,
            "data": data,
            "validation": validation,
        }
    )
