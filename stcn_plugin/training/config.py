"""What a training run is made of: everything a configuration file may say, with defaults, bounds and one sentence each."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator, model_validator

from stcn_plugin.network.variants import STRIDE, VariantName
from stcn_plugin.network.weights_entry import NOT_STATED
from stcn_plugin.presets.layers import Layer, file_layer, override_layer
from stcn_plugin.presets.model import Count, Device, Precision, Section
from stcn_plugin.presets.problems import validated
from stcn_plugin.presets.resolve import absolute
from stcn_plugin.presets.yaml_source import read_yaml

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Whole = Annotated[int, Field(ge=0, strict=True)]
Stages = Annotated[tuple[Count, ...], Field(min_length=1)]


class Folder(Section):
    """A folder of pictures."""

    folder: str
    """Where they are: `<clip>/plates` and `<clip>/masks` for clips, `plates` and `masks` for stills."""
    licence: str = NOT_STATED
    """What may be done with them, for the model card."""

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: object) -> object:
        return {"folder": value} if isinstance(value, str) else value


class Source(Folder):
    """A folder of pictures with masks to train on."""

    leave_out: tuple[str, ...] = ()
    """Names of clips or stills not to train on, such as those of `validation`."""
    weight: Positive = 1.0
    """How often each clip or still of the folder is drawn, beside those of other folders."""


class Pretrained(Section):
    """Weights that others trained."""

    file: str
    """A `.pth` file."""
    licence: str = NOT_STATED
    """What may be done with them, for the model card."""

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: object) -> object:
        return {"file": value} if isinstance(value, str) else value


class Data(Section):
    """What is trained on."""

    clips: tuple[Source, ...] = ()
    """Folders of shots with masks: each a path, or a group with `folder`, `licence`, `leave_out` (names of clips not to train on) and `weight` (how often each is drawn beside those of other folders)."""
    stills: tuple[Source, ...] = ()
    """Folders of single pictures with masks, from which clips are made."""
    elements: tuple[Folder, ...] = ()
    """Folders of pictures of single things with alpha, up to 16 megapixels, which are moved over the others; numbered pictures in a folder of their own are one thing that moves by itself too."""
    lines: Count = 384
    """Short side that larger pictures are reduced to."""
    colour_space: str = "auto"
    """Of the plates, as `colour.input` in a preset."""

    @model_validator(mode="after")
    def _some(self) -> Data:
        if not self.clips and not self.stills:
            raise ValueError("needs at least one folder of clips or of stills")
        return self


class Mixture(Section):
    """How samples are drawn."""

    frames: Annotated[int, Field(ge=2, le=8, strict=True)] = 3
    """Frames of a sample: the first is given, the others are predicted."""
    clips: Share = 0.5
    """Share of samples from real clips; the others are made of stills."""
    composites: Share = 0.5
    """Of the samples made of stills, those whose object is moved over another picture."""
    frames_as_stills: Share = 0.5
    """Of the stills, those that are frames of clips."""
    second_object: Share = 0.5
    """Share of samples over which another cut-out is moved."""
    moving_cut_outs: Share = 0.5
    """Of all cut-outs, those taken from a clip with the motion that they have there."""
    puppets: Share = 0.2
    """Of all cut-outs, those that are made-up figures in the texture of a picture."""
    elements: Share = 0.3
    """Of all other cut-outs, those that are elements, where there are any."""
    untracked: Share = 0.3
    """Of those cut-outs, the ones that only hide what is behind them and are not followed."""
    motion_blur: Share = 0.5
    """Of all cut-outs, those that smear along their way, and their masks with them."""
    moved_clips: Share = 0.5
    """Of the real clips, those whose frames are moved a little against each other."""
    crop_of_short_side: tuple[Positive, Positive] = (0.65, 1.0)
    """Least and largest side of a crop, as a share of the picture's short side."""

    @field_validator("crop_of_short_side")
    @classmethod
    def _rises(cls, sides: tuple[float, float]) -> tuple[float, float]:
        if sides[0] > sides[1]:
            raise ValueError("should be the least and then the largest")
        return sides

    blurred: Share = 0.1
    """Share of samples that are blurred."""
    noisy: Share = 0.1
    """Share of samples with grain."""


