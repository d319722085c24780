"""The model of a shot file, and the shot that it describes."""

from __future__ import annotations

import builtins
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from stcn_plugin.errors import FrameRangeError, STCNError
from stcn_plugin.frames import parse_frame_range, parse_spans
from stcn_plugin.presets.fields import Section, first_paragraph
from stcn_plugin.presets.matte import Matte
from stcn_plugin.presets.model import Preset, PresetFile

_KEYFRAME_FORMS = "should be a file such as roto/hero.1001.exr, or a group with the keys file and objects"
_LONGEST_NAME = 1000
_RANGE_FORMS = [{"type": "string"}, {"type": "integer"}]
_SPAN_FORMS = [*_RANGE_FORMS, {"type": "array", "minItems": 1, "items": {"anyOf": _RANGE_FORMS}}]
_NAMES_AND_SELECTORS = {
    "anyOf": [
        {"type": "object", "additionalProperties": {"anyOf": [{"type": "string"}, {"type": "integer", "minimum": 0}]}},
        {"type": "array", "items": {"type": "string"}},
    ]
}


def _frames(parse: Callable[[str], object], *, lists: bool) -> Callable[[object], object]:
    """Return a validator that accepts the input of a parser of frame ranges, and a frame as a number.

    The parser of spans lists no frames: many objects may each have a million.

    Args:
        parse: The parser.
        lists: Whether to accept a list of ranges as well.
    """

    def validate(value: object) -> object:
        if value is None:
            return None
        parts = value if lists and isinstance(value, list | tuple) else [value]
        if any(isinstance(part, bool) or not isinstance(part, str | int) for part in parts):
            if parts is value:
                raise ValueError("has an entry that is not a frame range", "Write it like [1001-1020, 1060-1090]")
            raise ValueError("should be a frame range such as 1001-1100")
        text = ",".join(map(str, parts))
        try:
            parse(text)
        except FrameRangeError as error:
            raise ValueError(error.what, error.fix) from None
        return text

    return validate


def _listed(value: object) -> object:
    """Accept one keyframe file or a list of them."""
    if not isinstance(value, str | Mapping | list):
        raise ValueError(_KEYFRAME_FORMS)  # noqa: TRY004 - pydantic takes ValueError alone
    if not value:
        raise ValueError("names no file", "Write the keyframe's file, such as roto/hero.1001.exr")
    return value if isinstance(value, list) else [value]


def _selectors(value: object) -> object:
    """Accept ``[hero, ball]`` for objects with these names in the file. Object names are always text."""
    if isinstance(value, Mapping | list) and not value:
        raise ValueError("names no object", "Name the objects, or leave the key out")
    if isinstance(value, Mapping):
        return {_name(name): selector for name, selector in value.items()}
    if isinstance(value, list):
        names = [_name(name) for name in value]
        if twice := next((name for name, count in Counter(names).items() if count > 1), None):
            raise ValueError(f"names '{twice[:40]}' twice", "Keep one of the two")
        return dict(zip(names, names, strict=True))
    return value


def _name(value: object) -> str:
    """Accept the name of an object. Numbers are names, booleans are not."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError(  # noqa: TRY004 - pydantic takes ValueError alone
            "has an object name that YAML does not read as text", "Put object names into quotes"
        )
    name = str(value)
    if not name.strip() or "\n" in name:
        raise ValueError("has an object without a name", "Give it a name in one line")
    if len(name) > _LONGEST_NAME:
        raise ValueError(f"has an object name of {len(name):,} characters; the maximum is {_LONGEST_NAME}")
    return name


def _named_spans(value: object) -> object:
    """Accept ``[hero, ball]`` for objects that are present in the whole shot. Object names are always text."""
    if isinstance(value, list):
        return {_name(name): None for name in value}
    return {_name(name): span for name, span in value.items()} if isinstance(value, Mapping) else value


def _without_defaults(schema: dict[str, Any]) -> None:
    """Remove the defaults, which are those of the shot, and shorten the descriptions."""
    for node in schema["properties"].values():
        node.pop("default", None)
        node["description"] = first_paragraph(node["description"])


Text = Annotated[str, Field(min_length=1, strict=True)]
Index = Annotated[int, Field(ge=0, strict=True)]
Selectors = Annotated[dict[str, Text | Index] | None, BeforeValidator(_selectors), WithJsonSchema(_NAMES_AND_SELECTORS)]
FrameRange = Annotated[
    str | None,
    BeforeValidator(_frames(parse_frame_range, lists=False)),
    WithJsonSchema({"anyOf": _RANGE_FORMS}),
]


class KeyframeEntry(Section):
    """One matte file of a keyframe."""

    file: Annotated[Text, Field(examples=["roto/sh010.1001.exr"])]
    """Matte file, optionally with a colon and a selector: `roto/sh010.1001.exr:hero.A`."""
    objects: Selectors = None
    """Objects to read from the file: a group that gives each object's layer, number, colour (`'#ff0000'`) or Cryptomatte
    name, or a list of the names in the file. A list with one name also applies to a file without object names."""

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: object) -> object:
        if isinstance(value, str):
            return {"file": value}
        if not isinstance(value, Mapping):
            raise ValueError(_KEYFRAME_FORMS)  # noqa: TRY004 - pydantic takes ValueError alone
        return value


class ObjectMatte(Matte):
    """Matte settings of one object. Those that are left out are the shot's."""

    model_config = ConfigDict(json_schema_extra=_without_defaults)

    @model_validator(mode="after")
    def _ordered(self) -> ObjectMatte:
        return self  # checked together with the settings of the shot


