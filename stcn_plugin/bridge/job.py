"""What host and worker tell each other about a job, and its JSON. Paths are texts, since both sides only name files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

from stcn_plugin.bridge.fields import Fields, require_usable


@dataclass(frozen=True)
class KeyframeFile:
    """An artist's matte at one frame, as a file.

    Args:
        frame: The frame it stands on.
        file: The picture, and after a colon what to take from it: ``roto.1001.exr:hero.A``.
        objects: Object name to its layer, number, colour or Cryptomatte name in the file; ``None`` takes what
            the file itself names.
    """

    frame: int
    file: str
    objects: Mapping[str, str | int] | None = None

    @classmethod
    def from_json(cls, data: object) -> KeyframeFile:
        """Read what `json_of` wrote."""
        said = Fields(data, "a keyframe")
        return cls(said.frame("frame"), said.value("file", str), said.texts_or_integers("objects"))


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
        objects: Object name to its frame range, for objects that enter late or leave early; ``None`` for one that does
            neither. A single name is also that of the object in keyframe files that name none.
        preset: Settings to start from: a preset's name or file.
        settings: Settings over those of the preset, each ``memory.interval=3``.
        update: Frames whose keyframes are new or changed, or gone for all objects; only the spans around them are propagated, into mattes
            that are there. Empty propagates the whole shot.
        save_as: Where to save the shot as a file before it runs, so that it can be run or updated again.
        plugins: Studio plugins to load, each a module's name or a file, besides those of ``STCN_PLUGINS``.
    """

    shot_file: str | None = None
    plate: str | None = None
    keyframes: tuple[KeyframeFile, ...] = ()
    out: str | None = None
    range: str | None = None
    objects: Mapping[str, str | None] = field(default_factory=dict)
    preset: str | None = None
    settings: tuple[str, ...] = ()
    update: tuple[int, ...] = ()
    save_as: str | None = None
    plugins: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, data: object) -> JobRequest:
        """Read what `json_of` wrote.

        Raises:
            ProtocolError: A key is absent or of another type, or holds what no file name and no setting can.
        """
        said = Fields(data, "a job")
        job = cls(
            shot_file=said.optional("shot_file", str),
            plate=said.optional("plate", str),
            keyframes=said.many("keyframes", KeyframeFile.from_json),
            out=said.optional("out", str),
            range=said.optional("range", str),
            objects=said.texts_or_nulls("objects"),
            preset=said.optional("preset", str),
            settings=said.texts("settings"),
            update=said.frames("update"),
            save_as=said.optional("save_as", str),
            plugins=said.texts("plugins"),
        )
        require_usable(json_of(job), "a job")
        return job


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
        said = Fields(data, "progress")
        return cls(said.frame("done"), said.frame("total"), said.frame("frame"))


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
        first: First frame of the shot, of which an update writes only a part.
        last: Last frame of the shot.
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
    first: int = 0
    last: int = 0
    seconds: Mapping[str, float] = field(default_factory=dict)
    contact_sheet: str | None = None
    shot_file: str | None = None
    warnings: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, data: object) -> Report:
        """Read what `json_of` wrote."""
        said = Fields(data, "a report")
        return cls(
            objects=said.texts("objects"),
            layers=said.pairs("layers", str),
            patterns=said.pairs("patterns", str),
            layout=said.value("layout", str),
            device=said.value("device", str),
            precision=said.value("precision", str),
            files=said.texts("files"),
            frames=said.frames("frames"),
            first=said.frame("first"),
            last=said.frame("last"),
            seconds=said.pairs("seconds", float),
            contact_sheet=said.optional("contact_sheet", str),
            shot_file=said.optional("shot_file", str),
            warnings=said.texts("warnings"),
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
        said = Fields(data, "a choice")
        return cls(said.value("name", str), said.value("label", str))


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
        said = Fields(data, "a description")
        return cls(
            presets=said.many("presets", Choice.from_json),
            weights=said.many("weights", Choice.from_json),
            devices=said.many("devices", Choice.from_json),
        )


def json_of(value: object) -> Any:
    """Return a job's dataclass, or a part of one, as what JSON can hold; what it cannot hold stays as it is."""
    if is_dataclass(value):
        return {each.name: json_of(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, Mapping):
        return {name: json_of(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [json_of(item) for item in value]
    return value
