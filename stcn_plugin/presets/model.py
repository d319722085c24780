"""The settings of a job: what a preset may say, with defaults, bounds and one sentence each.

A preset is the same object wherever it came from: a built-in file, a studio's, a shot file, the command line or a
panel. Descriptions here are the reference: the JSON schema and the reference page carry them.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, WithJsonSchema, model_validator

Schedule = Literal["absolute", "relative"]
Direction = Literal["both", "forward", "backward"]
MissingPolicy = Literal["stop", "hold", "skip"]
Highlights = Literal["compress", "clip"]
Layout = Literal["auto", "layers", "per_object", "cryptomatte"]
Depth = Literal["auto", "half", "float", "uint8", "uint16"]
Compression = Literal["none", "rle", "zips", "zip", "piz", "dwaa", "dwab"]
Region = Literal["auto", "region", "whole"]
Precision = Literal["auto", "float32", "bfloat16", "float16"]

_SIZE = re.compile(
    r"\s*(?:(?P<native>native)|(?P<lines>[0-9]{1,6})|(?P<megapixels>[0-9]{1,6}(?:\.[0-9]{1,6})?)\s*MP)\s*",
    re.IGNORECASE,
)
_DEVICE = r"^(auto|cpu|mps|cuda(:[0-9]{1,3})?)$"


def _all_as_none(value: object) -> object:
    """``all`` is what people write for "no limit"."""
    return None if value == "all" else value


def _size(value: object) -> object:
    """Accept ``480``, ``native`` and ``0.5MP``; refuse everything else with the three forms."""
    if isinstance(value, bool) or not isinstance(value, str | int) or not (match := _SIZE.fullmatch(str(value))):
        raise ValueError("should be the short side in pixels (480), 'native' or a maximum of megapixels (0.5MP)")
    if match["native"]:
        return "native"
    if match["lines"]:
        if int(match["lines"]) < 64:
            raise ValueError("should be at least 64 pixels on the short side")
        return match["lines"]
    if float(match["megapixels"]) < 0.01:
        raise ValueError("should be a maximum of at least 0.01MP")
    return f"{match['megapixels']}MP"


def _auto_lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


Count = Annotated[int, Field(ge=1, strict=True)]
Limit = Annotated[
    Count | None,
    BeforeValidator(_all_as_none),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 1}, {"const": "all"}]}),
]
Size = Annotated[
    str,
    BeforeValidator(_size),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 64},
                {"const": "native"},
                {"type": "string", "pattern": r"^\s*([0-9]+|[0-9]+(\.[0-9]+)?\s*[mM][pP])\s*$", "examples": ["0.5MP"]},
            ]
        }
    ),
]
Device = Annotated[
    str,
    BeforeValidator(_auto_lower),
    Field(pattern=_DEVICE),
    WithJsonSchema({"type": "string", "pattern": _DEVICE, "examples": ["auto", "cpu", "cuda", "cuda:1", "mps"]}),
]


class Section(BaseModel):
    """Base of every group of settings: frozen, and unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Memory(Section):
    """Which frames the network remembers and how it reads them."""

    interval: Count = 5
    """Frames between two memory frames: smaller follows fast change better and costs more."""
    schedule: Schedule = "absolute"
    """When a frame is memorised: `absolute` when its index in the shot is a multiple of the interval, `relative` when interval frames have passed since the last one."""
    top_k: Limit = 20
    """Memory elements that each pixel reads from; `all` reads every one."""
    include_last: StrictBool = False
    """Also remember the previous frame, for that one step."""
    max_frames: Limit = 2
    """Memory kept besides the keyframes, which always stay, in frames' worth of elements: the ones least like all that came before them; `all` keeps every one, and cost then grows with the shot."""
    budget_mb: Count = 8
    """Working memory of one step of the memory read, in megabytes; an NVIDIA GPU takes at least 256."""