class ObjectSpan(Section):
    """When an object is in the shot, and its own matte settings."""

    range: Annotated[
        str | None,
        BeforeValidator(_frames(parse_spans, lists=True)),
        WithJsonSchema({"anyOf": _SPAN_FORMS}),
    ] = None
    """Frames on which the object is present, such as `1001-1060`, or several ranges: `[1001-1020, 1060-1090]` or
    `1001-1020,1060-1090`. Each range needs a keyframe of the object. The whole shot if left out."""
    matte: Annotated[ObjectMatte | None, WithJsonSchema(ObjectMatte.model_json_schema())] = None
    """Matte settings of this object alone, with the keys of [`matte`](#matte): `{grow: -1.5}`. Settings that are left
    out are the shot's."""

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: object) -> object:
        return {"range": value} if isinstance(value, str | int | list | None) else value

    @property
    def matte_keys(self) -> dict[str, Any]:
        """The matte settings that the object sets itself."""
        return self.matte.model_dump(exclude_unset=True) if self.matte else {}

    @property
    def ranges(self) -> tuple[builtins.range, ...]:
        """The ranges, ascending and with gaps between them; empty for an object that is present in the whole shot."""
        return parse_spans(self.range) if self.range is not None else ()


def object_matte(settings: Matte, span: ObjectSpan | None) -> Matte:
    """Return the matte settings of an object.

    Args:
        settings: Those of the shot.
        span: The object, if the shot lists it.
    """
    return settings.model_copy(update=span.matte_keys) if span else settings


# The input of the validators above, for editors and messages.
_KEYFRAME_FORM = {"anyOf": [{"type": "string"}, KeyframeEntry.model_json_schema()]}
_KEYFRAMES = {
    "type": "object",
    "minProperties": 1,
    "examples": [{1001: "roto/sh010.1001.exr"}],
    "propertyNames": {"pattern": "^-?[0-9]+$"},
    "additionalProperties": {
        "anyOf": [*_KEYFRAME_FORM["anyOf"], {"type": "array", "minItems": 1, "items": _KEYFRAME_FORM}]
    },
}
_SPANS = {
    "anyOf": [
        {
            "type": "object",
            "additionalProperties": {"anyOf": [*_SPAN_FORMS, {"type": "null"}, ObjectSpan.model_json_schema()]},
        },
        {"type": "array", "items": {"type": "string"}},
    ]
}


Keyframes = Annotated[
    dict[Annotated[int, Field(strict=True)], Annotated[tuple[KeyframeEntry, ...], BeforeValidator(_listed)]],
    WithJsonSchema(_KEYFRAMES),
]
Spans = Annotated[dict[str, ObjectSpan], BeforeValidator(_named_spans), WithJsonSchema(_SPANS)]


class ShotFile(PresetFile):
    """A shot file: what to matte, and any setting of a preset."""

    plate: Annotated[Text, Field(examples=["plates/sh010.####.exr"])]
    """Frame pattern of the plate: `plates/sh010.####.exr`. `%04d`, `$F4` and `@@@@` work too.

    If a file name has several of them, the last one is the frame number. Negative frames are read as `-002` and as
    `-0002`, and written as `-002`.
    """
    range: FrameRange = None
    """Frames to matte, such as `1001-1100`. All frames of the plate if left out.

    The range is inclusive. `1001-1100x2` is every second frame, `1001-1010,1020` is a list, and negative frames are
    allowed. Every keyframe must be in the range.
    """
    keyframes: Keyframes
    """The artist's mattes by frame number. Each is a file, a group with `file` and `objects`, or a list of these.

    A selector after a colon picks part of a file: a channel or layer (`hero.A`, `hero`), or an object of a Cryptomatte
    by name. `objects` picks several objects. Keyframes may be on any frames, and need not have the same objects. An
    object whose matte is empty is absent on that frame.
    """
    objects: Spans = Field(default_factory=dict)
    """Objects that are not present in the whole shot, each with its frame range or ranges: `ball: 1028-1060`,
    `ball: [1001-1020, 1060-1090]`; or a list of names. Outside its ranges, the matte of an object is 0. A group can
    also have matte settings of the object: `hero: {matte: {grow: -1.5}}`.

    A single name also applies to keyframe files without object names.
    """
    out: Annotated[Text, Field(examples=["mattes/sh010.####.exr"])]
    """Frame pattern of the mattes: `mattes/sh010.####.exr`. The extension sets the file format."""


class Keyframe(Section):
    """The artist's matte at one frame. Several files at one frame are several keyframes."""

    frame: int
    file: Path
    selector: str | None = None
    objects: Mapping[str, str | int] | None = None


class Shot(Section):
    """A shot with absolute paths and resolved settings."""

    plate: str
    range: str | None = None
    keyframes: tuple[Keyframe, ...]
    objects: Mapping[str, ObjectSpan] = {}
    out: str
    settings: Preset = Preset()
    description: str | None = None
    preset: str = "default"
    """The preset that the shot builds on: a name, or an absolute path."""
    path: Path | None = None
    """The shot file; `None` for a shot made of arguments."""
    origins: Mapping[str, str] = {}
    """Setting to where it was set, such as `memory.interval` to `shot.yaml:4` or `--set memory.interval=3`."""

    @contextmanager
    def naming_origins(self) -> Iterator[None]:
        """Add the origin of the setting to errors about a setting that are raised inside."""
        try:
            yield
        except STCNError as error:
            origin = self.origins.get(error.setting or "")
            if origin:
                error.where = f"{origin}: {error.where}" if error.where else origin
                error.setting = None  # named
            raise

    def matte_settings(self, name: str) -> Matte:
        """Return the matte settings of an object: the shot's, overridden by its own."""
        return object_matte(self.settings.matte, self.objects.get(name))

    @property
    def frames(self) -> tuple[int, ...] | None:
        """The frames of the range, ascending; ``None`` for all frames of the plate."""
        return parse_frame_range(self.range) if self.range is not None else None
