"""The data of a job that host and worker exchange, and its JSON. Paths are strings; pixels are never sent.

``docs/reference/job-data.md`` is generated from the docstrings of the dataclasses.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from stcn_plugin.bridge.assessment import Assessment
from stcn_plugin.bridge.build import BuildOptions, Estimate, Plan
from stcn_plugin.bridge.fields import Fields, require_valid_strings
from stcn_plugin.errors import PresetError

NOT_STATED = "not stated"
"""The licence of weights that state none."""


@dataclass(frozen=True)
class KeyframeFile:
    """A keyframe: the artist's matte for one frame, as a file.

    Args:
        frame: The frame number.
        file: The image file, optionally with a colon and a selector: ``roto.1001.exr:hero.A``.
        objects: Object name to its layer, number, colour or Cryptomatte name in the file; ``None`` reads all
            objects in the file.
    """

    frame: int
    file: str
    objects: Mapping[str, str | int] | None = None

    @classmethod
    def from_json(cls, data: object) -> KeyframeFile:
        """Read the JSON of `json_of`."""
        fields = Fields(data, "a keyframe")
        return cls(fields.frame("frame"), fields.value("file", str), fields.strings_or_integers("objects"))


@dataclass(frozen=True)
class Setting:
    """The value of a setting in a request.

    Args:
        value: The value, as text.
        origin: Where the user set it, for error messages: a flag, or a field of a panel.
        is_yaml: Whether ``value`` is YAML, such as ``3``, ``yes`` or ``[a, b]``. Otherwise it is used as it is.
    """

    value: str
    origin: str
    is_yaml: bool = False

    @classmethod
    def from_json(cls, data: object) -> Setting:
        """Read the JSON of `json_of`."""
        fields = Fields(data, "a setting")
        return cls(fields.value("value", str), fields.value("origin", str), fields.value("is_yaml", bool))


@dataclass(frozen=True)
class JobRequest:
    """A job that a host requests from the worker.

    A request names a shot file, or a plate, keyframes and a pattern for the mattes, or both. If it has both, its fields
    override the keys of the shot file.

    Args:
        shot_file: Shot file to start from.
        plate: Frame pattern of the plate.
        keyframes: The artist's mattes. They replace the shot file's keyframes of the same objects on the same frames.
        out: Frame pattern of the mattes.
        range: Frames to matte, such as ``1001-1100``; ``None`` is all frames of the plate.
        objects: Object name to frame range, or to several ranges: ``1001-1020,1060-1090``; ``None`` for an object that is
            present in the whole shot. A single name also applies to keyframe files without object names.
        preset: Preset to start from, by name or file.
        settings: Setting, such as ``memory.interval``, to the value that overrides the preset's. Later ones override
            earlier ones.
        origins: Field of the request to the flag or panel field it came from, for error messages: ``range`` to
            ``--range``.
        build: Which part of the work to do.
        save_as: File to save the shot to before it runs, so that it can be run again.
        plugins: Studio plugins to load besides those of ``STCN_PLUGINS``, each a module or a file.
    """

    shot_file: str | None = None
    plate: str | None = None
    keyframes: tuple[KeyframeFile, ...] = ()
    out: str | None = None
    range: str | None = None
    objects: Mapping[str, str | None] = field(default_factory=dict)
    preset: str | None = None
    settings: Mapping[str, Setting] = field(default_factory=dict)
    origins: Mapping[str, str] = field(default_factory=dict)
    build: BuildOptions = field(default_factory=BuildOptions)
    save_as: str | None = None
    plugins: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, data: object) -> JobRequest:
        """Read the JSON of `json_of`.

        Raises:
            ProtocolError: A key is missing or has an invalid value.
        """
        fields = Fields(data, "a job")
        build = fields.optional("build", dict)
        job = cls(
            shot_file=fields.optional("shot_file", str),
            plate=fields.optional("plate", str),
            keyframes=fields.list_of("keyframes", KeyframeFile.from_json),
            out=fields.optional("out", str),
            range=fields.optional("range", str),
            objects=fields.strings_or_nulls("objects"),
            preset=fields.optional("preset", str),
            settings=fields.objects("settings", Setting.from_json),
            origins=fields.mapping("origins", str),
            build=BuildOptions() if build is None else BuildOptions.from_json(build),
            save_as=fields.optional("save_as", str),
            plugins=fields.strings("plugins"),
        )
        require_valid_strings(json_of(job), "a job")
        return job


@dataclass(frozen=True)
class Progress:
    """The progress of a job.

    Args:
        done: Steps done.
        total: Steps in total. A frame between two keyframes takes two steps with ``direction: both``.
        frame: The frame of the last step.
    """

    done: int
    total: int
    frame: int

    @classmethod
    def from_json(cls, data: object) -> Progress:
        """Read the JSON of `json_of`."""
        fields = Fields(data, "progress")
        return cls(fields.frame("done"), fields.frame("total"), fields.frame("frame"))


@dataclass(frozen=True)
class WeightsUsed:
    """The weights that a job used, with the licence that applies to its mattes.

    Args:
        name: Name in the weights store, or the name of the file.
        sha256: Hash of the file, hexadecimal.
        licence: The licence that the weights state; ``not stated`` if they state none.
        is_noncommercial: Whether the licence limits use to non-commercial work.
    """

    name: str
    sha256: str
    licence: str
    is_noncommercial: bool = False

    @property
    def text(self) -> str:
        """Name and licence in one line."""
        return f"{self.name}, licence{'' if self.licence == NOT_STATED else ':'} {self.licence}"

    @classmethod
    def from_json(cls, data: object) -> WeightsUsed:
        """Read the JSON of `json_of`."""
        fields = Fields(data, "weights")
        return cls(
            name=fields.value("name", str),
            sha256=fields.value("sha256", str),
            licence=fields.value("licence", str),
            is_noncommercial=fields.value("is_noncommercial", bool),
        )


@dataclass(frozen=True)
class FlickerSummary:
    """What the stabiliser did to an object, on average over its frames.

    Args:
        name: Name of the object.
        frames: Number of frames.
        flicker: Root mean square of the change of alpha along the motion of the plate, in the band around the edge.
        strength: How strongly the object was stabilised, 0 to 1.
    """

    name: str
    frames: int
    flicker: float
    strength: float

    @classmethod
    def from_json(cls, data: object) -> FlickerSummary:
        """Read the JSON of `json_of`."""
        fields = Fields(data, "what the stabiliser did")
        return cls(
            name=fields.value("name", str),
            frames=fields.value("frames", int),
            flicker=fields.value("flicker", float),
            strength=fields.value("strength", float),
        )


@dataclass(frozen=True)
class EdgeSummary:
    """What the refinement of edges did to an object, on average over its frames.

    Args:
        name: Name of the object.
        frames: Number of frames.
        band: Fraction of the frame that the band around the edge covers.
        change: Mean absolute change of alpha in the band.
        rejected: Fraction of the refinement of the band that was left out, because the refined matte explains the plate
            no better.
        doubtful: Fraction of the band where alpha is neither solid nor clear and does not follow the plate, or where the
            plate and the propagation disagree about a region.
    """

    name: str
    frames: int
    band: float
    change: float
    rejected: float
    doubtful: float

    @classmethod
    def from_json(cls, data: object) -> EdgeSummary:
        """Read the JSON of `json_of`."""
        fields = Fields(data, "what the refinement of edges did")
        return cls(
            name=fields.value("name", str),
            frames=fields.value("frames", int),
            band=fields.value("band", float),
            change=fields.value("change", float),
            rejected=fields.value("rejected", float),
            doubtful=fields.value("doubtful", float),
        )


@dataclass(frozen=True)
class Report:
    """The result of a job.

    Args:
        objects: Object names.
        layers: Object name to the name of its layer. Characters that layer names cannot have are replaced.
        patterns: Object name to the absolute frame pattern of the files with its matte.
        layout: ``layers``, ``per_object`` or ``cryptomatte``.
        device: The device that the network ran on; ``none`` if it did not have to run.
        precision: The number format of the network; ``none`` if it did not have to run.
        files: All matte files that were written, frame by frame. Files that were up to date are not among them.
        frames: The frames that were written, ascending.
        first: First frame of the shot.
        last: Last frame of the shot.
        seconds: Seconds per stage: ``read``, ``network``, ``finish`` and ``write``. Reading and writing overlap with
            the network.
        contact_sheet: The contact sheet; ``None`` without overlays.
        shot_file: The shot file that was saved or run.
        warnings: Problems that did not affect the mattes, such as a studio plugin's hook that failed.
        weights: The weights that were used.
        plan: What there was to do, and why.
        estimate: What that needs; of a dry run only.
        flicker: What the stabiliser did to each object, in this run.
        edges: What the refinement of edges did to each object, in this run.
        assessment: Which frames to look at, and which keyframe to draw next; ``None`` without a cache and of a dry run.
    """

    objects: tuple[str, ...]
    layers: Mapping[str, str]
    patterns: Mapping[str, str]
    layout: str
    device: str
    precision: str
    files: tuple[str, ...] = ()
    frames: tuple[int, ...] = ()
    first: int = 0
    last: int = 0
    seconds: Mapping[str, float] = field(default_factory=dict)
    contact_sheet: str | None = None
    shot_file: str | None = None
    warnings: tuple[str, ...] = ()
    weights: WeightsUsed | None = None
    plan: Plan | None = None
    estimate: Estimate | None = None
    assessment: Assessment | None = None
    flicker: tuple[FlickerSummary, ...] = ()
    edges: tuple[EdgeSummary, ...] = ()

    @classmethod
    def from_json(cls, data: object) -> Report:
        """Read the JSON of `json_of`."""
        fields = Fields(data, "a report")
        weights, plan = fields.optional("weights", dict), fields.optional("plan", dict)
        estimate, assessment = fields.optional("estimate", dict), fields.optional("assessment", dict)
        return cls(
            objects=fields.strings("objects"),
            layers=fields.mapping("layers", str),
            patterns=fields.mapping("patterns", str),
            layout=fields.value("layout", str),
            device=fields.value("device", str),
            precision=fields.value("precision", str),
            files=fields.strings("files"),
            frames=fields.frames("frames"),
            first=fields.frame("first"),
            last=fields.frame("last"),
            seconds=fields.mapping("seconds", float),
            contact_sheet=fields.optional("contact_sheet", str),
            shot_file=fields.optional("shot_file", str),
            warnings=fields.strings("warnings"),
            weights=None if weights is None else WeightsUsed.from_json(weights),
            plan=None if plan is None else Plan.from_json(plan),
            estimate=None if estimate is None else Estimate.from_json(estimate),
            flicker=fields.list_of("flicker", FlickerSummary.from_json),
            edges=fields.list_of("edges", EdgeSummary.from_json),
            assessment=None if assessment is None else Assessment.from_json(assessment),
        )


@dataclass(frozen=True)
class Choice:
    """One entry of a menu.

    Args:
        name: Its name in settings.
        label: Text to show next to the name.
    """

    name: str
    label: str

    @classmethod
    def from_json(cls, data: object) -> Choice:
        """Read the JSON of `json_of`."""
        fields = Fields(data, "a choice")
        return cls(fields.value("name", str), fields.value("label", str))


@dataclass(frozen=True)
class Description:
    """The presets, weights and devices of a worker, for the menus of a panel.

    Args:
        presets: All presets.
        weights: All weights, of the package, of the weights store and of plugins.
        devices: All devices of the machine; ``auto`` is first.
        preset_weights: Preset name to the name of its weights.
    """

    presets: tuple[Choice, ...]
    weights: tuple[Choice, ...]
    devices: tuple[Choice, ...]
    preset_weights: Mapping[str, str] = field(default_factory=dict)

    def licence(self, weights: str, *, preset: str) -> str:
        """Return weights and their licence in one line, for a panel; empty if they are unknown.

        Args:
            weights: Name of the weights; empty for those of the preset.
            preset: Name of the preset.
        """
        name = weights or self.preset_weights.get(preset, "")
        return next((f"{each.name}: {each.label}" for each in self.weights if each.name == name), "")

    @classmethod
    def from_json(cls, data: object) -> Description:
        """Read the JSON of `json_of`."""
        fields = Fields(data, "a description")
        return cls(
            presets=fields.list_of("presets", Choice.from_json),
            weights=fields.list_of("weights", Choice.from_json),
            devices=fields.list_of("devices", Choice.from_json),
            preset_weights=fields.mapping("preset_weights", str),
        )


def json_of(value: object) -> Any:
    """Convert dataclasses, mappings and sequences to JSON types; other values are returned unchanged."""
    if dataclasses.is_dataclass(value):
        return {each.name: json_of(getattr(value, each.name)) for each in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {name: json_of(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [json_of(item) for item in value]
    return value


def parse_settings(texts: Iterable[str], origin: str) -> dict[str, Setting]:
    """Parse settings as users write them: each a key, an equals sign and a value in YAML. Later ones override earlier ones.

    >>> parse_settings(["memory.interval=3"], "--set")
    {'memory.interval': Setting(value='3', origin='--set memory.interval=3', is_yaml=True)}

    Args:
        texts: The settings.
        origin: Where the user wrote them, such as ``--set``.

    Raises:
        PresetError: One has no equals sign or no key.
    """
    settings: dict[str, Setting] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        key = key.strip()
        if not equals or not all(part.strip() for part in key.split(".")):
            fix = "Write it as KEY=VALUE, such as memory.interval=3"
            raise PresetError("is not a setting and its value", where=f"{origin} {text}", fix=fix)
        settings.pop(key, None)  # to the end, over settings of other keys that contain it
        settings[key] = Setting(value, f"{origin} {text}", is_yaml=True)
    return settings


def chosen_settings(values: Mapping[str, str | None], origins: Mapping[str, str]) -> dict[str, Setting]:
    """Return the settings chosen by flags or by the fields of a panel.

    Args:
        values: Setting to its value; ``None`` values are left out.
        origins: Setting to its flag or field.
    """
    return {key: Setting(value, origins[key]) for key, value in values.items() if value is not None}
