"""The settings of a job, with their defaults, bounds and descriptions.

A preset is the same object whether its values come from a built-in file, a studio's file, a shot file, the command line
or a panel. The first paragraph of each setting's docstring describes the setting; it appears in the JSON schema and
therefore in editors. The paragraphs after it describe when to change the setting. ``docs/reference/settings.md`` is
generated from both.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, StrictBool

from stcn_plugin.choices import (
    BUDGET_MB,
    INTERNAL_SIZE,
    INTERVAL,
    MAX_FRAMES,
    TOP_K,
    Depth,
    Direction,
    Highlights,
    Layout,
    WindowChoice,
)
from stcn_plugin.presets.fields import (
    Compression,
    Count,
    Device,
    Limit,
    MissingPolicy,
    Precision,
    Region,
    Section,
    Size,
    off_from_boolean,
)
from stcn_plugin.presets.matte import Matte


class Memory(Section):
    """Which frames the network keeps in memory, and how it reads them."""

    interval: Count = INTERVAL
    """Frames between two memory frames, counted from each keyframe. A smaller interval follows fast changes better and
    takes longer.

    Lower it (`3`) if the object turns, deforms or changes lighting every few frames and the matte lags behind. Raise it
    (`10`) for speed on calm shots.
    """
    top_k: Limit = TOP_K
    """Number of memory elements that each pixel reads; `all` reads every element.

    Raise it (`50`) if a large object gets holes. Lower it if background that looks like the object ends up in the
    matte.
    """
    include_last: StrictBool = False
    """Also keep the previous frame in memory, for one step.

    Set it to `yes` for a single, fast-moving object that stays in view. The matte follows more closely, but mistakes
    carry over more easily as well. With the starter weights, on four clips of a single moving figure, one gained 1.4
    J&F, one did not change and two lost 2; on a clip where two objects cross, the loss was 22.
    """
    max_frames: Limit = MAX_FRAMES
    """Extra memory beyond the keyframes, in frames. The most novel pixels are kept; `all` keeps every pixel, and the
    cost then grows with the shot.

    A larger memory is slower. With the starter weights it gained nothing on average: two frames scored about as well as
    24 complete frames or an unlimited memory. Of two pixels that look alike the older one is kept, because it is fewer
    propagation steps away from a keyframe. Other weights may gain from more memory. If an object gets lost in a shot
    with many cuts, add a keyframe instead.
    """
    budget_mb: Count = BUDGET_MB
    """Working memory of one step of the memory read, in megabytes. An NVIDIA GPU uses at least 256.

    The default suits the cache of a CPU: on two cores, 4 to 16 are equally fast, 2 and 32 a quarter slower. A GPU needs
    larger steps.
    """


class Read(Section):
    """How the plate is read."""

    missing: MissingPolicy = "stop"
    """What to do if a frame has no file: `stop` with an error, `hold` the previous frame, or `skip` the frame, which
    then gets no matte.

    Use `hold` for renders that lack single frames, and `skip` if the gaps are intended.
    """
    part: str | None = None
    """Part of a multi-part EXR to read, by name. The first part by default.

    Set it if the image is not in the first part.
    """
    layer: str | None = None
    """Layer whose R, G and B are the image, such as `beauty`. The unnamed RGB by default.

    Set it for an EXR without plain R, G and B, or to work from another pass such as `albedo`.
    """


class Colour(Section):
    """Colour of the plate. The network works in display-referred sRGB."""

    input: str = "auto"
    """Colour space of the plate, by its name in the OCIO config. `auto` uses what the file states; if it states
    nothing, float files are scene-linear Rec.709 and all others sRGB.

    Name the space (`ACEScg`, `ARRI LogC4`) if the file does not state it, or states it wrongly. If the plate reaches
    the network too dark or too flat, the mattes are poor. There is a warning if the config does not have the stated
    space, as for a logarithmic DPX.
    """
    config: str = "auto"
    """OCIO config file, relative to the file that names it. `auto` uses `$OCIO` if it is set, otherwise the built-in
    config.

    Set it if the show has its own config and `$OCIO` is not set on the farm.
    """
    highlights: Highlights = "compress"
    """What happens to scene values above display white: `compress` rolls them off so that detail survives, `clip` cuts
    them off.

    Use `clip` if bright sky or lamps should simply be white.
    """


class Output(Section):
    """The matte files."""

    layout: Layout = "auto"
    """Layout of the matte files: `layers` (one EXR with a layer per object), `per_object` (one file per object) or
    `cryptomatte`. `auto` is `layers` for EXR and `per_object` for other formats.

    Use `per_object` if each object goes to another artist, and `cryptomatte` to pick objects by clicking.
    """
    depth: Depth = "auto"
    """Pixel format: `half` or `float` for EXR, `uint8` or `uint16` for PNG and TIFF. `auto` is `half` for EXR and
    `uint16` for other formats.

    Use `float` if the mattes are used as data, and `uint8` to save space in PNG.
    """
    compression: Compression = "zips"
    """EXR compression. Mattes are lossless with all of these.

    Use `zip` for smaller files, `none` to write as fast as possible.
    """
    confidence: StrictBool = False
    """Add a channel `confidence.Y` to EXR mattes: 1 where the network is sure of all objects, 0 where it is undecided, as
    on soft edges and where the two directions disagree.

    Use it in the comp as a mask for repairs, such as a blur or a garbage matte only where the matte is in doubt. `stcn
    review` has a single number for every frame.
    """


class Compute(Section):
    """Where and how the network runs."""

    device: Device = "auto"
    """Device to run on: `cpu`, `cuda`, `cuda:1` or `mps`. `auto` is the GPU if there is a CUDA GPU, otherwise the CPU.

    Use `cpu` to leave the GPU free, `cuda:1` to pick one of several GPUs.
    """
    precision: Precision = "auto"
    """Number format of the encoders and the decoder. `auto` is the fastest format that the device supports natively.
    The memory read is always float32.

    Use `float32` for the same result on every machine. On real footage, bfloat16 changed the mean squared error by less
    than 0.1 %.
    """
    region: Region = "auto"
    """Part of each frame to decode: the `region` where an object may be according to the memory read, or the `whole`
    frame. `auto` is `region` on a CPU and `whole` on a GPU.

    Use `whole` to check whether region decoding is the cause of a bad matte. With `region`, an object that covers
    little of the frame is decoded several times as fast.
    """
    threads: Literal["auto"] | Annotated[int, Field(ge=1, le=1024, strict=True)] = "auto"
    """Number of CPU threads. `auto` leaves it to torch. While other threads finish mattes, the network uses fewer.

    Set a number on a shared machine, such as a farm blade that runs several jobs.
    """


class Overlay(Section):
    """Small images for review."""

    folder: str | None = None
    """Folder for overlay images, one per frame, and a contact sheet, relative to the file that names it. None are
    written by default.

    Set it to judge a shot at a glance without opening a script.
    """
    width: Annotated[int, Field(ge=64, le=4096, strict=True)] = 480
    """Width of an overlay image in pixels.

    Raise it to judge edges, lower it for images to send by mail.
    """


class Preset(Section):
    """All settings of a job."""

    weights: str = "starter"
    """Weights to use: a name in the weights store (`stcn weights list`), or a `.safetensors` file relative to the file
    that names it.

    To use your own weights or the published ones, add them with `stcn weights add FILE` and name them here.
    """
    size: Size = str(INTERNAL_SIZE)
    """Internal size: the short side in pixels (`480`), `native`, or a maximum such as `0.5MP`. Mattes are always
    written at plate resolution.

    Raise it (`720`, `native`) if fingers, hair or thin edges get lost. Lower it for a first look or on a slow machine.
    Time grows with the square of the size. A maximum in megapixels limits the time whatever the aspect ratio of the
    plate.
    """
    window: WindowChoice = "object"
    """What the network looks at: a window around each `object`, enlarged up to the size that the weights were trained
    for, or the whole `frame` at the internal size.

    With `object`, a small object in a large plate is seen with its edge, and a coarse view of the whole frame finds it
    when it leaves the window. Large objects are always seen in the whole frame. Use `frame` if objects of the same kind
    are to be told apart by where they are in the frame.
    """
    direction: Direction = "both"
    """Direction of propagation from the keyframes: `forward`, `backward`, or `both`, which blends the two directions
    between keyframes.

    Use `forward` or `backward` if the object changes so much that the other direction does more harm than good. `both`
    is right for nearly every shot, including shots with one keyframe.
    """
    memory: Memory = Memory()
    matte: Matte = Matte()
    read: Read = Read()
    colour: Colour = Colour()
    output: Output = Output()
    compute: Compute = Compute()
    overlay: Overlay = Overlay()
    cache: Annotated[str, BeforeValidator(off_from_boolean), Field(min_length=1)] = "auto"
    """Where to keep the network's results, so that the next run does only what has changed: `auto` is a folder beside
    the mattes, `off` keeps none, anything else is a folder, relative to the file that names it.

    Name a folder on a fast disk if the mattes are on a slow share, or on a disk without backups to save space there. All
    machines that run the shot must see it. With `off`, changed matte levels run the network again. `stcn cache list` shows the sizes, `stcn cache clear`
    frees the space.
    """


SHOT_KEYS = ("plate", "range", "keyframes", "objects", "out")
"""Keys of a shot file that are not settings."""


class PresetFile(Preset):
    """A preset file: settings, and the preset that it extends."""

    extends: str | None = None
    """Preset to build on: a name, or a YAML file relative to this one. `default` if left out.

    A shot file may extend another shot file, for a second version with a few changes.
    """
    description: str | None = None
    """One sentence for `stcn presets list`."""

    @property
    def settings(self) -> Preset:
        """The settings alone."""
        return Preset(**{name: getattr(self, name) for name in Preset.model_fields})