class Steps(Section):
    """How long, how large, how hard. Lists are stages of equal length."""

    total: Count = 3400
    """Steps of the whole run."""
    batch: Count = 8
    """Samples a step, over all processes."""
    crop: Stages = (256, 288)
    """Side of the crops in pixels, multiples of 16."""
    gap: Stages = (12,)
    """Most frames between two frames of a clip."""
    hardest: tuple[Share, Share] = (1.0, 0.15)
    """Share of the pixels that count, at first and in the end."""
    hardest_from: Share = 0.2
    """When fewer pixels begin to count, as a share of the run."""
    overlap: Annotated[float, Field(ge=0)] = 0.5
    """Weight of the overlap loss beside cross-entropy."""

    @field_validator("crop")
    @classmethod
    def _fits(cls, crop: tuple[int, ...]) -> tuple[int, ...]:
        if odd := [size for size in crop if size % STRIDE]:
            raise ValueError(f"{odd[0]} should be a multiple of {STRIDE}")
        return crop


class Optimiser(Section):
    """AdamW, and what it may change."""

    rate: Positive = 3e-4
    """Learning rate."""
    key_encoder: Annotated[float, Field(ge=0)] = 0.3
    """Of that rate, what the key encoder learns at."""
    warm_up: Whole = 100
    """Steps over which the rate rises."""
    decay_from: Share = 0.5
    """When the rate begins to fall, to zero in the end, as a share of the run."""
    weight_decay: Annotated[float, Field(ge=0)] = 1e-4
    """Pull towards zero."""
    clip: Positive = 3.0
    """Longest gradient."""
    frozen: tuple[str, ...] = ()
    """Beginnings of the names of weights that stay as they are, such as `key_encoder.blocks.0.`"""
    average: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Decay of a running average of the weights, such as 0.998, which is then what is validated and shipped; 0 is none."""


class Validation(Section):
    """Whole clips, propagated from their first mask as a user would."""

    clips: tuple[Folder, ...] = ()
    """Folders of clips."""
    names: tuple[str, ...] = ()
    """Which clips of them; none is all."""
    every: Count = 500
    """Steps between two validations."""
    lines: Count = 480
    """Short side at which the network works."""
    frames: Whole = 0
    """Only so many frames of each clip, 3 at least, since the first and the last do not count; 0 is all."""

    @field_validator("frames")
    @classmethod
    def _leaves_some(cls, frames: int) -> int:
        if frames in (1, 2):
            raise ValueError("should be 3 or more, or 0 for all")
        return frames


class Compute(Section):
    """Where it runs."""

    device: Device = "auto"
    """`auto` takes the GPU where there is one."""
    precision: Precision = "auto"
    """Number format of encoders and decoder; `auto` takes bfloat16 where the device computes it natively, else float32."""
    workers: Whole = 1
    """Processes that prepare samples."""
    threads: Whole = 0
    """Threads of the CPU; 0 leaves it to torch."""


class TrainingConfig(Section):
    """A training run."""

    variant: VariantName = "lite"
    """The network."""
    start: str | None = None
    """Weights to start from: a name in the store, `starter`, or a `.safetensors` file; none starts from chance."""
    key_encoder: Pretrained | None = None
    """ImageNet-trained weights of the key encoder to start from: a `.pth` file, or a group with `file` and `licence`."""
    out: str
    """Folder of the run: checkpoints, curves, and the weights in the end."""
    description: str = ""
    """For the model card."""
    seed: Whole = 0
    """Of all chance."""
    checkpoint_every: Count = 100
    """Steps between two checkpoints."""
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
