"""The data of a job that host and worker exchange, and its JSON. Paths are strings: both sides only name files.

``docs/reference/job-data.md`` is generated from the docstrings of the dataclasses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

from stcn_plugin.bridge.fields import Fields, require_usable


@dataclass(frozen=True)
class KeyframeFile:
    """A keyframe: the artist's matte for one frame, as a file.

    Args:
        frame: The frame number.
        file: The picture file, optionally with a colon and a selector: ``roto.1001.exr:hero.A``.
        objects: Object name to its layer, number, colour or Cryptomatte name in the file; ``None`` reads all
            objects that the file has.
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
    """What a host asks the worker to do.

    A request names a shot file, or a plate, keyframes and a pattern for the mattes, or both. If it has both, its fields
    override the keys of the shot file.

    Args:
        shot_file: Shot file to start from.
        plate: Frame pattern of the plate.
        keyframes: The artist's mattes. They replace the shot file's keyframes of the same objects on the same frames.
        out: Frame pattern of the mattes.
        range: Frames to matte, such as ``1001-1100``; ``None`` is all frames of the plate.
        objects: Object name to frame range, for objects that enter late or leave early; ``None`` for an object that does
            neither. A single name is also the name of the object in keyframe files that name none.
        preset: Preset to start from, by name or file.
        settings: Settings over those of the preset, such as ``memory.interval=3``.
        update: Frames whose keyframes are new, changed, or removed for all objects. Only the spans around them are
            propagated, into existing mattes. Empty propagates the whole shot.
        save_as: File to save the shot to before it runs, so that it can be run or updated again.
        plugins: Studio plugins to load besides those of ``STCN_PLUGINS``, each a module or a file.
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
        """Read what `json_of` wrote."""
        said = Fields(data, "progress")
        return cls(said.frame("done"), said.frame("total"), said.frame("frame"))


@dataclass(frozen=True)
class Report:
    """The result of a job.

    Args:
        objects: Object names.
        layers: Object name to the name of its layer. Characters that layer names cannot have are replaced.
        patterns: Object name to the absolute frame pattern of the files with its matte.
        layout: ``layers``, ``per_object`` or ``cryptomatte``.
        device: The device that the network ran on.
        precision: The number format of the network.
        files: All matte files that were written, frame by frame.
        frames: The frames that were written, ascending.
        first: First frame of the shot. An update writes only part of the shot.
        last: Last frame of the shot.
        seconds: Seconds per stage: ``read``, ``network``, ``finish`` and ``write``. Reading and writing overlap with
            the network.
        contact_sheet: The contact sheet; ``None`` without overlays.
        shot_file: The shot file that was saved or run.
        warnings: Problems that did not affect the mattes, such as a studio plugin's hook that failed.
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
        name: Its name in settings.
        label: Text to show beside the name.
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
    """What a worker has to offer, for the menus of a panel.

    Args:
        presets: All presets.
        weights: All weights, of the package, of the weights store and of plugins.
        devices: All devices of the machine; ``auto`` is first.
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