class Matte(Section):
    """How probabilities become mattes."""

    black: Annotated[float, Field(ge=0, lt=1, strict=True)] = 0.15
    """Probabilities up to this become exactly 0, so that clear background is clean."""
    white: Annotated[float, Field(gt=0, le=1, strict=True)] = 0.85
    """Probabilities from this on become exactly 1, so that the core is solid."""

    @model_validator(mode="after")
    def _ordered(self) -> Matte:
        if self.black >= self.white:
            raise ValueError(f"black ({self.black}) must be below white ({self.white})")
        return self


class Read(Section):
    """How the plate is read."""

    missing: MissingPolicy = "stop"
    """A frame without a file: `stop` with an error, `hold` the frame before it, or `skip` it (no matte is written)."""
    part: str | None = None
    """Part of a multi-part EXR, by name; the first by default."""
    layer: str | None = None
    """Layer whose R, G and B are the picture, such as `beauty`; the unnamed RGB by default."""


class Colour(Section):
    """What the plate's numbers mean; the network wants display-referred sRGB."""

    input: str = "auto"
    """Colour space of the plate in the OCIO config; `auto` believes the file, else takes float files as scene-linear Rec.709 and the others as sRGB."""
    config: str = "auto"
    """OCIO config file, relative to the file that names it; `auto` is `$OCIO` where it is set, else the built-in config."""
    highlights: Highlights = "compress"
    """Scene values above display white: `compress` rolls them off so that detail survives, `clip` cuts them."""


class Output(Section):
    """What the matte files are."""

    layout: Layout = "auto"
    """`layers` (one EXR, a layer per object), `per_object` (a file per object), `cryptomatte`; `auto` is layers for EXR and per_object for the rest."""
    depth: Depth = "auto"
    """`half` or `float` for EXR, `uint8` or `uint16` for PNG and TIFF; `auto` is half, or uint16."""
    compression: Compression = "zips"
    """EXR compression; mattes stay lossless under all of these."""


class Compute(Section):
    """Where and how the network runs."""

    device: Device = "auto"
    """`auto` (GPU where there is one), `cpu`, `cuda`, `cuda:1`, `mps`."""
    precision: Precision = "auto"
    """Number format inside the encoders and the decoder; `auto` is the fastest that the device has natively. The memory read is always float32."""
    region: Region = "auto"
    """What is decoded of a frame: the `region` where the memory says that an object may be, or the `whole` of it; `auto` is the region on a CPU."""
    threads: Literal["auto"] | Annotated[int, Field(ge=1, le=1024, strict=True)] = "auto"
    """CPU threads for the network."""


class Overlay(Section):
    """Small pictures to look at."""

    folder: str | None = None
    """Folder for one overlay picture per frame and a contact sheet, relative to the shot file; none are written by default."""
    width: Annotated[int, Field(ge=64, le=4096, strict=True)] = 480
    """Width of an overlay picture in pixels."""


class Preset(Section):
    """All settings of a job."""

    weights: str = "starter"
    """Name in the weights store (`stcn weights list`), or a .safetensors file relative to the file that names it."""
    size: Size = "480"
    """Internal size: short side in pixels (`480`), `native`, or a maximum such as `0.5MP`; mattes always come at plate resolution."""
    direction: Direction = "both"
    """From the keyframes `forward`, `backward`, or `both`, blended between two keyframes."""
    memory: Memory = Memory()
    matte: Matte = Matte()
    read: Read = Read()
    colour: Colour = Colour()
    output: Output = Output()
    compute: Compute = Compute()
    overlay: Overlay = Overlay()


SHOT_KEYS = ("plate", "range", "keyframes", "objects", "out")
"""Keys of a shot file that are no settings; a preset never has them."""


class PresetFile(Preset):
    """A preset as a file says it: all settings, and what it builds on."""

    extends: str | None = None
    """Preset to build on: a name, or a YAML file relative to this one; `default` when left out."""
    description: str | None = None
    """One sentence for `stcn presets list`."""

    @property
    def settings(self) -> Preset:
        """The settings alone."""
        return Preset(**{name: getattr(self, name) for name in Preset.model_fields})
