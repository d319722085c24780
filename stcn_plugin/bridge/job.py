"""What host and worker tell each other about a job, and its JSON. Paths are texts, since both sides only name files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from stcn_plugin.bridge.fields import Fields


@dataclass(frozen=True)
class KeyframeFile:
    """An artist's matte at one frame, as a file.

    Args:
        frame: The frame it stands on.
        file: The picture, and after a colon what to take from it: ``roto.1001.exr:hero.A``.
        objects: Object name to its layer, palette index, colour or Cryptomatte name in the file; ``None`` takes what
            the file itself names.
    """

    frame: int
    file: str
    objects: Mapping[str, str | int] | None = None

    @classmethod
    def from_json(cls, data: object) -> KeyframeFile:
        """Read what `json_of` wrote."""
        fields = Fields(data, "a keyframe")
        objects = fields.optional("objects", dict)
        return cls(fields.value("frame", int), fields.value("file", str), objects)


@dataclass(frozen=True)
class JobRequest:
    """What a host asks of the worker: a shot file, or a plate, keyframes and a place for the mattes, or both.

    Where both are given, a shot file and keys of a shot, the keys go over those of the file.

    Args:
        shot_file: A shot file to start from.
        plate: Frame pattern of the footage.
        keyframes: The artist's mattes. Over a shot file they replace what it has of those objects on those frames.
        out: Frame pattern of the mattes.
        range: Frames to matte, such as ``1001-1100``; ``None`` takes all of the plate.
        objects: Object name to its frame range, for objects that enter late or leave early.
        preset: Settings to start from: a preset's name or file.
        settings: Settings over those of the preset, each ``memory.interval=3``.
        update: Frames whose keyframes are new, changed or gone; only the spans around them are propagated, into mattes
            that are there. Empty propagates the whole shot.
        save_as: Where to save the shot as a file before it runs, so that it can be run or updated again.
        plugins: Studio plugins to load, each a module's name or a file, besides those of ``STCN_PLUGINS``.
    """

    shot_file: str | None = None
    plate: str | None = None
    keyframes: tuple[KeyframeFile, ...] = ()
    out: str | None = None
    range: str | None = None
    objects: Mapping[str, str] = field(default_factory=dict)
    preset: str | None = None
    settings: tuple[str, ...] = ()
    update: tuple[int, ...] = ()
    save_as: str | None = None
    plugins: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, data: object) -> JobRequest:
        """Read what `json_of` wrote.

        Raises:
            ProtocolError: A key is absent or of another type.
        """
        fields = Fields(data, "a job")
        return cls(
            shot_file=fields.optional("shot_file", str),
            plate=fields.optional("plate", str),
            keyframes=fields.many("keyframes", KeyframeFile.from_json),
            out=fields.optional("out", str),
            range=fields.optional("range", str),
            objects=fields.pairs("objects", str),
            preset=fields.optional("preset", str),
            settings=fields.texts("settings"),
            update=fields.integers("update"),
            save_as=fields.optional("save_as", str),
            plugins=fields.texts("plugins"),
        )


@dataclass(frozen=True)
class Progress:
    """How far a job is.

    Args:
        done: Steps done, of ``total``; a frame between two keyframes takes two.
        total: Steps in all.
        frame: The frame last worked on.
    """

    done: int
    total: int
    frame: int

    @classmethod
    def from_json(cls, data: object) -> Progress:
        """Read what `json_of` wrote."""
        fields = Fields(data, "progress")
        return cls(fields.value("done", int), fields.value("total", int), fields.value("frame", int))


@dataclass(frozen=True)
class Report:
    """What a job did.

    Args:
        objects: Names of the objects.
        layers: Object name to its layer, which lacks the characters that a file's layers cannot have.
        patterns: Object name to the absolute frame pattern of the files that have its matte.
        layout: ``layers``, ``per_object`` or ``cryptomatte``.
        device: Where the network ran.
        precision: In which number format.
        files: Every matte file written, frame by frame.
        frames: Frames that were written, ascending.
        seconds: Stage to seconds: ``read``, ``network``, ``finish`` and ``write``; reading and writing run beside
            the network.
        contact_sheet: The contact sheet, where overlays were asked for.
        shot_file: The shot file that was saved or run.
        warnings: What went wrong without harm to the mattes, such as a studio plugin's hook that failed.
    """

    objects: tuple[str, ...]
    layers: Mapping[str, str]
    patterns: Mapping[str, str]
    layout: str
    device: str
    precision: str
    files: tuple[str, ...] = ()
    frames: tuple[int, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
    contact_sheet: str | None = None
    shot_file: str | None = None
    warnings: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, data: object) -> Report:
        """Read what `json_of` wrote."""
        fields = Fields(data, "a report")
        return cls(
            objects=fields.texts("objects"),
            layers=fields.pairs("layers", str),
            patterns=fields.pairs("patterns", str),
            layout=fields.value("layout", str),
            device=fields.value("device", str),
            precision=fields.value("precision", str),
            files=fields.texts("files"),
            frames=fields.integers("frames"),
            seconds=fields.pairs("seconds", float),
            contact_sheet=fields.optional("contact_sheet", str),
            shot_file=fields.optional("shot_file", str),
            warnings=fields.texts("warnings"),
        )


@dataclass(frozen=True)
class Choice:
    """One entry of a menu.

    Args:
        name: What a setting calls it.
        label: What a person reads beside it.
    """

    name: str
    label: str

    @classmethod
    def from_json(cls, data: object) -> Choice:
        """Read what `json_of` wrote."""
        fields = Fields(data, "a choice")
        return cls(fields.value("name", str), fields.value("label", str))


@dataclass(frozen=True)
class Description:
    """What a worker offers, for a panel's menus.

    Args:
        presets: Presets that can be named.
        weights: Weights in the store.
        devices: Devices of the machine, ``auto`` first.
    """

    presets: tuple[Choice, ...]
    weights: tuple[Choice, ...]
    devices: tuple[Choice, ...]

    @classmethod
    def from_json(cls, data: object) -> Description:
        """Read what `json_of` wrote."""
        fields = Fields(data, "a description")
        return cls(
            presets=fields.many("presets", Choice.from_json),
            weights=fields.many("weights", Choice.from_json),
            devices=fields.many("devices", Choice.from_json),
        )


def json_of(value: JobRequest | Progress | Report | Description) -> dict[str, Any]:
    """Return a job's dataclass as what JSON can hold."""
    return asdict(value)
