"""A job as a host requests it from the worker, its progress, and its JSON. Paths are strings; pixels are never sent.

``docs/reference/job-data.md`` is generated from the docstrings of the dataclasses.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from stcn_plugin.bridge.build import BuildOptions
from stcn_plugin.bridge.fields import Fields, require_valid_strings
from stcn_plugin.errors import PresetError


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
